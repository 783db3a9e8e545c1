"""Two models compared on the same outcomes: the interval holds what it promises, few outcomes decide
nothing."""

from __future__ import annotations

import numpy as np
import pytest

from models.paired_loss import FEW_BATCHES, PairedLoss, log_loss


def compare(seed: int, shift: float, batches: int = 60, memory: float = 1_000.0) -> PairedLoss:
    """A model that is off by ``shift`` in log-odds against one that is as far off the other way, or right."""
    rng = np.random.default_rng(seed)
    pairs = PairedLoss(memory)
    for _ in range(batches):
        z = rng.normal(size=64)
        y = rng.random(64) < 1 / (1 + np.exp(-z))
        pairs.add(1 / (1 + np.exp(-z - shift)), 1 / (1 + np.exp(-z + min(shift, 0.3))), y)
    return pairs


def test_a_better_challenger_is_seen_and_an_equal_one_is_not() -> None:
    assert all(compare(seed, 0.9).low > 0 for seed in range(10))
    wrong = sum(not compare(seed, 0.3).low <= 0 <= compare(seed, 0.3).high for seed in range(200))
    assert wrong <= 20, "5 % expected"


def test_few_mini_batches_decide_nothing() -> None:
    few = compare(1, 0.9, FEW_BATCHES - 1)
    assert few.gain > 0 and np.isnan(few.low) and np.isnan(few.high)
    assert not few.low > 0
    assert np.isnan(PairedLoss().gain)


def test_what_was_swapped_turns_its_sign_and_partitions_add() -> None:
    one, other = compare(1, 0.9), compare(2, 0.9)
    gain = one.gain
    one.turn()
    assert one.gain == -gain and one.high < 0
    one.turn()
    both = PairedLoss()
    both.sums = one.sums + other.sums
    assert both.batches == 120 and both.high - both.low < one.high - one.low
    assert both.gain == pytest.approx((one.gain + other.gain) / 2)


def test_the_past_counts_less() -> None:
    assert compare(3, 0.9, 500, memory=100.0).batches <= 100


def test_nothing_is_infinitely_wrong() -> None:
    assert log_loss(np.array([0.0, 1.0]), np.array([True, False])).max() < 14
    pairs = PairedLoss()
    pairs.add(np.empty(0), np.empty(0), np.empty(0, bool))
    assert pairs.batches == 0
