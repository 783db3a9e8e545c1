"""Thompson sampling among a few arms whose success is a logistic in their features, with exact propensities.

Compiled kernels on plain arrays: ``rate_log_odds`` (what counts say of a rate), ``arm_scores`` (each arm's
score and how unsure it is), ``best_chances`` (with which chance each arm is the best), ``mixed`` (with a
uniform slice) and ``pick``; ``learn_outcome`` and ``forget`` keep the posterior of the weights.

Every arm's score is drawn independently of the others', so the chance that an arm is chosen has a closed
form up to one integral, and the choice is drawn from these very chances: the propensity that is logged is
the chance with which it was chosen, not an estimate of it.

References
----------
[^1]: Chapelle, Li: An empirical evaluation of Thompson sampling. NIPS 2011 (the diagonal logistic posterior).
[^2]: Russo, Van Roy, Kazerouni, Osband, Wen: A tutorial on Thompson sampling. 2018.
[^3]: Chandrashekar, Amat, Basilico, Jebara: Artwork personalization at Netflix. 2017 (the use, and the
      unbiased slice).
[^4]: Spiegelhalter, Lauritzen: Sequential updating of conditional probabilities on directed graphical
      structures. Networks 20, 1990 (the moderated logistic, online).

Examples
--------
>>> scores, spreads, chances = np.array([0.0, 0.5]), np.array([1.0, 1.0]), np.zeros(2)
>>> best_chances(scores, spreads, 2, chances)
>>> chances.round(3).tolist()
[0.362, 0.638]
>>> mixed(chances, 2, 0.1)
>>> chances.round(3).tolist()
[0.376, 0.624]
>>> pick(chances, 2, 0.3), pick(chances, 2, 0.4)
(0, 1)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.compiled import compiled
from models.many_logs import Singles, exp2_many, sum_many

Floats = npt.NDArray[np.float64]

SMALLEST_SPREAD = 1e-6
"""Standard deviation below which two scores are told apart by their means alone."""
REACH = 4.5
"""The integral looks this many standard deviations to either side: what lies beyond is below 1e-5."""
PANELS = 4
"""Panels that each arm's bell is cut into: 2.25 standard deviations wide, on which a rule of four nodes does; reach
and rule together err by less than 1e-5 (measured against 4,000 nodes an arm)."""
NODES = (-0.8611363115940526, -0.33998104358485626, 0.33998104358485626, 0.8611363115940526)
NODE_WEIGHTS = (0.34785484513745385, 0.6521451548625461, 0.6521451548625461, 0.34785484513745385)
"""Gauss-Legendre on [-1, 1]."""
ONE, HALF, NOTHING = np.float32(1.0), np.float32(0.5), np.float32(1e-37)
BELL = np.float32(-0.5 * math.log2(math.e))
TAIL = tuple(map(np.float32, (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)))
TAIL_SLOPE = np.float32(0.3275911 / math.sqrt(2.0))
"""The normal tail from the density that is needed anyway, within 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
ROOT_2 = math.sqrt(2.0)


@compiled
def rate_log_odds(successes: float, failures: float) -> tuple[float, float]:
    """Mean and variance of the log-odds of a Beta(``successes``, ``failures``) rate, both above zero: the
    differences of digammas, the sum of trigammas (by recurrence up to 6, then the asymptotic series)."""
    mean, variance = 0.0, 0.0
    for side in range(2):
        x = successes if side == 0 else failures
        sign = 1.0 if side == 0 else -1.0
        while x < 6.0:
            mean -= sign / x
            variance += 1.0 / (x * x)
            x += 1.0
        inverse = 1.0 / x
        square = inverse * inverse
        mean += sign * (
            math.log(x) - 0.5 * inverse - square * (1.0 / 12.0 - square * (1.0 / 120.0 - square / 252.0))
        )
        variance += inverse * (
            1.0 + 0.5 * inverse + square * (1.0 / 6.0 - square * (1.0 / 30.0 - square / 42.0))
        )
    return mean, variance


@compiled
def moderated(score: float, variance: float) -> tuple[float, float]:
    """Probability of a score that is itself uncertain, and the slope that its variance leaves."""
    slope = 1.0 / math.sqrt(1.0 + math.pi / 8.0 * variance)
    return 1.0 / (1.0 + math.exp(-min(max(slope * score, -500.0), 500.0))), slope


@compiled
def arm_scores(
    x: Floats,
    n: int,
    base: Floats,
    base_variance: Floats,
    mean: Floats,
    variance: Floats,
    scores: Floats,
    spreads: Floats,
) -> None:
    """Fill ``scores[:n]`` (log-odds) and ``spreads[:n]`` (standard deviations) of arms with features
    ``x[n, F]`` and what is known of each besides (``base``, log-odds, and its variance).

    What all arms share cannot make one better than another, so only a feature's distance from the arms'
    mean is uncertain: an unsure intercept must not look like a reason to explore.
    """
    features = mean.shape[0]
    for a in range(n):
        score = base[a]
        for f in range(features):
            score += mean[f] * x[a, f]
        scores[a] = score
        spreads[a] = base_variance[a]
    for f in range(features):
        centre = 0.0
        for a in range(n):
            centre += x[a, f] / n
        for a in range(n):
            distance = x[a, f] - centre
            spreads[a] += variance[f] * distance * distance
    for a in range(n):
        spreads[a] = math.sqrt(spreads[a])


@compiled
def learn_outcome(
    x: Floats, base: float, base_variance: float, label: float, mean: Floats, variance: Floats
) -> float:
    """Match both moments of the weights' posterior after an outcome ``label`` in [0, 1] of an arm with
    features ``x[F]``; returns the probability that was expected before. A feature that is not finite
    teaches nothing."""
    score, spread = base, base_variance
    for f in range(mean.shape[0]):
        score += mean[f] * x[f]
        spread += variance[f] * x[f] * x[f]
    if not math.isfinite(score + spread):
        return 0.0
    p, slope = moderated(score, spread)
    gradient = (label - p) * slope
    curvature = p * (1.0 - p) * slope * slope
    for f in range(mean.shape[0]):
        step = variance[f] * x[f]
        mean[f] += step * gradient
        variance[f] -= step * step * curvature
    return float(p)


@compiled
def forget(mean: Floats, variance: Floats, prior: Floats, precision: Floats, kept: float) -> None:
    """Keep the share ``kept`` of the evidence behind each weight; the prior (mean, precision) fills up."""
    for f in range(mean.shape[0]):
        old = kept / variance[f]
        fresh = (1.0 - kept) * precision[f]
        variance[f] = 1.0 / (old + fresh)
        mean[f] = (old * mean[f] + fresh * prior[f]) * variance[f]


@compiled
def _look_below(
    at: Floats,
    n: int,
    score: float,
    steepness: float,
    bell: Singles,
    below: Singles,
    room: npt.NDArray[np.int32],
) -> None:
    """Fill, for each of the points ``at[:n]``, an arm's density there (but for a factor) and its distribution
    function. Many points at once, in single precision: that takes a fifth of the time."""
    for i in range(n):
        z = np.float32((at[i] - score) * steepness)
        below[i] = z
        bell[i] = BELL * z * z
    exp2_many(bell, n, room)
    for i in range(n):
        z = below[i]
        u = np.divide(ONE, ONE + TAIL_SLOPE * abs(z))  # unlike "/" it does not look for zeros
        tail = u * (TAIL[0] + u * (TAIL[1] + u * (TAIL[2] + u * (TAIL[3] + u * TAIL[4]))))
        beyond = max(NOTHING, HALF * tail * bell[i])
        below[i] = ONE - beyond if z > 0 else beyond


@compiled
def best_chances(scores: Floats, spreads: Floats, n: int, chances: Floats) -> None:
    """Fill ``chances[:n]``: with which chance arm a's draw from N(``scores[a]``, ``spreads[a]``²) is the
    highest of the independent draws of all ``n``; within 1e-5 (measured), and they sum to 1 exactly.

    It is the integral of a's density times all others' distribution functions. Two arms have a closed form.
    For more, every arm's bell gives breaks 2.25 of its standard deviations apart; between two neighbouring
    breaks the integrand is smooth at every arm's scale, so four Gauss nodes suffice however different the
    spreads are.
    """
    if n == 1:
        chances[0] = 1.0
        return
    if n == 2:
        apart = math.sqrt(max(spreads[0], SMALLEST_SPREAD) ** 2 + max(spreads[1], SMALLEST_SPREAD) ** 2)
        chances[0] = 0.5 * math.erfc((scores[1] - scores[0]) / (apart * ROOT_2))
        chances[1] = 1.0 - chances[0]
        return
    lowest = -math.inf  # below some arm's reach nothing can be the highest
    for a in range(n):
        lowest = max(lowest, scores[a] - REACH * max(spreads[a], SMALLEST_SPREAD))
        chances[a] = 0.0
    breaks = np.empty(n * (PANELS + 1))
    count = 0
    for a in range(n):
        spread = max(spreads[a], SMALLEST_SPREAD)
        for k in range(PANELS + 1):
            at = scores[a] + spread * REACH * (2.0 * k / PANELS - 1.0)
            if at >= lowest:
                place = count  # sorted as they come: there are few
                while place > 0 and breaks[place - 1] > at:
                    breaks[place] = breaks[place - 1]
                    place -= 1
                breaks[place] = at
                count += 1
    most = len(NODES) * count
    at, left, room = np.empty(most), np.empty(most, np.float32), np.empty(most, np.int32)
    bells, belows = np.empty((n, most), np.float32), np.empty((n, most), np.float32)
    nodes = 0
    for k in range(count - 1):
        half = 0.5 * (breaks[k + 1] - breaks[k])
        middle = 0.5 * (breaks[k + 1] + breaks[k])
        if half <= 0.0:
            continue
        for node in range(len(NODES)):
            at[nodes] = middle + half * NODES[node]
            left[nodes] = half * NODE_WEIGHTS[node]
            nodes += 1
    for a in range(n):
        _look_below(at, nodes, scores[a], 1.0 / max(spreads[a], SMALLEST_SPREAD), bells[a], belows[a], room)
        for i in range(nodes):
            left[i] *= belows[a, i]
    total = 0.0
    for a in range(n):
        bell, below = bells[a], belows[a]
        for i in range(nodes):
            bell[i] = np.divide(bell[i] * left[i], below[i])
        chances[a] = sum_many(bell, nodes) / max(
            spreads[a], SMALLEST_SPREAD
        )  # the densities' common factor falls out
        total += chances[a]
    for a in range(n):
        chances[a] /= total


@compiled
def mixed(chances: Floats, n: int, share: float) -> None:
    """Mix ``chances[:n]`` with a uniform slice of ``share``: pi(a) = (1 - share) P(a best) + share / n."""
    for a in range(n):
        chances[a] = (1.0 - share) * chances[a] + share / n


@compiled
def pick(chances: Floats, n: int, draw: float) -> int:
    """The arm that ``draw`` in [0, 1) falls to, each with its chance."""
    for a in range(n):
        draw -= chances[a]
        if draw < 0.0:
            return a
    best = 0  # the chances sum to 1 but for rounding: the likeliest takes what is left
    for a in range(n):
        if chances[a] > chances[best]:
            best = a
    return best


@compiled
def greedy(scores: Floats, n: int) -> int:
    """The arm with the highest score, the first of equals."""
    best = 0
    for a in range(1, n):
        if scores[a] > scores[best]:
            best = a
    return best
