"""A real worker around the toy engine, run as a subprocess by the fault suite. Reads FLYWHEEL_* from the
environment."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from streams.app import create_app, run_worker
from streams.settings import load

_spec = importlib.util.spec_from_file_location("toy_engine", Path(__file__).with_name("toy_engine.py"))
assert _spec is not None and _spec.loader is not None
toy_engine = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toy_engine)

if __name__ == "__main__":
    sys.exit(
        run_worker(
            load(),
            lambda settings: create_app(
                settings, lambda partition: toy_engine.ToyEngine(settings, partition)
            ),
        )
    )
