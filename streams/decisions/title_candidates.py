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

CANDIDATES = 1_040
"""Titles that compete for a page at most. No power of two: columns of 4 KB each fall into the same few places of the
processor's cache and drive each other out (scoring took 23 us instead of 13)."""
LOOKED_AT = 3 * CANDIDATES
"""Titles that are looked at for a page at most, those that may not compete among them."""
LIKED_TAGS = 3
"""The tags a profile likes best whose best titles compete."""
RIVALS = 50
"""The best titles against which a title that was played is learned. Fewer or more found fewer of the next."""
LED_ON = 1
"""Titles played last whose followers compete. With two as many of the next titles were found on two real logs."""
ENCOUNTER = 1.0
"""What was met with a title less often than this (neighbours, and followers) does not come to compete by that alone: a
sixth of all candidates, among which two real logs found one in 500 of the next titles."""
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


OF_HOUR, OF_FAST, OF_DAY, OF_SLOW, OF_PLAYS, OF_PLAYS_HOUR, PRIOR = range(7)
"""Places in ``Bench.counts``: a title's own, as of its ``ts``, and with how many plays it begins."""
COUNTS = 7
UNSEEN, BARRED, FIRST = range(3)
"""What ``Bench.place`` says of a title: it was not looked at for this page, it may not come, or (``FIRST`` and more)
its place among the candidates."""


class Bench(NamedTuple):
    """Memory of scoring that is never state. ``place`` has a place for every title: ``UNSEEN``, ``BARRED`` or ``FIRST``
    plus its place among the candidates; ``seen`` are the ``n[0]`` titles that were looked at. What is known of
    candidates stands in columns: ``counts``, ``logs`` and ``terms`` have one line a kind. ``page`` holds places
    of candidates, best first (the page, or the rivals); ``choice`` and ``chosen`` are terms and scores of what is
    learned from, one line a title. ``told`` is what a record says of a page
    that changes: the version, whether the page is plain, whether it is kids', then ``1 + slot`` of the titles;
    ``told_scores`` their scores, to four places. ``logs`` and ``room`` are what is worked in on the way.
    """

    place: Array
    seen: Array
    n: Array
    slots: Array
    together: Array
    after: Array
    counts: Array
    logs: Array
    room: Array
    terms: Array
    scores: Array
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
        ("seen", "i4", (LOOKED_AT,)),
        ("n", "i8", (1,)),
        ("slots", "i4", (CANDIDATES,)),
        ("together", "f4", (CANDIDATES,)),
        ("after", "f4", (CANDIDATES,)),
        ("counts", "f4", (COUNTS, CANDIDATES)),
        ("logs", "f4", (LOGS + 2, CANDIDATES)),
        ("room", "i4", (CANDIDATES,)),
        ("terms", "f4", (len(TITLE_TERMS), CANDIDATES)),
        ("scores", "f4", (CANDIDATES,)),
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
"""A ``Bench`` as one record, but for ``place``, which grows with the titles."""


@compiled
def open_bench(marks: Array, record: Array) -> Bench:
    """The arrays of a record, in place; ``marks`` (int32) has a place for every title."""
    r = record[0]
    return Bench(
        marks, r.seen, r.n, r.slots, r.together, r.after, r.counts, r.logs, r.room, r.terms, r.scores,
        r.chances, r.tags, r.tag_rate, r.page, r.choice, r.chosen, r.told, r.told_scores,
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


@compiled
def admit(p: Fields, titles: Array, limit: int, n: int, slot: int, bench: Bench, forced: bool) -> int:
    """Let a title compete unless it does already or may not; returns how many do."""
    if slot <= 0 or bench.place[slot] != UNSEEN or n == CANDIDATES or bench.n[0] == LOOKED_AT:
        return n
    bench.seen[bench.n[0]] = slot
    bench.n[0] += 1
    bench.place[slot] = BARRED
    title = titles[slot]
    if not title.active or title.age > limit or (not forced and has_had(p, slot)):
        return n
    bench.place[slot] = FIRST + n
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
    weight = np.float32(1.0)
    for back in range(in_ring(p.title_recent_n, CO_WATCHED)):
        other = titles[p.title_recent[(np.int64(p.title_recent_n) - 1 - back) % RECENT_TITLES] - 1]
        for j in range(NEIGHBOURS):
            slot = other.near[j] - 1
            if slot < 0:
                break  # the free places are behind
            if other.near_n[j] >= ENCOUNTER:
                n = admit(p, titles, limit, n, slot, bench, False)
            at = place_of(bench, slot)
            if at >= 0:
                bench.together[at] += weight * other.near_n[j]
        weight *= np.float32(CO_DECAY)
    for back in range(in_ring(p.title_played_n, LED_ON)):
        before = titles[p.title_played[(np.int64(p.title_played_n) - 1 - back) % PLAYED_TITLES] - 1]
        for j in range(FOLLOWERS):
            slot = before.next[j] - 1
            if slot < 0:
                break  # as above
            if before.next_n[j] >= ENCOUNTER:
                n = admit(p, titles, limit, n, slot, bench, False)
    return n
