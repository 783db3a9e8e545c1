"""A linear River pipeline as one dot product on the raw features: exact, and 1,000 times cheaper to
score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from river import compose, linear_model, optim, preprocessing

from models.bayesian_logistic import BayesianLogisticRegression

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-6
"""A deviation below this share of the mean is noise: scaling by it would leave a fold 10 true digits at
best."""


@dataclass(frozen=True, slots=True)
class Folded:
    """``P(True) = logistic(weights @ x + intercept)`` for raw features ``x`` in the order they were
    folded in.

    ``weights`` and ``centre`` have one entry a feature (log-odds per unit, and the unit); ``centre`` is
    what the model takes as typical, so ``weights * (x - centre)`` says what sets an example apart.
    """

    weights: Floats
    intercept: float
    centre: Floats


def fold(model: Any, features: Sequence[str]) -> Folded | None:
    """Fold ``model`` over ``features``; ``None`` when it is anything but scalers before a logistic
    regression.

    ``None`` too while a scaler holds a feature so constant that its deviation is rounding noise: such a
    pipeline amplifies the noise, and no dot product can follow that. A fold is a snapshot: fold again after
    the model has learned.

    >>> from river import linear_model, preprocessing
    >>> model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    >>> for x in (1.0, 2.0, 3.0):
    ...     model.learn_one({"rewinds": x}, x > 1.5)
    >>> folded = fold(model, ["rewinds"])
    >>> z = folded.weights[0] * 3.0 + folded.intercept
    >>> bool(np.isclose(1 / (1 + np.exp(-z)), model.predict_proba_one({"rewinds": 3.0})[True]))
    True
    """
    steps = list(model.steps.values()) if isinstance(model, compose.Pipeline) else [model]
    if not steps:
        return None
    final = _linear(steps[-1], features)
    if final is None:
        return None
    weights, intercept, centre = final
    scale, shift = np.ones(len(features)), np.zeros(len(features))  # a step sees scale * raw + shift
    for step in steps[:-1]:
        scaled = _scaling(step, features)
        if scaled is None:
            return None
        scale, shift = scaled[0] * scale, scaled[0] * shift + scaled[1]
    typical = np.divide(centre - shift, scale, out=np.zeros(len(features)), where=scale != 0)
    return Folded(weights * scale, float(intercept + weights @ shift), typical)


def _linear(step: Any, features: Sequence[str]) -> tuple[Floats, float, Floats] | None:
    """Weights, intercept and centre of the last step, or ``None`` when it is no logistic regression."""
    if type(step) is BayesianLogisticRegression:
        weights, _ = step.posterior(features)
        known = step.centre or {}
        centre = np.array([float(known.get(name, 0.0)) for name in features])
        return weights, step.intercept_posterior[0] - float(weights @ centre), centre
    if type(step) is linear_model.LogisticRegression and type(step.loss) is optim.losses.Log:
        learned = step.weights
        weights = np.array([float(learned.get(name, 0.0)) for name in features])
        return weights, float(step.intercept), np.zeros(len(features))
    return None


def _scaling(step: Any, features: Sequence[str]) -> tuple[Floats, Floats] | None:
    """What a scaler does to each feature, as factor and offset, or ``None`` when it is not that simple."""
    if type(step) is not preprocessing.StandardScaler or step.window_size is not None:
        return None
    means = np.array([float(step.means.get(name, 0.0)) for name in features])
    if not step.with_std:
        return np.ones(len(features)), -means
    variances = np.array([float(step.vars.get(name, 0.0)) for name in features])
    if np.any(variances < 0) or np.any((variances > 0) & (variances < (ROUNDING * means) ** 2)):
        return None
    deviations = np.sqrt(variances)
    factor = np.divide(1.0, deviations, out=np.zeros(len(features)), where=deviations > 0)
    return factor, -means * factor
