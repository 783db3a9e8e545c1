"""Event time for a profile's decayed counters. Compiled.

A counter is kept as of ``last_ts``. A later event first decays it to its own time; a late one counts with
the weight that is left of it at ``last_ts``, so the order in which events arrive changes nothing.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.layout import HALF_LIVES_DAYS, MAX_ROWS, RowStat
from streams.profiles.parameters import Array, Fields

DAY = 86_400_000.0
HALF_LIVES_MS = tuple(days * DAY for days in HALF_LIVES_DAYS)
HOUR_MS = DAY / 24.0
FAST_MS = 6.0 * HOUR_MS
"""Half-life of a profile's taste of the moment."""
MONTH_MS = 30.0 * DAY
"""Half-life of its lasting taste, and of what is known of everybody."""
QUALITY_FAST, PLAYS = (int(stat) for stat in RowStat)
MONTH, HOUR = len(HALF_LIVES_MS), len(HALF_LIVES_MS) + 1
"""Places in ``weights`` behind those of the behaviour counters."""


@compiled
def remaining(elapsed_ms: float, half_life_ms: float) -> float:
    """What is left of 1 after ``elapsed_ms`` (at most 1)."""
    if elapsed_ms <= 0:
        return 1.0
    return float(np.exp2(-elapsed_ms / half_life_ms))


@compiled
def advance(p: Fields, ts: int, weights: Array) -> None:
    """Bring ``p``'s counters to ``ts`` and fill ``weights`` (one a half-life, then ``MONTH``, ``HOUR``)
    for an event of that time."""
    elapsed = float(ts - p.last_ts)
    if elapsed > 0:
        for h in range(len(HALF_LIVES_MS)):
            left = np.float32(remaining(elapsed, HALF_LIVES_MS[h]))
            for c in range(p.counters.shape[1]):
                p.counters[h, c] *= left
        month = np.float32(remaining(elapsed, MONTH_MS))
        hour = np.float32(remaining(elapsed, HOUR_MS))
        p.seen *= month
        p.quality *= month
        p.watch *= month
        p.seen_hour *= hour
        p.quality_hour *= hour
        p.last_ts = ts
    late = -elapsed
    for h in range(len(HALF_LIVES_MS)):
        weights[h] = remaining(late, HALF_LIVES_MS[h])
    weights[MONTH] = remaining(late, MONTH_MS)
    weights[HOUR] = remaining(late, HOUR_MS)


@compiled
def advance_demand(p: Fields, ts: int) -> None:
    """Bring the profile's demand per row to ``ts``: only when something is about to be counted.

    Between visits it stands still, because the page that greets a viewer is the one the last visit
    earned: letting it fade first cost .003 of HR@3 on a real log.
    """
    elapsed = float(ts - p.demand_ts)
    if elapsed > 0:
        fast, month = np.float32(remaining(elapsed, FAST_MS)), np.float32(remaining(elapsed, MONTH_MS))
        for r in range(MAX_ROWS):
            p.rows[r, QUALITY_FAST] *= fast
            p.rows[r, PLAYS] *= month
        p.demand_ts = ts


@compiled
def advance_outcomes(p: Fields, ts: int) -> None:
    """Let the profile's outcomes per row fade: once a day, because they are kept in coarse units."""
    elapsed = float(ts - p.outcome_ts)
    if elapsed >= DAY:
        month = remaining(elapsed, MONTH_MS)
        for r in range(MAX_ROWS):
            p.row_seen[r] = np.uint16(round(p.row_seen[r] * month))
            p.row_quality[r] = np.uint16(round(p.row_quality[r] * month))
            p.row_elsewhere[r] = np.uint16(round(p.row_elsewhere[r] * month))
        p.outcome_ts = ts


@compiled
def count(p: Fields, counter: int, amount: float, weights: Array) -> None:
    """Add ``amount`` to one behaviour counter, in each of its half-lives."""
    for h in range(len(HALF_LIVES_MS)):
        p.counters[h, counter] += np.float32(amount * weights[h])
