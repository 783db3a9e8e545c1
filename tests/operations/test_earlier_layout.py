"""A worker of this release takes over from an earlier one: its records (layouts 2 and 3) are read, nothing is
lost or counted twice, and this release's records are told to it as what they are.

``layout_N.xz`` was written by that release's own code (``make_layout.py``), not by an imitation of it.
"""

from __future__ import annotations

import lzma
import pickle
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from streams import pipeline, topics
from streams.decisions.seen_rows import START, start_covariance
from streams.errors import RecoveryError
from streams.pipeline import PartitionEngine
from streams.profiles.layout import LAYOUT_VERSION
from streams.settings import Settings, load
from streams.state import codec, layouts
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch

SETTINGS = load({}, partitions=1)
LAYOUT_AT = 7
"""The header's most significant byte."""


@pytest.fixture(scope="module", params=[2, 3])
def before(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the last release with that layout left."""
    packed = (Path(__file__).parent / f"layout_{request.param}.xz").read_bytes()
    return {"layout": request.param, **msgspec.msgpack.decode(lzma.decompress(packed))}


def engine_of(before: dict[str, Any], settings: Settings = SETTINGS) -> PartitionEngine:
    catalog = Catalog(settings)
    for topic, key, value in before["catalog"]:
        catalog.put(topic, key, value)
    return pipeline.create_engine(0, settings, catalog)


def restored(before: dict[str, Any]) -> PartitionEngine:
    engine = engine_of(before)
    engine.restore(*map(list, zip(*before["changelog"], strict=True)))  # type: ignore[arg-type]
    engine.restored()
    return engine


def go_on(engine: PartitionEngine, before: dict[str, Any]) -> None:
    for topic, offset, ts, key, value in before["events"]:
        record = PlainRecord(offset, ts, key, value)
        engine.apply(RecordBatch(topic, 0, offset, offset + 1, [record]), ts)


def test_the_fixture_is_of_the_layout_before(before: dict[str, Any]) -> None:
    kinds = {key[:1]: value for key, value in before["changelog"] if value is not None}
    assert kinds.keys() >= {b"p", b"s", b"t", b"u", b"n", b"m", b"o"}
    assert all(kinds[kind][LAYOUT_AT] == before["layout"] for kind in (b"p", b"s", b"t", b"n"))
    assert pickle.loads(kinds[b"m"])[0] == before["layout"] < LAYOUT_VERSION
    assert len(before["events"]) > 1_000


@pytest.mark.parametrize("before", [2], indirect=True)
def test_what_is_new_begins_where_it_always_begins(before: dict[str, Any]) -> None:
    """Layout 3 brought what rows learn from pages of our own."""
    engine = restored(before)
    table, profiles = engine.state.table[0], engine.state.profiles
    assert table["seen_weight"].tolist() == list(START)
    assert table["seen_covariance"].tolist() == start_covariance().tolist()
    assert table["seen"] > 100 and table["demand_gradient"].max() > 1  # and what was known is known
    used = profiles.records[: len(profiles.names)]
    assert used["born"].all() and not used["row_elsewhere"].any() and not used["pending_terms"].any()
    assert engine.state.quality.version > 0 and engine.state.quality.live.batches > 0
    assert engine.owners.titles.titles


def test_it_goes_on_where_the_old_program_stood(before: dict[str, Any]) -> None:
    engine = restored(before)
    versions: dict[tuple[str, str], int] = {}
    fields = {topics.ROW_ORDER: "row_version", topics.CHURN_SCORES: "churn_version"}
    profiles = engine.state.profiles
    for name, slot in profiles.slots.items():
        for topic, field in fields.items():
            versions[topic, name] = int(profiles.records[field][slot])
    assert max(versions.values()) > 3
    go_on(engine, before)
    # What events have done to profiles is what the old program made of the same events, to the last byte.
    for name, then in before["after"].items():
        record = profiles.records[profiles.slots[name]]
        for field in ("events", "sessions", "watched_s", "last_ts"):
            assert record[field] == then[field], (name, field)
        assert record["counters"].tobytes() == then["counters"], name
        assert record["recent"].tobytes() == then["recent"], name
    # Every decision has the next number.
    writes = engine.drain()
    for topic in fields:
        for value in writes.topics[topic].values:
            decision = orjson.loads(value or b"")
            name = decision["profile_id"]
            assert decision["version"] == versions.get((topic, name), 0) + 1
            versions[topic, name] = decision["version"]
    assert writes.topics[topics.HOMEPAGE_RANKINGS].values


def test_from_then_on_it_writes_todays_layout(before: dict[str, Any]) -> None:
    engine = restored(before)
    assert SETTINGS.state_topic not in engine.drain().topics  # reading alone rewrites nothing
    go_on(engine, before)
    state = engine.drain().topics[SETTINGS.state_topic]
    mixed = dict(before["changelog"])  # as the topic is in the middle of an upgrade
    untouched = mixed.keys() - set(state.keys)
    assert untouched
    mixed.update(zip(state.keys, state.values, strict=True))
    assert {value[LAYOUT_AT] for key, value in mixed.items() if key[:1] in b"pst" and value} == {
        before["layout"], LAYOUT_VERSION
    }  # fmt: skip
    successor = engine_of(before)
    successor.restore(list(mixed), list(mixed.values()))
    successor.restored()
    for name, slot in engine.state.profiles.slots.items():
        there = successor.state.profiles.slots[name]
        assert (
            successor.state.profiles.records[there].tobytes() == engine.state.profiles.records[slot].tobytes()
        )
        assert successor.state.tastes.records[there].tobytes() == engine.state.tastes.records[slot].tobytes()
    assert successor.state.table.tobytes() == engine.state.table.tobytes()


@pytest.mark.parametrize("kind", [b"p", b"s", b"t", b"u", b"c", b"m"])
def test_a_downgrade_is_refused_and_says_what_to_do(before: dict[str, Any], kind: bytes) -> None:
    changelog = [(key, value) for key, value in before["changelog"] if key[:1] != b"c"]
    if kind == b"c":
        changelog.append((b"ctag|region", codec.header(np.array([0]), LAYOUT_VERSION + 1).tobytes()))
    newer = []
    for key, value in changelog:
        if key[:1] == kind == b"m":
            value = pickle.dumps((LAYOUT_VERSION + 1, *pickle.loads(value)[1:]))
        elif key[:1] == kind and value is not None:
            at = LAYOUT_AT + (8 if kind == b"u" else 0)  # the number of titles stands before the header
            value = value[:at] + bytes([LAYOUT_VERSION + 1]) + value[at + 1 :]
        newer.append((key, value))
    engine = engine_of(before)
    with pytest.raises(RecoveryError, match=r"newer release.*downgrade needs a backup"):
        engine.restore([key for key, _ in newer], [value for _, value in newer])
        engine.restored()


def test_data_that_was_edited_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.state import layout_2

    monkeypatch.setitem(layout_2.FIELDS, "title", layout_2.FIELDS["title"] + " more:f8")
    with pytest.raises(AssertionError, match="is not what it was"):
        layouts._from_data(layout_2)
