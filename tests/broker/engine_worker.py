"""The real worker without ticks, run as a subprocess by the fault suite. Reads FLYWHEEL_* from the
environment.

A tick carries the wall clock into the engine, so what it decides cannot be recomputed from the log alone.
Everything else is the worker as it is; ``test_worker_faults`` also runs ``python -m streams worker`` itself,
ticks included.
"""

from __future__ import annotations

import sys

from streams import agents
from streams.app import run_worker
from streams.settings import load

agents.TICK_S = 1e9

if __name__ == "__main__":
    sys.exit(run_worker(load()))
