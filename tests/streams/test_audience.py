"""The simulated audience: honest to the contract, repeatable, and moved by the pages it is shown."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from streams import topics
from streams.admin import create_topics
from streams.audience.crowd import FAR_MS, Audience
from streams.audience.faults import WAYS, malformed
from streams.audience.making import simulated_catalog
from streams.audience.publisher import Publisher
from streams.audience.shelves import Shelves
from streams.audience.show import Show, audience_for, wall_clock_ms
from streams.audience.titles import TAGS, Produced
from streams.brokers.embedded import EmbeddedBroker
from streams.events import kinds
from streams.events.decode import Reject, decode, decode_catalog
from streams.events.reasons import Reason
from streams.following import Follower
from streams.settings import DAY_MS, Settings

START = 1_760_000_000_000
SETTINGS = Settings()
CATALOG = simulated_catalog(seed=3, titles=200, now_ms=START)


@dataclass(frozen=True, slots=True)
class FakeRecord:
    value: bytes | None
    key: bytes | None
    offset: int = 0
    timestamp: int = START


def crowd(profiles: int = 60, seed: int = 3) -> Audience:
    return Audience(CATALOG, profiles=profiles, seed=seed, start_ms=START)


def parsed(records: list[Produced]) -> list[dict[str, Any]]:
    """The events among these records (titles that arrive are records of the catalog)."""
    return [orjson.loads(record.value) for record in records if record.event_id]


def rejects_of(records: list[Produced], now_ms: int) -> list[Reject]:
    rejects: list[Reject] = []
    for topic in topics.INPUTS:
        of_topic = [FakeRecord(record.value, record.key) for record in records if record.topic == topic]
        rejects += decode(topic, of_topic, now_ms, SETTINGS).rejects
    return rejects


def test_the_catalog_is_25_rows_and_every_record_of_it_is_valid() -> None:
    records = CATALOG.records(START)
    there = sum(title.arrives_ms <= START for title in CATALOG.titles)
    assert len(CATALOG.rows) == 25
    assert 150 < there < 190  # the others are still to come
    assert len(records) == 25 + there
    for record in CATALOG.records(FAR_MS):
        assert not isinstance(decode_catalog(record.topic, record.key, record.value, SETTINGS), Reject)
    shelves = Shelves(CATALOG)
    shelves.at(START)
    assert {row.row_id for row in CATALOG.rows if not shelves.titles[row.row_id]} == {"continue", "for-you"}


def test_every_event_is_valid_unique_in_order_and_nearly_every_type_occurs() -> None:
    audience = crowd()
    records = audience.step(FAR_MS, limit=60_000)
    assert rejects_of(records, audience.now_ms) == []
    events = parsed(records)
    assert len({event["event_id"] for event in events}) == len(events)
    assert [record.event_id for record in records if record.event_id] == [
        event["event_id"] for event in events
    ]
    times = [event["ts"] for event in events]
    assert times == sorted(times)
    assert {event["type"] for event in events} == set(kinds.KINDS)


def test_playbacks_move_no_faster_than_time() -> None:
    at: dict[str, tuple[int, float]] = {}
    plays = 0
    for event in parsed(crowd().step(FAR_MS, limit=20_000)):
        if "playback_id" not in event or "position_s" not in event:
            at.pop(event.get("playback_id", ""), None)  # a seek: position starts anew
            continue
        before = at.get(event["playback_id"])
        if before is not None:
            plays += 1
            assert event["position_s"] - before[1] <= (event["ts"] - before[0]) / 1_000 + 0.2
        at[event["playback_id"]] = (event["ts"], event["position_s"])
    assert plays > 1_000


def test_the_same_seed_is_the_same_audience_however_it_is_asked() -> None:
    whole = crowd().step(FAR_MS, limit=3_000)
    assert crowd().step(FAR_MS, limit=3_000) == whole
    pieces = crowd()
    assert [record for _ in range(30) for record in pieces.step(FAR_MS, limit=100)] == whole
    assert crowd(seed=4).step(FAR_MS, limit=3_000) != whole
    by_time = crowd()
    some = [record for minute in range(1, 30) for record in by_time.step(START + minute * 60_000)]
    assert some == whole[: len(some)]
    assert len(some) > 500


def page_by_taste(taste: Sequence[float], *, best_first: bool) -> tuple[str, ...]:
    order = sorted(range(len(TAGS)), key=lambda tag: taste[tag], reverse=best_first)
    return tuple(TAGS[tag] for tag in order)


def lived(best_first: bool) -> tuple[float, float, int]:
    """Share of sessions with a click, mean place of clicks, how many left, with the best or worst pages."""
    audience = crowd(profiles=80)
    events: list[dict[str, Any]] = []
    for _ in range(60):
        for name, viewer in list(audience.viewers.items()):
            audience.show(name, page_by_taste(list(viewer.taste), best_first=best_first), 7)
        events += parsed(audience.step(FAR_MS, limit=1_000))
    clicked = {event["session_id"] for event in events if event["type"] == "click"}
    sessions = {event["session_id"] for event in events if event["type"] == "session_start"}
    shown = [event for event in events if event["type"] == "impression"]
    assert {event["decision_version"] for event in shown if "decision_version" in event} == {7}
    places = audience.click_places
    return len(clicked) / len(sessions), sum(places) / len(places), audience.left


def test_better_pages_are_clicked_higher_and_more_and_keep_viewers() -> None:
    good_share, good_place, good_left = lived(best_first=True)
    bad_share, bad_place, bad_left = lived(best_first=False)
    assert good_share > bad_share + 0.15
    assert good_place < bad_place
    assert good_left < bad_left


def test_rows_further_down_are_seen_less() -> None:
    events = parsed(crowd().step(FAR_MS, limit=30_000))
    seen = Counter(event["row_position"] for event in events if event["type"] == "impression")
    assert seen[0] > seen[3] > seen[8] > seen[15]


def test_who_leaves_is_replaced() -> None:
    audience = crowd(profiles=40)
    events = parsed(audience.step(FAR_MS, limit=80_000))
    cancelled = sum(event["type"] == "subscription_cancelled" for event in events)
    assert audience.left > 5
    assert (
        abs(cancelled - audience.left) <= 2
    )  # a cancellation and its erasure may lie on both sides of the end
    assert len(audience.viewers) == 40


def test_an_audience_comes_to_now_at_the_end_of_its_show() -> None:
    show = Show(profiles=100, rate=300, seconds=40, titles=200, malformed=0, seed=1)
    audience = audience_for(show, START)
    audience.step(FAR_MS, limit=12_000)
    assert START - 3 * DAY_MS < audience.now_ms <= START
    endless = audience_for(Show(profiles=5, rate=1, seconds=None, titles=50, malformed=0, seed=1), START)
    assert START - endless.now_ms == 365 * DAY_MS


def test_what_broken_producers_send_is_refused_for_every_reason_but_one() -> None:
    good = crowd().step(FAR_MS, limit=400)
    chance = random.Random(1)
    broken = [malformed(chance, record) for record in good]
    rejects = rejects_of(broken, START + DAY_MS)
    assert len(rejects) == len(broken)
    assert {reject.reason for reject in rejects} == set(Reason) - {Reason.TOO_DEEP}
    assert len(WAYS) == 12


@pytest.mark.embedded
def test_everything_published_arrives_and_decided_pages_are_shown(embedded: EmbeddedBroker) -> None:
    settings = Settings(brokers=embedded.address, partitions=2)
    create_topics(settings)
    audience = Audience(CATALOG, profiles=50, seed=1, start_ms=wall_clock_ms() - 30 * DAY_MS)
    asyncio.run(published_and_shown(settings, audience))


async def published_and_shown(settings: Settings, audience: Audience) -> None:
    publisher = Publisher(settings, audience, rate=2_000, malformed_share=0.1, clock_ms=wall_clock_ms)
    followed = (*topics.INPUTS, *topics.CATALOGS)
    async with publisher, Follower(settings, followed, from_start=True) as follower:
        catalog = await publisher.publish_catalog()
        assert catalog == len(CATALOG.records(audience.start_ms))
        await publisher.run(1.0)
        assert publisher.events > 0
        assert publisher.malformed > 0
        arrived = sum(audience.start_ms < title.arrives_ms <= audience.now_ms for title in CATALOG.titles)
        expected = publisher.events + publisher.malformed + catalog + arrived
        read = 0
        async with asyncio.timeout(60):
            while read < expected:
                read += len(await follower.records())
        assert read == expected
        assert not await follower.records(wait_ms=300)
        assert await follower.caught_up()
        assert set(publisher.produced_at_ms) and len(publisher.produced_at_ms) == publisher.events
        # A decision on row-order becomes the page of its viewer.
        name = next(iter(audience.viewers))
        decision = {"profile_id": name, "rows": ["news", "crime"], "version": 3}
        page = Produced(topics.ROW_ORDER, name.encode(), orjson.dumps(decision))
        publisher.follow_decisions()
        await publisher.send([page])
        async with asyncio.timeout(60):
            for wait in itertools.repeat(0.05):
                if audience.viewers[name].shown.rows_version == 3:
                    break
                await asyncio.sleep(wait)
        assert audience.viewers[name].shown.rows == ("news", "crime")
