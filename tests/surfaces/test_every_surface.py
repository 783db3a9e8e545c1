"""What every surface must hold, whatever it decides: batches, restarts, erasure, faults, empty catalogs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import msgspec
import orjson
import pytest

from streams import topics
from streams.decisions.artwork import USUAL_PLAYS, USUAL_RATE
from streams.emit.records import PLAIN_MODEL
from streams.engine import TopicWrites
from streams.events import schema
from streams.pipeline import PartitionEngine, create_engine
from streams.settings import DAY_MS, HOUR_MS, Settings
from streams.state.catalog import Catalog
from streams.surfaces.running import SURFACES
from streams.transport.batch import PlainRecord
from tests.profiles.small_partition import Changelog
from tests.streams.journeys import START_MS, Journeys, batches, catalog

LATER_MS = START_MS + 400 * DAY_MS
EXPERIMENTS = """
[[experiments]]
id = "shelves"
layer = "page"
mode = "fixed"
metric = "quality_plays"
window_days = 1
arms = [
  { name = "control", weight = 1.0, policy = "popular" },
  { name = "personal", weight = 1.0, policy = "taste" },
]
"""
NAMES = tuple(SURFACES)


@pytest.fixture
def config(tmp_path: Any) -> Settings:
    declared = tmp_path / "experiments.toml"
    declared.write_text(EXPERIMENTS)
    return Settings(
        surfaces=",".join(NAMES), experiments=str(declared), learn_batch=16, quality_seconds=40.0,
        churn_horizon_ms=DAY_MS, explore_share=0.3, sharing=False, outcome_window_ms=HOUR_MS,
    )  # fmt: skip


def run(
    config: Settings, records: list[PlainRecord], size: int, known: Catalog | None = None
) -> PartitionEngine:
    engine = create_engine(0, config, known or catalog(config))
    for batch in batches(records, size):
        engine.apply(batch, LATER_MS)
    return engine


def written(engine: PartitionEngine) -> dict[str, TopicWrites]:
    return engine.drain().topics


def decisions(
    writes: dict[str, TopicWrites], state_topic: str
) -> dict[str, list[tuple[bytes | None, bytes | None]]]:
    return {
        topic: list(zip(sent.keys, sent.values, strict=True))
        for topic, sent in writes.items()
        if topic != state_topic
    }


def of_state(engine: PartitionEngine) -> list[bytes]:
    state = engine.state
    return [
        state.profiles.records[: len(state.profiles.names)].tobytes(),
        state.tastes.records[: len(state.profiles.names)].tobytes(),
        state.titles.records[: len(state.titles.names)].tobytes(),
        state.title_tastes.records[: len(state.titles.names)].tobytes(),
        state.table.tobytes(),
    ]


@pytest.mark.parametrize("size", [1, 13, 700])
def test_batches_change_nothing(config: Settings, size: int) -> None:
    records = Journeys(21).records(700)
    one, other = run(config, records, size), run(config, records, 97)
    assert of_state(one) == of_state(other)
    told, also = (decisions(written(engine), config.state_topic) for engine in (one, other))
    assert told == also
    assert {topics.HOMEPAGE_RANKINGS, topics.ARTWORK_CHOICES, topics.CATEGORY_CHOICES} <= told.keys()
    assert one.stats.faults == {}


def test_every_decision_is_as_the_contract_says(config: Settings) -> None:
    writes = written(run(config, Journeys(22).records(1_500), 50))
    versions: dict[tuple[str, str], int] = {}
    erased: set[tuple[str, str]] = set()
    for topic in (
        topics.HOMEPAGE_RANKINGS,
        topics.ARTWORK_CHOICES,
        topics.TRAILER_CHOICES,
        topics.CATEGORY_CHOICES,
    ):
        sent = writes.get(topic, TopicWrites())
        for key, value in zip(sent.keys, sent.values, strict=True):
            if value is None:
                erased.add((topic, (key or b"").decode().partition("|")[0]))
                continue
            record: Any = msgspec.json.decode(value, type=schema.VALUES[topic])
            place = (topic, record.profile_id)
            begins_anew = record.version == 1 and place in erased  # an image given up has a tombstone, too
            assert begins_anew or record.version == versions.get(place, 0) + 1, place
            versions[place] = record.version
            assert 0 < record.propensity <= 1
            assert record.cause.offset >= 0 and record.cause.topic in topics.INPUTS
            if topic == topics.ARTWORK_CHOICES:  # the model says whether the page was a plain one
                assert (record.profiled is False) == (record.model.name == PLAIN_MODEL), record
    assert len(versions) > 10


@pytest.mark.parametrize("cut", [150, 400, 650])
def test_a_restart_changes_nothing(config: Settings, cut: int) -> None:
    records = Journeys(23).records(800)
    straight = run(config, records[:cut], 50)
    first = written(straight)
    kept = Changelog()
    kept.take(first, config.state_topic)
    again = create_engine(0, config, catalog(config))
    log = kept.compacted()
    again.restore([key for key, _ in log], [value for _, value in log])
    again.restored()
    assert of_state(again)[1] == of_state(straight)[1]
    for batch in batches(records[cut:], 61):
        straight.apply(batch, LATER_MS)
        again.apply(batch, LATER_MS)
    assert of_state(again) == of_state(straight)
    told, also = (decisions(written(engine), config.state_topic) for engine in (straight, again))
    assert told == also and len(told) >= 5


def test_an_erased_profile_leaves_nothing(config: Settings) -> None:
    engine = run(config, Journeys(24, profiles=4, deletions=False).records(900), 90)
    names = sorted(engine.state.profiles.slots)
    before = written(engine)
    slots = [engine.state.profiles.slots[name] for name in names]
    assert all(engine.state.tastes.records[slot].tobytes().strip(b"\0") for slot in slots)
    erasing = [
        PlainRecord(900 + n, START_MS + 300 * DAY_MS, name.encode(), orjson.dumps(
            {"event_id": f"x{n}", "type": "profile_deleted", "profile_id": name, "ts": START_MS + 300 * DAY_MS}
        ))
        for n, name in enumerate(names)
    ]  # fmt: skip
    for batch in batches(erasing, 2):
        engine.apply(batch, LATER_MS)
    assert not engine.state.tastes.records.tobytes().strip(b"\0")
    after = written(engine)
    last: dict[tuple[str, bytes | None], bytes | None] = {}
    for writes in (before, after):
        for topic, sent in writes.items():
            if topic in (topics.DEAD_LETTERS, topics.TITLE_SIGNALS) or topic.endswith(
                ("-tallies", "-credits")
            ):
                continue
            last.update({(topic, key): value for key, value in zip(sent.keys, sent.values, strict=True)})
    left = [
        (topic, key)
        for (topic, key), value in last.items()
        if value is not None and any(re.search(rb"profile-\d", part or b"") for part in (key, value))
    ]
    assert left == []


@pytest.mark.parametrize("name", NAMES)
def test_a_surface_that_raises_stops_no_other(config: Settings, name: str) -> None:
    records = Journeys(25).records(600)
    engine = create_engine(0, config, catalog(config))

    def raises(moment: object) -> None:
        raise FloatingPointError("no more numbers")

    broken = engine.surfaces.surfaces[name]
    engine.surfaces.one_by_one(lambda surface, react: raises if surface is broken else react)
    for batch in batches(records, 60):
        engine.apply(batch, LATER_MS)
    assert set(engine.stats.faults) == {name} and engine.stats.faults[name] > 0
    told = written(engine)
    whole = written(run(config, records, 60))
    for topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
        assert told[topic].values == whole[topic].values
    others = {"titles": topics.CATEGORY_CHOICES, "categories": topics.HOMEPAGE_RANKINGS}
    assert told[others.get(name, topics.HOMEPAGE_RANKINGS)].values
    own = {
        "titles": topics.HOMEPAGE_RANKINGS,
        "categories": topics.CATEGORY_CHOICES,
        "artwork": topics.ARTWORK_CHOICES,
    }
    if name in own:
        fallback = [orjson.loads(value) for value in told[own[name]].values if value]
        assert fallback, "a surface without its model decides something sane"


def test_a_fault_in_compiled_code_stops_no_other(config: Settings) -> None:
    """The pass over all surfaces ends in the midst of one, and goes on behind it."""
    records = Journeys(25).records(600)
    engine, whole = create_engine(0, config, catalog(config)), written(run(config, records, 60))
    # The rate over all images has nothing to divide by.
    engine.surfaces.dealing.desk["art"]["views"] = -USUAL_PLAYS / USUAL_RATE
    for batch in batches(records, 60):
        engine.apply(batch, LATER_MS)
    assert set(engine.stats.faults) == {"artwork"} and engine.stats.faults["artwork"] > 5
    told = written(engine)
    others = whole.keys() - {topics.ARTWORK_CHOICES, config.state_topic}
    assert {topic: told[topic].values for topic in others} == {topic: whole[topic].values for topic in others}


@pytest.mark.parametrize("method", ["lay_out", "answer"])
def test_a_fault_beside_the_reactions_stops_no_other(
    config: Settings, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    records = Journeys(25).records(600)
    engine, whole = create_engine(0, config, catalog(config)), written(run(config, records, 60))

    def raises(*given: object) -> None:
        raise KeyError("an image")

    monkeypatch.setattr(engine.surfaces.surfaces["artwork"], method, raises)
    for batch in batches(records, 60):
        engine.apply(batch, LATER_MS)
    assert set(engine.stats.faults) == {"artwork"}
    told = written(engine)
    others = whole.keys() - {topics.ARTWORK_CHOICES, config.state_topic}
    assert {topic: told[topic].values for topic in others} == {topic: whole[topic].values for topic in others}


def test_one_by_one_is_as_all_at_once(config: Settings) -> None:
    records = Journeys(29).records(700)
    engine = create_engine(0, config, catalog(config))
    engine.surfaces.one_by_one(lambda surface, reaction: reaction)
    for batch in batches(records, 60):
        engine.apply(batch, LATER_MS)
    at_once = run(config, records, 60)
    assert of_state(engine) == of_state(at_once)
    told, also = (decisions(written(each), config.state_topic) for each in (engine, at_once))
    assert told == also


def test_an_empty_catalog_is_no_fault(config: Settings) -> None:
    engine = run(config, Journeys(26).records(400), 40, Catalog(config))
    assert engine.stats.faults == {}
    assert topics.CHURN_SCORES in written(engine)


@pytest.mark.parametrize("name", NAMES)
def test_each_surface_works_without_the_others(config: Settings, name: str) -> None:
    engine = run(replace(config, surfaces=name), Journeys(27).records(500), 50)
    assert engine.stats.faults == {}


def test_surfaces_leave_rows_and_churn_as_they_were(config: Settings) -> None:
    records = Journeys(28).records(800)
    with_all, without = run(config, records, 80), run(replace(config, surfaces=""), records, 80)
    for field in with_all.state.profiles.records.dtype.names or ():
        if field != "play_title":  # a slot: with surfaces every title of the catalog has one
            one, other = (engine.state.profiles.records[field] for engine in (with_all, without))
            assert one.tobytes() == other.tobytes(), field
    told, also = written(with_all), written(without)
    for topic in (topics.ROW_ORDER, topics.CHURN_SCORES, topics.DEAD_LETTERS):
        assert told[topic].values == also[topic].values
