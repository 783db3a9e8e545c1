"""Thompson sampling: propensities are the chances they claim to be, and learning lowers regret."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.thompson import (
    arm_scores,
    best_chances,
    forget,
    greedy,
    learn_outcome,
    mixed,
    pick,
    rate_log_odds,
)


def chances_of(scores: list[float], spreads: list[float], share: float = 0.0) -> np.ndarray:
    n = len(scores)
    chances = np.zeros(n)
    best_chances(np.array(scores, float), np.array(spreads, float), n, chances)
    mixed(chances, n, share)
    return chances


@pytest.mark.parametrize(
    ("scores", "spreads"),
    [
        ([0.3, -0.1], [0.5, 1.5]),
        ([0.0, 0.2, -0.3], [1.0, 0.1, 2.0]),
        ([0.0, 0.0, 0.0, 0.0], [1.0, 1e-4, 0.3, 0.3]),
        ([-4.1, -4.3, -4.0, -4.6, -4.2, -4.2, -5.0, -4.4], [0.9, 0.4, 0.05, 1.2, 0.6, 0.6, 2.0, 0.3]),
    ],
)
def test_the_chances_are_those_of_independent_draws(scores: list[float], spreads: list[float]) -> None:
    chances = chances_of(scores, spreads)
    assert math.isclose(chances.sum(), 1.0, abs_tol=1e-12)
    draws = np.random.default_rng(7).normal(scores, spreads, size=(400_000, len(scores)))
    seen = np.bincount(draws.argmax(axis=1), minlength=len(scores)) / len(draws)
    assert np.abs(seen - chances).max() < 5 * 0.5 / math.sqrt(len(draws))


def test_the_integral_meets_the_closed_form_of_two() -> None:
    # A third arm that can never win makes the general way do what the closed form does.
    two = chances_of([0.2, -0.4], [0.7, 1.9])
    three = chances_of([0.2, -0.4, -60.0], [0.7, 1.9, 0.5])
    assert np.abs(two - three[:2]).max() < 1e-5


def test_equal_arms_share_and_a_sure_winner_takes_all() -> None:
    assert np.allclose(chances_of([1.0] * 5, [0.3] * 5), 0.2, atol=1e-9)
    assert np.allclose(chances_of([5.0, 0.0, 0.0], [0.1] * 3), [1.0, 0.0, 0.0], atol=1e-9)
    assert np.allclose(chances_of([5.0, 0.0, 0.0], [0.0] * 3, 0.3), [0.8, 0.1, 0.1], atol=1e-9)
    assert chances_of([3.0], [1.0]).tolist() == [1.0]


def test_what_is_picked_is_picked_with_its_chance() -> None:
    chances = chances_of([0.0, 0.4, -0.2], [0.5, 0.5, 0.9], 0.1)
    draws = (np.arange(100_000) + 0.5) / 100_000
    picked = np.bincount([pick(chances, 3, draw) for draw in draws], minlength=3) / len(draws)
    assert np.abs(picked - chances).max() < 1e-4
    assert pick(np.array([0.5, 0.4]), 2, 0.95) == 0, "rounding falls to the likeliest"
    assert greedy(np.array([0.1, 0.5, 0.5]), 3) == 1


def test_counts_speak_as_a_beta_rate_does() -> None:
    draws = np.random.default_rng(3).beta(3.0, 150.0, 400_000)
    log_odds = np.log(draws / (1.0 - draws))
    mean, variance = rate_log_odds(3.0, 150.0)
    assert abs(mean - log_odds.mean()) < 0.01
    assert abs(variance - log_odds.var()) < 0.01


def test_what_all_arms_share_is_no_reason_to_explore() -> None:
    x = np.array([[1.0, 0.2], [1.0, -0.2]])
    scores, spreads = np.zeros(2), np.zeros(2)
    arm_scores(x, 2, np.zeros(2), np.zeros(2), np.array([-4.0, 1.0]), np.array([9.0, 0.25]), scores, spreads)
    assert np.allclose(scores, [-3.8, -4.2])
    assert np.allclose(spreads, 0.5 * 0.2)


def test_an_outcome_moves_what_was_unsure() -> None:
    mean, variance = np.zeros(2), np.array([1.0, 0.01])
    assert learn_outcome(np.array([1.0, 1.0]), 0.0, 0.0, 1.0, mean, variance) == pytest.approx(0.5)
    assert mean[0] > 50 * mean[1] > 0
    assert variance[0] < 1.0
    before = mean.copy()
    learn_outcome(np.array([math.inf, 1.0]), 0.0, 0.0, 1.0, mean, variance)
    assert (mean == before).all()


def test_half_a_reward_pulls_to_the_middle() -> None:
    mean, variance = np.array([0.0]), np.array([4.0])
    for _ in range(400):
        learn_outcome(np.array([1.0]), 0.0, 0.0, 0.3, mean, variance)
    assert 1.0 / (1.0 + math.exp(-mean[0])) == pytest.approx(0.3, abs=0.02)


def test_forgetting_goes_back_to_the_prior() -> None:
    mean, variance = np.array([2.0]), np.array([0.01])
    for _ in range(2_000):
        forget(mean, variance, np.array([0.5]), np.array([4.0]), 0.99)
    assert mean[0] == pytest.approx(0.5, abs=1e-3)
    assert variance[0] == pytest.approx(0.25, abs=1e-3)


def test_regret_falls_with_what_is_learned() -> None:
    """Contexts of two kinds, three arms whose best differs by kind: the second half must cost much less."""
    rng = np.random.default_rng(11)
    truth = np.array([[-2.0, -1.0, -3.0], [-1.0, -2.5, -0.2]])
    mean, variance = np.zeros(6), np.full(6, 1.0)
    regret = np.zeros(6_000)
    scores, spreads, chances = np.zeros(3), np.zeros(3), np.zeros(3)
    for t in range(len(regret)):
        kind = int(rng.integers(2))
        x = np.zeros((3, 6))
        for arm in range(3):
            x[arm, 3 * kind + arm] = 1.0
        arm_scores(x, 3, np.full(3, -1.5), np.zeros(3), mean, variance, scores, spreads)
        best_chances(scores, spreads, 3, chances)
        arm = pick(chances, 3, rng.random())
        rates = 1.0 / (1.0 + np.exp(-truth[kind]))
        regret[t] = rates.max() - rates[arm]
        learn_outcome(x[arm], -1.5, 0.0, float(rng.random() < rates[arm]), mean, variance)
    assert regret[3_000:].mean() < 0.2 * regret[:300].mean()
