"""Off-policy sums of surfaces: what is added, told, forgotten and kept; and roles that a promotion swaps."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from models.off_policy import PolicyValue
from streams.settings import Settings
from streams.state.shared import Shared
from streams.surfaces import policies as module
from streams.surfaces import running
from streams.surfaces.policies import LIVE, TELL_EVERY, Policies
from tests.profiles.small_partition import PLAIN, Changelog, SmallPartition, restored
from tests.surfaces.ranking import picture_catalog

SETTINGS = Settings()


class Told:
    """Policies of a partition, and what they told."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.shared = Shared(settings)
        self.records: list[dict[str, Any]] = []
        self.policies = Policies(3, settings, self.shared, self._put)

    def _put(self, topic: str, key: bytes, value: bytes | None) -> None:
        record = orjson.loads(value or b"")
        assert topic == SETTINGS.models_topic and key == f"{record['name']}|3".encode()
        self.records.append(record)

    def control(self, live: str, over: str, surface: str = "artwork") -> None:
        record = {"name": surface, "live": live, "over": over, "ts": 1}
        self.shared.put(SETTINGS.models_topic, f"control|{surface}".encode(), orjson.dumps(record))
        self.policies.follow()


def choices(n: int, seed: int = 1) -> list[tuple[float, float, float]]:
    rng = np.random.default_rng(seed)
    good = rng.random(n) < 0.25
    reward = rng.random(n) < np.where(good, 0.5, 0.1)
    return [(0.25, 0.9, float(r)) if g else (0.75, 0.1, float(r)) for g, r in zip(good, reward, strict=True)]


def test_every_policy_has_its_sums_and_partitions_tell_them() -> None:
    told = Told()
    expected, mean = PolicyValue(), 0.0
    for propensity, probability, reward in choices(2 * TELL_EVERY + 5):
        told.policies.add("artwork", propensity, reward, {"greedy": probability}, 0.2, {"greedy": 0.4})
        expected.add(propensity, probability, reward, 0.2, 0.4)
        mean += reward / (2 * TELL_EVERY + 5)
    values = told.policies.values["artwork"]
    assert values["greedy"].sums.tobytes() == expected.sums.tobytes()
    assert values[LIVE].ips().value == pytest.approx(mean) == values[LIVE].dr().value
    assert values["greedy"].snips().value > values[LIVE].snips().value
    assert [record["version"] for record in told.records] == [TELL_EVERY, 2 * TELL_EVERY]
    assert [model["spec"] for model in told.records[-1]["models"]] == ["thompson", "greedy"]
    assert len(told.records[-1]["policies"]["greedy"]) == len(expected.sums)


def test_without_a_predicted_reward_doubly_robust_is_ips() -> None:
    told = Told()
    for propensity, probability, reward in choices(100):
        told.policies.add("artwork", propensity, reward, {"greedy": probability}, 0.2)
    greedy = told.policies.values["artwork"]["greedy"]
    assert greedy.dr().value == pytest.approx(greedy.ips().value)


def test_with_sharing_off_nothing_is_told() -> None:
    told = Told(replace(SETTINGS, sharing=False))
    for propensity, probability, reward in choices(TELL_EVERY):
        told.policies.add("artwork", propensity, reward, {"greedy": probability})
    assert told.records == [] and told.policies.values["artwork"][LIVE].n == TELL_EVERY


def test_what_is_no_chance_is_refused_and_changes_nothing() -> None:
    told = Told()
    with pytest.raises(ValueError, match="no chance"):
        told.policies.add("artwork", 0.0, 1.0, {})
    assert told.policies.values["artwork"][LIVE].n == 0


def test_the_past_counts_half(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", 100.0)
    told = Told()
    for propensity, probability, reward in choices(99):
        told.policies.add("artwork", propensity, reward, {"greedy": probability})
    before = told.policies.values["artwork"]["greedy"].n
    told.policies.add("artwork", 0.5, 1.0, {"greedy": 0.5})
    assert (before, told.policies.values["artwork"]["greedy"].n) == (99, 50)


def test_a_promotion_swaps_the_roles_once_and_a_restart_keeps_them() -> None:
    told = Told()
    told.policies.add("artwork", 0.5, 1.0, {"greedy": 0.5})
    told.control("wide", "thompson")
    assert told.policies.roles["artwork"] == ("thompson", "greedy"), "no such pair here"
    told.control("greedy", "thompson")
    assert told.policies.roles == {"artwork": ("greedy", "thompson"), "trailers": ("thompson", "greedy")}
    assert "artwork" not in told.policies.values, "what greedy was worth beside thompson is over"
    assert [model["spec"] for model in told.records[-1]["models"]] == ["greedy", "thompson"]
    count = len(told.records)
    told.policies.follow()
    assert len(told.records) == count
    saved = pickle.loads(pickle.dumps(told.policies.dump()))
    again, changed = Told(), Told(replace(SETTINGS, artwork_shadow="wide"))
    again.policies.load(saved)
    assert again.policies.roles["artwork"] == ("greedy", "thompson")
    changed.policies.load(saved)
    assert changed.policies.roles["artwork"] == ("thompson", "wide"), "the settings have changed since"
    again.control("thompson", "greedy")
    assert again.policies.roles["artwork"] == ("thompson", "greedy")


def test_a_fresh_partition_has_nothing_to_save() -> None:
    assert Told().policies.dump() is None


def test_a_promoted_image_policy_chooses_from_the_next_batch_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(running.SURFACES, "titles", "tests.surfaces.ranking:MetLast")
    config = replace(PLAIN, surfaces="titles,artwork", artwork_uniform=0.0)
    partition = SmallPartition(config, known=picture_catalog(config, 8, images=3))

    def propensities(at: float, *titles: str) -> set[float]:
        for n, title in enumerate(titles):
            partition.send("rating", at + n, title_id=title, value=1)
        return {choice["propensity"] for choice in partition.decisions("artwork-choices")}

    partition.send("session_start", 0)
    assert max(propensities(1, "t1", "t2")) < 0.9, "Thompson draws"
    shared = partition.engine.surfaces.context.shared
    record = {"name": "artwork", "live": "greedy", "over": "thompson", "ts": 1}
    shared.put(config.models_topic, b"control|artwork", orjson.dumps(record))
    assert propensities(10, "t3", "t4") == {1.0}, "greedy does not"
    log = Changelog()
    log.take(partition.drain(), config.state_topic)
    partition.send("rating", 20, title_id="t5", value=1)
    log.take(partition.drain(), config.state_topic)
    assert restored(partition, log.records).surfaces.policies.roles["artwork"] == ("greedy", "thompson")
