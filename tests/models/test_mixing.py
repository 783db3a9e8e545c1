"""Parameter mixing: apart and mixed is (nearly) as good as together, nothing counts twice, nothing
oscillates."""

from __future__ import annotations

import numpy as np
import pytest

from models.bayesian_logistic import BayesianLogisticRegression
from models.mixing import Evidence, Mixture, averaged

FEATURES = ("a", "b", "c")
TRUTH = np.array([1.5, -1.0, 0.5])


def outcomes(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(n, 3))
    return X, rng.random(n) < 1 / (1 + np.exp(-(X @ TRUTH - 0.7)))


def model(forgetting: float = 1.0) -> BayesianLogisticRegression:
    return BayesianLogisticRegression(
        prior={"a": 0.5}, intercept=-1.0, precision=5.0, forgetting=forgetting, centre={"b": 0.3}
    )


def weights(learned: BayesianLogisticRegression) -> np.ndarray:
    return np.append(learned.posterior(FEATURES)[0], learned.intercept_posterior[0])


def test_evidence_goes_out_and_comes_back_as_it_was() -> None:
    learned, other = model(), model()
    learned.learn_array(*outcomes(np.random.default_rng(1), 500), FEATURES)
    other.replace_evidence(FEATURES, learned.evidence(FEATURES))
    for mine, theirs in zip(learned.posterior(FEATURES), other.posterior(FEATURES), strict=True):
        assert theirs == pytest.approx(mine, rel=1e-12)
    assert other.intercept_posterior == pytest.approx(learned.intercept_posterior)
    assert model().evidence(FEATURES).empty and not learned.evidence(FEATURES).empty


def loss(learned: BayesianLogisticRegression, X: np.ndarray, y: np.ndarray) -> float:
    p = learned.predict_array(X, FEATURES)
    return float(-np.log(np.where(y, p, 1 - p)).mean())


def test_four_apart_and_mixed_are_as_good_as_one_that_saw_everything() -> None:
    losses = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        together, alone = model(), model()
        apart, mixtures = [model() for _ in range(4)], [Mixture(4) for _ in range(4)]
        for _ in range(6):
            for k, site in enumerate(apart):
                X, y = outcomes(rng, 32)
                site.learn_array(X, y, FEATURES)
                together.learn_array(X, y, FEATURES)
                if k == 0:
                    alone.learn_array(X, y, FEATURES)
            told = [m.own(site.evidence(FEATURES)) for m, site in zip(mixtures, apart, strict=True)]
            for k, (mixture, site) in enumerate(zip(mixtures, apart, strict=True)):
                others = [evidence for other, evidence in enumerate(told) if other != k]
                site.replace_evidence(FEATURES, mixture.mix(site.evidence(FEATURES), others))
        assert all(weights(site) == pytest.approx(weights(apart[0])) for site in apart)
        assert weights(apart[0]) == pytest.approx(weights(together), abs=0.1)
        mixed, whole = apart[0].evidence(FEATURES).precision, together.evidence(FEATURES).precision
        assert mixed == pytest.approx(whole, rel=0.15), "as sure as one that saw everything, and not surer"
        X, y = outcomes(rng, 20_000)
        losses.append([loss(learned, X, y) for learned in (alone, apart[0], together)])
    only, mixed, whole = np.mean(losses, axis=0)
    assert mixed - whole < 0.1 * (only - whole), losses


@pytest.mark.parametrize("forgetting", [1.0, 0.99])
def test_being_told_again_changes_nothing_and_own_evidence_stays_own(forgetting: float) -> None:
    rng = np.random.default_rng(4)
    site, other, mixture = model(forgetting), model(forgetting), Mixture(4, forgetting)
    site.learn_array(*outcomes(rng, 200), FEATURES)
    other.learn_array(*outcomes(rng, 300), FEATURES)
    told = other.evidence(FEATURES)
    own = site.evidence(FEATURES)
    site.replace_evidence(FEATURES, mixture.mix(own, [told]))
    once = weights(site)
    for _ in range(50):
        site.replace_evidence(FEATURES, mixture.mix(site.evidence(FEATURES), [told]))
    assert weights(site) == pytest.approx(once, rel=1e-9)
    # What was received fades with the model's forgetting: what remains is still exactly its own.
    X, y = np.zeros((40, 3)), np.ones(40, bool)
    X[:, 1] = 0.3  # at their centres, features teach nothing
    site.learn_array(X, y, FEATURES)
    mixture.learned(40)
    kept = forgetting**40
    assert mixture.own(site.evidence(FEATURES)).precision[1:] == pytest.approx(own.precision[1:] * kept)
    assert mixture.own(site.evidence(FEATURES)).shift[1:] == pytest.approx(own.shift[1:] * kept, abs=1e-9)


def test_a_silent_partition_has_no_say() -> None:
    learned = Evidence(np.array([10.0]), np.array([20.0]))
    total = Mixture(1).mix(Evidence.none(1), [learned, Evidence.none(1)])
    assert (total.precision, total.shift) == (np.array([10.0]), np.array([20.0]))


def test_averages_stay_within_what_went_in() -> None:
    rng = np.random.default_rng(6)
    at = rng.normal(size=(5, 4))
    told = rng.random((5, 4)) * [1, 10, 100, 0]
    before = np.full(4, 7.0)
    mixed = averaged([Evidence(n, n * w) for n, w in zip(told, at, strict=True)], before)
    assert (mixed[:3] >= at[:, :3].min(axis=0)).all() and (mixed[:3] <= at[:, :3].max(axis=0)).all()
    assert mixed[3] == 7.0, "nobody knows: it stays"
    assert mixed[:3] == pytest.approx((told * at).sum(axis=0)[:3] / told.sum(axis=0)[:3])
