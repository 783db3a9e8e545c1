"""The engine as a whole: what it does must not depend on how records were cut into batches, nor on a
crash between two of them."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from streams import topics
from streams.engine import TopicWrites
from streams.pipeline import PartitionEngine, create_engine
from streams.settings import DAY_MS, Settings
from streams.transport.batch import PlainRecord
from tests.streams.journeys import START_MS, Journeys, batches, catalog

NOW = START_MS + 400 * DAY_MS
SETTINGS = Settings(
    learn_batch=16,
    quality_seconds=40.0,
    explore_share=0.3,
    churn_horizon_ms=3 * DAY_MS,
    log_predictions=True,
    sharing=False,  # what is told of how good models were is not kept
)


def engine(config: Settings = SETTINGS) -> PartitionEngine:
    return create_engine(0, config, catalog(config))


def gather(into: dict[str, TopicWrites], engine: PartitionEngine) -> None:
    """One checkpoint's writes, behind those before."""
    for topic, writes in engine.drain().topics.items():
        known = into.setdefault(topic, TopicWrites())
        known.keys.extend(writes.keys)
        known.values.extend(writes.values)
        known.headers.extend(writes.headers)


def run(
    records: list[PlainRecord], size: int, config: Settings = SETTINGS
) -> tuple[PartitionEngine, dict[str, TopicWrites]]:
    """Apply the records in batches of ``size`` with a checkpoint behind each."""
    subject, out = engine(config), {}
    for batch in batches(records, size):
        subject.apply(batch, NOW)
        gather(out, subject)
    return subject, out


def state_of(subject: PartitionEngine) -> dict[str, bytes]:
    return {
        name: subject.state.profiles.records[slot].tobytes()
        for name, slot in subject.state.profiles.slots.items()
    }


def outputs(out: dict[str, TopicWrites]) -> dict[str, list[tuple[bytes | None, bytes | None]]]:
    """All but the changelog, whose records are as many as there were checkpoints."""
    return {
        topic: list(zip(writes.keys, writes.values, strict=True))
        for topic, writes in out.items()
        if topic != SETTINGS.state_topic
    }


def assert_same(
    a: tuple[PartitionEngine, dict[str, TopicWrites]], b: tuple[PartitionEngine, dict[str, TopicWrites]]
) -> None:
    assert state_of(a[0]) == state_of(b[0])
    assert a[0].state.table.tobytes() == b[0].state.table.tobytes()
    for mine, theirs in ((a[0].state.quality, b[0].state.quality), (a[0].state.churn, b[0].state.churn)):
        assert mine.version == theirs.version
        np.testing.assert_array_equal(mine.weights, theirs.weights)
    assert outputs(a[1]) == outputs(b[1])


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 10**9), size=st.integers(2, 700))
def test_one_batch_of_n_equals_n_batches_of_one(seed: int, size: int) -> None:
    records = Journeys(seed).records(600)
    assert_same(run(records, size), run(records, 1))


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(seed=st.integers(0, 10**9), size=st.integers(1, 300), crash=st.integers(1, 599))
def test_a_crash_changes_nothing(seed: int, size: int, crash: int) -> None:
    records = Journeys(seed).records(600)
    whole = run(records, size)
    before, out = run(records[:crash], size)
    assert before.pending() == 0
    recovered = engine()
    state = out.get(SETTINGS.state_topic, TopicWrites())  # none when no record so far was an event
    recovered.restore(list(state.keys), list(state.values))  # type: ignore[arg-type]  # state keys are never null
    recovered.restored()
    for batch in batches(records[crash:], size):
        recovered.apply(batch, NOW)
        gather(out, recovered)
    assert_same((recovered, out), whole)


def test_the_compacted_changelog_restores_the_same() -> None:
    subject, out = run(Journeys(5).records(900), 50)
    state = out[SETTINGS.state_topic]
    last = {key: (at, value) for at, (key, value) in enumerate(zip(state.keys, state.values, strict=True))}
    kept = sorted((at, key, value) for key, (at, value) in last.items())
    recovered = engine()
    recovered.restore([key for _, key, _ in kept], [value for _, _, value in kept])  # type: ignore[misc]
    recovered.restored()
    assert state_of(recovered) == state_of(subject)
    assert recovered.state.table.tobytes() == subject.state.table.tobytes()


def test_versions_are_complete_and_decisions_linked() -> None:
    _, out = run(Journeys(7, deletions=False).records(3000), 100)
    for topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
        versions: dict[str, int] = {}
        shown: dict[str, object] = {}
        plain: dict[str, bool] = {}
        assert len(out[topic].values) > 50
        for value in out[topic].values:
            decision = orjson.loads(value or b"")
            profile = decision["profile_id"]
            assert decision["version"] == versions.get(profile, 0) + 1
            versions[profile] = decision["version"]
            now = decision["rows"] if topic == topics.ROW_ORDER else decision["probability"]
            assert decision["previous"] == shown.get(profile)
            chosen = decision.get("profiled", True) != plain.get(profile, True)  # told, if nothing moves
            plain[profile] = decision.get("profiled", True)
            assert now != decision["previous"] or chosen or topic == topics.CHURN_SCORES
            assert 0 < decision["propensity"] <= 1
            shown[profile] = now


def test_rejects_keep_their_bytes_and_say_why() -> None:
    bad = [
        PlainRecord(0, START_MS, b"p", b"{"),
        PlainRecord(
            1,
            START_MS,
            b"p",
            orjson.dumps({"type": "session_start", "event_id": "e", "profile_id": "q", "ts": START_MS}),
        ),
        PlainRecord(2, START_MS, b"p", None),
    ]
    subject, out = run(bad, 3)
    letters = out[topics.DEAD_LETTERS]
    assert letters.values == [record.value for record in bad]
    assert letters.keys == [b"p"] * 3
    reasons = [dict(headers)["reason"].decode() for headers in letters.headers]
    assert reasons == ["not_json", "key_mismatch", "empty"]
    assert [dict(headers)["offset"] for headers in letters.headers] == [b"0", b"1", b"2"]
    assert len(subject.state.profiles) == 0


def test_deletion_erases_and_leaves_tombstones() -> None:
    records = Journeys(3, profiles=1, deletions=False).records(200)
    subject, _out = run(records, 200)
    event = {
        "type": "profile_deleted",
        "event_id": "bye",
        "profile_id": "profile-0",
        "ts": START_MS + DAY_MS * 30,
    }
    end = PlainRecord(200, event["ts"], b"profile-0", orjson.dumps(event))
    subject.apply(batches([end], 1)[0], NOW)
    writes = subject.drain()
    assert len(subject.state.profiles) == 0
    for topic in topics.KEYED_BY_PROFILE:
        assert (writes.topics[topic].keys, writes.topics[topic].values) == ([b"profile-0"], [None])
    state = writes.topics[SETTINGS.state_topic]
    assert (b"pprofile-0", None) in list(zip(state.keys, state.values, strict=True))


@pytest.mark.parametrize("spec", ["models.quality:pipeline", "tests.streams.other_models:hoeffding"])
def test_any_river_model_gives_the_same_whatever_the_batches(spec: str) -> None:
    config = Settings(learn_batch=16, quality_seconds=40.0, quality_model=spec, churn_horizon_ms=3 * DAY_MS)
    if spec.endswith("hoeffding"):
        config = Settings(
            learn_batch=16,
            quality_seconds=40.0,
            quality_model=spec,
            churn_model=spec,
            churn_horizon_ms=3 * DAY_MS,
        )
    records = Journeys(11).records(800)
    mine, theirs = run(records, 800, config), run(records, 1, config)
    assert mine[0].state.quality.version > 2
    assert_same(mine, theirs)


def test_events_whose_clock_is_far_off_are_counted_and_taken() -> None:
    def event(number: int, ts: int) -> PlainRecord:
        value = {"event_id": f"e{number}", "type": "search", "profile_id": "p", "ts": ts, "query": "x"}
        return PlainRecord(number, NOW, b"p", orjson.dumps(value))

    minute = DAY_MS // 1_440
    skews = (0, 4 * minute, 6 * minute, -DAY_MS + minute, -DAY_MS - minute, -2 * DAY_MS)
    records = [event(number, NOW + skew) for number, skew in enumerate(skews)]
    subject, _ = run(records, 4)
    assert (subject.stats.ahead, subject.stats.behind) == (1, 2)
    assert subject.stats.by_kind["search"] == len(records)
    assert not subject.stats.rejects
