"""What is watched where, through the engine and its owners."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from streams import topics
from streams.events.schema import AudienceDemand
from streams.rekeyed.demand import MIN_PROFILES
from tests.surfaces.small_service import Service

DAY = 86_400


def told(subject: Service, key: str = "tag-0|DE-BY") -> list[Any]:
    return subject.records(topics.AUDIENCE_DEMAND, key)


def watch(subject: Service, profiles: int, at_s: float = 0, **fields: Any) -> None:
    for n in range(profiles):
        fields = {"country": "DE", "region": "BY"} | fields
        subject.send(subject.visit(at_s + n, f"p{n}", **fields))


def test_hours_of_several_profiles_are_told_in_decayed_hours() -> None:
    subject = Service(partitions=2)
    watch(subject, 12)
    subject.pass_time(2_000)
    last = told(subject)[-1]
    msgspec.json.decode(orjson.dumps(last), type=AudienceDemand)
    assert (last["tag"], last["region"]) == ("tag-0", "DE-BY")
    assert last["demand"] == pytest.approx(12 * 600 / 3600, rel=0.01)
    # A week later half is left, though nobody watched or told anything.
    for engine in subject.engines:
        engine.owners.tick(10)
        engine.owners.tick(10 + 7 * DAY * 1000)
    subject.deliver()
    assert told(subject)[-1]["demand"] == pytest.approx(1.0, rel=0.01)


def test_a_handful_of_profiles_is_needed() -> None:
    subject = Service()
    watch(subject, MIN_PROFILES - 1)
    subject.send(subject.visit(3_000, "p0", plays=3, country="DE", region="BY"))  # the same again
    subject.pass_time(9_000)
    assert told(subject) == []
    subject.send(subject.visit(10_000, "one more", country="DE", region="BY"))
    subject.pass_time(20_000)
    assert len(told(subject)) == 1


def test_every_tag_of_a_title_in_every_region() -> None:
    subject = Service()
    title = {"title_id": "r00-0", "name": "T", "kind": "film", "tags": ["tag-0", "tag-1"], "duration_s": 3600}
    subject.catalog.put(topics.TITLE_CATALOG, b"r00-0", orjson.dumps(title))
    watch(subject, 6)
    for n in range(6):
        subject.send(subject.visit(5_000 + n, f"q{n}", country="FR"))
        subject.send(subject.visit(7_000 + n, f"r{n}"))
    subject.pass_time(12_000)
    keys = {key for key, _ in subject.told[topics.AUDIENCE_DEMAND]}
    assert keys == {f"tag-{tag}|{region}" for tag in (0, 1) for region in ("DE-BY", "FR", "unknown")}


def test_regions_are_bounded() -> None:
    subject = Service(demand_regions=4)
    for n in range(40):
        subject.send(subject.visit(n * 10, f"p{n}", country="DE", region=f"r{n % 8}"))
    assert sorted(subject.engines[0].state.cells.slots) == ["tag-0|DE-r0", "tag-0|DE-r1", "tag-0|other"]


def test_a_session_that_does_not_say_where_is_where_the_last_one_was() -> None:
    subject = Service()
    subject.send(subject.visit(0, "p", country="DE") + subject.visit(9_000, "p"))
    assert list(subject.engines[0].state.cells.slots) == ["tag-0|DE"]


def test_kids_and_profiles_without_personal_data_count_as_numbers() -> None:
    subject = Service()
    for n in range(MIN_PROFILES):
        settings = subject.event("profile_settings", n, f"p{n}", kids=n % 2 == 0, profiled=n % 2 == 0)
        subject.send([settings, *subject.visit(n + 1, f"p{n}", country="DE", region="BY")])
    subject.pass_time(3_000)
    assert told(subject)[-1]["demand"] == pytest.approx(MIN_PROFILES / 6, rel=0.01)


def test_an_erased_profile_is_in_no_cell() -> None:
    subject = Service()
    watch(subject, 3)
    state = subject.engines[0].state
    who = int(state.profiles.records["key_hash"][state.profiles.slots["p1"]]) & 0xFFFFFFFF
    assert (state.cells.records["who"] == who).sum() == 1
    hours = float(state.cells.records["hours"][0])
    subject.send([subject.event("profile_deleted", 5_000, "p1")])
    assert (state.cells.records["who"] == who).sum() == 0
    assert float(state.cells.records["hours"][0]) == hours


def test_small_moves_are_not_told_and_what_has_faded_is_forgotten() -> None:
    subject = Service(demand_step=0.3)
    watch(subject, 10)
    subject.pass_time(2_000)
    known = len(told(subject))
    subject.send(subject.visit(3_000, "p1", country="DE", region="BY"))
    subject.pass_time(9_000)
    assert len(told(subject)) == known
    subject.pass_time(200 * DAY)
    subject.pass_time(200 * DAY + 100)
    assert len(subject.engines[0].state.cells) == 0
    assert told(subject)[-1] is None
    assert not subject.engines[0].owners.tallied["demand"].cells  # type: ignore[attr-defined]


def test_cells_come_back_with_the_changelog() -> None:
    subject = Service()
    watch(subject, 6)
    subject.pass_time(2_000)
    before = subject.engines[0].state.cells
    n = len(before.names)
    subject.reopen()
    after = subject.engines[0].state.cells
    assert after.slots == before.slots and n > 0
    assert after.records[:n].tobytes() == before.records[:n].tobytes()
    for at_s in (200 * DAY, 200 * DAY + 100):
        subject.pass_time(at_s)
    subject.reopen()
    assert len(subject.engines[0].state.cells) == 0
