"""Bandits of several partitions share what they learned, and nothing twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.thompson import learn_outcome
from streams.decisions.trailers import FEATURES, PRECISION, START, new_offers
from streams.surfaces.bandit_weights import BATCH, BanditWeights


class Sharing:
    """Writes down who was registered and who told."""

    def __init__(self) -> None:
        self.registered: dict[str, Any] = {}
        self.tellings: list[str] = []

    def register(self, name: str, model: Any, features: tuple[str, ...]) -> None:
        self.registered[name] = features

    def told(self, name: str) -> None:
        self.tellings.append(name)


def bandit() -> tuple[BanditWeights, np.ndarray, Sharing]:
    record, sharing = new_offers(), Sharing()
    weights = BanditWeights("trailer_weights", record, FEATURES, START, PRECISION, sharing)  # type: ignore[arg-type]
    return weights, record, sharing


def learn(weights: BanditWeights, record: np.ndarray, feature: int, label: float, times: int) -> None:
    x = np.zeros(len(START))
    x[feature] = 1.0
    for _ in range(times):
        learn_outcome(x, 0.0, 0.0, label, record[0]["weight"], record[0]["variance"])
        record["learned"] += 1
        weights.learned()


def test_outcomes_are_told_by_the_mini_batch() -> None:
    weights, record, sharing = bandit()
    assert sharing.registered == {"trailer_weights": (*FEATURES, "intercept")}
    assert weights.evidence.empty
    learn(weights, record, 0, 1.0, 2 * BATCH + 5)
    assert sharing.tellings == ["trailer_weights"] * 2 and weights.batches == 2


def test_a_new_partition_starts_from_what_the_others_know() -> None:
    taught, taught_record, _ = bandit()
    learn(taught, taught_record, 0, 1.0, 300)
    fresh, record, _ = bandit()
    fresh.mix([taught.evidence])
    assert record[0]["weight"] == pytest.approx(taught_record[0]["weight"])
    assert record[0]["variance"] == pytest.approx(taught_record[0]["variance"])
    assert fresh.evidence.empty, "what was received is not its own"


def test_evidence_goes_round_once() -> None:
    """Two that exchange again and again without learning more stay where the sum is."""
    one, one_record, _ = bandit()
    other, other_record, _ = bandit()
    learn(one, one_record, 0, 1.0, 200)
    learn(other, other_record, 1, 0.0, 200)
    before = one.evidence, other.evidence
    for _ in range(5):
        one.mix([other.evidence])
        other.mix([one.evidence])
    assert one_record[0]["weight"] == pytest.approx(other_record[0]["weight"])
    assert one_record[0]["weight"][0] > START[0] and one_record[0]["weight"][1] < START[1]
    assert one.evidence.precision == pytest.approx(before[0].precision)
    assert other.evidence.shift == pytest.approx(before[1].shift)


def test_what_was_received_survives_a_restart() -> None:
    taught, taught_record, _ = bandit()
    learn(taught, taught_record, 0, 1.0, 300)
    weights, record, _ = bandit()
    weights.mix([taught.evidence])
    again, again_record, _ = bandit()
    again_record[:] = record
    again.load(weights.dump())
    assert again.evidence.empty and again.mixed_at == weights.mixed_at
