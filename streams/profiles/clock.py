"""Event time for a profile's decayed counters. Compiled.

A counter is kept as of ``last_ts``. A later event first decays it to its own time; a late one counts with the weight that
is left of it at ``last_ts``, so the order in which events arrive changes nothing.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.layout import HALF_LIVES_DAYS, MAX_ROWS
from streams.profiles.parameters import Array

DAY = 86_400_000.0
HALF_LIVES_MS = tuple(days * DAY for days in HALF_LIVES_DAYS)
SHORT_MS = 0.5 * DAY
"""Half-life of a profile's short-term taste."""
LONG_MS = 14.0 * DAY
"""Half-life of its long-term taste."""


@compiled
def remaining(elapsed_ms: float, half_life_ms: float) -> float:
    """What is left of 1 after ``elapsed_ms`` (at most 1)."""
    if elapsed_ms <= 0:
        return 1.0
    return float(np.exp2(-elapsed_ms / half_life_ms))


@compiled
def advance(p: Array, ts: int, weights: Array) -> None:
    """Bring ``p``'s counters to ``ts`` and fill ``weights`` (one a half-life, then short and long taste) for an event of that time."""
    elapsed = float(ts - p.last_ts)
    if elapsed > 0:
        for h in range(len(HALF_LIVES_MS)):
            left = np.float32(remaining(elapsed, HALF_LIVES_MS[h]))
            for c in range(p.counters.shape[1]):
                p.counters[h, c] *= left
        short = np.float32(remaining(elapsed, SHORT_MS))
        long = np.float32(remaining(elapsed, LONG_MS))
        for r in range(MAX_ROWS):
            p.rows[r, 0] *= short
            p.rows[r, 1] *= long
            p.rows[r, 2] *= long
            p.rows[r, 3] *= long
        for i in range(2):
            p.profile_short[i] *= short
            p.profile_long[i] *= long
        p.last_ts = ts
    late = -elapsed
    for h in range(len(HALF_LIVES_MS)):
        weights[h] = remaining(late, HALF_LIVES_MS[h])
    weights[3] = remaining(late, SHORT_MS)
    weights[4] = remaining(late, LONG_MS)


@compiled
def count(p: Array, counter: int, amount: float, weights: Array) -> None:
    """Add ``amount`` to one behaviour counter, in each of its half-lives."""
    for h in range(len(HALF_LIVES_MS)):
        p.counters[h, counter] += np.float32(amount * weights[h])
