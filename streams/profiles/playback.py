"""Playbacks: the time that was truly watched, and whether it made a quality play. Compiled.

Watched time is the union of really played intervals (as Recombee's view portion and Snowplow's media ping
do): what a seek jumps over, a pause, and a gap without heartbeats do not count, and what is played twice
counts once.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.layout import INTERVALS, PLAYBACKS
from streams.profiles.parameters import Fields, Parameters

FASTEST = 2.25
"""Positions may advance this many seconds a second of event time (double speed, and clocks are rough);
more is a jump."""
SLACK_S = 2.0
"""... plus this many seconds."""
ROUNDING_S = 0.001
"""Positions are rounded to milliseconds: a play that misses the mark by less has reached it."""


@compiled
def find_playback(p: Fields, playback: int) -> int:
    """Index of the open playback with this id, or -1."""
    for k in range(PLAYBACKS):
        if p.play_id[k] == playback:
            return k
    return -1


@compiled
def open_playback(
    p: Fields, k: int, playback: int, title: int, row: int, position_s: float, duration_s: float, ts: int
) -> None:
    """Begin a playback at place ``k``; ``row`` is 1 + the row or 0, ``duration_s`` 0 is unknown."""
    p.play_id[k] = playback
    p.play_ts[k] = ts
    p.play_title[k] = title
    p.play_row[k] = row
    p.play_playing[k] = 1
    p.play_quality[k] = 0
    p.play_pending[k] = 0
    p.play_position[k] = 0
    p.play_intervals[k] = 0
    p.play_duration_s[k] = duration_s
    p.play_base_s[k] = position_s
    p.play_position_s[k] = 0.0
    p.play_watched_s[k] = 0.0


@compiled
def close_playback(p: Fields, k: int) -> None:
    """Free the place of a playback that ended."""
    p.play_id[k] = 0
    p.play_playing[k] = 0


@compiled
def add_interval(p: Fields, k: int, start: float, end: float) -> float:
    """Add ``[start, end)`` to what was played; returns the seconds that were not played before.

    The intervals are kept sorted and apart. When there is no place for one more, the two with the
    smallest gap between them become one without the gap being counted as watched: playing the gap later
    is then not counted either, never too much.
    """
    n = np.int64(p.play_intervals[k])
    fresh = end - start
    low, high = start, end
    kept = 0
    at = -1
    for i in range(n):
        f, t = p.play_from[k, i], p.play_to[k, i]
        if t < low or f > high:  # apart
            if f > high and at < 0:
                at = kept
            p.play_from[k, kept] = f
            p.play_to[k, kept] = t
            kept += 1
        else:
            overlap = min(t, end) - max(f, start)
            if overlap > 0:
                fresh -= overlap
            low = min(low, f)
            high = max(high, t)
    if at < 0:
        at = kept
    if kept == INTERVALS:
        best, gap = 0, 1e30
        for i in range(INTERVALS - 1):
            between = p.play_from[k, i + 1] - p.play_to[k, i]
            if between < gap:
                best, gap = i, between
        before = low - p.play_to[k, at - 1] if at > 0 else 1e30
        after = p.play_from[k, at] - high if at < INTERVALS else 1e30
        if before <= gap and before <= after:
            p.play_to[k, at - 1] = high
            p.play_intervals[k] = kept
            return max(0.0, fresh)
        if after <= gap:
            p.play_from[k, at] = low
            p.play_intervals[k] = kept
            return max(0.0, fresh)
        p.play_to[k, best] = p.play_to[k, best + 1]
        for i in range(best + 1, INTERVALS - 1):
            p.play_from[k, i] = p.play_from[k, i + 1]
            p.play_to[k, i] = p.play_to[k, i + 1]
        kept -= 1
        if at > best:
            at -= 1
    for i in range(kept, at, -1):
        p.play_from[k, i] = p.play_from[k, i - 1]
        p.play_to[k, i] = p.play_to[k, i - 1]
    p.play_from[k, at] = low
    p.play_to[k, at] = high
    p.play_intervals[k] = kept + 1
    return max(0.0, fresh)


@compiled
def advance_playback(p: Fields, k: int, position_s: float, ts: int, parameters: Parameters) -> float:
    """The player stands at ``position_s`` (from its base) at ``ts``: credit what was played since; returns
    new seconds watched."""
    fresh = 0.0
    elapsed_ms = ts - p.play_ts[k]
    start = p.play_position_s[k]
    advanced = position_s - start
    if (
        p.play_playing[k] == 1
        and 0 < elapsed_ms <= parameters.heartbeat_gap_ms
        and 0 < advanced <= FASTEST * elapsed_ms / 1000.0 + SLACK_S
    ):
        fresh = add_interval(p, k, start, position_s)
    if elapsed_ms >= 0:  # a late heartbeat moves nothing back
        p.play_ts[k] = ts
        p.play_position_s[k] = position_s
    p.play_watched_s[k] += fresh
    return fresh


@compiled
def reaches_quality(p: Fields, k: int, parameters: Parameters) -> bool:
    """True when this playback has just become a quality play: watched long enough, or enough of the
    title."""
    if p.play_quality[k] == 1:
        return False
    needed = parameters.quality_seconds
    if p.play_duration_s[k] > 0:
        needed = min(needed, parameters.quality_share * p.play_duration_s[k])
    if p.play_watched_s[k] + ROUNDING_S < needed:
        return False
    p.play_quality[k] = 1
    return True
