"""Any River classifier, by name, under one interface: columns of features in, probabilities out."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from river import base, compose

from models.bayesian_logistic import BayesianLogisticRegression

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

UNDECIDED = 0.5
"""Probability of a model that has no answer yet (a tree before its first example, a scaler without a
range)."""


class OneByOne:
    """A River classifier that is given one example at a time, as ``features`` names the columns."""

    def __init__(self, model: Any, features: Sequence[str]) -> None:
        self.model = model
        self.features = tuple(features)

    def learn(self, X: Floats, y: Booleans) -> None:
        """Learn the examples ``X[n, F]`` with labels ``y[n]``, in order."""
        for row, label in zip(X.tolist(), y.tolist(), strict=True):
            self.model.learn_one(dict(zip(self.features, row, strict=True)), label)

    def predict(self, X: Floats) -> Floats:
        """P(True) of each of ``X[n, F]``, as ``float64[n]``."""
        answers = np.empty(len(X))
        for i, row in enumerate(X.tolist()):
            answers[i] = _true(self.model.predict_proba_one(dict(zip(self.features, row, strict=True))))
        return answers


class ManyAtOnce(OneByOne):
    """A River classifier that takes whole mini-batches, as frames: a tenth of the time per example."""

    def learn(self, X: Floats, y: Booleans) -> None:
        if len(X):
            self.model.learn_many(self._frame(X), pl.Series("y", y))

    def predict(self, X: Floats) -> Floats:
        if not len(X):
            return np.empty(0)
        answers = self.model.predict_proba_many(self._frame(X))
        for column in answers.columns:
            if str(column) == "True":
                p = np.asarray(answers[column].to_numpy(), dtype=np.float64)
                return np.where(np.isfinite(p), p, UNDECIDED)
        return np.full(len(X), UNDECIDED if not answers.columns else 0.0)

    def _frame(self, X: Floats) -> pl.DataFrame:
        # By columns, polars and numpy share the memory: no copy, and no thread pool that may have to wait.
        return pl.from_numpy(np.asfortranarray(X), schema=list(self.features))


class OnArrays(OneByOne):
    """Our own classifier alone in its pipeline: given the arrays themselves, for a tenth of a frame's
    time."""

    def __init__(self, model: Any, features: Sequence[str]) -> None:
        super().__init__(model, features)
        self._final = _steps(model)[-1]

    @property
    def final(self) -> Any:
        """The classifier itself."""
        return self._final

    def learn(self, X: Floats, y: Booleans) -> None:
        self._final.learn_array(X, y, self.features)

    def predict(self, X: Floats) -> Floats:
        return np.asarray(self._final.predict_array(X, self.features), dtype=np.float64)


def build(spec: str, features: Sequence[str]) -> OneByOne:
    """The model that ``spec`` names, ``"module:function"``, over columns called ``features``.

    The function is called without arguments and must return a River classifier, or a pipeline that ends
    in one. Raises ``ValueError``, saying what to change, when it does not.

    >>> model = build("models.quality:pipeline", ["titles", "position"])
    >>> model.learn(np.array([[2.0, 0.0], [-2.0, 0.0]]), np.array([True, False]))
    >>> bool(np.diff(model.predict(np.array([[-2.0, 0.0], [2.0, 0.0]])))[0] > 0)
    True
    """
    module_name, separator, function = spec.partition(":")
    if not (separator and module_name and function):
        raise ValueError(f"model {spec!r}: write it as module:function, as in models.quality:pipeline")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(f"model {spec!r}: cannot import {module_name} ({error})") from error
    factory = getattr(module, function, None)
    if not callable(factory):
        raise ValueError(f"model {spec!r}: {module_name} has no function {function}")
    try:
        model = factory()
    except TypeError as error:
        raise ValueError(
            f"model {spec!r}: {function} must be callable without arguments ({error})"
        ) from error
    return adapt(model, features, spec)


def adapt(model: Any, features: Sequence[str], spec: str = "given") -> OneByOne:
    """Put ``model`` under the common interface. ``ValueError`` when it is no River classifier of yes and
    no."""
    steps = _steps(model)
    final = steps[-1] if steps else None
    if not isinstance(final, base.Classifier):
        kind = type(model if final is None else final).__name__
        raise ValueError(f"model {spec!r}: a {kind} is no River classifier")
    try:
        model.clone().predict_proba_one(dict.fromkeys(features, 0.0))
    except NotImplementedError as error:
        raise ValueError(f"model {spec!r}: {type(final).__name__} predicts no probabilities") from error
    if len(steps) == 1 and isinstance(final, BayesianLogisticRegression):
        return OnArrays(model, features)
    return ManyAtOnce(model, features) if _takes_batches(model, features) else OneByOne(model, features)


def _steps(model: Any) -> list[Any]:
    """The steps of a pipeline; anything else is its own only step."""
    return list(model.steps.values()) if isinstance(model, compose.Pipeline) else [model]


def _takes_batches(model: Any, features: Sequence[str]) -> bool:
    """Whether every step learns and predicts mini-batches. A pipeline has the methods in any case, so a
    copy tries."""
    trial = ManyAtOnce(model.clone(), features)
    examples = np.zeros((2, len(features)))
    try:
        trial.predict(examples)
        trial.learn(examples, np.array([True, False]))
        trial.predict(examples)
    except (AttributeError, NotImplementedError, TypeError):
        return False
    return True


def _true(answer: dict[Any, float]) -> float:
    """P(True) of a River answer: nothing or nonsense is undecided, a label never seen has no chance."""
    if not answer:
        return UNDECIDED
    p = float(answer.get(True, 0.0))
    return p if math.isfinite(p) else UNDECIDED
