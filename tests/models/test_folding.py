"""Folded pipelines answer as the pipelines do; what is not linear is not folded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from river import compose, linear_model, optim, preprocessing, tree

from models import hazard, quality
from models.bayesian_logistic import BayesianLogisticRegression
from models.folding import fold
from models.registry import adapt

FEATURES = ("titles", "silence", "constant")

LINEAR: dict[str, Callable[[], Any]] = {
    "logistic": linear_model.LogisticRegression,
    "scaled": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.3)),
    "centred": lambda: preprocessing.StandardScaler(with_std=False) | linear_model.LogisticRegression(),
    "scaled twice": lambda: compose.Pipeline(
        ("first", preprocessing.StandardScaler()),
        ("second", preprocessing.StandardScaler()),
        ("weigh", linear_model.LogisticRegression(optim.Adam(0.1), l2=0.01)),
    ),
    "bayesian": lambda: BayesianLogisticRegression(prior={"titles": 1.0}, centre={"silence": 3.0}),
    "scaled bayesian": lambda: preprocessing.StandardScaler() | BayesianLogisticRegression(),
    "quality": quality.pipeline,
    "hazard": hazard.pipeline,
}
OTHERS: dict[str, Callable[[], Any]] = {
    "tree": tree.HoeffdingTreeClassifier,
    "scaled tree": lambda: preprocessing.StandardScaler() | tree.HoeffdingTreeClassifier(),
    "another scaler": lambda: preprocessing.MinMaxScaler() | linear_model.LogisticRegression(),
    "rolling scaler": lambda: (
        preprocessing.StandardScaler(window_size=50) | linear_model.LogisticRegression()
    ),
    "union": lambda: (
        (preprocessing.StandardScaler() + preprocessing.Normalizer()) | linear_model.LogisticRegression()
    ),
    "another loss": lambda: linear_model.LogisticRegression(loss=optim.losses.Hinge()),
    "alma": linear_model.ALMAClassifier,
    "no pipeline at all": object,
    "empty pipeline": compose.Pipeline,
}


def examples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    X = np.column_stack([rng.normal(size=600), 3 + 2 * rng.normal(size=600), np.zeros(600)])
    return X, X[:, 0] - X[:, 1] + rng.normal(size=600) > -3


@pytest.mark.parametrize("name", LINEAR)
def test_the_fold_answers_as_the_model(name: str) -> None:
    model = adapt(LINEAR[name](), FEATURES)
    X, y = examples()
    for at in range(-128, 512, 128):
        if at >= 0:
            model.learn(X[at : at + 128], y[at : at + 128])
        folded = fold(model.model, FEATURES)
        assert folded is not None
        p = 1 / (1 + np.exp(-(X @ folded.weights + folded.intercept)))
        np.testing.assert_allclose(p, model.predict(X), rtol=1e-9, atol=1e-12)
        assert np.all(np.isfinite(folded.centre))


@pytest.mark.parametrize("name", OTHERS)
def test_anything_else_is_left_alone(name: str) -> None:
    assert fold(OTHERS[name](), FEATURES) is None


def test_a_scaler_on_rounding_noise_is_left_alone() -> None:
    scaled = adapt(LINEAR["scaled"](), FEATURES)
    X, y = examples()
    X[:, 2] = 7.0 + 1e-6 * X[:, 0]
    scaled.learn(X, y)
    assert fold(scaled.model, FEATURES) is None


def test_the_centre_is_in_the_features_own_units() -> None:
    scaled = adapt(LINEAR["scaled"](), FEATURES)
    X, y = examples()
    scaled.learn(X, y)
    folded = fold(scaled.model, FEATURES)
    assert folded is not None
    np.testing.assert_allclose(folded.centre[:2], X[:, :2].mean(axis=0))
    given = fold(LINEAR["bayesian"](), FEATURES)
    assert given is not None
    assert given.centre.tolist() == [0.0, 3.0, 0.0]


def test_features_may_be_asked_in_any_order_and_unknown_ones_weigh_nothing() -> None:
    model = BayesianLogisticRegression(prior={"titles": 1.0, "silence": -2.0}, intercept=0.5)
    folded = fold(model, ("silence", "never seen", "titles"))
    assert folded is not None
    assert folded.weights.tolist() == [-2.0, 0.0, 1.0]
    assert folded.intercept == 0.5
