"""Experiments with a known truth, looked at after every observation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from models.arm_sums import SUMS, N, mean, observation, spread, theta
from models.sequential import Lift, compare, one_sided, two_sided

Floats = npt.NDArray[np.float64]

RUNS, LENGTH, LEAST = 1_000, 2_000, 50
"""Experiments simulated at once, profiles in each, and profiles an arm before the first look."""


def peeked(
    effect: float, seed: int, runs: int = RUNS, length: int = LENGTH, **made: float | str
) -> tuple[Lift, npt.NDArray[np.bool_]]:
    """The lift after every profile of every run, ``[length, runs]``, and where both arms have ``LEAST``."""
    rng = np.random.default_rng(seed)
    past = rng.standard_normal((length, runs))
    correlation = float(made.get("correlation", 0.7))
    noise = rng.standard_normal((length, runs))
    y = correlation * past + np.sqrt(1 - correlation**2) * noise
    if made.get("kind") == "hours":  # most watch nothing, a few watch a lot
        y, past = np.exp(y) * (rng.random(y.shape) < 0.6), np.exp(past)
    elif made.get("kind") == "returned":
        y = (y > 0.5).astype(float)
    share = float(made.get("share", 0.5))
    arm = rng.random((length, runs)) < share
    y = y + effect * arm
    sums = observation(y, past, np.where(arm, 1 / share, 1 / (1 - share)))
    control, treated = (np.cumsum(sums * of, axis=1) for of in (~arm, arm))
    return compare(control, treated), np.minimum(control[N], treated[N]) >= LEAST


@pytest.mark.parametrize("kind", ["normal", "hours", "returned"])
def test_a_false_alarm_in_at_most_one_of_twenty_however_often_one_looks(kind: str) -> None:
    lift, ready = peeked(0.0, seed=1, runs=RUNS if kind == "normal" else 400, kind=kind)
    low, high = lift.interval(0.05, tuned_at=1_000)
    alarms = (((low > 0) | (high < 0)) & ready).any(axis=0)
    assert alarms.mean() <= 0.05
    # ... where the usual interval at every look is wrong in many more.
    naive = ((np.abs(lift.value) > 1.96 * lift.error) & ready).any(axis=0)
    assert naive.mean() > 0.25


def test_no_false_alarm_with_unequal_arms_and_the_true_lift_is_inside() -> None:
    lift, ready = peeked(0.4, seed=2, runs=400, share=0.2)
    low, high = lift.interval(0.05, tuned_at=1_000)
    assert (((low > 0.4) | (high < 0.4)) & ready).any(axis=0).mean() <= 0.05


def test_a_real_lift_is_found_and_its_size_is_right() -> None:
    lift, ready = peeked(0.25, seed=3, runs=300)
    low, _ = lift.interval(0.05, tuned_at=1_000)
    found = ((low > 0) & ready).any(axis=0)
    assert found.mean() > 0.95
    assert lift.value[-1].mean() == pytest.approx(0.25, abs=0.01)
    # Long before the end in most: that is what peeking is for.
    assert np.median(np.argmax((low > 0) & ready, axis=0)) < 1_000


def test_what_the_past_explains_narrows_the_interval() -> None:
    rng = np.random.default_rng(4)
    past = rng.gamma(2.0, 1.0, 4_000)
    arm = rng.random(4_000) < 0.5
    sums = observation(0.8 * past + rng.standard_normal(4_000), past)
    control, treated = (sums[:, of].sum(axis=1) for of in (~arm, arm))
    plain, adjusted = compare(control, treated, adjust=False), compare(control, treated)
    assert adjusted.theta == pytest.approx(0.8, abs=0.05)
    # The standard error falls by what the correlation explains: sqrt(1 - r^2).
    explained = np.corrcoef(past, 0.8 * past + rng.standard_normal(4_000))[0, 1] ** 2
    assert adjusted.error / plain.error == pytest.approx(np.sqrt(1 - explained), abs=0.05)


def test_a_useless_past_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    y = rng.standard_normal((2, 500))
    arms = [observation(y[a], 3.0).sum(axis=1) for a in (0, 1)]
    assert theta(*arms) == 0.0
    assert compare(*arms).value == pytest.approx(float(y[1].mean() - y[0].mean()))


def test_a_harm_is_told_from_chance() -> None:
    harmed, ready = peeked(-0.4, seed=6, runs=200)
    assert (harmed.harm_beyond(0.0, 0.05, 1_000) & ready).any(axis=0).mean() > 0.95
    harmless, ready = peeked(0.0, seed=7, runs=400)
    assert (harmless.harm_beyond(0.0, 0.05, 1_000) & ready).any(axis=0).mean() <= 0.05
    # A harm within the margin is tolerated, also for ever.
    within, ready = peeked(-0.1, seed=8, runs=400)
    assert (within.harm_beyond(0.1, 0.05, 1_000) & ready).any(axis=0).mean() <= 0.05


def test_moving_shares_and_a_moving_audience_do_not_deceive() -> None:
    """The second half of the audience watches more, and just then the arm gets nine of ten: no lift, and a
    plain difference of means would see a huge one."""
    rng = np.random.default_rng(9)
    runs, length = 300, 2_000
    late = np.arange(length)[:, None] >= length // 2
    share = np.where(late, 0.9, 0.5) + np.zeros((length, runs))
    arm = rng.random((length, runs)) < share
    y = 2.0 * late + rng.standard_normal((length, runs))
    sums = observation(y, 0.0, np.where(arm, 1 / share, 1 / (1 - share)))
    control, treated = (np.cumsum(sums * of, axis=1) for of in (~arm, arm))
    lift, ready = compare(control, treated), np.minimum(control[N], treated[N]) >= LEAST
    low, high = lift.interval(0.05, tuned_at=1_000)
    assert (((low > 0) | (high < 0)) & ready).any(axis=0).mean() <= 0.05
    plain = observation(y, 0.0, 1.0)
    plain_control, plain_treated = (np.cumsum(plain * of, axis=1) for of in (~arm, arm))
    assert compare(plain_control, plain_treated).value[-1].mean() > 0.5


def test_sums_merge() -> None:
    rng = np.random.default_rng(10)
    y, x, w = rng.random((3, 90))
    parts = [observation(y[part::3], x[part::3], 1 + w[part::3]).sum(axis=1) for part in range(3)]
    whole = observation(y, x, 1 + w).sum(axis=1)
    assert sum(parts) == pytest.approx(whole)
    assert mean(sum(parts)) == pytest.approx(np.average(y, weights=1 + w))


def test_nothing_is_known_of_empty_arms() -> None:
    lift = compare(np.zeros(SUMS), observation(1.0) + observation(2.0))
    low, high = lift.interval(0.05)
    assert low == -np.inf and high == np.inf
    assert not lift.harm_beyond(0.0, 0.05)
    assert spread(np.zeros(SUMS), 0.0) == np.inf


def test_the_sequence_is_wider_than_one_look_and_narrowest_where_tuned() -> None:
    n = np.array([10, 100, 1_000, 5_000, 50_000, 5_000_000])
    wide = two_sided(n, 0.05)
    assert (wide > 1.96).all() and wide.argmin() == 3
    assert (one_sided(n, 0.05) < wide)[1:].all() and (one_sided(n, 0.05) > 1.64).all()
    assert two_sided(1_000, 0.05, 1_000) < two_sided(1_000, 0.05, 100_000)
