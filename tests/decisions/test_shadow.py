"""A shadow learns what the live model learns, is judged on the same outcomes, and takes its place for
good."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from models.quality import FEATURES
from streams.decisions.learner import Learner
from streams.errors import ConfigurationError, InvariantError

LIVE = "models.quality:pipeline"
CURVED = "tests.state.curved_model:curved"


def feed(learner: Learner, batches: int, seed: int = 1) -> None:
    """Outcomes that only a model with other features' signs gets right."""
    rng = np.random.default_rng(seed)
    for _ in range(batches):
        n = learner.batch
        x = np.round(rng.normal(size=(n, len(FEATURES))) * 1_024) / 1_024
        learner.waiting.x[:n] = x
        learner.waiting.y[:n] = rng.random(n) < 1 / (1 + np.exp(3 * x[:, 4]))
        learner.waiting.p[:n] = learner.predict(x)
        learner.waiting.n[0] = n
        learner.learn()


def new(live: str = LIVE, shadow: str = CURVED, batch: int = 32) -> Learner:
    return Learner("quality", live, FEATURES, batch, True, shadow)


def test_the_live_model_learns_as_if_it_were_alone() -> None:
    alone, beside = new(shadow=""), new()
    feed(alone, 10)
    feed(beside, 10)
    assert alone.weights.tobytes() == beside.weights.tobytes() and alone.version == beside.version == 10
    assert beside.shadow is not None and beside.shadow.batches == 10
    assert beside.shadow.rolling.seen == beside.live.rolling.seen == 320
    assert len(alone.dump()) == 6, "without a shadow, a checkpoint is what it always was"


def test_what_a_shadow_gains_is_measured_before_it_learns() -> None:
    learner = new()
    feed(learner, 1)
    assert learner.shadow is not None
    fresh = new()
    x, y = learner.waiting.x[:32], learner.waiting.y[:32] == 1
    live, shadow = fresh.live.predict(x), fresh.shadow.predict(x)  # type: ignore[union-attr]
    gain = (-np.log(np.where(y, live, 1 - live)) + np.log(np.where(y, shadow, 1 - shadow))).mean()
    assert learner.pairs.gain == pytest.approx(gain)


def test_promotion_swaps_and_rollback_swaps_back() -> None:
    learner = new()
    feed(learner, 40)
    weights, gain = learner.weights.copy(), learner.pairs.gain
    assert learner.shadow is not None
    expected = learner.shadow.predict(np.ones((1, len(FEATURES))))
    learner.promote()
    assert (learner.spec, learner.shadow.spec) == (CURVED, LIVE)
    assert learner.folded is None and learner.predict(np.ones((1, len(FEATURES)))) == expected
    assert learner.version == 41 and learner.pairs.gain == -gain
    learner.promote()
    assert learner.spec == LIVE and learner.weights.tobytes() == weights.tobytes() and learner.version == 42
    with pytest.raises(InvariantError, match="no shadow"):
        new(shadow="").promote()


def reopened(learner: Learner, live: str = LIVE, shadow: str = CURVED) -> Learner:
    again = new(live, shadow)
    again.load(pickle.loads(pickle.dumps(learner.dump())))
    return again


def same(one: Learner, other: Learner) -> bool:
    x = np.random.default_rng(9).normal(size=(20, len(FEATURES)))
    assert one.shadow is not None and other.shadow is not None
    return (
        (one.spec, one.shadow.spec, one.version) == (other.spec, other.shadow.spec, other.version)
        and one.predict(x).tobytes() == other.predict(x).tobytes()
        and one.shadow.predict(x).tobytes() == other.shadow.predict(x).tobytes()
        and one.pairs.sums.tobytes() == other.pairs.sums.tobytes()
    )


@pytest.mark.parametrize("promotions", [0, 1, 2])
def test_a_restart_goes_on_with_both_promoted_or_not(promotions: int) -> None:
    learner = new()
    feed(learner, 5)
    for _ in range(promotions):
        learner.promote()
    again = reopened(learner)
    assert same(learner, again)
    feed(learner, 5, seed=2)
    feed(again, 5, seed=2)
    assert same(learner, again)


def test_settings_that_name_another_model_win_over_a_promotion() -> None:
    learner = new()
    feed(learner, 5)
    x = np.ones((1, len(FEATURES)))
    assert learner.shadow is not None
    known = learner.shadow.predict(x)
    turned = reopened(learner, live=CURVED, shadow=LIVE)
    assert turned.spec == CURVED and turned.predict(x) == known, "it keeps what it learned as a shadow"
    assert turned.version == 6 and turned.pairs.gain == -learner.pairs.gain
    learner.promote()
    only = reopened(learner, live=LIVE, shadow="")
    assert only.spec == LIVE and only.version == 7 and only.weights.any()
    assert only.weights.tobytes() == reopened(learner).shadow.model.final._mean[1:].tobytes()  # type: ignore[union-attr]


def test_a_checkpoint_from_before_there_were_shadows_is_read() -> None:
    before = new(shadow="")
    feed(before, 4)
    again = reopened(before)
    assert again.spec == LIVE and again.weights.tobytes() == before.weights.tobytes()
    assert again.shadow is not None and again.shadow.batches == 0 and again.version == 4


def test_a_model_that_nobody_configured_is_not_loaded() -> None:
    before = new(shadow="")
    feed(before, 4)
    other = new(live=CURVED, shadow="")
    assert not other.load(before.dump()) and other.version == 0


def test_a_shadow_that_is_no_model_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="cannot import"):
        new(shadow="nowhere:model")
    assert new(shadow=LIVE).shadow is None, "the live model is no challenger of itself"
