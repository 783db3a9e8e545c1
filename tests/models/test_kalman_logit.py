"""The filter against a fit to all outcomes at once, and what its covariance promises."""

from __future__ import annotations

import numpy as np
import pytest

from models.kalman_logit import NOISE, learn_outcome


def fitted(x: np.ndarray, y: np.ndarray, start: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """The weights of highest posterior density, by Newton's method."""
    weights = start.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(1 / variance)
        weights += np.linalg.solve(curvature, x.T @ (y - p) - (weights - start) / variance)
    return weights


def filtered(x: np.ndarray, y: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    weights, covariance = np.zeros(x.shape[1]), np.diag(variance)
    room = np.zeros(x.shape[1])
    for terms, label in zip(x, y, strict=True):
        learn_outcome(weights, covariance, terms, room, int(label), float(variance.max()))
    return weights, covariance


@pytest.mark.parametrize("seed", range(3))
def test_one_by_one_comes_near_the_fit_to_all_even_where_terms_move_together(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n, variance = 4_000, np.array([0.5, 0.5, 1.0])
    x = np.ones((n, 3))
    x[:, 0] = draw.normal(size=n)
    x[:, 1] = 0.9 * x[:, 0] + 0.4 * draw.normal(size=n)
    truth = np.array([0.8, -0.5, -1.5])
    y = draw.random(n) < 1 / (1 + np.exp(-x @ truth))
    weights, covariance = filtered(x, y, variance)
    best = fitted(x, y.astype(float), np.zeros(3), variance)
    errors = np.sqrt(np.diag(covariance))
    assert (np.abs(weights - best) < errors).all()  # what is lost is less than what nobody can know
    assert (np.abs(weights - truth) < 4 * errors).all()
    assert np.linalg.eigvalsh(covariance).min() > 0


def test_the_covariance_stays_symmetric_and_no_variance_grows_beyond_its_limit() -> None:
    draw = np.random.default_rng(1)
    weights, covariance, room = np.zeros(3), np.eye(3) * 0.2, np.zeros(3)
    for _ in range(20_000):
        x = np.array([draw.normal() * 3, draw.normal() * 0.1, 0.0])  # the last term says nothing
        learn_outcome(weights, covariance, x, room, int(draw.random() < 0.3), 0.2)
    np.testing.assert_array_equal(covariance, covariance.T)
    assert covariance.diagonal().max() <= 0.2 + NOISE
    assert weights[2] == 0.0


def test_it_goes_on_learning_when_the_world_turns() -> None:
    draw = np.random.default_rng(2)
    weights, covariance, room = np.zeros(1), np.eye(1), np.zeros(1)
    for truth in (1.0, -1.0):
        for _ in range(40_000):
            x = draw.normal(size=1)
            learn_outcome(
                weights, covariance, x, room, int(draw.random() < 1 / (1 + np.exp(-truth * x[0]))), 1.0
            )
    assert weights[0] < -0.7


def test_terms_far_out_break_nothing() -> None:
    weights, covariance, room = np.array([30.0]), np.eye(1), np.zeros(1)
    assert learn_outcome(weights, covariance, np.array([1e3]), room, 0, 1.0) == pytest.approx(1.0)
    assert np.isfinite(weights).all() and np.isfinite(covariance).all()
