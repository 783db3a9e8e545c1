"""What is watched where: one small record for every tag in every region. Compiled.

A cell knows how much was watched, and of whom only enough to say whether they are too few to be told of.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.clock import DAY, remaining
from streams.profiles.parameters import Array

WITNESSES = 8
"""Profiles that a cell remembers (a number that stands for each, and the day), to know whether there are
several."""
WITNESS_DAYS = 28
"""Older ones do not count: at a half-life of a week a sixteenth is left of what they watched."""

CELL = np.dtype(
    [
        ("hours", "f8"),  # decayed; as of ts
        ("ts", "i8"),
        ("told", "f8"),  # what its owner was told last, and when
        ("told_ts", "i8"),
        ("told_profiles", "u1"),
        ("held", "u1"),  # 1: something was watched since
        ("who", "u4", (WITNESSES,)),
        ("day", "u2", (WITNESSES,)),  # days since the epoch
    ],
    align=True,
)
"""One tag in one region."""


@compiled
def watch(cells: Array, slot: int, ts: int, hours: float, who: int, half_life_ms: float) -> None:
    """``who`` watched for ``hours`` until ``ts``: count it in the cell at ``slot``."""
    c = cells[slot]
    if ts > c.ts:
        c.hours *= remaining(float(ts - c.ts), half_life_ms)
        c.ts = ts
    c.hours += hours * remaining(float(c.ts - ts), half_life_ms)
    c.held = 1
    day = int(ts // DAY)
    oldest = 0
    for k in range(WITNESSES):
        if c.who[k] == who:
            c.day[k] = max(c.day[k], day)
            return
        if c.day[k] < c.day[oldest]:
            oldest = k
    c.who[oldest] = who
    c.day[oldest] = day


@compiled
def profiles_in(cells: Array, slot: int, ts: int) -> int:
    """How many different profiles have lately watched what the cell at ``slot`` counts: ``WITNESSES`` at
    most."""
    c = cells[slot]
    count = 0
    for k in range(WITNESSES):
        if c.who[k] != 0 and c.day[k] + WITNESS_DAYS > ts // DAY:
            count += 1
    return count
