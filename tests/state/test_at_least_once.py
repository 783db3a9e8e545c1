"""Without transactions: whatever part of a checkpoint was kept when the worker died, and however far back
its input begins again, nothing counts twice and decisions carry the versions they had."""

from __future__ import annotations

from dataclasses import dataclass

import orjson
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from streams import topics
from streams.engine import TopicWrites
from streams.pipeline import PartitionEngine, create_engine
from streams.profiles.layout import DEDUP_EVENTS, Counter
from streams.settings import DAY_MS, Settings
from streams.transport.batch import PlainRecord
from tests.profiles.small_partition import SmallPartition
from tests.streams.journeys import START_MS, Journeys, batches, catalog

NOW = START_MS + 400 * DAY_MS
SETTINGS = Settings(learning=False, explore_share=0.3, churn_horizon_ms=3 * DAY_MS, quality_seconds=40.0)
"""Learning off: what a model may lose or repeat in this mode is not the matter here."""
OWN = ("events", "sessions", "counters", "watched_s", "offsets", "recent", "seen", "quality", "pending_row")
"""Fields of a profile that depend on its own events alone."""

State = list[tuple[bytes, bytes | None]]
Versions = dict[tuple[str, str, int], set[tuple[str, int]]]


@dataclass
class Life:
    """One worker's life: its engine, the changelog as it left it, and the decisions it sent."""

    engine: PartitionEngine
    state: State
    versions: Versions

    def take(self, keep: int | None = None) -> None:
        """A checkpoint, of whose changelog only the first ``keep`` records were written."""
        for topic, writes in self.engine.drain().topics.items():
            if topic == SETTINGS.state_topic:
                self.state.extend(list(zip(writes.keys, writes.values, strict=True))[:keep])  # type: ignore[arg-type]
            elif topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
                self._note(topic, writes)

    def _note(self, topic: str, writes: TopicWrites) -> None:
        for value in writes.values:
            decision = orjson.loads(value or b"null")
            if decision and not decision["cause"]["event_id"].startswith("tick"):
                cause = (decision["cause"]["topic"], decision["cause"]["offset"])
                key = (topic, decision["profile_id"], decision["version"])
                self.versions.setdefault(key, set()).add(cause)


def born(state: State) -> Life:
    engine = create_engine(0, SETTINGS, catalog(SETTINGS))
    if state:
        engine.restore([key for key, _ in state], [value for _, value in state])
        engine.restored()
    return Life(engine, list(state), {})


def live(life: Life, records: list[PlainRecord], size: int) -> None:
    for batch in batches(records, size):
        life.engine.apply(batch, NOW)
        life.take()


@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    seed=st.integers(0, 10**9),
    committed=st.integers(0, 200),
    ahead=st.integers(1, 200),
    kept=st.floats(0, 1),
    deletions=st.booleans(),
)
def test_records_applied_again_count_once(
    seed: int, committed: int, ahead: int, kept: float, deletions: bool
) -> None:
    records = Journeys(seed, deletions=deletions).records(500)
    whole = born([])
    live(whole, records, 50)

    first = born([])
    live(first, records[:committed], 50)
    for batch in batches(records[committed : committed + ahead], 50):
        first.engine.apply(batch, NOW)
    written = first.engine.pending()
    first.take(keep=round(kept * written))  # the offsets were not committed: the next begins at ``committed``
    second = born(first.state)
    live(second, records[committed:], 50)

    mine, theirs = second.engine.state.profiles, whole.engine.state.profiles
    assert mine.slots.keys() == theirs.slots.keys()
    for name in mine.slots:
        a, b = mine.records[mine.slots[name]], theirs.records[theirs.slots[name]]
        for field in OWN:
            assert a[field].tobytes() == b[field].tobytes(), (name, field)


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0])
def test_decisions_made_again_carry_the_same_versions(kept: float) -> None:
    # Scores hang on everybody's plays; kept still, the decisions themselves are the same again.
    small = SmallPartition(SETTINGS, explore_share=0.9)
    log = [small.record("session_start", n * 3600, f"v{n % 5}")[1] for n in range(60)]
    whole = born([])
    live(whole, log, 1)
    first = born([])
    live(first, log[:30], 1)
    for batch in batches(log[30:50], 20):
        first.engine.apply(batch, NOW)
    first.take(keep=round(kept * first.engine.pending()))
    second = born(first.state)
    live(second, log[30:], 7)
    assert second.engine.stats.repeats == (
        0 if kept == 0 else 20 if kept == 1 else second.engine.stats.repeats
    )
    assert len(whole.versions) > 20
    together = {
        key: first.versions.get(key, set()) | second.versions.get(key, set()) for key in whole.versions
    }
    assert together == whole.versions


def test_what_was_applied_is_told_as_repeated_and_changes_nothing() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.play(1, 130, row_id="r01", title_id="r01-0")
    small.send("subscription_started", 140)
    before = small.profile().tobytes(), small.labels()
    small.drain()
    for record in list(small.log):
        small.apply([record])
    assert small.engine.stats.repeats == len(small.log) / 2
    assert (small.profile().tobytes(), small.labels()) == before
    writes = small.drain()
    assert [key for key in writes[small.settings.state_topic].keys if key.startswith(b"p")] == []
    assert set(writes) == {small.settings.state_topic}


def test_each_topic_has_its_own_position() -> None:
    small = SmallPartition()
    for n in range(5):
        small.send("browse", n, category_id="c", dwell_s=1)
    small.send("subscription_payment_failed", 10)  # offset 0 of its topic
    assert small.profile()["offsets"].tolist() == [4, 0]
    assert small.counter(Counter.PAYMENT_FAILURES) == 1


# --- what a producer sends twice


def browses(small: SmallPartition) -> float:
    return round(small.counter(Counter.BROWSES), 2)


@pytest.mark.parametrize(("between", "counted"), [(0, 1), (DEDUP_EVENTS - 1, 1), (DEDUP_EVENTS, 2)])
def test_an_event_within_the_window_counts_once(between: int, counted: int) -> None:
    small = SmallPartition()
    small.send("browse", 0, category_id="c", dwell_s=1, event_id="again")
    for n in range(between):
        small.send("list_remove", 1 + n, title_id="r00-0")
        small.send("browse", 1 + n, "q", category_id="c", dwell_s=1)  # others do not push it out
    small.send("browse", 50, category_id="c", dwell_s=1, event_id="again")
    assert browses(small) == counted
    assert small.engine.stats.duplicates == 2 - counted
    assert small.profile()["offsets"][0] == 1 + 2 * between  # the position goes on all the same


def test_the_same_id_of_another_profile_is_another_event() -> None:
    small = SmallPartition()
    small.send("browse", 0, category_id="c", dwell_s=1, event_id="same")
    small.send("browse", 0, "q", category_id="c", dwell_s=1, event_id="same")
    assert small.engine.stats.duplicates == 0


def test_a_duplicate_is_not_remembered_again() -> None:
    small = SmallPartition()
    small.send("browse", 0, category_id="c", dwell_s=1, event_id="again")
    for _ in range(3 * DEDUP_EVENTS):
        small.send("browse", 1, category_id="c", dwell_s=1, event_id="again")
    assert browses(small) == 1 and small.profile()["events"] == 1
