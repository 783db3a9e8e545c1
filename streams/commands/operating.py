"""The commands for the operator's work, in the order in which ``flywheel --help`` has them."""

from __future__ import annotations

from streams.commands.backup import backup
from streams.commands.diff import diff
from streams.commands.erase import erase
from streams.commands.repartition import repartition
from streams.commands.replay_window import replay_window
from streams.commands.reset import reset
from streams.commands.restore import restore

OPERATING = (erase, backup, restore, reset, replay_window, diff, repartition)
