"""What a worker logs: the level it was set to, and of the client libraries warnings only, each but once in a
while.

While a broker is away, aiokafka logs two hundred errors a second that all say the same; the one line that
tells what the worker makes of it would drown among them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

CLIENT_LIBRARIES = ("aiokafka", "faust", "mode")
REPEAT_S = 10.0
"""The same complaint of a client library is heard once in this time."""


class Thinner(logging.Filter):
    """Lets the same message (whatever its arguments) of a client library pass once per ``REPEAT_S``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._heard: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != "aiokafka":
            return True
        key = (record.name, str(record.msg))
        now = self._clock()
        if now - self._heard.get(key, float("-inf")) < REPEAT_S:
            return False
        self._heard[key] = now
        return True


def silence() -> None:
    """The libraries' turn is over: why the worker ends has been said, and what they say of its end would bury it."""
    for name in (*CLIENT_LIBRARIES, "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def settle(level: str) -> None:
    """Set the root logger to ``level`` and quieten the libraries. Call it after Faust has set up logging.

    Faust's own ``-l warn`` sets the root logger to DEBUG for its spinner, and 11 % of all time went there.
    """
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in CLIENT_LIBRARIES:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    for handler in root.handlers:
        if not any(isinstance(known, Thinner) for known in handler.filters):
            handler.addFilter(Thinner())
