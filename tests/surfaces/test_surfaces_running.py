"""What all surfaces stand on: moments in order, faults kept apart, second records that survive, wake-ups."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from streams import topics
from streams.errors import ConfigurationError
from streams.pipeline import PartitionEngine, create_engine
from streams.profiles.moments import MomentKind
from streams.settings import Settings
from streams.surfaces import running
from tests.profiles.small_partition import PLAIN, Changelog, SmallPartition, restored
from tests.streams.journeys import START_MS, Journeys, batches, catalog
from tests.surfaces.noticing import Noticing

HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def noticing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(running.SURFACES, "titles", "tests.surfaces.noticing:Noticing")


def noticed(engine: PartitionEngine) -> Noticing:
    surface = engine.surfaces.surfaces["titles"]
    assert isinstance(surface, Noticing)
    return surface


def small(**changes: Any) -> SmallPartition:
    return SmallPartition(replace(PLAIN, surfaces="titles"), **changes)


def test_a_session_and_a_play_are_told_in_order() -> None:
    partition = small()
    partition.send("session_start", 0)
    partition.see(1, "r00", 3, ("r00-0",))
    partition.play(2, 200, row_id="r00", row_position=3)
    partition.send("session_end", 300)
    by_themselves = (MomentKind.SCORED, MomentKind.TIME)
    moments = [moment for moment in noticed(partition.engine).seen if moment.kind not in by_themselves]
    kinds = [MomentKind(moment.kind).name for moment in moments]
    assert kinds == ["SESSION", "SHOWN", "STARTED", "QUALITY", "SESSION_OVER"]
    minutes = [moment.ts for moment in noticed(partition.engine).seen if moment.kind == MomentKind.TIME]
    assert len(minutes) == 4 and all(before < after for before, after in pairwise(minutes))
    well = next(moment for moment in moments if moment.kind == MomentKind.QUALITY)
    assert (well.position, well.row, well.a, well.b) == (3, 0, 120.0, 3600.0)
    assert partition.engine.state.titles.names[well.title] == "r00-0"
    assert 0 < well.c < 1


def test_an_ended_play_says_where_it_stopped_and_whether_it_was_good() -> None:
    partition = small()
    partition.play(0, 60, position_s=100.0)
    partition.send("playback_stop", 61, playback_id="play", title_id="r00-0", position_s=61.0)
    over = noticed(partition.engine).seen[-1]
    assert (over.kind, over.flag, over.b, over.c) == (MomentKind.OVER, 0, 61.0, 3600.0)


@pytest.mark.parametrize("size", [1, 7, 400])
def test_moments_do_not_depend_on_batches(size: int) -> None:
    config = Settings(surfaces="titles", learn_batch=16, quality_seconds=40.0, churn_horizon_ms=24 * HOUR_MS)
    engines = []
    for cut in (size, 53):
        engine = create_engine(0, config, catalog(config))
        for batch in batches(Journeys(4).records(400), cut):
            engine.apply(batch, START_MS + 10_000 * HOUR_MS)
        engines.append(engine)
    one, other = engines
    seen = [[moment._replace(event=0) for moment in noticed(engine).seen] for engine in engines]
    assert seen[0] == seen[1] and len(seen[0]) > 200
    assert noticed(one).woken == noticed(other).woken != []
    assert one.state.tastes.records.tobytes() == other.state.tastes.records.tobytes()


def test_a_repeated_event_is_no_moment() -> None:
    partition = small()
    first = partition.record("rating", 0, title_id="r00-0", value=1)
    partition.apply([first])
    before = len(noticed(partition.engine).seen)
    topic, again = partition.record("rating", 0, title_id="r00-0", value=1)
    partition.apply([(topic, replace(again, value=first[1].value))])
    assert len(noticed(partition.engine).seen) == before


def test_a_fault_is_counted_and_stops_nothing() -> None:
    partition = small()
    noticed(partition.engine).faulty = {int(MomentKind.STARTED)}
    partition.play(0, 200)
    decisions = partition.drain()
    assert partition.engine.stats.faults == {"titles": 1}
    assert [moment.kind for moment in noticed(partition.engine).fell_back] == [MomentKind.STARTED]
    assert topics.HOMEPAGE_RANKINGS in decisions and topics.ROW_ORDER in decisions


def test_second_records_and_small_state_survive_and_go_with_the_profile() -> None:
    partition = small()
    kept = Changelog()
    partition.play(0, 200, profile="stays")
    partition.play(300, 200, playback="other", profile="goes")
    kept.take(partition.drain(), partition.settings.state_topic)
    slot = partition.engine.state.profiles.slots["stays"]
    before = partition.engine.state.tastes.records[slot].tobytes()
    partition.send("profile_deleted", 600, "goes")
    last = partition.drain()
    kept.take(last, partition.settings.state_topic)
    for records in (kept.records, kept.compacted()):
        again = restored(partition, records)
        assert again.state.tastes.records[slot].tobytes() == before
        assert noticed(again).total == noticed(partition.engine).total
        assert not any(again.state.tastes.records["title_draws"][slot + 1 :])
        assert (
            again.state.title_tastes.records.tobytes()
            == partition.engine.state.title_tastes.records.tobytes()
        )
        assert again.state.tags == partition.engine.state.tags
    state = last[partition.settings.state_topic]
    assert {key for key, value in zip(state.keys, state.values, strict=True) if value is None} == {
        b"pgoes",
        b"sgoes",
    }


def test_who_asked_to_be_woken_is_when_event_time_has_come() -> None:
    partition = small()
    partition.send("session_start", 0)
    partition.send("session_start", 3_500, "other")
    assert noticed(partition.engine).woken == []
    partition.send("session_end", 3_700, "other")
    ((slot, ts),) = noticed(partition.engine).woken
    assert slot == partition.engine.state.profiles.slots["p"]
    assert HOUR_MS <= ts - partition.engine.state.profiles.records["first_ts"][slot] < HOUR_MS + 120_000


def test_an_unknown_surface_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="FLYWHEEL_SURFACES"):
        create_engine(0, Settings(surfaces="titles,nonsense"), catalog(Settings()))
