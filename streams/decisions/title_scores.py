"""Titles: what each of those that compete is worth to a profile. Compiled.

A score is a conditional logit (``models.title_logit``) of terms that are log shares or log lifts, so that knowing
nothing is a term of zero. Some three hundred titles compete for every page, so powers and logarithms are taken of all
at once (``models.many_logs``): first what faded, then what the logarithms are of, then the terms.
"""

from __future__ import annotations

import numpy as np

from models.co_watch import lift
from models.compiled import compiled
from models.factorisation import product
from models.many_logs import exp2_many, log_many
from streams.decisions.title_candidates import (
    DAYS,
    LATELY_SHARE,
    LOGS,
    MONTHS,
    NEXT,
    NOW,
    SHARE,
    WITH,
    WORTH,
    Bench,
)
from streams.decisions.title_counts import CO_DECAY, CO_WATCHED, PLAY_DECAY, in_ring
from streams.decisions.title_known import (
    DAY_TOTAL,
    FAST,
    HOUR,
    N_POPULAR,
    N_TAGS,
    PLAYS,
    SLOW,
    TITLE_TERMS,
    Known,
    advance_known,
)
from streams.profiles.clock import DAY, HOUR_MS, MONTH_MS, remaining
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import FOLLOWERS, PLAYED_TITLES, RECENT_TITLES, TITLE_TAGS

TERMS = len(TITLE_TERMS)
(
    POPULARITY,
    TREND,
    CO_WATCH,
    AFTER_PLAY,
    TAGS,
    APPEAL,
    WATCHED_NOW,
    FACTORS,
    SEARCH,
    NEW,
) = range(TERMS)
COUNT_PRIOR = 0.5
"""A title that nobody has watched counts as having been watched this often (times how much its tags are)."""
RECENT_SHARE = 0.995
"""Weight of what was watched lately in ``trend``; the rest is popularity, for what was not watched lately."""
CO_PRIOR = 2.0
"""Encounters expected and seen that every lift begins with."""
NOW_PRIOR = 2.0
"""Plays of the last hour below which ``watched_now`` says little. It is no lift over popularity: a title that
nobody plays just now would fall behind by all its popularity (on MovieLens that cost 3 % of nDCG)."""
TASTE_PRIOR = 3.0
NEW_DAYS, OLD_DAYS = 14.0, 280.0
SEARCH_HALF_LIFE_MS = 6.0 * HOUR_MS
OPENED, FOUND, FOUND_TAG = 1.0, 0.8, 0.7
"""How strong a search is for the result that was opened, for one that was shown, for a title of a tag that the
query names."""


@compiled
def _weigh_tags(p: Fields, known: Known, bench: Bench) -> None:
    """Fill ``bench.tag_rate`` with how much more than the usual tag each is watched, and ``bench.tags`` with how much
    more than others the profile likes it, in logarithms (0 when nothing is known, and on a plain page)."""
    own, all_plays = 0.0, 0.0
    n = known.n[N_TAGS]
    for g in range(n):
        own += p.taste[g]
        all_plays += known.tag_plays[g] + 0.5
    personal = own > 0 and not p.plain
    for g in range(n):
        share = (known.tag_plays[g] + 0.5) / all_plays
        bench.tag_rate[g] = share * n
        bench.tags[g] = np.log((p.taste[g] / share + TASTE_PRIOR) / (own + TASTE_PRIOR)) if personal else 0.0


@compiled
def _gather(p: Fields, titles: Array, bench: Bench) -> tuple[float, float]:
    """Add up, for those that compete, how often they were played after what the profile played last; returns how
    often anything was watched with, and played after, what it watched last."""
    company, succession = 0.0, 0.0
    weight = 1.0
    for back in range(in_ring(p.title_recent_n, CO_WATCHED)):
        other = titles[p.title_recent[(np.int64(p.title_recent_n) - 1 - back) % RECENT_TITLES] - 1]
        company += weight * other.near_all
        weight *= CO_DECAY
    weight = 1.0
    for back in range(in_ring(p.title_played_n, PLAYED_TITLES)):
        other = titles[p.title_played[(np.int64(p.title_played_n) - 1 - back) % PLAYED_TITLES] - 1]
        succession += weight * other.next_all
        for j in range(FOLLOWERS):
            slot = other.next[j] - 1
            if slot < 0:
                break  # the free places are behind
            if bench.stamp[slot] == bench.mark[0] and bench.place[slot] >= 0:
                bench.after[bench.place[slot]] += weight * other.next_n[j]
        weight *= PLAY_DECAY
    return company, succession


@compiled
def _search_of(p: Fields, title: Fields, slot: int, left: float) -> float:
    for k in range(p.title_search.shape[0]):
        if p.title_search[k] == slot + 1:
            return left * (OPENED if k == 0 else FOUND)
    for k in range(p.title_search_tag.shape[0]):
        if p.title_search_tag[k] > 0:
            for j in range(TITLE_TAGS):
                if title.tags[j] == p.title_search_tag[k]:
                    return left * FOUND_TAG
    return 0.0


@compiled
def _fade(titles: Array, bench: Bench, n: int, ts: int) -> None:
    """Fill ``logs[DAYS]`` and ``logs[MONTHS]`` with what is left of the counts of those that compete, by half-life."""
    days, months = bench.logs[DAYS], bench.logs[MONTHS]
    for c in range(n):
        elapsed = max(0.0, float(ts - titles[bench.slots[c]].ts))
        days[c] = -elapsed / DAY
        months[c] = -elapsed / MONTH_MS
    exp2_many(days, n, bench.room)
    exp2_many(months, n, bench.room)


@compiled
def score_titles(p: Fields, titles: Array, known: Known, bench: Bench, n: int, ts: int) -> None:
    """Fill ``terms`` and ``scores`` of the ``n`` that compete (``title_candidates.invite``). Without personal data when
    the page is plain."""
    advance_known(known, ts)
    personal = not p.plain
    company, succession, left = 0.0, 0.0, 0.0
    if personal:
        company, succession = _gather(p, titles, bench)
        if p.title_search_ts > 0:
            left = remaining(float(ts - p.title_search_ts), SEARCH_HALF_LIFE_MS)
    _weigh_tags(p, known, bench)
    totals = known.totals
    used = known.n[N_POPULAR] + 1.0
    per_slow = 1.0 / (totals[SLOW] + COUNT_PRIOR * used)
    per_play = 1.0 / (totals[PLAYS] + COUNT_PRIOR * used)
    lately_hour, lately_fast = 0.25 / (totals[HOUR] + 1.0), 0.25 / (totals[FAST] + 1.0)
    lately_day, lately_slow = 0.25 / (totals[DAY_TOTAL] + 1.0), 0.25 / (totals[SLOW] + 1.0)
    known_taste = False
    for k in range(p.title_vector.shape[0]):
        known_taste = known_taste or (personal and p.title_vector[k] != 0.0)
    _fade(titles, bench, n, ts)
    logs, terms, known_tags = bench.logs, bench.terms, known.n[N_TAGS]
    today = float(ts) / DAY
    for c in range(n):
        slot = bench.slots[c]
        title = titles[slot]
        day, month = logs[DAYS, c], logs[MONTHS, c]
        six_hours = day * day * day * day
        hour = six_hours * six_hours * six_hours
        hour *= hour
        rate, taste, tags = 0.0, 0.0, 0
        for k in range(TITLE_TAGS):
            tag = title.tags[k]
            if tag <= 0:
                break  # a title's tags stand together
            if tag <= known_tags:
                rate += bench.tag_rate[tag - 1]
                taste += bench.tags[tag - 1]
                tags += 1
        prior = COUNT_PRIOR * min(2.0, rate / tags) if tags > 0 else COUNT_PRIOR
        slow, plays = month * title.slow, month * title.plays
        share = (slow + prior) * per_slow
        lately = hour * title.hour * lately_hour + six_hours * title.fast * lately_fast
        lately += day * title.day * lately_day + slow * lately_slow
        logs[SHARE, c] = share
        logs[LATELY_SHARE, c] = RECENT_SHARE * lately + (1.0 - RECENT_SHARE) * share
        logs[WORTH, c] = (slow + 2.0) / (plays + 4.0)
        logs[NOW, c] = 1.0 + hour * title.plays_hour / NOW_PRIOR
        logs[WITH, c] = lift(bench.together[c], company * share, CO_PRIOR)
        logs[NEXT, c] = lift(bench.after[c], succession * ((plays + COUNT_PRIOR) * per_play), CO_PRIOR)
        terms[TAGS, c] = taste / tags if tags > 0 else 0.0
        terms[FACTORS, c] = product(p.title_vector, title.vector) if known_taste else 0.0
        terms[SEARCH, c] = _search_of(p, title, slot, left) if left >= 0.01 else 0.0
        age = today - title.released
        recent = title.released > 0 and age < OLD_DAYS
        terms[NEW, c] = np.exp(-max(0.0, age) / NEW_DAYS) if recent else 0.0
    for kind in range(LOGS):
        log_many(logs[kind], n, bench.room)
    for c in range(n):
        terms[POPULARITY, c] = logs[SHARE, c]
        terms[TREND, c] = logs[LATELY_SHARE, c] - logs[SHARE, c]
        terms[APPEAL, c] = logs[WORTH, c]
        terms[WATCHED_NOW, c] = logs[NOW, c]
        terms[CO_WATCH, c] = logs[WITH, c]
        terms[AFTER_PLAY, c] = logs[NEXT, c]
        bench.scores[c] = 0.0
    for t in range(TERMS):
        weight = known.weights[t]
        for c in range(n):
            bench.scores[c] += weight * terms[t, c]
