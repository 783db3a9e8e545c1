"""Seen rows: which row that came into view leads to a quality play? Learned from pages of our own. Compiled.

Where the plays of a page fall that we ordered ourselves says little: viewers go down a page and stop at what they
play, so what stands high is played more, and learning from that would believe its own order. But a row that *was
seen*, and played well or not, says something whatever its place: a logistic regression over impressions. Beside
the terms of the row there are weights for what is not the row's doing: how often the profile plays what it
sees, and how far down the page the row stood. They explain outcomes, and order nothing.

The first term is the demand model's score, so what pages of others have taught enters as a whole and is believed
as much as pages of our own bear out. Before the first outcome of such a page its weight is 1 and all others are 0.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from models.kalman_logit import learn_outcome
from streams.decisions.rows import OUTCOME_LIMIT, PRIOR_RATE, ROW_PRIOR, base_rate, row_rate
from streams.profiles.clock import advance_outcomes
from streams.profiles.layout import DEVICE_TYPES, FEATURE_SCALE, OUTCOME_SCALE, SEEN_TERMS, SEEN_WEIGHTS
from streams.profiles.parameters import Fields, Floats, Scratch

NAMES = (
    "demand",  # the demand model's score when the page was ordered
    "row_rate",  # the row's rate of quality plays, against everybody's
    "device_rate",  # its rate on this type of device, against its own
    "history",  # what this profile made of it, and of its titles elsewhere, against what the rates expect
    "times_seen",  # log(1 + impressions that led to nothing): what was passed over often is not wanted
)
DEMAND, ROW_RATE, DEVICE_RATE, HISTORY, TIMES_SEEN = range(len(NAMES))
LEVEL, PLACE, INTERCEPT = range(len(NAMES), len(NAMES) + 3)
"""Weights that order nothing: of the profile's own rate, of log(1 + position), of everything."""
START = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, float(np.log(PRIOR_RATE / (1.0 - PRIOR_RATE))))
START_VARIANCE = 0.3
"""How far the weights may be from ``START``, squared: half a log-odd for each of a term."""
INTERCEPT_VARIANCE = 1.0
HISTORY_PRIOR = 3.0
"""Outcomes that a profile's history in a row needs to weigh as much as what the rates expect."""
SCORE_SCALE = 16.0
"""The demand score of a row waits for its impression as int8 in units of 1/16."""
LEARNS = 16
"""Added to ``pending_device`` of an impression on a page of our own."""

assert len(NAMES) == SEEN_TERMS and len(START) == SEEN_WEIGHTS and DEVICE_TYPES < LEARNS


def start_covariance() -> Floats:
    """The covariance of the weights before the first outcome."""
    variance = np.full(SEEN_WEIGHTS, START_VARIANCE)
    variance[INTERCEPT] = INTERCEPT_VARIANCE
    return np.diag(variance)


@compiled
def seen_terms(
    p: Fields, partition: Fields, row: int, demand: float, row_log_odds: float, own_odds: float, out: Floats
) -> None:
    """Fill ``out`` with the terms of ``row``. ``row_log_odds`` is its rate of quality plays against everybody's,
    ``own_odds`` how many times everybody's odds the profile's are."""
    rate = row_rate(partition, row, base_rate(partition))
    odds = rate / (1.0 - rate)
    out[DEMAND] = demand
    out[ROW_RATE] = row_log_odds
    out[DEVICE_RATE] = 0.0
    out[HISTORY] = 0.0
    out[TIMES_SEEN] = 0.0
    seen = partition.device_seen[p.device_type, row]
    if seen > 0:
        played = partition.device_quality[p.device_type, row]
        out[DEVICE_RATE] = np.log(
            (played + ROW_PRIOR * rate) / ((seen - played + ROW_PRIOR * (1.0 - rate)) * odds)
        )
    shown, elsewhere = float(p.row_seen[row]), float(p.row_elsewhere[row])
    if shown + elsewhere > 0:
        odds *= own_odds
        expected = HISTORY_PRIOR * OUTCOME_SCALE * odds / (1.0 + odds)
        well = float(p.row_quality[row])
        out[HISTORY] = np.log(
            (well + elsewhere + expected) / ((max(0.0, shown - well) + expected / odds) * odds)
        )
        out[TIMES_SEEN] = np.log(1.0 + max(0.0, shown - well) / OUTCOME_SCALE)


@compiled
def order_weight(partition: Fields, term: int) -> float:
    """What a term counts for when rows are ordered: its weight. Whatever the first few outcomes say, who plays a row
    well wants more of it and not less."""
    weight = float(partition.seen_weight[term])
    return max(0.0, weight) if term == HISTORY else weight


@compiled
def seen_scores(p: Fields, partition: Fields, n: int, scratch: Scratch) -> None:
    """Turn the demand model's scores of rows ``0..n-1`` in ``scratch.scores`` into this model's; ``scratch.ask``
    are the rows' features. Keeps the demand's scores, against their mean, for the impressions to come."""
    own_odds = np.exp(scratch.ask[0, 0])
    mean = 0.0
    for q in range(n):
        mean += scratch.scores[q] / n
    for q in range(n):
        demand = scratch.scores[q]
        scaled = np.floor((demand - mean) * SCORE_SCALE + 0.5)
        p.row_score[q] = np.int8(min(127.0, max(-127.0, scaled)))
        seen_terms(p, partition, q, demand, scratch.ask[q, 3], own_odds, scratch.seen[q])
        score = 0.0
        for t in range(SEEN_TERMS):
            score += order_weight(partition, t) * scratch.seen[q, t]
        scratch.scores[q] = score


@compiled
def await_seen(
    p: Fields, partition: Fields, place: int, row: int, features: Floats, learns: bool, scratch: Scratch
) -> None:
    """An impression of ``row`` waits at ``place``: keep its terms as they are now if it will teach
    (``learns``)."""
    p.pending_device[place] = 1 + p.device_type
    if not learns or row >= p.ordered:
        return
    p.pending_device[place] += LEARNS
    terms = scratch.seen[0]
    seen_terms(p, partition, row, p.row_score[row] / SCORE_SCALE, features[3], np.exp(features[0]), terms)
    for t in range(SEEN_TERMS):
        p.pending_terms[place, t] = round(min(31.0, max(-31.0, terms[t])) * FEATURE_SCALE)


@compiled
def learn_seen(p: Fields, partition: Fields, i: int, label: int) -> None:
    """The waiting impression at place ``i`` has its outcome: one step, if it was on a page of our own. Counts it
    for its device, too."""
    row = p.pending_row[i] - 1
    device = p.pending_device[i]
    if device > LEARNS:
        device -= LEARNS
        x, spread = np.empty(SEEN_WEIGHTS), np.empty(SEEN_WEIGHTS)
        for t in range(SEEN_TERMS):
            x[t] = p.pending_terms[i, t] / FEATURE_SCALE
        x[LEVEL] = p.pending_x[i, 0] / FEATURE_SCALE
        x[PLACE] = np.log1p(p.pending_position[i])
        x[INTERCEPT] = 1.0
        learn_outcome(partition.seen_weight, partition.seen_covariance, x, spread, label, START_VARIANCE)
    if device > 0:
        partition.device_seen[device - 1, row] += np.float32(1.0)
        partition.device_quality[device - 1, row] += np.float32(label)


@compiled
def count_elsewhere(p: Fields, row: int, titles_row: int, shown: bool, ts: int) -> None:
    """A play from ``row``, good or bad, of a title that belongs to ``titles_row`` by its tags (-1: to none), has
    its outcome. Unless it is that of an impression (``shown``), it tells of the row; and it tells of the title's own
    row, wherever it was played from."""
    advance_outcomes(p, ts)
    if row >= 0 and not shown and p.row_elsewhere[row] < OUTCOME_LIMIT:
        p.row_elsewhere[row] += OUTCOME_SCALE
    if titles_row >= 0 and titles_row != row and p.row_elsewhere[titles_row] < OUTCOME_LIMIT:
        p.row_elsewhere[titles_row] += OUTCOME_SCALE
