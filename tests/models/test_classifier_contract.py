"""What every classifier must do that the engine may be configured with: ours, and River's own through the
registry."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
from river import checks, linear_model, naive_bayes, preprocessing, tree

from models import hazard, quality
from models.bayesian_logistic import BayesianLogisticRegression
from models.evaluation import RollingQuality
from models.registry import adapt

FEATURES = ("profile", "row", "titles", "silence")

OURS: dict[str, Callable[[], Any]] = {
    "bayesian": BayesianLogisticRegression,
    "bayesian, all set": lambda: BayesianLogisticRegression(
        prior={"titles": 0.5}, intercept=-1.0, centre={"silence": 0.5}, precision=4.0, forgetting=0.999
    ),
    "quality": quality.pipeline,
    "hazard": hazard.pipeline,
}
RIVERS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    "alma": linear_model.ALMAClassifier,
    "naive bayes": naive_bayes.GaussianNB,
    "hoeffding tree": tree.HoeffdingTreeClassifier,
    "unscaled union": lambda: (
        (preprocessing.StandardScaler() + preprocessing.MinMaxScaler()) | tree.HoeffdingTreeClassifier()
    ),
}
ALL = OURS | RIVERS


def examples(n: int = 2_000, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Features, and labels that the first and third of them decide, mostly."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(FEATURES)))
    z = 1.5 * X[:, 0] - X[:, 2] - 0.5
    return X, rng.random(n) < 1 / (1 + np.exp(-z))


@pytest.mark.parametrize("name", OURS)
def test_passes_rivers_own_checks(name: str) -> None:
    model = OURS[name]()
    estimator = model if isinstance(model, BayesianLogisticRegression) else next(iter(model.steps.values()))
    checks.check_estimator(estimator)


@pytest.mark.parametrize("name", ALL)
def test_answers_with_probabilities_before_and_after_learning(name: str) -> None:
    model = adapt(ALL[name](), FEATURES)
    X, y = examples(300)
    for _ in range(2):
        p = model.predict(X)
        assert p.dtype == np.float64
        assert p.shape == (300,)
        assert np.all((p >= 0) & (p <= 1))
        model.learn(X, y)


@pytest.mark.parametrize("name", ALL)
def test_learns_what_there_is_to_learn(name: str) -> None:
    model = adapt(ALL[name](), FEATURES)
    X, y = examples()
    for at in range(0, 1_500, 128):
        model.learn(X[at : min(at + 128, 1_500)], y[at : min(at + 128, 1_500)])
    after = RollingQuality(500)
    after.add(model.predict(X[1_500:]), y[1_500:])
    assert after.auc > (0.8 if name in OURS else 0.65)  # the log-odds behind the labels reach 0.84


@pytest.mark.parametrize("name", ALL)
def test_a_pickled_copy_goes_on_alike(name: str) -> None:
    model = adapt(ALL[name](), FEATURES)
    X, y = examples(512)
    model.learn(X[:256], y[:256])
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X), model.predict(X))
    model.learn(X[256:], y[256:])
    copy.learn(X[256:], y[256:])
    assert np.array_equal(copy.predict(X), model.predict(X))


@pytest.mark.parametrize("name", ALL)
def test_predicting_changes_nothing(name: str) -> None:
    model = adapt(ALL[name](), FEATURES)
    X, y = examples(512)
    model.learn(X[:256], y[:256])
    before = model.predict(X)
    for at in range(0, 512, 64):
        model.predict(X[at : at + 64])
    assert np.array_equal(model.predict(X), before)


@pytest.mark.parametrize("name", OURS)
def test_a_mini_batch_is_learned_as_its_rows_would_be(name: str) -> None:
    X, y = examples(400)
    one, many = OURS[name](), OURS[name]()
    for row, label in zip(X.tolist(), y.tolist(), strict=True):
        one.learn_one(dict(zip(FEATURES, row, strict=True)), label)
    for at in (slice(0, 1), slice(1, 130), slice(130, 400)):
        many.learn_many(pl.DataFrame(X[at], schema=list(FEATURES)), pl.Series("y", y[at]))
    frame = pl.DataFrame(X, schema=list(FEATURES))
    by_batch, by_row = many.predict_proba_many(frame), one.predict_proba_many(frame)
    assert np.array_equal(by_batch.to_numpy(), by_row.to_numpy())
    answers = [one.predict_proba_one(dict(zip(FEATURES, row, strict=True)))[True] for row in X.tolist()]
    assert np.array_equal(answers, by_row["True"].to_numpy())
    assert many.predict_many(frame).to_list() == [p > 0.5 for p in answers]


@pytest.mark.parametrize("name", ALL)
def test_no_rows_are_no_work(name: str) -> None:
    model = adapt(ALL[name](), FEATURES)
    nothing = np.empty((0, len(FEATURES)))
    model.learn(nothing, np.empty(0, bool))
    assert model.predict(nothing).shape == (0,)
