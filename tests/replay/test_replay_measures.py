"""Measures and simple counts against values worked out by hand, and against scikit-learn where it has the
same.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from streams.replay.baselines import RowCounts, TitleRates
from streams.replay.measures import Ranks, auc, calibration_error, log_loss, prediction_quality


def test_auc_counts_pairs_and_half_of_ties() -> None:
    scores = np.array([0.1, 0.4, 0.4, 0.8])
    labels = np.array([False, False, True, True])
    assert auc(scores, labels) == (1 + 0.5 + 2) / 4
    assert auc(-scores, labels) == 0.5 / 4
    assert auc(np.zeros(4), labels) == 0.5
    assert auc(scores, np.ones(4, dtype=bool)) is None


def test_measures_agree_with_scikit_learn() -> None:
    from sklearn import metrics

    rng = np.random.default_rng(7)
    labels = rng.random(500) < 0.3
    scores = np.round(np.clip(0.3 + 0.2 * labels + 0.2 * rng.standard_normal(500), 0.01, 0.99), 2)
    assert auc(scores, labels) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)
    assert log_loss(scores, labels) == pytest.approx(metrics.log_loss(labels, scores), abs=1e-12)


def test_log_loss_is_the_mean_surprise_and_certain_errors_stay_finite() -> None:
    p = np.array([0.8, 0.4])
    assert log_loss(p, np.array([True, False])) == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    wrong = log_loss(np.array([1.0]), np.array([False]))
    assert wrong is not None and 30 < wrong < 40


def test_calibration_error_is_the_mean_gap_of_the_bins_by_size() -> None:
    p = np.array([0.15, 0.15, 0.95, 1.0])
    y = np.array([True, False, True, True])
    # bin 1: predicted .15, true .5, weight 1/2; bin 9: predicted .975, true 1, weight 1/2
    assert calibration_error(p, y) == pytest.approx(0.35 / 2 + 0.025 / 2)


def test_without_data_there_is_no_measure() -> None:
    assert prediction_quality([], []) == {"auc": None, "log_loss": None, "ece": None, "n": 0, "positives": 0}
    assert Ranks().quality() == {"hr_at_3": None, "ndcg_at_10": None, "mrr": None, "n": 0}


def test_ranks_give_hit_rate_gain_and_reciprocal_rank() -> None:
    ranks = Ranks()
    for rank in (1, 3, 4, 11):
        ranks.add(rank)
    assert ranks.quality() == {
        "hr_at_3": 0.5,
        "ndcg_at_10": pytest.approx((1 + 1 / 2 + 1 / math.log2(5)) / 4),
        "mrr": pytest.approx((1 + 1 / 3 + 1 / 4 + 1 / 11) / 4),
        "n": 4,
    }


def test_simple_counts_rank_by_what_they_were_told() -> None:
    counts = RowCounts(4)
    assert counts.ranks("a", 2) == {"popularity": 3, "affinity": 3, "transition": 3}, "the catalog's order"
    for profile, row in [("x", 1), ("x", 2), ("y", 1), ("y", 2), ("z", 3), ("z", 3), ("z", 3), ("a", 1)]:
        counts.learn(profile, row)
    # popularity: row 1 and 3 three times, row 2 twice, row 0 never; ties by number
    assert [counts.ranks("b", row)["popularity"] for row in range(4)] == [4, 1, 3, 2]
    # "a" played row 1 once: own count first, then popularity
    assert [counts.ranks("a", row)["affinity"] for row in range(4)] == [4, 1, 3, 2]
    assert [counts.ranks("z", row)["affinity"] for row in range(4)] == [4, 2, 3, 1]
    # after row 1 came row 2, twice: (2 + 30 * 2/8) / 32 = .297; row 1: (30 * 3/8) / 32 = .352, and its own
    # play
    assert [counts.ranks("a", row)["transition"] for row in range(4)] == [4, 1, 3, 2]
    for _ in range(4):
        counts.learn("w", 1)
        counts.learn("w", 2)
    assert counts.ranks("a", 2)["transition"] < counts.ranks("a", 3)["transition"]


def test_a_titles_rate_is_drawn_to_that_of_all() -> None:
    rates = TitleRates()
    assert rates.rate("t") == 0.5
    for quality in (True, True, False, False, False, False, False, False):
        rates.learn("t", quality)
    assert rates.rate("t") == pytest.approx((2 + 20 * 0.3) / 28)
    assert rates.rate("new") == pytest.approx(0.3)
