"""The two shipped pipelines: names, priors, size, and that their priors rank sensibly before anything was
learned."""

from __future__ import annotations

import pickle
from types import ModuleType

import numpy as np
import pytest

from models import hazard, quality
from models.registry import build

CHECKPOINT_BYTES = 4_096
"""A model goes into a checkpoint with every few mini-batches: it must stay small."""


@pytest.mark.parametrize("surface", [quality, hazard])
def test_every_feature_has_a_prior_and_a_name_of_its_own(surface: ModuleType) -> None:
    assert len(set(surface.FEATURES)) == len(surface.FEATURES)
    assert set(surface.PRIOR) == set(surface.FEATURES)
    assert set(getattr(surface, "CENTRE", {})) <= set(surface.FEATURES)


@pytest.mark.parametrize("surface", [quality, hazard])
def test_it_stays_small_and_comes_back_the_same(surface: ModuleType) -> None:
    model = build(f"{surface.__name__}:pipeline", surface.FEATURES)
    rng = np.random.default_rng(1)
    for _ in range(50):
        X = rng.normal(size=(128, len(surface.FEATURES)))
        model.learn(X, X[:, 0] > 0)
    stored = pickle.dumps(model, 5)
    assert len(stored) < CHECKPOINT_BYTES
    back = pickle.loads(stored)
    assert np.array_equal(back.predict(X), model.predict(X))
    assert pickle.dumps(pickle.loads(stored), 5) == pickle.dumps(back, 5)


def churn(**facts: float) -> float:
    typical = dict.fromkeys(hazard.FEATURES, 0.0) | hazard.CENTRE
    return float(hazard.pipeline().predict_proba_one(typical | facts)[True])


def test_churn_is_ranked_sensibly_before_any_label_has_matured() -> None:
    typical = churn()
    assert typical == pytest.approx(0.2, abs=0.01)
    assert churn(silence=4.0, sessions_day=0.0, sessions_week=0.2, sessions_month=0.7) > 0.3
    assert churn(sessions_day=1.5, sessions_week=2.5, sessions_month=3.0, impressions_week=3.0) < 0.1
    assert churn(payment_failures_month=0.7, on_hold=1.0) > 0.4
    assert churn(cancelled=1.0) > 0.8
    assert churn(lost_searches_week=1.0) > typical > churn(watched_week=4.0)


def test_rows_are_ranked_sensibly_before_any_outcome() -> None:
    model = quality.pipeline()
    typical = dict.fromkeys(quality.FEATURES, 0.0)

    def row(**facts: float) -> float:
        return float(model.predict_proba_one(typical | facts)[True])

    assert row() == pytest.approx(0.1, abs=0.01)
    assert row(titles=1.0) > row(length=1.0) > row() > row(position=-1.0)
