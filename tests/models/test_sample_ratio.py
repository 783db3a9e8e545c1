"""Splits that are as intended, and splits that lose some."""

from __future__ import annotations

import numpy as np
import pytest

from models.sample_ratio import always_valid_p, chi_square_p, log_evidence


def test_a_right_split_is_hardly_ever_called_broken_however_often_one_looks() -> None:
    rng = np.random.default_rng(1)
    shares = np.array([0.5, 0.3, 0.2])
    valid, chi = [], []
    for _ in range(300):
        counts = np.cumsum(rng.multinomial(20, shares, 100), axis=0)  # a look every 20 profiles
        valid.append(min(always_valid_p([(seen, shares)]) for seen in counts))
        chi.append(min(chi_square_p([(seen, shares)]) for seen in counts))
    assert np.mean(np.array(valid) < 0.05) <= 0.05
    assert np.mean(np.array(chi) < 0.05) > 0.15  # why the verdict does not rest on it


def test_a_broken_split_is_flagged_quickly() -> None:
    rng = np.random.default_rng(2)
    needed = []
    for _ in range(50):  # an arm that loses a fifth of its profiles
        arms = rng.random(20_000) < 0.4 / 0.9
        treated = np.cumsum(arms)
        for n in range(100, 20_000, 100):
            if always_valid_p([([n - treated[n - 1], treated[n - 1]], [0.5, 0.5])]) < 0.001:
                needed.append(n)
                break
    assert len(needed) == 50 and np.median(needed) < 3_000


def test_stretches_with_other_shares_each_count_by_their_own() -> None:
    strata = [([500, 500], [0.5, 0.5]), ([100, 900], [0.1, 0.9])]
    assert always_valid_p(strata) == 1.0
    assert chi_square_p(strata) == 1.0
    # Taken as one stretch of equal shares it would look broken.
    assert always_valid_p([([600, 1400], [0.5, 0.5])]) < 1e-6
    assert log_evidence(strata) == pytest.approx(sum(log_evidence([one]) for one in strata))


def test_an_arm_without_share_must_stay_empty() -> None:
    assert always_valid_p([([50, 0, 50], [0.5, 0.0, 0.5])]) == 1.0
    assert always_valid_p([([50, 1, 50], [0.5, 0.0, 0.5])]) == 0.0
    assert chi_square_p([([50, 1, 50], [0.5, 0.0, 0.5])]) == 0.0


def test_nothing_yet_is_no_evidence() -> None:
    assert always_valid_p([]) == 1.0 and chi_square_p([]) == 1.0
    assert always_valid_p([([0, 0], [0.5, 0.5])]) == 1.0
    assert chi_square_p([([7, 0], [1.0, 0.0])]) == 1.0
