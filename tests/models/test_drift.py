"""Drift of the loss is seen, steady loss is not called drift, and the watch survives a checkpoint."""

from __future__ import annotations

import math
import pickle

import numpy as np

from models.drift import DriftWatch


def feed(watch: DriftWatch, rng: np.random.Generator, batches: int, wrong: float) -> int:
    """Predictions of 0.8 that are wrong with probability ``wrong``; how often the watch said drift."""
    return sum(watch.add(np.full(128, 0.8), rng.random(128) >= wrong) for _ in range(batches))


def test_a_model_that_turns_bad_is_noticed_and_one_that_stays_is_not() -> None:
    rng = np.random.default_rng(2)
    watch = DriftWatch()
    assert feed(watch, rng, 300, wrong=0.2) == 0
    assert (watch.detections, watch.said) == (0, "")
    assert feed(watch, rng, 100, wrong=0.5) >= 1
    assert watch.detections >= 1
    assert watch.said.startswith("loss rose to 0.")
    noticed = watch.detections
    assert feed(watch, rng, 300, wrong=0.05) >= 1
    assert watch.detections > noticed
    assert watch.said.startswith("loss fell to 0.")


def test_nothing_is_no_drift() -> None:
    watch = DriftWatch()
    assert not watch.add(np.empty(0), np.empty(0, bool))
    assert math.isnan(watch.loss)


def test_the_loss_is_the_squared_error() -> None:
    watch = DriftWatch()
    watch.add(np.array([0.5, 0.9]), np.array([True, False]))
    assert abs(watch.loss - (0.25 + 0.81) / 2) < 1e-9


def test_a_pickled_copy_goes_on_alike() -> None:
    watch = DriftWatch()
    feed(watch, np.random.default_rng(6), 100, wrong=0.2)
    copy = pickle.loads(pickle.dumps(watch))
    for one in (watch, copy):
        feed(one, np.random.default_rng(8), 100, wrong=0.6)
    assert watch.detections == copy.detections >= 1
    assert (watch.loss, watch.said) == (copy.loss, copy.said)
