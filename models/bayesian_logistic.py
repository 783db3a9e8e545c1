"""Online logistic regression that knows how sure it is of each weight."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from river import base, utils

from models.compiled import compiled
from models.mixing import Evidence, posterior

if TYPE_CHECKING:
    from narwhals.stable.v2.typing import IntoDataFrame, IntoSeries

Floats = npt.NDArray[np.float64]


@compiled
def _moderated(score: float, variance: float) -> tuple[float, float]:
    """Probability of a score that is itself uncertain, and the slope that its variance leaves."""
    slope = 1.0 / math.sqrt(1.0 + math.pi / 8.0 * variance)
    return 1.0 / (1.0 + math.exp(-min(max(slope * score, -500.0), 500.0))), slope


@compiled
def _predict(X: Floats, at: npt.NDArray[np.int64], mean: Floats, centre: Floats) -> Floats:
    """P(True) of each row of ``X``, whose column ``j`` is the feature at ``at[j]``; -1 is one never
    seen."""
    p = np.empty(X.shape[0])
    for i in range(X.shape[0]):
        score = mean[0]
        for j in range(X.shape[1]):
            if at[j] >= 0:
                score += mean[at[j]] * (X[i, j] - centre[at[j]])
        p[i] = _moderated(score, 0.0)[0]
    return p


@compiled
def _learn(
    X: Floats,
    y: npt.NDArray[np.bool_],
    at: npt.NDArray[np.int64],
    mean: Floats,
    variance: Floats,
    prior: Floats,
    centre: Floats,
    precision: float,
    forgetting: float,
) -> None:
    """Take the rows in, one after the other: forget a little, then match the posterior's two moments."""
    for i in range(X.shape[0]):
        if forgetting < 1.0:
            for k in range(mean.shape[0]):
                kept = forgetting / variance[k]
                fresh = (1.0 - forgetting) * precision
                variance[k] = 1.0 / (kept + fresh)
                mean[k] = (kept * mean[k] + fresh * prior[k]) * variance[k]
        score = mean[0]
        spread = variance[0]
        for j in range(X.shape[1]):
            x = X[i, j] - centre[at[j]]
            score += mean[at[j]] * x
            spread += variance[at[j]] * x * x
        if not math.isfinite(score + spread):  # a broken feature must not poison every weight
            continue
        p, slope = _moderated(score, spread)
        gradient = ((1.0 if y[i] else 0.0) - p) * slope
        curvature = p * (1.0 - p) * slope * slope
        mean[0] += variance[0] * gradient
        variance[0] -= variance[0] * variance[0] * curvature
        for j in range(X.shape[1]):
            step = variance[at[j]] * (X[i, j] - centre[at[j]])
            mean[at[j]] += step * gradient
            variance[at[j]] -= step * step * curvature


class BayesianLogisticRegression(base.MiniBatchClassifier):
    """Logistic regression with a Gaussian posterior, independent for each weight, kept online.

    Each outcome moves a weight in proportion to how unsure the model still is of it, so there is no
    learning rate; what was known before the first outcome goes in as the prior. Both moments of the
    posterior are matched after every outcome (assumed density filtering, the logistic moderated by the
    variance of the score). Predictions are those of the posterior mean, so that the model is one dot
    product; :meth:`posterior` tells how sure it is. ``learn_many`` does exactly what ``learn_one`` does
    row after row, and a row with a feature that is not finite teaches nothing.

    Parameters
    ----------
    prior
        Prior mean of the weight of each feature, in log-odds per unit of the feature; 0 for others.
    intercept
        Prior mean of the intercept: the log-odds of an example whose features are all at their centre.
    centre
        Value of each feature from which its weight counts, in the feature's unit; 0 for others. Choose what
        is typical: then weights and intercept can be learned one by one, and ``weight * (x - centre)`` says
        what sets an example apart.
    precision
        Prior precision (1 / variance) of every weight: how much evidence the prior is worth.
    forgetting
        Share of the evidence kept at each outcome, in (0, 1]: 0.9999 remembers some 10,000 outcomes, and
        falls back to the prior where no new ones come. 1 never forgets.

    References
    ----------
    [^1]: Spiegelhalter, Lauritzen: Sequential updating of conditional probabilities on directed graphical
          structures. Networks 20, 1990 (the moderated logistic, online).
    [^2]: Graepel, Candela, Borchert, Herbrich: Web-scale Bayesian click-through rate prediction for
          sponsored search advertising in Microsoft's Bing. ICML 2010 (the factorised posterior).

    Examples
    --------
    >>> model = BayesianLogisticRegression(prior={"watched": 1.0}, precision=4.0)
    >>> round(model.predict_proba_one({"watched": 2.0})[True], 3)
    0.881
    >>> for _ in range(50):
    ...     model.learn_one({"watched": 2.0, "rewound": 1.0}, False)
    >>> round(model.predict_proba_one({"watched": 2.0, "rewound": 1.0})[True], 3)
    0.03
    >>> mean, variance = model.posterior(["watched"])
    >>> bool(variance[0] < 1 / 4)
    True

    """

    def __init__(
        self,
        prior: Mapping[str, float] | None = None,
        intercept: float = 0.0,
        centre: Mapping[str, float] | None = None,
        precision: float = 1.0,
        forgetting: float = 1.0,
    ) -> None:
        if not precision > 0:
            raise ValueError(f"precision is {precision}: it must be greater than 0")
        if not 0 < forgetting <= 1:
            raise ValueError(f"forgetting is {forgetting}: it must be greater than 0 and at most 1")
        self.prior = prior
        self.intercept = intercept
        self.centre = centre
        self.precision = precision
        self.forgetting = forgetting
        self._columns: dict[base.typing.FeatureName, int] = {}
        self._prior_mean = np.array([intercept], dtype=np.float64)
        self._mean = self._prior_mean.copy()
        self._variance = np.array([1.0 / precision])
        self._centre = np.zeros(1)
        self._grow(prior or {})

    def _grow(self, names: Iterable[base.typing.FeatureName]) -> None:
        new = [name for name in names if name not in self._columns]
        if not new:
            return
        for name in new:
            self._columns[name] = len(self._columns) + 1
        known = self.prior or {}
        means = np.array([float(known.get(name, 0.0)) for name in new])
        self._prior_mean = np.concatenate([self._prior_mean, means])
        self._mean = np.concatenate([self._mean, means])
        self._variance = np.concatenate([self._variance, np.full(len(new), 1.0 / self.precision)])
        centres = self.centre or {}
        self._centre = np.concatenate([self._centre, [float(centres.get(name, 0.0)) for name in new]])

    def _at(self, names: Iterable[base.typing.FeatureName]) -> npt.NDArray[np.int64]:
        return np.array([self._columns.get(name, -1) for name in names], dtype=np.int64)

    def posterior(self, features: Iterable[base.typing.FeatureName]) -> tuple[Floats, Floats]:
        """Mean and variance of the weights of ``features``, in their order (log-odds per unit).

        A feature that was never seen answers its prior. Draw from it for Thompson sampling.
        """
        names = list(features)
        at = self._at(names)
        known = self.prior or {}
        fallback = np.array([float(known.get(name, 0.0)) for name in names])
        mean = np.where(at >= 0, self._mean[at], fallback)
        return mean, np.where(at >= 0, self._variance[at], 1.0 / self.precision)

    @property
    def intercept_posterior(self) -> tuple[float, float]:
        """Mean and variance of the intercept, in log-odds."""
        return float(self._mean[0]), float(self._variance[0])

    def evidence(self, features: Iterable[base.typing.FeatureName]) -> Evidence:
        """What outcomes have told about the intercept and the weights of ``features``, in this order."""
        at = self._places(features)
        return Evidence.of(self._mean[at], self._variance[at], self._prior_mean[at], float(self.precision))

    def replace_evidence(self, features: Iterable[base.typing.FeatureName], told: Evidence) -> None:
        """Be the posterior of the prior and ``told``, which is in the order of :meth:`evidence`."""
        at = self._places(features)
        self._mean[at], self._variance[at] = posterior(told, self._prior_mean[at], float(self.precision))

    def _places(self, features: Iterable[base.typing.FeatureName]) -> npt.NDArray[np.int64]:
        names = list(features)
        self._grow(names)
        return np.concatenate([[0], self._at(names)])

    def learn_one(self, x: dict[base.typing.FeatureName, Any], y: base.typing.ClfTarget) -> None:
        self.learn_array(np.array([list(x.values())], dtype=np.float64), np.array([bool(y)]), x)

    def learn_many(self, X: IntoDataFrame, y: IntoSeries) -> None:
        frame = utils.dataframe.into_frame(X)
        target = utils.dataframe.into_series(y).to_numpy().astype(bool)
        self.learn_array(np.asarray(utils.dataframe.to_numpy(frame), np.float64), target, frame.columns)

    def learn_array(
        self, X: Floats, y: npt.NDArray[np.bool_], features: Iterable[base.typing.FeatureName]
    ) -> None:
        """``learn_many`` without a frame: ``X[n, F]`` has a column for each of ``features``, in their
        order."""
        names = list(features)
        self._grow(names)
        _learn(
            np.array(X, np.float64, order="C").reshape(len(y), len(names)),
            y,
            self._at(names),
            self._mean,
            self._variance,
            self._prior_mean,
            self._centre,
            float(self.precision),
            float(self.forgetting),
        )

    def predict_array(self, X: Floats, features: Iterable[base.typing.FeatureName]) -> Floats:
        """P(True) of each row of ``X[n, F]``, as ``float64[n]``; a column for each of ``features``, in
        their order."""
        at = self._at(features)
        return _predict(
            np.array(X, np.float64, order="C").reshape(len(X), len(at)), at, self._mean, self._centre
        )

    def predict_proba_one(
        self, x: dict[base.typing.FeatureName, Any], **kwargs: Any
    ) -> dict[base.typing.ClfTarget, float]:
        p = float(self.predict_array(np.array([list(x.values())], dtype=np.float64), x)[0])
        return {False: 1.0 - p, True: p}

    def predict_proba_many(self, X: IntoDataFrame) -> IntoDataFrame:
        frame = utils.dataframe.into_frame(X)
        values = np.asarray(utils.dataframe.to_numpy(frame), np.float64)
        p = self.predict_array(values, frame.columns)
        return utils.dataframe.to_native_frame({False: 1.0 - p, True: p}, like=frame)

    def predict_many(self, X: IntoDataFrame) -> IntoSeries:
        frame = utils.dataframe.into_frame(X)
        values = np.asarray(utils.dataframe.to_numpy(frame), np.float64)
        return utils.dataframe.to_native_series(
            self.predict_array(values, frame.columns) > 0.5, name=None, like=frame
        )
