"""Titles: the page of a profile, and what a title that was played teaches. Compiled."""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from models.factorisation import learn_pair
from models.many_logs import exp2_many, sum_many
from models.title_logit import learn_choice
from streams.decisions.title_bench import (
    CHANCE,
    RIVALS,
    SCORE,
    TERMS,
    TOLD,
    Bench,
    begin_anew,
    open_bench,
    place_of,
)
from streams.decisions.title_candidates import admit, age_limit, invite
from streams.decisions.title_counts import give_vector
from streams.decisions.title_known import N_LEARNED, START_WEIGHTS, WEIGHT_RANGE, Known, open_known
from streams.decisions.title_scores import score_titles
from streams.profiles.clock import DAY
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import TOP_TITLES, UNFINISHED

CONTINUE_MS = 30 * DAY
"""After this long nobody wants to go on with what was left unfinished."""
SAMENESS = 0.1
"""On the page of somebody unknown each title makes the others of its first tag cost this much, in log-odds."""
LEAST_ERROR = 0.02
"""A title that was judged this well teaches its factors nothing: some ten of the rivals learn at each play."""
LOG2_E = np.float32(np.log2(np.e))
DISCOUNTS = tuple(float(1.0 / np.log2(k + 2.0)) for k in range(TOP_TITLES))
"""What a play at each place of the page is worth (DCG)."""
NEW_AT = 3
"""A new title that a session shows stands at this place (0 is the top), behind what is to be continued."""


@compiled
def rank_titles(p: Fields, titles: Array, known: Known, bench: Bench, ts: int) -> tuple[int, int, int]:
    """Score what competes and put the best into ``bench.page`` (places of candidates); returns how many
    these are, how many of them lead because they are to be continued, and how many compete."""
    begin_anew(bench)
    limit = age_limit(p)
    n = 0
    if not p.plain:
        for k in range(UNFINISHED):
            if p.title_unfinished[k] > 0 and ts - p.title_unfinished_ts[k] < CONTINUE_MS:
                n = admit(p, titles, limit, n, p.title_unfinished[k] - 1, bench, True)
    leading = n
    n = invite(p, titles, known, bench, limit, n)
    score_titles(p, titles, known, bench, n, ts)
    page = bench.page
    for at in range(leading):  # the one left last leads
        here = at
        while here > 0 and _left(p, bench.slots[at]) > _left(p, bench.slots[page[here - 1]]):
            page[here] = page[here - 1]
            here -= 1
        page[here] = at
    length = _take_best(bench, leading, n, leading, TOP_TITLES)
    if p.title_recent_n == 0 and p.title_played_n == 0:
        _mix(titles, bench, leading, length)
    return length, leading, n


@compiled
def _take_best(bench: Bench, first: int, n: int, start: int, most: int) -> int:
    """Put the best of the candidates ``first..n-1`` into ``page[start:]``, up to a length of ``most``; returns the
    length. Equal scores keep the order in which they came to compete."""
    page, worth, length = bench.page, bench.worth, start
    for c in range(first, n):
        score = bench.columns[SCORE, c]
        if length == most:
            if score <= worth[length - 1]:
                continue
            length -= 1
        here = length
        while here > start and score > worth[here - 1]:
            page[here] = page[here - 1]
            worth[here] = worth[here - 1]
            here -= 1
        page[here] = c
        worth[here] = score
        length += 1
    return length


@compiled
def _left(p: Fields, slot: int) -> int:
    """When the title was left unfinished."""
    for k in range(UNFINISHED):
        if p.title_unfinished[k] == slot + 1:
            return int(np.int64(p.title_unfinished_ts[k]))
    return 0


@compiled
def _mix(titles: Array, bench: Bench, start: int, length: int) -> None:
    """Order ``page[start:length]`` so that titles of one tag do not crowd its top: greedily, each title that
    stands already costs the others of its first tag ``SAMENESS``."""
    page, worth, tags = bench.page, bench.chosen, bench.room
    for k in range(start, length):
        worth[k] = bench.columns[SCORE, page[k]]
        tags[k] = titles[bench.slots[page[k]]].tags[0]
    for at in range(start, length - 1):
        best = at
        for k in range(at + 1, length):
            if worth[k] > worth[best]:
                best = k
        chosen, tag, most = page[best], tags[best], worth[best]
        for k in range(best, at, -1):
            page[k], tags[k], worth[k] = page[k - 1], tags[k - 1], worth[k - 1]
        page[at], tags[at], worth[at] = chosen, tag, most
        for k in range(at + 1, length):
            if tag > 0 and tags[k] == tag:
                worth[k] -= SAMENESS


@compiled
def gain_over(p: Fields, bench: Bench, length: int, leading: int, n: int) -> float:
    """What the new page is worth over the one that stands: the expected gain in DCG of the next quality play.
    Infinite when the standing one is empty, shows what may not come any more, or not what is to be continued.

    ``n`` titles compete; their scores are log shares, so a softmax says which is played next.
    """
    standing = 0
    for k in range(TOP_TITLES):
        title = p.top_titles[k] - 1
        if title < 0:
            if k < length:
                return np.inf
            break
        stands = place_of(bench, title)
        if stands < 0 or k >= length or (k < leading and stands != bench.page[k]):
            return np.inf
        standing += 1
    x, shares = bench.columns, bench.columns[CHANCE]
    highest = x[SCORE, bench.page[0]]
    for k in range(1, min(length, leading + 1)):
        highest = max(highest, x[SCORE, bench.page[k]])
    for c in range(n):
        x[CHANCE, c] = (x[SCORE, c] - highest) * LOG2_E
    exp2_many(shares, n, bench.room)
    total, gain = sum_many(shares, n), 0.0
    for k in range(standing):
        here, there = shares[bench.page[k]], shares[place_of(bench, p.top_titles[k] - 1)]
        gain += DISCOUNTS[k] * (here - there)
    return gain / total


@compiled
def rounded(value: float) -> float:
    """``value`` to four places, as records tell it."""
    return float(np.floor(value * 10_000.0 + 0.5) / 10_000.0)


@compiled
def explain_titles(
    known: Known, bench: Bench, length: int, leading: int, features: Array, parts: Array
) -> None:
    """For the first titles of the page (as many as ``features`` has places) the term that sets each apart most
    from the mean of the page, and by how much; ``TERMS``: it is to be continued, -1: nothing sets it apart."""
    told = features.shape[0]
    for k in range(told):
        features[k] = TERMS if k < leading else -1
        parts[k] = 0.0
    if leading >= told:
        return
    for t in range(TERMS):
        mean = 0.0
        for j in range(length):
            mean += bench.columns[t, bench.page[j]] / length
        for k in range(leading, min(told, length)):
            part = known.weights[t] * (bench.columns[t, bench.page[k]] - mean)
            if abs(part) > abs(parts[k]):
                features[k] = t
                parts[k] = part
    for k in range(told):
        parts[k] = rounded(parts[k])


@compiled
def _show_new(p: Fields, bench: Bench, leading: int, length: int) -> bool:
    """Put the new title that this session shows to ``NEW_AT`` when it stands lower; true when it did."""
    slot = p.title_explored - 1
    place = place_of(bench, slot) if slot >= 0 else -1
    if place < 0:
        return False
    at = length - 1
    for k in range(length):
        if bench.page[k] == place:
            at = k
    goal = min(leading + NEW_AT, length - 1)
    if at <= goal:
        return False
    for k in range(at, goal, -1):
        bench.page[k] = bench.page[k - 1]
    bench.page[goal] = place
    return True


@compiled
def decide_titles(
    tastes: Array,
    slot: int,
    titles: Array,
    knowns: Array,
    marks: Array,
    benches: Array,
    ts: int,
    margin: float,
    features: Array,
    parts: Floats,
) -> int:
    """Rank the titles for the profile in ``slot``. When the page is worth ``margin`` more than the one that stands,
    or that one cannot stand, put it into the profile's record and say how long it is (negative: with a new title
    higher than it earned); 0 when nothing changes. ``features`` and ``parts`` get the reasons of its first titles,
    ``bench.told`` and ``bench.told_scores`` the rest of its record. ``knowns`` and ``benches`` hold one record each
    (``KNOWN``, ``BENCH``), ``marks`` (int32) has a place for every title."""
    p = tastes[slot]
    known, bench = open_known(knowns), open_bench(marks, benches)
    length, leading, n = rank_titles(p, titles, known, bench, ts)
    explores = _show_new(p, bench, leading, length)
    if length == 0 or gain_over(p, bench, length, leading, n) <= margin:
        return 0
    same = True
    for k in range(TOP_TITLES):
        chosen = bench.slots[bench.page[k]] + 1 if k < length else 0
        if p.top_titles[k] != chosen:
            same = False
        p.top_titles[k] = chosen
        p.top_scores[k] = bench.columns[SCORE, bench.page[k]] if k < length else 0.0
        bench.told[TOLD + k] = chosen
        bench.told_scores[k] = rounded(p.top_scores[k])
    if same:
        return 0
    p.title_version += 1
    bench.told[0] = p.title_version
    bench.told[1] = p.plain
    bench.told[2] = p.kids
    explain_titles(known, bench, length, leading, features, parts)
    return -length if explores else length


@compiled
def learn_title(
    p: Fields, titles: Array, dirty: Array, known: Known, bench: Bench, title: int, ts: int
) -> bool:
    """``title`` was played well, and could have been on the page: learn, with what was known before, from how it
    stood against the ``RIVALS`` best. False when it was none of them.

    The best as of now, all of them: against those of an earlier ranking the weights would learn that whatever
    made a title stand high has faded since.
    """
    begin_anew(bench)
    limit = age_limit(p)
    if admit(p, titles, limit, 0, title, bench, False) == 0:
        return False
    n = invite(p, titles, known, bench, limit, 1)
    score_titles(p, titles, known, bench, n, ts)
    better = 0
    for c in range(1, n):
        better += bench.columns[SCORE, c] > bench.columns[SCORE, 0]
    if better >= min(RIVALS, n - 1):
        return False
    length = _take_best(bench, 1, n, 0, RIVALS)
    for k in range(length + 1):
        place = 0 if k == 0 else bench.page[k - 1]
        bench.chosen[k] = bench.columns[SCORE, place]
        for t in range(TERMS):
            bench.choice[k, t] = bench.columns[t, place]
    learn_choice(known.weights, known.gradients, bench.choice, bench.chosen, length + 1, bench.chances)
    for t in range(TERMS):
        start = START_WEIGHTS[t]
        known.weights[t] = min(WEIGHT_RANGE * start, max(start / WEIGHT_RANGE, known.weights[t]))
    known.n[N_LEARNED] += 1
    give_vector(titles[title], title)
    learn_pair(p.title_vector, titles[title].vector, 1.0 - bench.chances[0])
    dirty[title] = 1
    for k in range(length):
        if bench.chances[k + 1] > LEAST_ERROR:
            slot = bench.slots[bench.page[k]]
            give_vector(titles[slot], slot)
            learn_pair(p.title_vector, titles[slot].vector, -bench.chances[k + 1])
            dirty[slot] = 1
    return True
