"""A few weights learned from one outcome at a time: logistic regression by an extended Kalman filter. Compiled.

It keeps the whole covariance of the weights, so that terms which move together are told apart as well as a fit to
all outcomes at once would tell them, and the first outcomes move the weights as far as they deserve: no rate to
tune. With 8 weights a step is about two hundred multiplications. On four simulated audiences of 7,500 outcomes
each, from the same start, pages ordered by it were worth 2 % more than by AdaGrad at the better of two rates.

The weights may wander (``NOISE``), or they would stand still after a million outcomes; a variance never grows
beyond ``limit``.

Sources: Fahrmeir, "Posterior mode estimation by extended Kalman filtering for multivariate dynamic generalized
linear models", JASA 1992; Spiegelhalter and Lauritzen 1990 (the same step, without the wandering).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.compiled import compiled

NOISE = 1e-7
"""Variance that each weight gains an outcome: of a term of about 1, some 10,000 outcomes are remembered."""
FAR = 30.0
"""Log-odds beyond this say no more."""

Floats = npt.NDArray[np.float64]


@compiled
def learn_outcome(
    weights: Floats, covariance: Floats, x: Floats, spread: Floats, label: int, limit: float
) -> float:
    """One outcome (``label`` 0 or 1) of the terms ``x``: move ``weights``, shrink ``covariance`` (both shaped by
    ``x``, and changed in place); returns the probability that was predicted. ``spread`` is room for one ``x``.

    >>> weights, covariance, spread = np.zeros(2), np.eye(2), np.zeros(2)
    >>> learn_outcome(weights, covariance, np.array([2.0, 1.0]), spread, 1, 1.0)
    0.5
    >>> weights.round(2).tolist(), covariance.round(2).tolist()
    ([0.44, 0.22], [[0.56, -0.22], [-0.22, 0.89]])
    """
    n = len(x)
    z = 0.0
    total = 0.0
    for i in range(n):
        if covariance[i, i] < limit:
            covariance[i, i] += NOISE
    for i in range(n):
        z += weights[i] * x[i]
        spread[i] = 0.0
        for j in range(n):
            spread[i] += covariance[i, j] * x[j]
        total += spread[i] * x[i]
    predicted = float(1.0 / (1.0 + np.exp(-min(FAR, max(-FAR, z)))))
    told = predicted * (1.0 - predicted)
    share = 1.0 / (1.0 + told * total)
    for i in range(n):
        weights[i] += spread[i] * (label - predicted) * share
        for j in range(i + 1):
            covariance[i, j] -= spread[i] * spread[j] * told * share
            covariance[j, i] = covariance[i, j]
    return predicted
