"""Titles: what a partition knows of all of them together, the terms of their scores, and the lists of those that
compete for every page.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.compiled import compiled
from streams.profiles.clock import DAY, HOUR_MS, MONTH_MS, remaining
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS

TITLE_TERMS = (
    "popularity",
    "trend",
    "co_watch",
    "after_play",
    "tags",
    "appeal",
    "watched_now",
    "factors",
    "search",
    "new",
)
"""What a title's score is made of; the names are the reasons of the contract."""
START_WEIGHTS = (0.5, 0.1, 0.6, 1.4, 0.25, 0.35, 1.2, 0.5, 12.0, 0.5)
"""Where learning starts: what two real logs taught, rounded. A search outweighs the most popular title."""
WEIGHT_RANGE = 3.0
"""A weight stays within this factor of its start. Learning among those at the top sees only what the weights put
there: on a real log it talked itself into negative weights, and half of the hits were gone."""
POPULAR = 64
"""Titles that compete for every page: the best of all by what is known of everybody. With 256 two real logs found as
many of the next titles, at twice the work; with 48 one in 500 fewer."""
LATELY = 32
"""Titles played well last by anybody: what has just become popular competes too."""
TAG_TITLES = 12
"""The best titles of each tag."""
FRESH = 48
"""Titles hardly anybody has played, the newest first."""
HOUR, FAST, DAY_TOTAL, SLOW, PLAYS_HOUR, PLAYS = range(6)
"""Places in ``Known.totals``."""
N_POPULAR, N_LATELY, N_FRESH, N_SINCE, N_LEARNED, N_TAGS = range(6)
"""Places in ``Known.n``: lengths of the lists, quality plays since they were made, steps learned, tags."""


class Known(NamedTuple):
    """What a partition knows of all titles together; arrays that are changed in place.

    ``totals`` are the sums over titles of their counts and ``tag_plays`` quality plays by tag (30 days), both as
    of ``ts[0]``; ``weights`` and ``gradients`` belong to ``TITLE_TERMS``. The lists hold title slots.
    """

    totals: Floats
    tag_plays: Floats
    ts: Array
    weights: Floats
    gradients: Floats
    popular: Array
    lately: Array
    by_tag: Array
    fresh: Array
    n: Array


KNOWN = np.dtype(
    [
        ("totals", "f8", (6,)),
        ("tag_plays", "f8", (MAX_TAGS,)),
        ("ts", "i8", (1,)),
        ("weights", "f8", (len(TITLE_TERMS),)),
        ("gradients", "f8", (len(TITLE_TERMS),)),
        ("popular", "i4", (POPULAR,)),
        ("lately", "i4", (LATELY,)),
        ("by_tag", "i4", (MAX_TAGS, TAG_TITLES)),
        ("fresh", "i4", (FRESH,)),
        ("n", "i8", (6,)),
    ],
    align=True,
)
"""``Known`` as one record: ten arrays handed over to compiled code one by one cost 2 us a call, a record 0.2."""


def new_known() -> Array:
    """Nothing is known yet: ``KNOWN`` of shape (1,)."""
    record = np.zeros(1, KNOWN)
    record["weights"], record["gradients"] = START_WEIGHTS, 1.0
    return record


@compiled
def open_known(record: Array) -> Known:
    """The arrays of a record, in place."""
    r = record[0]
    return Known(
        r.totals, r.tag_plays, r.ts, r.weights, r.gradients, r.popular, r.lately, r.by_tag, r.fresh, r.n
    )


@compiled
def advance_known(known: Known, ts: int) -> None:
    """Bring the sums over all titles to ``ts``."""
    elapsed = float(ts - known.ts[0])
    if elapsed <= 0:
        return
    day = remaining(elapsed, DAY)
    month = remaining(elapsed, MONTH_MS)
    hour = remaining(elapsed, HOUR_MS)
    known.totals[HOUR] *= hour
    known.totals[PLAYS_HOUR] *= hour
    known.totals[FAST] *= day * day * day * day
    known.totals[DAY_TOTAL] *= day
    known.totals[SLOW] *= month
    known.totals[PLAYS] *= month
    for g in range(MAX_TAGS):
        known.tag_plays[g] *= month
    known.ts[0] = ts
