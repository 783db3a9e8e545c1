"""Partitions and their models: what is told, what is taken in, who is at work; and that none of it depends on
batches or crashes."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from streams.engine import TopicWrites
from streams.pipeline import PartitionEngine, create_engine
from streams.settings import DAY_MS, Settings
from streams.state.shared import Shared
from streams.state.sharing import DEMAND
from tests.streams.journeys import START_MS, Journeys, batches, catalog

NOW = START_MS + 400 * DAY_MS
CURVED = "tests.state.curved_model:curved"
TOLD = Settings(
    learn_batch=16, mix_every=2, quality_seconds=40.0, quality_shadow=CURVED, explore_share=0.2, surfaces=""
)


class Worker:
    """Engines of one worker: what they tell goes into what they share, when ``deliver`` says so."""

    def __init__(self, settings: Settings = TOLD) -> None:
        self.settings = settings
        self.shared = Shared(settings)
        self.catalog = catalog(settings)
        self.engines: dict[int, PartitionEngine] = {}
        self.changelogs: dict[int, list[tuple[bytes, bytes | None]]] = {}
        self.logs: dict[int, tuple[Journeys, int]] = {}
        self.undelivered: list[tuple[bytes, bytes | None]] = []

    def engine(self, number: int) -> PartitionEngine:
        if number not in self.engines:
            self.engines[number] = create_engine(number, self.settings, self.catalog, self.shared)
            self.changelogs[number] = []
        return self.engines[number]

    def run(self, number: int, seed: int, n: int = 600, size: int = 50) -> list[dict[str, Any]]:
        """Go on with a partition's log, which begins with ``seed``; returns what it told of its models."""
        engine = self.engine(number)
        journeys, first = self.logs.setdefault(number, (Journeys(seed, deletions=False), 0))
        self.logs[number] = (journeys, first + n)
        for batch in batches(journeys.records(n, first), size):
            engine.apply(batch, NOW)
        return self.drain(number)

    def drain(self, number: int) -> list[dict[str, Any]]:
        writes = self.engines[number].drain().topics
        state = writes.get(self.settings.state_topic, TopicWrites())
        self.changelogs[number].extend(zip(state.keys, state.values, strict=True))  # type: ignore[arg-type]
        told = writes.get(self.settings.models_topic, TopicWrites())
        self.undelivered.extend(zip(told.keys, told.values, strict=True))  # type: ignore[arg-type]
        return [orjson.loads(value or b"null") for value in told.values]

    def deliver(self) -> None:
        for key, value in self.undelivered:
            self.shared.put(self.settings.models_topic, key, value)
        self.undelivered.clear()

    def control(self, live: str, over: str, name: str = "quality") -> None:
        record = {"name": name, "live": live, "over": over, "ts": 1}
        self.shared.put(self.settings.models_topic, f"control|{name}".encode(), orjson.dumps(record))

    def reopened(self, number: int) -> PartitionEngine:
        """The partition after a crash, from its changelog."""
        engine = create_engine(number, self.settings, self.catalog, self.shared)
        log = self.changelogs[number]
        engine.restore([key for key, _ in log], [value for _, value in log])
        engine.restored()
        return engine


def weights(engine: PartitionEngine) -> np.ndarray:
    quality = engine.state.quality
    return np.append(quality.weights, quality.intercept)


def evidence(engine: PartitionEngine) -> list[Any]:
    """What it told last, without the rolling quality, which begins anew after a restart."""
    told = [orjson.loads(value or b"") for value in engine.drain().topics[TOLD.models_topic].values]
    for record in told:
        for model in record["models"]:
            del model["seen"], model["auc"], model["log_loss"]
    return told


def look(engine: PartitionEngine) -> None:
    """A batch begins, and that is all."""
    engine.surfaces.follow_shared()


def test_with_sharing_off_nothing_is_told_and_nothing_changes() -> None:
    alone, on = Worker(replace(TOLD, sharing=False)), Worker()
    assert alone.run(0, 1) == []
    assert len(on.run(0, 1)) >= 4
    assert weights(alone.engine(0)).tobytes() == weights(on.engine(0)).tobytes()
    alone.control(CURVED, "models.quality:pipeline")
    assert alone.run(0, 2) == [] and alone.engine(0).state.quality.spec == "models.quality:pipeline"


def test_what_is_told_does_not_depend_on_batches() -> None:
    assert Worker().run(0, 3, size=1) == Worker().run(0, 3, size=600)


def test_what_is_told_is_complete_and_says_nothing_of_viewers() -> None:
    told = Worker().run(2, 1)
    last = {record["name"]: record for record in told}
    quality = last["quality"]
    assert quality["partition"] == 2 and quality["ts"] > START_MS
    live, shadow = quality["models"]
    assert (live["role"], live["spec"]) == ("live", "models.quality:pipeline")
    assert (shadow["role"], shadow["spec"]) == ("shadow", CURVED)
    assert live["batches"] == shadow["batches"] == quality["version"] and quality["pairs"][0] > 0
    assert len(live["precision"]) == 1 + len(quality["features"]) and shadow["precision"] == []
    assert 0 < live["log_loss"] < 2 and live["seen"] > 16
    assert last[DEMAND]["models"][0]["precision"] == pytest.approx(
        last[DEMAND]["models"][0]["precision"]
    ) and any(last[DEMAND]["models"][0]["precision"])
    assert b"profile" not in orjson.dumps([{**record, "features": []} for record in told])


def test_a_new_partition_starts_from_what_another_has_learned() -> None:
    worker = Worker()
    worker.run(0, 1, 900)
    worker.deliver()
    old, new = worker.engine(0), worker.engine(1)
    fresh = weights(new).copy()
    look(new)
    assert not np.allclose(weights(new), fresh)
    told = worker.shared.models.records["quality", 0].models[0]
    own = old.state.quality.live
    if told.batches == own.batches:
        assert weights(new) == pytest.approx(weights(old))
    linear = new.state.quality.live._linear
    assert linear is not None
    assert linear.evidence(new.state.quality.features).precision == pytest.approx(np.array(told.precision))
    demand, theirs = new.state.table[0], worker.shared.models.records[DEMAND, 0].models[0]
    known = np.array(theirs.precision) > 0
    assert known.sum() >= 6
    assert demand["demand_weight"][known] == pytest.approx(
        np.array(theirs.shift)[known] / np.array(theirs.precision)[known]
    )
    assert new.state.quality.live.evidence.empty, "it has learned nothing itself, and says so"
    assert new.surfaces.sharing.demand.evidence.empty


def test_a_crash_after_mixing_changes_nothing() -> None:
    worker = Worker()
    worker.run(0, 1)
    worker.deliver()
    worker.run(1, 2, 300)
    before = weights(worker.engine(1)).copy()
    assert worker.engine(1).state.quality.live.mixed_at >= 0
    again = worker.reopened(1)
    assert weights(again).tobytes() == before.tobytes()
    assert again.state.table.tobytes() == worker.engine(1).state.table.tobytes()
    more = batches(worker.logs[1][0].records(600, 300), 50)
    for engine in (worker.engine(1), again):
        for batch in more:
            engine.apply(batch, NOW)
    assert evidence(worker.engine(1)) == evidence(again)
    assert weights(again).tobytes() == weights(worker.engine(1)).tobytes()
    assert again.surfaces.dump()["sharing"][:2] == worker.engine(1).surfaces.dump()["sharing"][:2]


def test_two_partitions_that_mix_for_long_count_each_outcome_once() -> None:
    worker, apart = Worker(), Worker(replace(TOLD, sharing=False))
    for _ in range(6):
        for number in (0, 1):
            for w in (worker, apart):
                w.run(number, number + 1, 300)
            worker.deliver()
    mixed, alone = ([w.engine(n).state.quality.live for n in (0, 1)] for w in (worker, apart))
    every = mixed[0].evidence.precision + mixed[1].evidence.precision
    for ours, theirs in zip(mixed, alone, strict=True):
        assert ours.mixed_at > 0 and theirs.mixed_at == 0
        total = ours._linear.evidence(ours.features).precision  # type: ignore[union-attr]
        assert (total <= every + 1e-9).all(), "no more than both have seen"
        assert total.sum() > 1.2 * ours.evidence.precision.sum(), "and more than its own"
        # An outcome tells another amount where the prediction differs, but of the same order.
        assert ours.evidence.precision.sum() == pytest.approx(theirs.evidence.precision.sum(), rel=0.4)
    assert abs(weights(worker.engine(0))).max() < 10


def test_promotion_is_obeyed_told_and_survives_and_so_is_rollback() -> None:
    worker = Worker()
    worker.run(0, 1)
    live = "models.quality:pipeline"
    version = worker.engine(0).state.quality.version
    worker.control("models.other:model", live)
    look(worker.engine(0))
    assert worker.engine(0).state.quality.spec == live, "no such pair here"
    worker.control(CURVED, live)
    look(worker.engine(0))
    assert worker.engine(0).state.quality.spec == CURVED
    assert worker.engine(0).state.quality.version == version + 1
    told = worker.drain(0)
    assert [model["role"] for model in told[0]["models"]] == ["live", "shadow"]
    assert told[0]["models"][0]["spec"] == CURVED
    again = worker.reopened(0)
    look(again)
    assert again.state.quality.spec == CURVED and again.state.quality.version == version + 1
    look(worker.engine(3))
    assert worker.engine(3).state.quality.spec == CURVED, "a new partition obeys too"
    worker.control(live, CURVED)
    look(again)
    assert again.state.quality.spec == live and again.state.quality.shadow.spec == CURVED  # type: ignore[union-attr]
    assert again.state.quality.folded is not None


def test_what_cannot_be_mixed_learns_alone_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker()
    worker.run(0, 1)
    worker.deliver()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            look(worker.engine(1))
    assert len([line for line in caplog.messages if "learns alone" in line]) == 1


def test_what_others_tell_is_not_trusted_blindly() -> None:
    worker = Worker()
    worker.run(0, 1)
    fresh = weights(worker.engine(1)).copy()
    good = [record for record in worker.undelivered if record[0] == b"quality|0"][-1][1]
    for key, value in (
        (b"quality|0", b"{"), (b"quality|0", b'{"name":"quality"}'), (b"nothing", good), (b"quality|x", good),
        (b"control|quality", b'{"name":"quality","live":"","over":"x","ts":1}'), (b"\xff|1", good),
    ):  # fmt: skip
        worker.shared.put(TOLD.models_topic, key, value)
    assert worker.shared.rejected == 6 and not worker.shared.models.records
    record = orjson.loads(good or b"")
    for change in ({"features": ["other"]}, {"models": [{**record["models"][0], "shift": [1.0]}]}):
        worker.shared.put(TOLD.models_topic, b"quality|0", orjson.dumps(record | change))
        look(worker.engine(1))
    assert weights(worker.engine(1)).tobytes() == fresh.tobytes()
    worker.shared.put(TOLD.models_topic, b"quality|0", None)
    assert not worker.shared.models.records
