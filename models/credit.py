"""To whom is a play owed? One play, split over the choices that led to it.

Each surface has a *lift*: how much likelier the play became because the surface chose as it did and not at
random (1: no matter, 2: twice as likely). Lifts multiply, as probabilities of "seen" and "wanted when seen" do.
So the play is a game with the value ``v(S)`` = product of the lifts of the surfaces in ``S``, and each surface
gets its Shapley value: what it adds, averaged over all orders in which the surfaces may have come. What would
have happened with every surface choosing at random, ``v()`` = 1 of ``v(all)``, is owed to none: *organic*.

    organic    = 1 / (lift_1 * ... * lift_s)
    share_i    = organic * sum over T without i of |T|! (s - |T| - 1)! / s! * (lift_i - 1) * product of lifts in T

Shares are at least 0 and sum to 1. Summed over plays, ``1 / lift`` is what importance sampling by logged
propensities gives for the surface switched to chance: with the true lifts, the organic plays are the plays that
would have been without any surface's choice.

Limits. A surface that chose worse than chance has a lift below 1 and counts as 1: it gets nothing, and what it
cost is not seen here, because plays that did not happen are not split (that is what off-policy value is for).
Lifts are estimates; whatever they miss stays organic. Interplay beyond a product (an image that helps only high
up) is shared as if it were one.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.compiled import compiled

Floats = npt.NDArray[np.float64]

LARGEST_LIFT = 50.0
"""A larger lift counts as this: an estimate from few outcomes must not make every play its own."""
ROUNDS = 20
"""Of alternating between rows and positions: enough for three digits."""


@compiled
def shapley_shares(lifts: Floats, shares: Floats) -> None:
    """Fill ``shares[s + 1]`` for ``lifts[s]``: what each surface is owed, and last what is organic.

    References
    ----------
    [^1]: Shapley: A value for n-person games. 1953.
    [^2]: Dalessandro, Perlich, Stitelman, Provost: Causally motivated attribution for online advertising.
          ADKDD 2012 (the Shapley value of a conversion over counterfactual channels).

    """
    s = lifts.shape[0]
    capped = np.empty(s)
    total = 1.0
    for i in range(s):
        lift = lifts[i]
        capped[i] = min(LARGEST_LIFT, lift) if lift > 1.0 else 1.0  # also for one that is not a number
        total *= capped[i]
        shares[i] = 0.0
    weight = np.empty(s)  # of a set of so many others, over all orders
    for size in range(s):
        weight[size] = math.gamma(size + 1.0) * math.gamma(s - size + 0.0) / math.gamma(s + 1.0)
    for members in range(1 << s):
        value = 1.0
        size = 0
        for i in range(s):
            if members >> i & 1:
                value *= capped[i]
                size += 1
        for i in range(s):
            if not members >> i & 1:
                shares[i] += weight[size] * value * (capped[i] - 1.0)
    for i in range(s):
        shares[i] /= total
    shares[s] = 1.0 / total


@compiled
def position_effects(seen: Floats, plays: Floats, prior: float, effects: Floats) -> None:
    """Fill ``effects[k]`` with how much likelier a row is played at place ``k`` than at the others, when it is
    seen there: with the rows' own appeal taken out.

    ``seen[r, k]`` and ``plays[r, k]`` count row ``r`` at place ``k``. The model is ``plays = seen * appeal[r] *
    effect[k]``, fitted by turns; each effect is shrunk to 1 by ``prior`` expected plays. Good rows stand high:
    the plain rate of a place would owe the place what is owed to its rows.

    References
    ----------
    [^1]: Richardson, Dominowska, Ragno: Predicting clicks: estimating the click-through rate for new ads. WWW
          2007 (the examination hypothesis).
    [^2]: Deming, Stephan: On a least squares adjustment of a sampled frequency table. 1940 (fitting by turns).

    """
    rows, places = seen.shape
    for k in range(places):
        effects[k] = 1.0
    appeal = np.empty(rows)
    for _ in range(ROUNDS):
        for r in range(rows):
            n, at = 0.0, 0.0
            for k in range(places):
                n += plays[r, k]
                at += seen[r, k] * effects[k]
            appeal[r] = n / at if at > 0 else 0.0
        for k in range(places):
            n, at = prior, prior
            for r in range(rows):
                n += plays[r, k]
                at += seen[r, k] * appeal[r]
            effects[k] = n / at


@compiled
def calibrated(lift: float, measured: float, implied: float) -> float:
    """A lift, made to agree on average with what propensities have measured.

    ``measured`` is the value of the policy at work over that of chance, by its logged propensities; ``implied``
    is what the lifts say of it (harmonic mean over plays). The lift is raised to the power that turns the one
    into the other, between 0 (the choice is measured to be no matter) and 2.

    >>> round(calibrated(1.5, 1.1, 1.21), 3)
    1.225
    >>> calibrated(1.5, 0.9, 1.2)
    1.0
    """
    if not (lift > 1.0 and implied > 1.001):
        return lift
    if not measured > 1.0:
        return 1.0
    return float(lift ** min(2.0, math.log(measured) / math.log(implied)))


def split(lifts: Floats) -> Floats:
    """``shapley_shares`` of ``lifts[s]``, as a new array ``[s + 1]``.

    >>> split(np.array([2.0, 1.0])).tolist()  # half of the plays are owed to the first, none to the second
    [0.5, 0.0, 0.5]
    >>> split(np.array([2.0, 2.0])).tolist()
    [0.375, 0.375, 0.25]
    """
    shares = np.empty(len(lifts) + 1)
    shapley_shares(np.asarray(lifts, np.float64), shares)
    return shares
