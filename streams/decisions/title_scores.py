"""Titles: what each of those that compete is worth to a profile. Compiled.

A score is a conditional logit (``models.title_logit``) of terms that are log shares or log lifts, so that knowing
nothing is a term of zero. Some three hundred titles compete for every page, so what their records say is put into
columns first, and the rest is done with whole columns: eight titles at a time, powers and logarithms among them
(``models.many_logs``).
"""

from __future__ import annotations

import numpy as np

from models.co_watch import lift
from models.compiled import compiled
from models.factorisation import product
from models.many_logs import exp2_many, log_many
from streams.decisions.title_bench import (
    AFTER,
    AFTER_PLAY,
    APPEAL,
    CO_WATCH,
    DAYS,
    FACTORS,
    MONTHS,
    NEW,
    OF_DAY,
    OF_FAST,
    OF_HOUR,
    OF_PLAYS,
    OF_PLAYS_HOUR,
    OF_SLOW,
    POPULARITY,
    PRIOR,
    SCORE,
    SEARCH,
    TAGS,
    TERMS,
    TOGETHER,
    TREND,
    WATCHED_NOW,
    Bench,
    place_of,
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
    Known,
    advance_known,
)
from streams.profiles.clock import DAY, HOUR_MS, MONTH_MS, remaining
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import FOLLOWERS, PLAYED_TITLES, RECENT_TITLES, TITLE_TAGS

COUNT_PRIOR = 0.5
"""A title that nobody has watched counts as having been watched this often (times how much its tags are)."""
RECENT_SHARE = np.float32(0.995)
"""Weight of what was watched lately in ``trend``; the rest is popularity, for what was not watched lately."""
CO_PRIOR = np.float32(2.0)
"""Encounters expected and seen that every lift begins with."""
NOW_PRIOR = np.float32(2.0)
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
    if n == 0:
        return
    for g in range(n):
        own += p.taste[g]
        all_plays += known.tag_plays[g] + 0.5
    personal = own > 0 and not p.plain
    for g in range(n):
        share = (known.tag_plays[g] + 0.5) / all_plays
        bench.tag_rate[g] = share * n
        bench.tags[g] = np.log((p.taste[g] / share + TASTE_PRIOR) / (own + TASTE_PRIOR)) if personal else 0.0


@compiled
def _gather(p: Fields, titles: Array, bench: Bench) -> tuple[np.float32, np.float32]:
    """Add up, for those that compete, how often they were played after what the profile played last; returns how
    often anything was watched with, and played after, what it watched last."""
    company, succession = np.float32(0.0), np.float32(0.0)
    weight = np.float32(1.0)
    for back in range(in_ring(p.title_recent_n, CO_WATCHED)):
        other = titles[p.title_recent[(np.int64(p.title_recent_n) - 1 - back) % RECENT_TITLES] - 1]
        company += weight * other.near_all
        weight *= np.float32(CO_DECAY)
    weight = np.float32(1.0)
    for back in range(in_ring(p.title_played_n, PLAYED_TITLES)):
        other = titles[p.title_played[(np.int64(p.title_played_n) - 1 - back) % PLAYED_TITLES] - 1]
        succession += weight * other.next_all
        for j in range(FOLLOWERS):
            slot = other.next[j] - 1
            if slot < 0:
                break  # the free places are behind
            at = place_of(bench, slot)
            if at >= 0:
                bench.columns[AFTER, at] += weight * other.next_n[j]
        weight *= np.float32(PLAY_DECAY)
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
def _look_up(p: Fields, titles: Array, known: Known, bench: Bench, n: int, ts: int) -> None:
    """Put into columns what the records of those that compete say, and the terms that only they can tell."""
    x, known_tags = bench.columns, known.n[N_TAGS]
    personal, left = not p.plain, 0.0
    if personal and p.title_search_ts > 0:
        left = remaining(float(ts - p.title_search_ts), SEARCH_HALF_LIFE_MS)
    known_taste = False
    for k in range(p.title_vector.shape[0]):
        known_taste = known_taste or (personal and p.title_vector[k] != 0.0)
    today = float(ts) / DAY
    for c in range(n):
        slot = bench.slots[c]
        title = titles[slot]
        elapsed = max(0.0, float(ts - title.ts))
        x[DAYS, c] = elapsed * (-1.0 / DAY)
        x[MONTHS, c] = elapsed * (-1.0 / MONTH_MS)
        x[OF_HOUR, c] = title.hour
        x[OF_FAST, c] = title.fast
        x[OF_DAY, c] = title.day
        x[OF_SLOW, c] = title.slow
        x[OF_PLAYS, c] = title.plays
        x[OF_PLAYS_HOUR, c] = title.plays_hour
        rate, taste, tags = 0.0, 0.0, 0
        for k in range(TITLE_TAGS):
            tag = title.tags[k]
            if tag <= 0:
                break  # a title's tags stand together
            if tag <= known_tags:
                rate += bench.tag_rate[tag - 1]
                taste += bench.tags[tag - 1]
                tags += 1
        x[PRIOR, c] = COUNT_PRIOR * min(2.0, rate / tags) if tags > 0 else COUNT_PRIOR
        x[TAGS, c] = taste / tags if tags > 0 else 0.0
        x[FACTORS, c] = product(p.title_vector, title.vector) if known_taste else 0.0
        x[SEARCH, c] = _search_of(p, title, slot, left) if left >= 0.01 else 0.0
        age = today - title.released
        recent = title.released > 0 and age < OLD_DAYS
        x[NEW, c] = np.exp(-max(0.0, age) / NEW_DAYS) if recent else 0.0


@compiled
def _fade(known: Known, bench: Bench, n: int) -> None:
    """Bring the counts of those that compete from their titles' ``ts`` to now, and add up (as the trend) what was
    played well of late: with four half-lives, each as a share of all plays."""
    x, totals = bench.columns, known.totals
    exp2_many(x[DAYS], n, bench.room)
    exp2_many(x[MONTHS], n, bench.room)
    per_hour, per_fast = np.float32(0.25 / (totals[HOUR] + 1.0)), np.float32(0.25 / (totals[FAST] + 1.0))
    per_day, per_slow = np.float32(0.25 / (totals[DAY_TOTAL] + 1.0)), np.float32(0.25 / (totals[SLOW] + 1.0))
    for c in range(n):
        day = x[DAYS, c]
        six_hours = day * day * day * day
        hour = six_hours * six_hours * six_hours
        hour *= hour
        slow = x[OF_SLOW, c] * x[MONTHS, c]
        x[OF_SLOW, c] = slow
        x[OF_PLAYS, c] *= x[MONTHS, c]
        x[OF_PLAYS_HOUR, c] *= hour
        lately = hour * x[OF_HOUR, c] * per_hour + six_hours * x[OF_FAST, c] * per_fast
        x[TREND, c] = lately + day * x[OF_DAY, c] * per_day + slow * per_slow


@compiled
def _compare(known: Known, bench: Bench, n: int, company: np.float32, succession: np.float32) -> None:
    """Fill what logarithms are taken of: shares, and lifts over what chance would make of ``company`` and
    ``succession``."""
    x, totals = bench.columns, known.totals
    used = known.n[N_POPULAR] + 1.0
    per_slow = np.float32(1.0 / (totals[SLOW] + COUNT_PRIOR * used))
    per_play = np.float32(1.0 / (totals[PLAYS] + COUNT_PRIOR * used))
    one, two, four, begun = np.float32(1.0), np.float32(2.0), np.float32(4.0), np.float32(COUNT_PRIOR)
    for c in range(n):
        slow, plays = x[OF_SLOW, c], x[OF_PLAYS, c]
        share = (slow + x[PRIOR, c]) * per_slow
        x[POPULARITY, c] = share
        x[TREND, c] = RECENT_SHARE * x[TREND, c] + (one - RECENT_SHARE) * share
        x[APPEAL, c] = np.divide(slow + two, plays + four)  # unlike "/" it does not look for zeros
        x[WATCHED_NOW, c] = one + x[OF_PLAYS_HOUR, c] * (one / NOW_PRIOR)
        x[CO_WATCH, c] = lift(x[TOGETHER, c], company * share, CO_PRIOR)
        x[AFTER_PLAY, c] = lift(x[AFTER, c], succession * ((plays + begun) * per_play), CO_PRIOR)


@compiled
def _add_up(known: Known, bench: Bench, n: int) -> None:
    """Take the logarithms, and add the terms up."""
    x = bench.columns
    for term in (POPULARITY, TREND, CO_WATCH, AFTER_PLAY, APPEAL, WATCHED_NOW):
        log_many(x[term], n, bench.room)
    for c in range(n):
        x[TREND, c] -= x[POPULARITY, c]
        x[SCORE, c] = 0.0
    for term in range(TERMS):
        weight = np.float32(known.weights[term])
        for c in range(n):
            x[SCORE, c] += weight * x[term, c]


@compiled
def score_titles(p: Fields, titles: Array, known: Known, bench: Bench, n: int, ts: int) -> None:
    """Fill the columns of the ``n`` that compete (``title_candidates.invite``): their terms and scores. Without
    personal data when the page is plain."""
    advance_known(known, ts)
    company, succession = np.float32(0.0), np.float32(0.0)
    if not p.plain:
        company, succession = _gather(p, titles, bench)
    _weigh_tags(p, known, bench)
    _look_up(p, titles, known, bench, n, ts)
    _fade(known, bench, n)
    _compare(known, bench, n, company, succession)
    _add_up(known, bench, n)
