"""Compiled functions check no bounds. As plain Python, on honest histories with many images and trailers, those of
artwork and trailers would raise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import warnings
import numpy as np
warnings.simplefilter("ignore")  # plain Python warns of the overflow that hashing is made of

from tests.profiles.attributes import as_attributes
as_attributes()

import numba
assert numba.config.DISABLE_JIT
from streams import topics
from streams.settings import DAY_MS, Settings
from streams.surfaces import running
running.SURFACES["titles"] = "tests.surfaces.ranking:MetLast"
from tests.profiles.small_partition import PLAIN, SmallPartition
from tests.surfaces.ranking import picture_catalog, put_title
from dataclasses import replace

config = replace(PLAIN, surfaces="titles,artwork,trailers,credit", sharing=False, churn_step=0.01, trailer_hazard=0.05)
tags = [f"tag-{n}" for n in range(90)]  # more than there are places for
known = picture_catalog(config, 24, images=12, trailers=6, tags=tags[:12])
put_title(known, name="t3", images=40, artworks=[
    {"artwork_id": f"t3-b{n}", "tags": tags[2 * n : 2 * n + 6]} for n in range(40)])
small = SmallPartition(config, known=known)
for visit in range(24):
    at = visit * 86_400 * 0.7
    small.send("session_start", at, device_type=("tv", "phone", "other")[visit % 3])
    for row in range(4):
        items = [{"title_id": f"t{(visit * 5 + row * 7 + k) % 26}", "position": k,
                  "artwork_id": f"t{(visit * 5 + row * 7 + k) % 26}-a{(visit + k) % 9}"} for k in range(14)]
        small.send("impression", at + 5 + row, row_id="r00", row_position=row, items=items)
        small.send("rating", at + 6 + row, title_id=f"t{(visit + row) % 24}", value=1)
    small.play(at + 20, 140 if visit % 2 else 60, f"play-{visit}", title_id=f"t{(visit * 5) % 26}")
    small.send("subscription_payment_failed", at + 400)
    small.send("trailer_view", at + 500, trailer_id=f"t{visit}-v0", title_id=f"t{visit}", watched_s=30.0)
    if visit == 15:
        put_title(known, name="t5", images=2)
small.send("profile_settings", at + 600, kids=True)
small.send("profile_settings", at + 700, profiled=False)
small.send("session_start", at + 9 * 86_400)
assert not small.engine.stats.faults, small.engine.stats.faults
surfaces = small.engine.surfaces.surfaces
assert surfaces["artwork"].art["learned"][0] > 5 and surfaces["trailers"].offers["learned"][0] > 1
small.send("profile_deleted", at + 10 * 86_400)
print("no index was out of bounds")
"""


def test_no_index_of_pictures_is_out_of_bounds() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "no index was out of bounds" in done.stdout, done.stderr[-3_000:]
