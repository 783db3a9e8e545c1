"""Titles: the memory that scoring works in. It is never state.

What is known of those that compete stands in columns, a line a kind, so that the processor works on eight titles at a
time. All of them are one array: compiled code sees that its lines do not overlap, and need not look.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.compiled import compiled
from streams.decisions.title_known import TITLE_TERMS
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS, TOP_TITLES

CANDIDATES = 1_040
"""Titles that compete for a page at most. No power of two: columns of 4 KB each fall into the same few places of the
processor's cache and drive each other out (scoring took 23 us instead of 13)."""
LOOKED_AT = 3 * CANDIDATES
"""Titles that are looked at for a page at most, those that may not compete among them."""
RIVALS = 50
"""The best titles against which a title that was played is learned. Fewer or more found fewer of the next."""
TOLD = 3
"""Places of ``Bench.told`` before its titles."""
UNSEEN, BARRED, FIRST = range(3)
"""What ``Bench.place`` says of a title: it was not looked at for this page, it may not come, or (``FIRST`` and more)
its place among the candidates."""
TERMS = len(TITLE_TERMS)
POPULARITY, TREND, CO_WATCH, AFTER_PLAY, TAGS, APPEAL, WATCHED_NOW, FACTORS, SEARCH, NEW = range(TERMS)
"""Columns of the terms; most hold what a logarithm is to be taken of before they hold the logarithm."""
(
    SCORE, CHANCE, TOGETHER, AFTER, DAYS, MONTHS,
    OF_HOUR, OF_FAST, OF_DAY, OF_SLOW, OF_PLAYS, OF_PLAYS_HOUR, PRIOR,
) = range(TERMS, TERMS + 13)  # fmt: skip
"""... and of the rest: the score and its share of all; how often a title was watched with, and played after, what the
profile watched; what is left of counts since its ``ts``, with half-lives of a day and of 30; its counts, and the plays
that it begins with."""
COLUMNS = TERMS + 13


class Bench(NamedTuple):
    """``place`` has a place for every title: ``UNSEEN``, ``BARRED`` or ``FIRST`` plus its place among the candidates;
    ``seen`` are the ``n[0]`` titles that were looked at, ``slots`` the candidates and ``columns`` what is known of
    them. ``page`` holds places of candidates, best first (the page, or the rivals) and ``worth`` their scores;
    ``choice`` and ``chosen`` are terms and scores of what is learned from, one line a title. ``told`` is what a record
    says of a page that changes: the version, whether the page is plain, whether it is kids', then ``1 + slot`` of the
    titles; ``told_scores`` their scores, to four places. ``tags`` and ``tag_rate`` belong to tags, ``room`` is what is
    worked in on the way.
    """

    place: Array
    seen: Array
    n: Array
    slots: Array
    columns: Array
    room: Array
    chances: Floats
    tags: Floats
    tag_rate: Floats
    page: Array
    worth: Array
    choice: Floats
    chosen: Floats
    told: Array
    told_scores: Floats


BENCH = np.dtype(
    [
        ("seen", "i4", (LOOKED_AT,)),
        ("n", "i8", (1,)),
        ("slots", "i4", (CANDIDATES,)),
        ("columns", "f4", (COLUMNS, CANDIDATES)),
        ("room", "i4", (CANDIDATES,)),
        ("chances", "f8", (RIVALS + 1,)),
        ("tags", "f8", (MAX_TAGS,)),
        ("tag_rate", "f8", (MAX_TAGS,)),
        ("page", "i4", (RIVALS,)),
        ("worth", "f4", (RIVALS,)),
        ("choice", "f8", (RIVALS + 1, TERMS)),
        ("chosen", "f8", (RIVALS + 1,)),
        ("told", "i8", (TOLD + TOP_TITLES,)),
        ("told_scores", "f8", (TOP_TITLES,)),
    ],
    align=True,
)
"""A ``Bench`` as one record, but for ``place``, which grows with the titles."""


@compiled
def open_bench(marks: Array, record: Array) -> Bench:
    """The arrays of a record, in place; ``marks`` (int32) has a place for every title."""
    r = record[0]
    return Bench(
        marks, r.seen, r.n, r.slots, r.columns, r.room, r.chances, r.tags, r.tag_rate, r.page, r.worth, r.choice,
        r.chosen, r.told, r.told_scores,
    )  # fmt: skip


@compiled
def begin_anew(bench: Bench) -> None:
    """Nobody competes yet, and no title was looked at."""
    for k in range(bench.n[0]):
        bench.place[bench.seen[k]] = UNSEEN
    bench.n[0] = 0


@compiled
def place_of(bench: Bench, slot: int) -> int:
    """The place of a title among the candidates; below 0 when it is none."""
    return int(bench.place[slot]) - FIRST
