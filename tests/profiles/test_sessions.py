"""Sessions, devices and places, searches without a play and subscriptions."""

from __future__ import annotations

import random

import pytest

from streams.profiles.layout import Counter, Subscription
from streams.settings import DAY_MS
from tests.profiles.small_partition import SmallPartition
from tests.streams.journeys import START_MS

GAP_S = 30 * 60


def sessions(small: SmallPartition) -> int:
    return int(small.profile()["sessions"])


def test_a_session_ends_after_a_gap_of_silence() -> None:
    small = SmallPartition()
    small.send("browse", 0, category_id="c", dwell_s=1)
    small.send("browse", GAP_S, category_id="c", dwell_s=1)
    assert sessions(small) == 1
    small.send("browse", 2 * GAP_S + 0.001, category_id="c", dwell_s=1)
    assert sessions(small) == 2
    assert small.profile()["session_events"] == 1
    assert small.counter(Counter.SESSIONS) == pytest.approx(2, rel=1e-2)


def test_a_session_start_begins_one_and_a_session_end_ends_it() -> None:
    small = SmallPartition()
    small.send("session_start", 0)
    small.send("browse", 1, category_id="c", dwell_s=1)
    assert sessions(small) == 1
    small.send("session_start", 2)
    assert sessions(small) == 2
    small.send("session_end", 3)
    assert small.profile()["in_session"] == 0
    small.send("session_end", 4)
    assert sessions(small) == 2
    small.send("browse", 5, category_id="c", dwell_s=1)  # its start was lost
    assert sessions(small) == 3 and small.profile()["in_session"] == 1


def test_an_end_that_is_told_after_a_long_silence_is_no_new_session() -> None:
    small = SmallPartition()
    small.send("session_start", 0)
    small.send("session_end", GAP_S + 60)
    assert sessions(small) == 1 and small.profile()["in_session"] == 0


def test_a_late_event_belongs_to_the_session_under_way() -> None:
    small = SmallPartition()
    small.send("session_start", 5 * GAP_S)
    small.send("browse", 0, category_id="c", dwell_s=1)
    assert sessions(small) == 1
    assert small.profile()["active_ts"] == START_MS + 5 * GAP_S * 1000


def test_an_event_older_than_the_end_of_its_session_begins_none() -> None:
    small = SmallPartition()
    small.send("session_start", 0)
    small.send("session_end", 60)
    small.send("browse", 55, category_id="c", dwell_s=1)
    assert sessions(small) == 1


def test_watched_time_adds_up_over_sessions() -> None:
    small = SmallPartition()
    small.play(0, 60)
    small.play(2 * GAP_S, 20, "again")
    assert sessions(small) == 2 and small.profile()["watched_s"] == 80


# --- searches, devices, places


def test_a_search_without_a_play_is_counted_when_it_is_over() -> None:
    small = SmallPartition()
    small.send("search", 0, query="x")
    assert small.counter(Counter.SEARCHES_WITHOUT_PLAY) == 0
    small.send("search", 1, query="y")
    assert small.counter(Counter.SEARCHES_WITHOUT_PLAY) == pytest.approx(1, rel=1e-4)
    small.send("playback_start", 2, playback_id="b", title_id="r00-0", duration_s=3600.0)
    small.send("search", 3, query="z")
    assert small.counter(Counter.SEARCHES_WITHOUT_PLAY) == pytest.approx(1, rel=1e-4)
    small.send("session_end", 4)
    assert small.counter(Counter.SEARCHES_WITHOUT_PLAY) == pytest.approx(2, rel=1e-4)
    small.send("search", 5, query="z")
    small.send("session_start", 6)
    assert small.counter(Counter.SEARCHES_WITHOUT_PLAY) == pytest.approx(3, rel=1e-4)
    assert small.counter(Counter.SEARCHES) == pytest.approx(4, rel=1e-4)


def test_devices_and_places_count_when_they_change() -> None:
    small = SmallPartition()
    for at, fields in enumerate(
        [
            {"device_type": "tv", "country": "DE", "region": "BE"},
            {},  # not said is no change
            {"device_type": "tv", "country": "DE", "region": "BE"},
            {"device_type": "phone", "country": "DE", "region": "HH"},
            {"device_type": "tv", "country": "FR"},
        ]
    ):
        small.send("browse", at, category_id="c", dwell_s=1, **fields)
    assert small.counter(Counter.DEVICE_CHANGES) == pytest.approx(2, rel=1e-4)
    assert small.counter(Counter.PLACE_CHANGES) == pytest.approx(2, rel=1e-4)


def test_every_plain_kind_counts_in_its_own_counter() -> None:
    small = SmallPartition()
    told = [
        ("browse", {"category_id": "c", "dwell_s": 1}, Counter.BROWSES),
        ("rating", {"title_id": "r00-0", "value": -1}, Counter.RATINGS),
        ("list_add", {"title_id": "r00-0"}, Counter.LIST_CHANGES),
        ("trailer_view", {"trailer_id": "t", "title_id": "r00-0", "watched_s": 3}, Counter.TRAILERS),
        ("impression", {"row_id": "r00", "row_position": 0, "items": []}, Counter.IMPRESSIONS),
        ("search", {"query": "x"}, Counter.SEARCHES),
    ]
    draw = random.Random(1)
    sent = [draw.choice(told) for _ in range(60)]
    for at, (kind, fields, _) in enumerate(sent):
        small.send(kind, at, **fields)
    for _, _, counter in told:
        expected = sum(c == counter for _, _, c in sent)
        assert small.counter(counter) == pytest.approx(expected, rel=1e-3)
    assert small.engine.stats.by_kind["browse"] == sum(kind == "browse" for kind, _, _ in sent)


# --- subscriptions


def test_the_subscription_follows_its_events() -> None:
    small = SmallPartition()
    day = 86_400
    expected = [
        ("subscription_started", {"period_days": 30}, Subscription.ACTIVE),
        ("subscription_payment_failed", {}, Subscription.PAYMENT_FAILED),
        ("subscription_renewed", {"period_days": 10}, Subscription.ACTIVE),
        ("subscription_plan_changed", {"plan": "big"}, Subscription.ACTIVE),
        ("subscription_paused", {}, Subscription.PAUSED),
        ("subscription_cancelled", {}, Subscription.CANCELLED),
        ("subscription_started", {}, Subscription.ACTIVE),
    ]
    for at, (kind, fields, state) in enumerate(expected):
        small.send(kind, at * day, **fields)
        p = small.profile()
        assert p["subscription"] == state, kind
        assert p["subscription_ts"] == START_MS + at * DAY_MS
    assert p["sessions"] == 0 and p["active_ts"] == START_MS  # no sign of life but the first
    assert small.counter(Counter.PAYMENT_FAILURES) == pytest.approx(0.5 ** (5 / 30), rel=1e-3)
