"""Rolling AUC, log loss and calibration error against scikit-learn's and by hand."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from models.evaluation import CALIBRATION_BINS, RollingQuality

chunks = st.lists(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.77, 1.0]), st.booleans()), max_size=30),
    max_size=12,
)


def filled(window: int, pieces: list[list[tuple[float, bool]]]) -> RollingQuality:
    quality = RollingQuality(window)
    for piece in pieces:
        quality.add(np.array([p for p, _ in piece], float), np.array([y for _, y in piece], bool))
    return quality


@settings(max_examples=150, deadline=None)
@given(chunks, st.integers(1, 50))
def test_it_is_the_quality_of_the_last_window(pieces: list[list[tuple[float, bool]]], window: int) -> None:
    quality = filled(window, pieces)
    kept = [pair for piece in pieces for pair in piece][-window:]
    assert len(quality) == len(kept)
    assert quality.seen == sum(map(len, pieces))
    if not kept:
        assert math.isnan(quality.log_loss)
        assert math.isnan(quality.calibration_error)
        return
    p, y = np.array([p for p, _ in kept]), np.array([y for _, y in kept])
    if 0 < y.sum() < len(y):
        assert quality.auc == pytest.approx(roc_auc_score(y, p))
    else:
        assert math.isnan(quality.auc)
    assert quality.log_loss == pytest.approx(
        log_loss(y, np.clip(p, 1e-6, 1 - 1e-6), labels=[False, True]), rel=1e-5
    )
    gaps = 0.0
    for b in range(CALIBRATION_BINS):
        inside = np.minimum((p * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1) == b
        gaps += abs(p[inside].sum() - y[inside].sum())
    assert quality.calibration_error == pytest.approx(gaps / len(p))


def test_how_predictions_were_cut_into_batches_makes_no_difference() -> None:
    rng = np.random.default_rng(5)
    p, y = rng.random(1_000), rng.random(1_000) < 0.3
    whole, pieces = RollingQuality(300), RollingQuality(300)
    whole.add(p, y)
    for at in range(0, 1_000, 128):
        pieces.add(p[at : at + 128], y[at : at + 128])
    assert whole.auc == pieces.auc
    assert whole.log_loss == pytest.approx(pieces.log_loss)


def test_a_pickled_copy_goes_on_alike() -> None:
    quality = filled(8, [[(0.2, False), (0.7, True), (0.9, False)]])
    copy = pickle.loads(pickle.dumps(quality))
    for one in (quality, copy):
        one.add(np.array([0.4] * 7), np.array([True, False] * 3 + [True]))
    assert (copy.auc, copy.log_loss, copy.calibration_error) == (
        quality.auc, quality.log_loss, quality.calibration_error,
    )  # fmt: skip


def test_one_sure_mistake_does_not_cost_everything() -> None:
    quality = filled(10, [[(1.0, False)]])
    assert quality.log_loss == pytest.approx(-math.log(1e-6))


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="window is 0"):
        RollingQuality(0)
    with pytest.raises(ValueError, match="2 predictions and 1 outcomes"):
        RollingQuality(4).add(np.zeros(2), np.zeros(1, bool))
