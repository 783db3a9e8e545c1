"""Demand: in which row does this profile's next quality play fall? Compiled.

A conditional logit (McFadden 1974) over the rows, learned at every quality play by AdaGrad. Its terms are
log shares from simple counts: what everybody plays, what this profile plays, what is played after what. A
count of zero gives a term of zero, so a new profile gets everybody's page. One term is the quality
model's log-odds, so that how good a row is and how often it is wanted are weighed by what viewers do.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.clock import FAST_MS, MONTH_MS, advance_demand, remaining
from streams.profiles.layout import DAYPARTS, DEMAND_TERMS, DEVICE_TYPES, MAX_POSITIONS, MAX_ROWS, RowStat
from streams.profiles.parameters import Fields, Floats

TERMS = (
    "popularity",
    "trend",
    "daypart",
    "own_recent",
    "own_plays",
    "after_quality_play",
    "after_play",
    "company",
    "quality",
    "device",
    "own_rate",
    "row_lift",
)
POPULARITY, ROW_LIFT = TERMS.index("popularity"), TERMS.index("row_lift")
"""What a page without personal data is ordered by."""
START_WEIGHTS = (0.0, 0.0, 0.5, 0.3, 0.45, 0.0, 0.0, 0.3, 1.0, 0.5, 1.0, 1.5)
"""Where learning starts.

Plays from pages of others teach these weights. Plays from pages of our own do not: viewers go down a page and stop at
what they play, so what stands high is played more, and learning would believe its own order. There the rows that were
seen teach ``seen_rows``, whose first term is this model's score: these weights are what a page of ours is ordered by
before anything was learned, or with learning off. That first page does well with weight on what was seen and not
played (``quality``, ``own_rate``, ``row_lift``): tuned on six simulated audiences.
"""
PRIOR = 50.0
"""Quality plays that a row's own table must have seen to weigh as much as everybody's popularity."""
OWN_SCALE = 10.0
LIFT_PRIOR = 5.0
"""Quality plays that a row must have earned, beyond what its places earn, to be believed half."""
DAYPART_MS = 24 * 3_600_000 // DAYPARTS
LEARNING_RATE = 0.1
PLAYS_FAST = int(RowStat.QUALITY_FAST)
PLAYS = int(RowStat.PLAYS)

assert len(TERMS) == len(START_WEIGHTS) == DEMAND_TERMS  # the layout must have a place for each


@compiled
def daypart(ts: int) -> int:
    """The part of the day (UTC) of a time."""
    return int(ts // DAYPART_MS % DAYPARTS)


@compiled
def row_lift(partition: Fields, row: int) -> float:
    """How much more often a row in view is played well than its places on the page would earn it, in log."""
    expected = 0.0
    for b in range(MAX_POSITIONS):
        if partition.row_position_seen[row, b] > 0:
            rate = (partition.position_quality[b] + 0.2) / (partition.position_seen[b] + 2.0)
            expected += partition.row_position_seen[row, b] * rate
    return float(np.log((partition.row_quality[row] + LIFT_PRIOR) / (expected + LIFT_PRIOR)))


@compiled
def demand_terms(
    p: Fields, partition: Fields, n: int, quality: Floats, ask: Floats, ts: int, terms: Floats
) -> None:
    """Fill ``terms[row, term]`` for rows ``0..n-1``; ``quality`` are the rows' quality log-odds,
    ``ask`` their features (``models.quality``), ``ts`` the present time."""
    total = 0.0
    recent = 0.0
    own = 0.0
    mean_quality = 0.0
    for q in range(n):
        terms[q, 7] = 0.0
        total += partition.share[q] + 0.5
        recent += partition.recent[q]
        own += p.rows[q, PLAYS]
        mean_quality += quality[q] / n
    last_quality = p.last_quality - 1
    last_play = p.last_play - 1
    after_quality = 0.0
    after_play = 0.0
    for q in range(n):
        if last_quality >= 0:
            after_quality += partition.after_quality[last_quality, q]
        if last_play >= 0:
            after_play += partition.after_play[last_play, q]
    reach = 0.0
    for i in range(n):
        if p.rows[i, PLAYS] > 0:
            among = 0.0
            for q in range(n):
                among += partition.company[i, q]
            weight = p.rows[i, PLAYS] / (among + PRIOR)
            reach += weight
            for q in range(n):
                terms[q, 7] += weight * partition.company[i, q]
    part = daypart(ts)
    in_part = 0.0
    on_device = 0.0
    for q in range(n):
        in_part += partition.by_daypart[part, q]
        on_device += partition.by_device[p.device_type, q]
    for q in range(n):
        popularity = (partition.share[q] + 0.5) / total
        log_popularity = np.log(popularity)
        terms[q, 0] = log_popularity
        terms[q, 1] = np.log((partition.recent[q] + PRIOR * popularity) / (recent + PRIOR)) - log_popularity
        terms[q, 2] = (
            np.log((partition.by_daypart[part, q] + PRIOR * popularity) / (in_part + PRIOR)) - log_popularity
        )
        terms[q, 9] = (
            np.log((partition.by_device[p.device_type, q] + PRIOR * popularity) / (on_device + PRIOR))
            - log_popularity
        )
        terms[q, 10] = ask[q, 2]
        terms[q, 11] = row_lift(partition, q)
        fast, plays = p.rows[q, PLAYS_FAST], p.rows[q, PLAYS]
        terms[q, 3] = np.log1p(fast / (OWN_SCALE * popularity)) if fast > 0 else 0.0
        terms[q, 4] = np.log1p(plays / (OWN_SCALE * popularity)) if plays > 0 else 0.0
        terms[q, 5] = 0.0
        terms[q, 6] = 0.0
        if last_quality >= 0:
            share = (partition.after_quality[last_quality, q] + PRIOR * popularity) / (after_quality + PRIOR)
            terms[q, 5] = np.log(share) - log_popularity
        if last_play >= 0:
            share = (partition.after_play[last_play, q] + PRIOR * popularity) / (after_play + PRIOR)
            terms[q, 6] = np.log(share) - log_popularity
        if reach > 0:
            company = terms[q, 7] / popularity + PRIOR * reach
            terms[q, 7] = np.log((1.0 + company) / (1.0 + own))
        else:
            terms[q, 7] = 0.0
        terms[q, 8] = quality[q] - mean_quality


@compiled
def demand_scores(partition: Fields, n: int, terms: Floats, scores: Floats) -> None:
    """Fill ``scores[row]``: log-odds up to a constant, comparable between the rows of one page."""
    for q in range(n):
        score = 0.0
        for t in range(DEMAND_TERMS):
            score += partition.demand_weight[t] * terms[q, t]
        scores[q] = score


@compiled
def learn_demand(partition: Fields, n: int, row: int, terms: Floats, scores: Floats) -> None:
    """A quality play fell to ``row``: one AdaGrad step on the softmax over the rows. ``scores`` are of
    ``terms``."""
    highest = scores[row]
    for q in range(n):
        highest = max(highest, scores[q])
    total = 0.0
    for q in range(n):
        total += np.exp(scores[q] - highest)
    for t in range(DEMAND_TERMS):
        expected = 0.0
        for q in range(n):
            expected += np.exp(scores[q] - highest) / total * terms[q, t]
        gradient = terms[row, t] - expected
        partition.demand_gradient[t] += gradient * gradient
        partition.demand_weight[t] += LEARNING_RATE * gradient / np.sqrt(partition.demand_gradient[t])


@compiled
def count_quality_play(p: Fields, partition: Fields, n: int, row: int, ts: int) -> None:
    """Count a quality play in ``row`` at ``ts`` for everybody and for the profile (after it was
    learned)."""
    own = 0.0
    for i in range(n):
        own += p.rows[i, PLAYS]
    if own > 0:
        for i in range(n):
            if p.rows[i, PLAYS] > 0:
                partition.company[i, row] += p.rows[i, PLAYS] / own
    if p.last_quality > 0:
        partition.after_quality[p.last_quality - 1, row] += 1.0
    if p.last_play > 0:
        partition.after_play[p.last_play - 1, row] += 1.0
    p.last_quality = row + 1
    count_interest(p, partition, row, 1.0, ts)


@compiled
def count_play(p: Fields, row: int, ts: int) -> None:
    """Count a play of ``row``, good or bad, once its outcome is known (before, it would tell its own
    outcome)."""
    advance_demand(p, ts)
    p.rows[row, PLAYS] += np.float32(remaining(float(p.demand_ts - ts), MONTH_MS))
    p.last_play = row + 1


@compiled
def count_interest(p: Fields, partition: Fields, row: int, amount: float, ts: int) -> None:
    """Count interest in ``row`` worth ``amount`` quality plays (a rewind, a like, a search that led to
    it)."""
    advance_demand(p, ts)
    p.rows[row, PLAYS_FAST] += np.float32(amount * remaining(float(p.demand_ts - ts), FAST_MS))
    partition.share[row] += amount
    partition.recent[row] += amount
    partition.by_daypart[daypart(ts), row] += np.float32(amount)
    partition.by_device[p.device_type, row] += np.float32(amount)


@compiled
def decay_demand(partition: Fields, day: float, month: float) -> None:
    """Let everybody's demand fade: ``day`` and ``month`` are what is left of the counts of these
    half-lives."""
    for q in range(MAX_ROWS):
        for part in range(DAYPARTS):
            partition.by_daypart[part, q] *= month
        for device in range(DEVICE_TYPES):
            partition.by_device[device, q] *= month
        partition.share[q] *= month
        partition.recent[q] *= day
        for i in range(MAX_ROWS):
            partition.after_quality[q, i] *= month
            partition.after_play[q, i] *= month
            partition.company[q, i] *= month
