"""Titles: who competes for a profile's page. Compiled.

A large catalog costs no more than a small one, because only some hundred titles compete: neighbours of what the
profile watched last, what everybody watches, the best of the tags it likes, what it searched, what is new.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.compiled import compiled
from streams.decisions.title_counts import CO_DECAY, CO_WATCHED, has_had, in_ring
from streams.decisions.title_known import (
    LATELY,
    N_FRESH,
    N_LATELY,
    N_POPULAR,
    N_TAGS,
    TAG_TITLES,
    TITLE_TERMS,
    Known,
)
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import (
    FOLLOWERS,
    MAX_TAGS,
    NEIGHBOURS,
    PLAYED_TITLES,
    RECENT_TITLES,
    TOP_TITLES,
)

CANDIDATES = 1_024
"""Titles that compete for a page at most."""
LIKED_TAGS = 3
"""The tags a profile likes best whose best titles compete."""
RIVALS = 50
"""The best titles against which a title that was played is learned. Fewer or more found fewer of the next."""
LED_ON = 2
"""Titles played last whose followers compete."""
TOLD = 3
"""Places of ``Bench.told`` before its titles."""
KIDS_AGE = 12
"""The age limit of kids' profiles that set none."""


SHARE, LATELY_SHARE, WORTH, NOW, WITH, NEXT = range(6)
"""Places in ``Bench.logs`` of what logarithms are taken of: a title's share, its share of late, its quality plays a
play, its plays of the last hour, how much oftener than by chance it is watched with and played after what the
profile watched."""
LOGS = 6
DAYS, MONTHS = 6, 7
"""... and of what is left of counts since a title's ``ts``, with half-lives of a day and of 30."""


class Bench(NamedTuple):
    """Memory of scoring that is never state. ``stamp[slot]`` is ``mark[0]`` when a title was looked at for this
    page and ``place[slot]`` its place among the candidates, -1: it may not come. ``page`` holds places
    of candidates, best first (the page, or the rivals); ``choice`` and ``chosen`` are terms and scores of what is
    learned from; ``terms`` has one line a term, ``choice`` one a title. ``told`` is what a record says of a page
    that changes: the version, whether the page is plain, whether it is kids', then ``1 + slot`` of the titles;
    ``told_scores`` their scores, to four places. ``logs`` and ``room`` are what is worked in on the way.
    """

    stamp: Array
    place: Array
    mark: Array
    slots: Array
    together: Floats
    after: Floats
    logs: Array
    room: Array
    terms: Floats
    scores: Floats
    chances: Floats
    tags: Floats
    tag_rate: Floats
    page: Array
    choice: Floats
    chosen: Floats
    told: Array
    told_scores: Floats


BENCH = np.dtype(
    [
        ("mark", "i8", (1,)),
        ("slots", "i4", (CANDIDATES,)),
        ("together", "f8", (CANDIDATES,)),
        ("after", "f8", (CANDIDATES,)),
        ("logs", "f4", (LOGS + 2, CANDIDATES)),
        ("room", "i4", (CANDIDATES,)),
        ("terms", "f8", (len(TITLE_TERMS), CANDIDATES)),
        ("scores", "f8", (CANDIDATES,)),
        ("chances", "f8", (RIVALS + 1,)),
        ("tags", "f8", (MAX_TAGS,)),
        ("tag_rate", "f8", (MAX_TAGS,)),
        ("page", "i4", (RIVALS,)),
        ("choice", "f8", (RIVALS + 1, len(TITLE_TERMS))),
        ("chosen", "f8", (RIVALS + 1,)),
        ("told", "i8", (TOLD + TOP_TITLES,)),
        ("told_scores", "f8", (TOP_TITLES,)),
    ],
    align=True,
)
"""A ``Bench`` as one record, but for what grows with the titles."""
MARKS = np.dtype([("stamp", "i8"), ("place", "i4")], align=True)
"""What a bench notes of each title."""


@compiled
def open_bench(marks: Array, record: Array) -> Bench:
    """The arrays of a record, in place; ``marks`` has a place for every title."""
    r = record[0]
    return Bench(
        marks["stamp"], marks["place"], r.mark, r.slots, r.together, r.after, r.logs, r.room, r.terms, r.scores,
        r.chances, r.tags, r.tag_rate, r.page, r.choice, r.chosen, r.told, r.told_scores,
    )  # fmt: skip


@compiled
def admit(p: Fields, titles: Array, limit: int, n: int, slot: int, bench: Bench, forced: bool) -> int:
    """Let a title compete unless it does already or may not; returns how many do."""
    if slot <= 0 or bench.stamp[slot] == bench.mark[0] or n == CANDIDATES:
        return n
    bench.stamp[slot] = bench.mark[0]
    bench.place[slot] = -1
    title = titles[slot]
    if not title.active or title.age > limit or (not forced and has_had(p, slot)):
        return n
    bench.place[slot] = n
    bench.slots[n] = slot
    bench.together[n] = 0.0
    bench.after[n] = 0.0
    return n + 1


@compiled
def age_limit(p: Fields) -> int:
    """From which age on titles are too old for the profile; a title of unknown age is for adults."""
    limit = 255
    if p.kids:
        limit = KIDS_AGE
    if p.max_age > 0:
        limit = min(limit, int(np.int64(p.max_age)))
    return limit


@compiled
def invite(p: Fields, titles: Array, known: Known, bench: Bench, limit: int, n: int) -> int:
    """Let everything compete that may be worth it; returns how many do. For a plain page that is what everybody
    watches. ``bench.together`` gets how often each was watched with what the profile watched last."""
    if p.plain:
        for k in range(known.n[N_POPULAR]):
            n = admit(p, titles, limit, n, known.popular[k], bench, True)
        for k in range(min(LATELY, known.n[N_LATELY])):
            n = admit(p, titles, limit, n, known.lately[k], bench, True)
        return n
    for k in range(p.title_search.shape[0]):
        n = admit(p, titles, limit, n, p.title_search[k] - 1, bench, False)
    for k in range(p.title_search_tag.shape[0]):
        if p.title_search_tag[k] > 0:
            for j in range(TAG_TITLES):
                n = admit(p, titles, limit, n, known.by_tag[p.title_search_tag[k] - 1, j], bench, False)
    for k in range(TOP_TITLES):
        n = admit(p, titles, limit, n, p.top_titles[k] - 1, bench, False)
    for k in range(known.n[N_POPULAR]):
        n = admit(p, titles, limit, n, known.popular[k], bench, False)
    for k in range(min(LATELY, known.n[N_LATELY])):
        n = admit(p, titles, limit, n, known.lately[k], bench, False)
    liked = np.full(LIKED_TAGS, -1)
    for g in range(known.n[N_TAGS]):
        at = LIKED_TAGS
        while at > 0 and p.taste[g] > 0 and (liked[at - 1] < 0 or p.taste[g] > p.taste[liked[at - 1]]):
            if at < LIKED_TAGS:
                liked[at] = liked[at - 1]
            liked[at - 1] = g
            at -= 1
    for k in range(LIKED_TAGS):
        if liked[k] >= 0:
            for j in range(TAG_TITLES):
                n = admit(p, titles, limit, n, known.by_tag[liked[k], j], bench, False)
    for k in range(known.n[N_FRESH]):
        n = admit(p, titles, limit, n, known.fresh[k], bench, False)
    weight = 1.0
    for back in range(in_ring(p.title_recent_n, CO_WATCHED)):
        other = titles[p.title_recent[(np.int64(p.title_recent_n) - 1 - back) % RECENT_TITLES] - 1]
        for j in range(NEIGHBOURS):
            slot = other.near[j] - 1
            if slot < 0:
                break  # the free places are behind
            n = admit(p, titles, limit, n, slot, bench, False)
            if bench.stamp[slot] == bench.mark[0] and bench.place[slot] >= 0:
                bench.together[bench.place[slot]] += weight * other.near_n[j]
        weight *= CO_DECAY
    for back in range(in_ring(p.title_played_n, LED_ON)):
        following = titles[p.title_played[(np.int64(p.title_played_n) - 1 - back) % PLAYED_TITLES] - 1].next
        for j in range(FOLLOWERS):
            slot = following[j] - 1
            if slot < 0:
                break  # as above
            n = admit(p, titles, limit, n, slot, bench, False)
    return n
