"""Resetting a model: weights begin anew, counts stay, versions go on, and what was told is withdrawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams import pipeline, topics
from streams.audience.crowd import FAR_MS
from streams.decisions.demand import START_WEIGHTS
from streams.errors import ConfigurationError
from streams.operations.resetting import RESETS, reset_engine
from streams.pipeline import PartitionEngine
from streams.settings import Settings, load
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch
from tests.operations.offline_worker import START_MS, audience_of

SETTINGS = load({}, partitions=1, learn_batch=32)


def learned(settings: Settings = SETTINGS, events: int = 6_000) -> PartitionEngine:
    """An engine that has learned something of everything."""
    audience = audience_of(40)
    catalog = Catalog(settings)
    for topic, key, value, *_ in audience.catalog.records(START_MS):
        catalog.put(topic, key, value)
    engine = pipeline.create_engine(0, settings, catalog)
    ends = dict.fromkeys(topics.INPUTS, 0)
    batches: dict[str, list[PlainRecord]] = {name: [] for name in topics.INPUTS}
    for topic, key, value, *_ in audience.step(FAR_MS, limit=events):
        if topic in ends:
            batches[topic].append(PlainRecord(ends[topic], START_MS, key, value))
            ends[topic] += 1
    for topic, records in batches.items():
        engine.apply(RecordBatch(topic, 0, 0, len(records), records), audience.now_ms)
    return engine


@pytest.fixture(scope="module")
def state() -> tuple[list[bytes], list[bytes | None]]:
    """The changelog of such an engine."""
    writes = learned().drain().topics[SETTINGS.state_topic]
    return [key or b"" for key in writes.keys], list(writes.values)


def restored(state: tuple[list[bytes], list[bytes | None]]) -> PartitionEngine:
    engine = pipeline.create_engine(0, SETTINGS, Catalog(SETTINGS))
    engine.restore(*state)
    engine.restored()
    return engine


def weights(engine: PartitionEngine, model: str) -> Any:
    state, surfaces = engine.state, engine.surfaces.surfaces
    if model in ("quality", "churn"):
        learner = state.quality if model == "quality" else state.churn
        return learner.weights.tolist(), learner.intercept, learner.live.batches
    if model == "rows":
        record = state.table[0]
        return record["demand_weight"].tolist(), record["seen_weight"].tolist()
    dumped = surfaces[model].dump()
    if model == "titles":
        return dumped["weights"].tolist(), dumped["gradients"].tolist()
    part = dumped["art" if model == "artwork" else "offers"]
    return part["weight"].tolist(), part["variance"].tolist()


def counts(engine: PartitionEngine) -> list[Any]:
    """Everything that is counted, not learned."""
    table = engine.state.table[0]
    counted = [
        name for name in table.dtype.names if name.split("_")[-1] not in ("weight", "gradient", "covariance")
    ]
    surfaces = engine.surfaces.surfaces
    known: Any = surfaces["titles"].dump()
    art: Any = surfaces["artwork"].dump()["art"]
    used = len(engine.state.profiles.names)
    return [
        *(np.asarray(table[name]).tolist() for name in counted),
        engine.state.profiles.records[:used].tobytes(),
        engine.state.tastes.records[:used].tobytes(),
        engine.state.titles.records[: len(engine.state.titles.names)].tobytes(),
        engine.state.quality.waiting.x[: int(engine.state.quality.waiting.n[0])].tolist(),
        known["totals"].tolist(), known["tag_plays"].tolist(),
        float(art["views"]), float(art["plays"]), art["tag_plays"].tolist(),
    ]  # fmt: skip


@pytest.mark.parametrize("model", list(RESETS))
def test_weights_begin_anew_and_counts_stay(state: Any, model: str) -> None:
    engine, fresh = restored(state), pipeline.create_engine(0, SETTINGS, Catalog(SETTINGS))
    others = {name: weights(engine, name) for name in RESETS if name != model}
    before = counts(engine)
    if model not in (
        "churn",
        "trailers",
    ):  # their outcomes take weeks; that they are set is seen below all the same
        assert weights(engine, model) != weights(fresh, model)
    audit = reset_engine(engine, model, 5)
    assert audit.after == audit.before + 1 and audit.to_record()["what"] == "model reset"
    assert weights(engine, model) == weights(fresh, model)
    assert {name: weights(engine, name) for name in others} == others
    assert counts(engine) == before
    writes = engine.drain().topics
    told = writes[SETTINGS.models_topic].keys if SETTINGS.models_topic in writes else []
    assert told == [f"{name}|0".encode() for name in RESETS[model][1]]
    assert writes[SETTINGS.state_topic].keys == [b"m"]
    successor = restored((state[0] + [b"m"], state[1] + list(writes[SETTINGS.state_topic].values)))
    assert weights(successor, model) == weights(fresh, model) and counts(successor) == before


def test_it_learns_again(state: Any) -> None:
    engine = restored(state)
    reset_engine(engine, "rows", 5)
    assert engine.state.table["demand_weight"][0].tolist() == list(START_WEIGHTS)
    audience = audience_of(40)
    records = [
        PlainRecord(100_000 + at, START_MS, key, value.replace(b'"event_id":"', b'"event_id":"again-'))
        for at, (topic, key, value, *_) in enumerate(audience.step(FAR_MS, limit=3_000))
        if topic == topics.VIEWING_EVENTS
    ]
    engine.apply(
        RecordBatch(topics.VIEWING_EVENTS, 0, 100_000, records[-1].offset + 1, records), audience.now_ms
    )
    assert engine.state.table["demand_weight"][0].tolist() != list(START_WEIGHTS)


def test_a_surface_that_is_off_is_told() -> None:
    settings = load({}, surfaces="titles")
    with pytest.raises(ConfigurationError, match="artwork is switched off"):
        reset_engine(pipeline.create_engine(0, settings, Catalog(settings)), "artwork", 5)
