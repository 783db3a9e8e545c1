"""The gate before a promotion: partitions merged, refused without evidence, overridden by force, undone."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from models.off_policy import PolicyValue
from models.paired_loss import PairedLoss
from streams.commands.models import describe
from streams.errors import ConfigurationError, PromotionError
from streams.events.model_records import Control, ModelRecord, ModelState
from streams.promotion import promote, roll_back, standing_of, standings
from streams.state.shared_models import SharedModels

TS = 1_700_000_000_000


def pairs(gain: float, batches: int = 200, seed: int = 1) -> list[float]:
    told = PairedLoss(memory=1e9)
    for each in np.random.default_rng(seed).normal(gain, 0.01, batches):
        told.sums += (1.0, each, each * each)
    return [float(x) for x in told.sums]


def learner(number: int, gain: float, live: str = "a:a", shadow: str = "b:b", **changes: Any) -> ModelRecord:
    states = [
        ModelState(spec=live, role="live", batches=50, seen=100 * (1 + number), auc=0.6 + 0.1 * number,
                   log_loss=0.5),
        ModelState(spec=shadow, role="shadow", batches=50, seen=100, auc=None, log_loss=None),
    ]  # fmt: skip
    fields: dict[str, Any] = {"version": 60 + number, "models": states, "pairs": pairs(gain)}
    return ModelRecord(name="quality", partition=number, **(fields | changes))


def policies(number: int, better: float, n: int = 4_000) -> ModelRecord:
    """Choices between two images, logged with 0.5: ``greedy`` takes the one that is ``better``."""
    rng = np.random.default_rng(number)
    first = rng.random(n) < 0.5
    reward = (rng.random(n) < np.where(first, 0.1 + better, 0.1)).astype(float)
    half = np.full(n, 0.5)
    live, greedy = PolicyValue(), PolicyValue()
    live.add_many(half, half, reward)
    greedy.add_many(half, np.where(first, 0.9, 0.1), reward)
    states = [ModelState(spec="thompson", role="live", batches=0),
              ModelState(spec="greedy", role="shadow", batches=0)]  # fmt: skip
    sums = {"live": live.sums.tolist(), "greedy": greedy.sums.tolist()}
    return ModelRecord(name="artwork", partition=number, models=states, policies=sums)


def known(*records: ModelRecord | Control) -> SharedModels:
    models = SharedModels()
    for record in records:
        name = record.name
        key = f"control|{name}" if isinstance(record, Control) else f"{name}|{record.partition}"
        models.put(key, msgspec.json.encode(record))
    return models


def test_partitions_are_merged() -> None:
    models = known(learner(0, 0.01), learner(1, 0.02), policies(0, 0.1))
    artwork, quality = standings(models)
    assert (artwork.name, quality.name) == ("artwork", "quality")
    assert (quality.live, quality.shadow, quality.partitions, quality.version) == ("a:a", "b:b", 2, 61)
    assert quality.pairs.batches == 400 and quality.gain[0] == pytest.approx(0.015, abs=0.002)
    assert quality.quality["live"] == (pytest.approx((0.6 * 100 + 0.7 * 200) / 300), 0.5)
    assert quality.quality["shadow"] == (None, None)
    assert artwork.policies["greedy"].n == 4_000
    assert artwork.estimates("greedy")["ips"].value > artwork.estimates("live")["logged"].value


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([learner(0, -0.01)], "lower bound is not above 0"),
        ([learner(0, 0.0001)], "lower bound is not above 0"),
        ([learner(0, 0.05, pairs=pairs(0.05, 29))], "29 mini-batches compared, 30 needed"),
        ([learner(0, 0.05, pairs=[])], "0 mini-batches compared"),
        ([policies(0, -0.05)], "lower bound is not above 0"),
        ([policies(0, 0.1, n=60)], "effective sample"),
        ([policies(0, 0.1, n=60), policies(1, 0.0, n=60)], "effective sample|lower bound"),
    ],
)
def test_a_shadow_that_has_not_earned_it_is_refused_and_force_says_so(
    records: list[ModelRecord], why: str
) -> None:
    standing = standing_of(known(*records), records[0].name)
    with pytest.raises(PromotionError, match=why) as refused:
        promote(standing, TS)
    assert "--force" in str(refused.value)
    forced = promote(standing, TS, force=True)
    assert forced.forced and (forced.live, forced.over) == (standing.shadow, standing.live)
    assert "may not be promoted" in "\n".join(describe(standing))


@pytest.mark.parametrize("record", [learner(0, 0.01), policies(0, 0.1)])
def test_a_shadow_that_has_earned_it_is_promoted(record: ModelRecord) -> None:
    standing = standing_of(known(record), record.name)
    control = promote(standing, TS, force=True)
    assert not control.forced, "force was not needed"
    assert control.live == standing.shadow and "gains +0." in control.reason
    assert control == promote(standing, TS)


def test_a_model_without_a_shadow_cannot_be_promoted_by_force() -> None:
    alone = learner(0, 0.1, models=[ModelState(spec="a:a", role="live", batches=3)])
    with pytest.raises(PromotionError, match="no shadow"):
        promote(standing_of(known(alone), "quality"), TS, force=True)


def test_rollback_is_the_other_way_round_and_once() -> None:
    first = promote(standing_of(known(learner(0, 0.01)), "quality"), TS)
    swapped = learner(0, -0.01, live="b:b", shadow="a:a")
    # One partition has obeyed, the other has not yet: what is compared is the former's.
    standing = standing_of(known(swapped, learner(1, 0.02), first), "quality")
    assert (standing.live, standing.shadow, standing.following, standing.partitions) == ("b:b", "a:a", 1, 2)
    assert standing.gain[0] < 0
    undone = roll_back(standing, TS)
    assert (undone.live, undone.over) == ("a:a", "b:b")
    with pytest.raises(PromotionError, match="nothing to roll back"):
        roll_back(standing_of(known(swapped, undone), "quality"), TS)
    with pytest.raises(PromotionError, match="nothing was promoted"):
        roll_back(standing_of(known(swapped), "quality"), TS)


def test_an_unknown_model_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ConfigurationError, match=r"'rows'; known: quality"):
        standing_of(known(learner(0, 0.1)), "rows")
    with pytest.raises(ConfigurationError, match="is sharing on"):
        standing_of(SharedModels(), "quality")


def test_a_policy_is_described_by_every_estimator_with_its_interval() -> None:
    text = "\n".join(describe(standing_of(known(policies(0, 0.1)), "artwork")))
    for word in ("logged", "ips", "snips", "dr", "gain", "effective sample", "may be promoted: gains +0."):
        assert word in text
