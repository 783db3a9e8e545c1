"""Titles: who competes for a profile's page. Compiled.

A large catalog costs no more than a small one, because only some hundred titles compete: neighbours of what the
profile watched last, what everybody watches, the best of the tags it likes, what it searched, what is new.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.title_bench import (
    AFTER,
    BARRED,
    CANDIDATES,
    FIRST,
    LOOKED_AT,
    TOGETHER,
    UNSEEN,
    Bench,
    place_of,
)
from streams.decisions.title_counts import CO_DECAY, CO_WATCHED, has_had, in_ring
from streams.decisions.title_known import (
    LATELY,
    N_FRESH,
    N_LATELY,
    N_POPULAR,
    N_TAGS,
    TAG_TITLES,
    Known,
)
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import (
    FOLLOWERS,
    NEIGHBOURS,
    PLAYED_TITLES,
    RECENT_TITLES,
    TOP_TITLES,
)

LIKED_TAGS = 3
"""The tags a profile likes best whose best titles compete."""
LED_ON = 1
"""Titles played last whose followers compete. With two as many of the next titles were found on two real logs."""
ENCOUNTER = 1.0
"""What was met with a title less often than this (neighbours, and followers) does not come to compete by that alone: a
sixth of all candidates, among which two real logs found one in 500 of the next titles."""
KIDS_AGE = 12
"""The age limit of kids' profiles that set none."""


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
    bench.columns[TOGETHER, n] = 0.0
    bench.columns[AFTER, n] = 0.0
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
    watches. Column ``TOGETHER`` gets how often each was watched with what the profile watched last."""
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
                bench.columns[TOGETHER, at] += weight * other.near_n[j]
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
