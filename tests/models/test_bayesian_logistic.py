"""The Bayesian logistic regression: priors, certainty, forgetting, and what must not break it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.bayesian_logistic import BayesianLogisticRegression


def learned(X: np.ndarray, y: np.ndarray, **parameters: object) -> BayesianLogisticRegression:
    model = BayesianLogisticRegression(**parameters)  # type: ignore[arg-type]
    for row, label in zip(X.tolist(), y.tolist(), strict=True):
        model.learn_one({str(j): x for j, x in enumerate(row)}, label)
    return model


def test_the_prior_speaks_first_and_then_yields() -> None:
    model = BayesianLogisticRegression(prior={"sessions": -2.0}, intercept=1.0, precision=10.0)
    before = model.predict_proba_one({"sessions": 1.0})[True]
    assert before == pytest.approx(1 / (1 + math.exp(1.0)))
    for _ in range(500):
        model.learn_one({"sessions": 1.0}, True)
    assert model.predict_proba_one({"sessions": 1.0})[True] > 0.9


def test_the_centre_is_where_only_the_intercept_counts() -> None:
    model = BayesianLogisticRegression(prior={"silence": 3.0}, intercept=-1.0, centre={"silence": 2.0})
    assert model.predict_proba_one({"silence": 2.0})[True] == pytest.approx(1 / (1 + math.e))
    model.learn_one({"silence": 2.0}, True)
    (mean,), (variance,) = model.posterior(["silence"])
    assert (mean, variance) == (3.0, 1.0)  # an example at the centre says nothing of the weight
    assert model.intercept_posterior[0] > -1.0


def test_it_finds_the_weights_that_made_the_labels() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20_000, 3))
    y = rng.random(20_000) < 1 / (1 + np.exp(-(X @ np.array([1.0, -0.5, 0.0]) - 1.0)))
    model = learned(X, y, precision=1.0)
    mean, variance = model.posterior("012")
    assert np.abs(mean - np.array([1.0, -0.5, 0.0])).max() < 0.08
    assert abs(model.intercept_posterior[0] + 1.0) < 0.08
    # Fisher's information says 1 / (n E[p(1-p) x x]), about 1 / 3,300: the posterior claims neither more
    # nor much less.
    assert np.all((variance > 1.5e-4) & (variance < 8e-4))


def test_certainty_grows_only_for_what_was_seen() -> None:
    model = BayesianLogisticRegression(prior={"seen": 0.0, "unseen": 0.0}, precision=4.0)
    for i in range(100):
        model.learn_one({"seen": 1.0}, i % 3 == 0)
    _, (seen, unseen, unknown) = model.posterior(["seen", "unseen", "never named"])
    assert seen < 0.1
    assert unseen == unknown == 0.25


def test_a_forgetting_model_follows_a_change_that_the_other_misses() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(12_000, 1))
    y = rng.random(12_000) < 1 / (1 + np.exp(-2.0 * X[:, 0] * np.where(np.arange(12_000) < 10_000, 1, -1)))
    assert learned(X, y).posterior("0")[0][0] > 0
    assert learned(X, y, forgetting=0.998).posterior("0")[0][0] < -1


def test_what_is_no_longer_seen_falls_back_to_the_prior() -> None:
    model = BayesianLogisticRegression(prior={"old": 0.5}, precision=2.0, forgetting=0.9)
    for _ in range(50):
        model.learn_one({"old": 1.0}, False)
    assert model.posterior(["old"])[0][0] < 0
    for i in range(400):
        model.learn_one({"new": 1.0}, i % 2 == 0)
    (mean,), (variance,) = model.posterior(["old"])
    assert mean == pytest.approx(0.5, abs=1e-6)
    assert variance == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_feature_that_is_not_finite_teaches_nothing(broken: float) -> None:
    model = BayesianLogisticRegression()
    model.learn_one({"a": 1.0}, True)
    before = model.posterior(["a"])
    model.learn_one({"a": broken}, False)
    assert np.array_equal(model.posterior(["a"]), before)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e3, 1e3), st.booleans()), min_size=1, max_size=60),
    st.floats(1e-3, 1e3),
    st.sampled_from([1.0, 0.999, 0.5]),
)
def test_no_stream_of_examples_breaks_it(
    stream: list[tuple[float, float, bool]], precision: float, forgetting: float
) -> None:
    model = BayesianLogisticRegression(precision=precision, forgetting=forgetting)
    for a, b, label in stream:
        model.learn_one({"a": a, "b": b}, label)
        mean, variance = model.posterior(["a", "b"])
        assert np.all(np.isfinite(mean))
        assert np.all((variance > 0) & (variance <= 1 / precision * (1 + 1e-9)))
        assert 0 <= model.predict_proba_one({"a": a, "b": b})[True] <= 1


@pytest.mark.parametrize(
    "wrong", [{"precision": 0.0}, {"precision": -1.0}, {"forgetting": 0.0}, {"forgetting": 1.1}]
)
def test_parameters_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BayesianLogisticRegression(**wrong)  # type: ignore[arg-type]
