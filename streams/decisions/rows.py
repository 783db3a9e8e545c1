"""Rows: the features of a profile and a row, the score, and where the next quality play comes from. Compiled.

The score of a row has two parts, both log-odds:

- *quality*: the River model's P(quality play | the row is seen), from smoothed online rates (``row_features``);
- *demand*: the share of this profile's next quality play that falls to the row, a mixture of simple predictors whose weights are
  learned online (``demand``).
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.layout import MAX_ROWS, RowStat
from streams.profiles.parameters import Array, Floats

EXPERTS = 5
PLAYS_SHORT = int(RowStat.PLAYS_SHORT)
PLAYS_LONG = int(RowStat.PLAYS_LONG)
SEEN_LONG = int(RowStat.SEEN_LONG)
QUALITY_LONG = int(RowStat.QUALITY_LONG)
PRIOR_RATE = 0.1
"""Rate of quality plays before anything was seen: pessimistic (Deezer, arXiv 2009.06546)."""
QUALITY_WEIGHT = 0.3
"""Weight of the quality log-odds beside the demand's."""
TITLE_MEMORY = 400.0
MIX_RATE = 0.02
"""How fast the weights of the demand mixture follow."""


@compiled
def log_odds(hits: float, total: float, prior: float, strength: float) -> float:
    """Log-odds of a rate, smoothed towards ``prior`` with the weight of ``strength`` observations."""
    rate = (hits + prior * strength) / (total + strength)
    rate = min(0.999, max(0.001, rate))
    return float(np.log(rate / (1.0 - rate)))


@compiled
def base_rate(partition: Array) -> float:
    """Share of seen rows that led to a quality play, over everybody."""
    return float((partition.quality + 10.0 * PRIOR_RATE) / (partition.seen + 10.0))


@compiled
def title_appeal(titles: Array, title: int, base: float) -> float:
    """Log-odds that an impression of a title leads to a quality play."""
    return log_odds(titles[title].quality, titles[title].seen, base, 8.0)


@compiled
def count_title(title: Array) -> None:
    """A title was shown. Beyond ``TITLE_MEMORY`` impressions the older half is forgotten, so that the rate stays recent."""
    if title.seen >= TITLE_MEMORY:
        title.seen *= 0.5
        title.quality *= 0.5
    title.seen += 1.0


@compiled
def row_features(p: Array, partition: Array, row: int, position: int, appeal: float, base: float, out: Floats) -> None:
    """Fill ``out`` with ``models.quality.FEATURES``: ``appeal`` is the mean log-odds of the titles the row shows."""
    own = (p.profile_long[1] + base * 5.0) / (p.profile_long[0] + 5.0)
    row_rate = (partition.row_quality[row] + base * 20.0) / (partition.row_seen[row] + 20.0)
    out[0] = log_odds(p.profile_long[1], p.profile_long[0], base, 5.0)
    out[1] = log_odds(p.profile_short[1], p.profile_short[0], own, 3.0)
    out[2] = log_odds(p.rows[row, QUALITY_LONG], p.rows[row, SEEN_LONG], own * row_rate / base, 5.0)
    out[3] = log_odds(partition.row_quality[row], partition.row_seen[row], base, 20.0)
    out[4] = appeal
    out[5] = log_odds(partition.position_quality[position], partition.position_seen[position], base, 20.0)


@compiled
def demand(p: Array, partition: Array, n: int, shares: Floats) -> None:
    """Fill ``shares[r, e]``: for each row the share that each expert gives it; each expert's shares add up to 1."""
    short = long = own_short = own_long = 0.0
    for r in range(n):
        short += partition.demand_short[r]
        long += partition.demand_long[r]
        own_short += p.rows[r, PLAYS_SHORT]
        own_long += p.rows[r, PLAYS_LONG]
    last = p.last_row - 1
    after = 0.0
    if last >= 0:
        for r in range(n):
            after += partition.after[last, r]
    for r in range(n):
        popular_long = (partition.demand_long[r] + 1.0) / (long + n)
        popular_short = (partition.demand_short[r] + 5.0 * popular_long) / (short + 5.0)
        shares[r, 0] = popular_short
        shares[r, 1] = popular_long
        shares[r, 2] = (p.rows[r, PLAYS_SHORT] + 2.0 * popular_short) / (own_short + 2.0)
        shares[r, 3] = (p.rows[r, PLAYS_LONG] + 2.0 * popular_short) / (own_long + 2.0)
        shares[r, 4] = (partition.after[last, r] + 20.0 * popular_short) / (after + 20.0) if last >= 0 else popular_short


@compiled
def mixture(partition: Array, shares: Floats, row: int) -> float:
    """The mixture's share for one row."""
    total = 0.0
    for e in range(EXPERTS):
        total += partition.mix[e] * shares[row, e]
    return total


@compiled
def learn_demand(p: Array, partition: Array, row: int, n: int, shares: Floats, short: float, long: float) -> None:
    """A quality play happened in ``row``: move the mixture towards the experts that had expected it (online EM), then count it."""
    demand(p, partition, n, shares)
    total = mixture(partition, shares, row)
    for e in range(EXPERTS):
        posterior = partition.mix[e] * shares[row, e] / total
        partition.mix[e] += MIX_RATE * (posterior - partition.mix[e])
    if p.last_row > 0:
        partition.after[p.last_row - 1, row] += 1.0
    p.last_row = row + 1
    credit(p, partition, row, 1.0, short, long)


@compiled
def credit(p: Array, partition: Array, row: int, amount: float, short: float, long: float) -> None:
    """Count ``amount`` quality plays' worth of interest of this profile in a row."""
    p.rows[row, PLAYS_SHORT] += amount * short
    p.rows[row, PLAYS_LONG] += amount * long
    partition.demand_short[row] += amount
    partition.demand_long[row] += amount


@compiled
def decay_partition(partition: Array, short: float, long: float) -> None:
    """Let what is known of everybody fade by the given factors."""
    partition.seen *= long
    partition.quality *= long
    for r in range(MAX_ROWS):
        partition.row_seen[r] *= long
        partition.row_quality[r] *= long
        partition.demand_short[r] *= short
        partition.demand_long[r] *= long
        for q in range(MAX_ROWS):
            partition.after[r, q] *= long
    for i in range(partition.position_seen.shape[0]):
        partition.position_seen[i] *= long
        partition.position_quality[i] *= long


@compiled
def row_score(partition: Array, quality: float, shares: Floats, row: int, n: int) -> float:
    """Score of a row in log-odds units: its quality, and how much more demand falls to it than to an average row."""
    return QUALITY_WEIGHT * quality + float(np.log(mixture(partition, shares, row) * n + 1e-9))
