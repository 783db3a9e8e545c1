"""Logarithms and powers of many at once agree with numpy's, over everything that scores are made of."""

from __future__ import annotations

import numpy as np
import pytest

from models.many_logs import exp2_many, log_many


@pytest.mark.parametrize("low, high", [(-80.0, 80.0), (-20.0, 5.0), (-0.001, 0.001)])
def test_logarithms_are_off_by_a_millionth_at_most(low: float, high: float) -> None:
    numbers = np.exp(np.linspace(low, high, 5_003)).astype(np.float32)
    right = np.log(numbers.astype(np.float64))
    log_many(numbers, len(numbers), np.zeros(len(numbers), np.int32))
    assert np.abs((numbers - right) / np.maximum(1.0, np.abs(right))).max() < 1e-6


def test_powers_are_off_by_a_millionth_of_each_at_most() -> None:
    exponents = np.linspace(-119.0, 119.0, 9_001).astype(np.float32)
    right = np.exp2(exponents.astype(np.float64))
    exp2_many(exponents, len(exponents), np.zeros(len(exponents), np.int32))
    assert np.abs(exponents / right - 1.0).max() < 1e-6


def test_only_the_first_n_are_replaced_and_what_has_faded_long_ago_is_next_to_nothing() -> None:
    numbers = np.array([-1e9, -500.0, 0.0, 7.0], np.float32)
    exp2_many(numbers, 3, np.zeros(3, np.int32))
    assert numbers.tolist()[2:] == [pytest.approx(1.0, rel=1e-6), 7.0]
    assert (numbers[:2] < 1e-35).all() and (numbers[:2] >= 0).all()
