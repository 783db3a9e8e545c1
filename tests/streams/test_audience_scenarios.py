"""Each scenario of the simulated audience does what it says, and nothing else changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import orjson
import pytest

from streams.audience.bots import PUSHED
from streams.audience.crowd import FAR_MS, LATEST_MS, Audience
from streams.audience.making import simulated_catalog
from streams.audience.scenarios import SCENARIOS, STEADY, scenario_named
from streams.audience.show import Show, audience_for
from streams.audience.titles import TAGS
from streams.errors import ConfigurationError
from streams.settings import DAY_MS

START = 1_760_000_000_000
TURN = START + 2 * DAY_MS


def crowd(name: str, profiles: int = 60) -> Audience:
    scenario = scenario_named(name)
    catalog = simulated_catalog(3, 150, START, premiere_ms=TURN if scenario.premiere else None)
    return Audience(catalog, profiles=profiles, seed=3, start_ms=START, scenario=scenario, turn_ms=TURN)


def events(audience: Audience, until_ms: int) -> list[dict[str, Any]]:
    return [orjson.loads(record.value) for record in audience.step(until_ms) if record.event_id]


def test_a_scenario_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match="steady, premiere_rush"):
        scenario_named("apocalypse")
    assert set(SCENARIOS) == {"steady", "premiere_rush", "taste_drift", "late_events", "bots", "malformed"}


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_scenario_repeats_itself(name: str) -> None:
    one, other = crowd(name, 20), crowd(name, 20)
    assert one.step(FAR_MS, limit=4_000) == [
        record for _ in range(40) for record in other.step(FAR_MS, limit=100)
    ]


def test_at_a_premiere_viewers_come_at_once_and_play_it() -> None:
    rush, steady = crowd("premiere_rush"), crowd("steady")
    premiere = rush.catalog.titles[-1]
    assert premiere.arrives_ms == TURN
    for audience in (rush, steady):
        audience.step(TURN - 1)
    hours = TURN + 6 * 3_600_000
    among, usual = events(rush, hours), events(steady, hours)
    visits = [sum(event["type"] == "session_start" for event in some) for some in (among, usual)]
    assert visits[0] > 1.5 * visits[1]
    plays = Counter(event["title_id"] for event in among if event["type"] == "playback_start")
    assert plays.most_common(1)[0][0] == premiere.title_id


def test_a_title_arrives_as_a_record_of_the_catalog_and_is_shown_only_then() -> None:
    audience = crowd("premiere_rush", 20)
    arrived: set[str] = set()
    coming = {title.title_id for title in audience.catalog.titles if title.arrives_ms > START}
    for record in audience.step(TURN + DAY_MS):
        if not record.event_id:
            arrived.add(record.key.decode())
            continue
        event = orjson.loads(record.value)
        for item in event.get("items", ()):
            assert item["title_id"] not in coming or item["title_id"] in arrived
    assert audience.catalog.titles[-1].title_id in arrived


def test_tastes_drift_once_and_only_then() -> None:
    audience = crowd("taste_drift")
    audience.step(TURN - DAY_MS)
    before = {name: viewer.taste.copy() for name, viewer in audience.viewers.items()}
    # Lives are computed a moment ahead: who comes back only after the turn may have changed already.
    same = sum(np.array_equal(audience.viewers[name].taste, taste) for name, taste in before.items())
    assert same > 0.5 * len(before)
    audience.step(TURN + 8 * DAY_MS)
    stayed = [name for name in before if name in audience.viewers and audience.viewers[name].visits > 4]
    changed = [not np.array_equal(audience.viewers[name].taste, before[name]) for name in stayed]
    assert sum(changed) > 0.85 * len(stayed)
    after = {name: audience.viewers[name].taste.copy() for name in stayed}
    audience.step(TURN + 12 * DAY_MS)
    again = [name for name in stayed if name in audience.viewers]
    same = sum(np.array_equal(audience.viewers[name].taste, after[name]) for name in again)
    assert same > 0.85 * len(again)


def test_late_events_keep_their_time_their_order_and_come_within_a_day() -> None:
    audience = crowd("late_events")
    seen: dict[str, int] = {}
    late = repeated = total = 0
    arrival = START
    for record in (record for _ in range(600) for record in audience.step(FAR_MS, limit=20)):
        if not record.event_id:
            continue
        total += 1
        event = orjson.loads(record.value)
        repeated += event["event_id"] in seen
        seen[event["event_id"]] = event["ts"]
        arrival = max(arrival, event["ts"])
        late += arrival - event["ts"] > 600_000
        assert arrival - event["ts"] <= LATEST_MS + 3 * 3_600_000
    assert 0.05 < late / total < 0.3
    assert 0.001 < repeated / total < 0.03


def test_bots_send_a_good_part_of_all_and_push_one_kind_of_title() -> None:
    audience = crowd("bots")
    sent = events(audience, START + 2 * DAY_MS)
    of_bots = [event for event in sent if event["profile_id"].startswith("bot")]
    assert 0.1 < len(of_bots) / len(sent) < 0.9
    pushed = audience.shelves.members[TAGS[PUSHED]]
    played = {event["title_id"] for event in of_bots if event["type"] == "playback_start"}
    assert played <= {audience.catalog.titles[title].title_id for title in pushed}


def test_malformed_records_come_with_the_scenario_or_as_asked() -> None:
    show = Show(profiles=5, rate=5, seconds=5, titles=50, malformed=None, seed=1)
    assert show.malformed_share == STEADY.malformed_share == 0.0
    broken = Show(
        profiles=5, rate=5, seconds=5, titles=50, malformed=None, seed=1, scenario=SCENARIOS["malformed"]
    )
    assert broken.malformed_share == 0.05
    audience = audience_for(broken, START)
    assert audience.step(FAR_MS, limit=10)


def test_kids_say_so_and_see_nothing_beyond_their_age() -> None:
    audience = crowd("steady", 80)
    sent = events(audience, START + DAY_MS)
    settings = {event["profile_id"]: event for event in sent if event["type"] == "profile_settings"}
    kids = {name for name, event in settings.items() if event.get("kids")}
    plain = {name for name, event in settings.items() if event.get("profiled") is False}
    assert 2 <= len(kids) <= 20
    assert plain
    ages = {title.title_id: title.age for title in audience.catalog.titles}
    for event in sent:
        if event["profile_id"] in kids:
            assert all(ages[item["title_id"]] <= 12 for item in event.get("items", ()))
