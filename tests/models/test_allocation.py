"""Shares follow what is known, and never so far that nothing more can be learned."""

from __future__ import annotations

import numpy as np
import pytest

from models.allocation import FLOOR, chances_of_being_best, thompson
from models.arm_sums import SUMS, N, observation
from models.sequential import compare

ALL = np.ones(3, dtype=bool)


def test_chances_of_being_best_are_those_of_normal_draws() -> None:
    rng = np.random.default_rng(1)
    means, errors = np.array([0.0, 0.3, 0.25]), np.array([0.2, 0.1, 0.4])
    drawn = np.bincount((means + errors * rng.standard_normal((400_000, 3))).argmax(axis=1)) / 400_000
    assert chances_of_being_best(means, errors) == pytest.approx(drawn, abs=0.005)
    # An arm that is known exactly beside one that is not.
    assert chances_of_being_best(np.zeros(2), np.array([0.0, 1.0])) == pytest.approx([0.5, 0.5], abs=0.01)


def test_shares_add_up_and_keep_the_floor() -> None:
    shares = thompson(np.array([0.0, 0.5, 0.4]), np.full(3, 0.2), ALL)
    assert shares.sum() == pytest.approx(1.0)
    assert shares.min() >= FLOOR / 3 - 1e-12
    assert shares[1] > shares[2] > shares[0]


def test_a_stopped_arm_gets_nothing() -> None:
    shares = thompson(np.array([0.0, 5.0, 1.0]), np.full(3, 0.1), np.array([True, False, True]))
    assert shares[1] == 0.0 and shares.sum() == pytest.approx(1.0)
    assert thompson(np.zeros(2), np.ones(2), np.array([True, False])).tolist() == [1.0, 0.0]


def test_nothing_known_is_equal_shares() -> None:
    errors = np.array([1.0, 1.0, 1.0, np.inf])
    assert thompson(np.zeros(4), errors, np.ones(4, dtype=bool)).tolist() == [0.25] * 4


@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_intervals_hold_while_the_shares_move(effect: float) -> None:
    """A bandit over two arms, its shares moved every 100 profiles by what is known: the interval leaves the
    true lift out in at most one run of twenty, though it is looked at after every profile."""
    rng = np.random.default_rng(2)
    out, gained = 0, []
    for _ in range(120):
        sums = [np.zeros((SUMS, 1)), np.zeros((SUMS, 1))]
        share, wrong, treated = 0.5, False, 0
        for _ in range(15):
            arm = rng.random(100) < share
            y = rng.standard_normal(100) + effect * arm
            made = observation(y, 0.0, np.where(arm, 1 / share, 1 / (1 - share)))
            paths = [sums[a][:, -1:] + np.cumsum(made * (arm == a), axis=1) for a in (0, 1)]
            lift = compare(*paths)
            low, high = lift.interval(0.05, tuned_at=1_000)
            ready = np.minimum(paths[0][N], paths[1][N]) >= 30
            wrong |= bool((((low > effect) | (high < effect)) & ready).any())
            treated += int(arm.sum())
            sums = [path[:, -1:] for path in paths]
            errors = np.full(2, float(lift.error[-1]) / np.sqrt(2))
            share = float(thompson(np.array([0.0, float(lift.value[-1])]), errors, ALL[:2])[1])
        out += wrong
        gained.append(treated / 1_500)
    assert out / 120 <= 0.05
    if effect:
        assert np.mean(gained) > 0.7
