"""Rows: the features of an impression, from smoothed online rates. Compiled.

Every rate is smoothed towards a wider one (a profile's in a row towards the profile's, a row's towards
everybody's) and enters as the difference of log-odds, so that knowing nothing is a feature of zero.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.clock import advance_outcomes
from streams.profiles.layout import DEVICE_TYPES, LENGTH_CLASSES, MAX_POSITIONS, MAX_ROWS, OUTCOME_SCALE
from streams.profiles.parameters import Array, Fields, Floats, Models, Pages, Scratch

PRIOR_RATE = 0.1
"""Rate of quality plays before anything was seen: pessimistic (Deezer, arXiv 2009.06546)."""
PROFILE_PRIOR, HOUR_PRIOR, PROFILE_ROW_PRIOR, ROW_PRIOR, TITLE_PRIOR = 5.0, 3.0, 3.0, 20.0, 10.0
"""Outcomes that a rate of its own needs to weigh as much as the wider rate that it is smoothed towards."""
OUTCOME_LIMIT = 60_000
"""Beyond this (in units of 1/OUTCOME_SCALE, below what uint16 holds) both counts of a row are halved."""
TITLE_MEMORY = 400.0
"""Impressions of a title after which the older half is forgotten."""
LENGTH_STEP = 0.48
"""Logarithm of the ratio between the bounds of two neighbouring classes of length."""
WATCHED_CAP_S = 120.0
"""Watching on beyond this says no more about the choice of what to watch."""


@compiled
def log_odds(rate: float) -> float:
    """Log-odds of a rate, kept within +-6.9."""
    rate = min(0.999, max(0.001, rate))
    return float(np.log(rate / (1.0 - rate)))


@compiled
def linear_log_odds(features: Floats, weights: Floats, intercept: float) -> float:
    """Log-odds of a folded linear model."""
    z = intercept
    for f in range(features.shape[0]):
        z += weights[f] * features[f]
    return z


@compiled
def smoothed(hits: float, total: float, prior: float, strength: float) -> float:
    """A rate, smoothed towards ``prior`` with the weight of ``strength`` observations."""
    return (hits + prior * strength) / (total + strength)


@compiled
def base_rate(partition: Fields) -> float:
    """Share of seen rows that led to a quality play, over everybody."""
    return smoothed(partition.quality, partition.seen, PRIOR_RATE, 10.0)


@compiled
def row_rate(partition: Fields, row: int, base: float) -> float:
    """Share of a row's impressions that led to a quality play."""
    return smoothed(partition.row_quality[row], partition.row_seen[row], base, ROW_PRIOR)


@compiled
def title_appeal(titles: Array, title: int, base: float, rate: float) -> float:
    """How much likelier than usual an impression of a title leads to a quality play, in log-odds;
    ``rate`` is its row's."""
    return log_odds(smoothed(titles[title].quality, titles[title].seen, rate, TITLE_PRIOR)) - log_odds(base)


@compiled
def count_title(title: Fields) -> None:
    """A title was shown."""
    if title.seen >= TITLE_MEMORY:
        title.seen *= 0.5
        title.quality *= 0.5
    title.seen += 1.0


@compiled
def length_class(duration_s: float) -> int:
    """Class of a title's length; 0 is unknown, 1 is below 7 s, the last is from an hour and a half."""
    if duration_s <= 0:
        return 0
    above = np.floor(np.log(duration_s / 7.0) / LENGTH_STEP) + 1.0
    return int(min(LENGTH_CLASSES - 1.0, 1.0 + max(0.0, above)))


@compiled
def length_rate(partition: Fields, length: int, position: int, base: float) -> float:
    """How much likelier than others at this position titles of this length are played well, in log-odds."""
    at = smoothed(partition.position_quality[position], partition.position_seen[position], base, ROW_PRIOR)
    hits, seen = partition.length_quality[length, position], partition.length_seen[length, position]
    return log_odds(smoothed(hits, seen, at, ROW_PRIOR)) - log_odds(at)


@compiled
def row_features(
    p: Fields,
    partition: Fields,
    row: int,
    position: int,
    appeal: float,
    length: float,
    base: float,
    out: Floats,
) -> None:
    """Fill ``out`` with ``models.quality.FEATURES`` for ``row`` at vertical ``position``; ``appeal`` and
    ``length`` are the means of ``title_appeal`` and ``length_rate`` over the titles shown."""
    own = smoothed(p.quality, p.seen, base, PROFILE_PRIOR)
    at = smoothed(partition.position_quality[position], partition.position_seen[position], base, ROW_PRIOR)
    log_base, log_own, log_at = log_odds(base), log_odds(own), log_odds(at)
    out[0] = log_own - log_base
    out[1] = (
        log_odds(smoothed(p.quality_hour, p.seen_hour, own, HOUR_PRIOR)) - log_own if p.seen_hour > 0 else 0.0
    )
    seen = p.row_seen[row] / OUTCOME_SCALE
    hits = p.row_quality[row] / OUTCOME_SCALE
    out[2] = log_odds(smoothed(hits, seen, own, PROFILE_ROW_PRIOR)) - log_own if seen > 0 else 0.0
    out[3] = log_odds(row_rate(partition, row, base)) - log_base
    out[4] = appeal
    out[5] = log_at - log_odds(PRIOR_RATE)  # against a constant, so that it carries the overall level too
    out[6] = np.log1p(p.seen) - 1.0
    out[7] = p.watch / (p.seen + PROFILE_PRIOR)
    here = partition.row_position_seen[row, position]
    hits = partition.row_position_quality[row, position]
    out[8] = log_odds(smoothed(hits, here, at, ROW_PRIOR)) - log_at if here > 0 else 0.0
    out[9] = length


@compiled
def count_own_outcome(p: Fields, label: int, month: float, hour: float) -> None:
    """An outcome of this profile, of an impression or of a play that none led to."""
    p.seen += month
    p.seen_hour += hour
    if label:
        p.quality += month
        p.quality_hour += hour


@compiled
def count_unshown_watched(p: Fields, partition: Fields, watched_s: float, month: float) -> None:
    """A play that no impression led to was watched for so long: compare with what is usual for such plays."""
    watched = np.log1p(min(watched_s, WATCHED_CAP_S))
    p.watch += (watched - partition.unshown_watch / (partition.unshown_plays + 1.0)) * month
    partition.unshown_plays += 1.0
    partition.unshown_watch += watched


@compiled
def count_outcome(
    p: Fields,
    partition: Fields,
    row: int,
    position: int,
    length: int,
    label: int,
    ts: int,
    month: float,
    hour: float,
) -> None:
    """An impression's outcome is known: count it in every rate. ``month`` and ``hour`` are the weights of
    a late event."""
    count_own_outcome(p, label, month, hour)
    advance_outcomes(p, ts)
    if p.row_seen[row] > OUTCOME_LIMIT:
        p.row_seen[row] //= 2
        p.row_quality[row] //= 2
    p.row_seen[row] += OUTCOME_SCALE
    if label:
        p.row_quality[row] += OUTCOME_SCALE
    partition.seen += 1.0
    partition.length_seen[length, position] += 1.0
    partition.row_seen[row] += 1.0
    partition.position_seen[position] += 1.0
    partition.row_position_seen[row, position] += 1.0
    if label:
        partition.quality += 1.0
        partition.length_quality[length, position] += 1.0
        partition.row_quality[row] += 1.0
        partition.position_quality[position] += 1.0
        partition.row_position_quality[row, position] += 1.0


@compiled
def count_watched(p: Fields, partition: Fields, position: int, watched_s: float, month: float) -> None:
    """An impression was watched for so long (0: ignored): compare with what is usual at its position."""
    seen = partition.position_seen[position] + 1.0
    watched = np.log1p(min(watched_s, WATCHED_CAP_S))
    p.watch += (watched - partition.position_watch[position] / seen) * month
    partition.position_watch[position] += watched


@compiled
def decay_rates(partition: Fields, month: float) -> None:
    """Let everybody's rates fade; ``month`` is what is left of counts with a half-life of 30 days."""
    partition.seen *= month
    partition.quality *= month
    partition.unshown_plays *= month
    partition.unshown_watch *= month
    for b in range(MAX_POSITIONS):
        partition.position_seen[b] *= month
        partition.position_quality[b] *= month
        partition.position_watch[b] *= month
        for k in range(LENGTH_CLASSES):
            partition.length_seen[k, b] *= month
            partition.length_quality[k, b] *= month
    for r in range(MAX_ROWS):
        partition.row_seen[r] *= month
        partition.row_quality[r] *= month
        for b in range(MAX_POSITIONS):
            partition.row_position_seen[r, b] *= month
            partition.row_position_quality[r, b] *= month
        for device in range(DEVICE_TYPES):
            partition.device_seen[device, r] *= month
            partition.device_quality[device, r] *= month


@compiled
def row_qualities(p: Fields, partition: Fields, pages: Pages, models: Models, scratch: Scratch) -> None:
    """Fill ``scratch.ask`` with the features of every row, seen at the top of the page with its usual
    titles, and ``scratch.quality`` with their log-odds. Those of a model that is not linear are zero until
    it is asked: what it said of another page, or before a crash, must not be learned from.
    """
    base = base_rate(partition)
    for row in range(pages.n):
        row_features(p, partition, row, 0, partition.row_appeal[row], 0.0, base, scratch.ask[row])
        if models.quality_linear == 1:
            scratch.quality[row] = linear_log_odds(
                scratch.ask[row], models.quality_weights, models.quality_intercept
            )
        else:
            scratch.quality[row] = 0.0
