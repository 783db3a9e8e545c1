"""The compiled loop checks no bounds. As plain Python, on honest and hostile histories, it would raise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys, warnings
import numpy as np
warnings.simplefilter("ignore")  # plain Python warns of the overflow that hashing is made of

from tests.profiles.attributes import as_attributes
as_attributes()

from models import compiled
import numba
assert numba.config.DISABLE_JIT
from streams.pipeline import create_engine
from streams.settings import DAY_MS, Settings
from tests.streams.journeys import START_MS, Journeys, batches, catalog
from tests.profiles.small_partition import SmallPartition

kind = sys.argv[1]
if kind == "journeys":
    config = Settings(learn_batch=16, quality_seconds=40.0, explore_share=0.3, churn_horizon_ms=DAY_MS,
                      idle_expiry_ms=4 * DAY_MS, log_predictions=True)
    engine = create_engine(0, config, catalog(config))
    for batch in batches(Journeys(9).records(700), 70):
        engine.apply(batch, START_MS + 400 * DAY_MS)
    engine.tick(START_MS + 401 * DAY_MS)
    assert engine.state.quality.version > 0
    assert engine.drain().topics
else:
    # As many rows as there can be and some more, all positions, more of everything than is kept.
    small = SmallPartition(rows=34, pins={0: 0, 7: 31, 8: 200}, explore_share=0.9, learn_batch=4)
    for n in range(40):
        small.see(n, f"r{n % 34:02d}", 1_000_000, tuple(f"r{k:02d}-0" for k in range(n % 12)))
        small.send("playback_start", n, playback_id=f"b{n}", title_id=f"r{n % 34:02d}-0", duration_s=1e10,
                   position_s=1e10, row_id=f"r{n % 34:02d}")
    for n in range(30):
        told = {"playback_id": "b39", "title_id": "r05-0"}
        to = 1000.0 * (n % 9)
        small.send("playback_seek", 50 + n, **told, from_s=0.0, to_s=to)
        small.send("playback_progress", 50.9 + n, **told, position_s=to + 2)
    small.send("playback_progress", -400 * 86400, playback_id="late", title_id="none", position_s=0.0)
    for n in range(12):
        small.play(1000 + 200 * n, 130, f"c{n}", row_id=f"r{n * 3 % 34:02d}", title_id=f"r{n * 3 % 34:02d}-0")
    small.send("session_end", 9000)
    assert small.engine.state.quality.version > 0 and small.drain()
print("no index was out of bounds")
"""


@pytest.mark.parametrize("kind", ["journeys", "hostile"])
def test_no_index_is_out_of_bounds(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, kind],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert "no index was out of bounds" in done.stdout
