"""Titles: the lists of those that compete for every page, made anew every so many quality plays. Compiled.

One pass over all titles (20 ns each): the best by what is known of everybody, the best of each tag, the newest
that hardly anybody has played. Between two passes what is played well joins by itself (``Known.lately``).
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.title_known import (
    DAY_TOTAL,
    FAST,
    FRESH,
    HOUR,
    N_FRESH,
    N_POPULAR,
    N_SINCE,
    N_TAGS,
    PLAYS,
    PLAYS_HOUR,
    POPULAR,
    SLOW,
    TAG_TITLES,
    Known,
)
from streams.profiles.clock import DAY, FAST_MS, HOUR_MS, MONTH_MS, remaining
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS, TITLE_TAGS

HARDLY_PLAYED = 3.0
"""A title with fewer plays (decayed, 30 days) is one of the fresh."""


@compiled
def _insert(slots: Array, worths: Floats, n: int, slot: int, worth: float) -> int:
    """Insert into a list that is sorted by worth, best first; equal worth keeps the order of arrival. Returns its
    length."""
    size = slots.shape[0]
    if n == size:
        if worth <= worths[n - 1]:
            return n
        n -= 1
    at = n
    while at > 0 and worth > worths[at - 1]:
        slots[at] = slots[at - 1]
        worths[at] = worths[at - 1]
        at -= 1
    slots[at] = slot
    worths[at] = worth
    return n + 1


@compiled
def make_lists(titles: Array, used: int, known: Known, ts: int, tags: int) -> None:
    """Look at titles ``1..used-1`` and make the lists and the sums anew, as of ``ts``; ``tags`` are known."""
    popular_worth = np.zeros(POPULAR)
    fresh_worth = np.zeros(FRESH)
    tag_worth = np.zeros((MAX_TAGS, TAG_TITLES))
    tag_n = np.zeros(MAX_TAGS, np.int64)
    known.by_tag[:] = 0
    known.totals[:] = 0.0
    n, fresh = 0, 0
    for slot in range(1, used):
        title = titles[slot]
        elapsed = float(ts - title.ts)
        one_day, month, one_hour = remaining(elapsed, DAY), remaining(elapsed, MONTH_MS), 0.0
        if elapsed < DAY:
            one_hour = remaining(elapsed, HOUR_MS)
        hour, day, slow = one_hour * title.hour, one_day * title.day, month * title.slow
        fast, plays = remaining(elapsed, FAST_MS) * title.fast, month * title.plays
        known.totals[HOUR] += hour
        known.totals[FAST] += fast
        known.totals[DAY_TOTAL] += day
        known.totals[SLOW] += slow
        known.totals[PLAYS_HOUR] += one_hour * title.plays_hour
        known.totals[PLAYS] += plays
        if not title.active:
            continue
        # The shape of a score's terms without their logarithms: of today weighs more.
        worth = (slow + 6.0 * day + 12.0 * fast + 24.0 * hour) * (slow + 2.0) / (plays + 4.0)
        n = _insert(known.popular, popular_worth, n, slot, worth)
        for k in range(TITLE_TAGS):
            if title.tags[k] > 0:
                tag = title.tags[k] - 1
                tag_n[tag] = _insert(known.by_tag[tag], tag_worth[tag], tag_n[tag], slot, worth)
        if plays < HARDLY_PLAYED:
            fresh = _insert(known.fresh, fresh_worth, fresh, slot, 1e6 + title.released - plays)
    known.ts[0] = ts
    known.n[N_POPULAR] = n
    known.n[N_FRESH] = fresh
    known.n[N_SINCE] = 0
    known.n[N_TAGS] = tags
