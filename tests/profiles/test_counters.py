"""Counters that fade: the order in which events arrive changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.profiles.clock import HOUR, MONTH, advance, advance_demand, count, remaining
from streams.profiles.layout import HALF_LIVES_DAYS, PROFILE, Counter
from streams.settings import DAY_MS
from tests.profiles.small_partition import one_record
from tests.streams.journeys import START_MS


def exact(events: list[tuple[int, float]], half_life_ms: float) -> float:
    """Every event weighs what is left of it at the latest time."""
    latest = max(ts for ts, _ in events)
    return sum(amount * 0.5 ** ((latest - ts) / half_life_ms) for ts, amount in events)


history = st.lists(
    st.tuples(st.integers(0, 40 * DAY_MS), st.floats(0, 10, width=32)), min_size=1, max_size=30
)


@settings(max_examples=100, deadline=None)
@given(history)
def test_counters_do_not_depend_on_the_order_of_arrival(events: list[tuple[int, float]]) -> None:
    p, weights = one_record(PROFILE), np.ones(len(HALF_LIVES_DAYS) + 2)
    p["last_ts"] = START_MS + events[0][0]
    for ts, amount in events:
        advance(p, START_MS + ts, weights)
        count(p, int(Counter.PLAYS), amount, weights)
        p["seen"] += weights[MONTH]
        p["seen_hour"] += weights[HOUR]
    assert p["last_ts"] == START_MS + max(ts for ts, _ in events)
    for h, days in enumerate(HALF_LIVES_DAYS):
        truth = exact(events, days * DAY_MS)
        assert float(p["counters"][h, Counter.PLAYS]) == pytest.approx(truth, rel=1e-4, abs=1e-6)
    ones = [(ts, 1.0) for ts, _ in events]
    assert float(p["seen"]) == pytest.approx(exact(ones, 30 * DAY_MS), rel=1e-4)
    assert float(p["seen_hour"]) == pytest.approx(exact(ones, DAY_MS / 24), rel=1e-4)


def test_remaining_is_one_half_after_a_half_life() -> None:
    assert remaining(5.0, 5.0) == 0.5
    assert remaining(0.0, 5.0) == remaining(-1e12, 5.0) == 1.0
    assert remaining(1e15, 1.0) == 0.0


def test_demand_stands_still_until_something_is_counted() -> None:
    p = one_record(PROFILE)
    p["demand_ts"] = START_MS
    p["rows"][3, 0] = p["rows"][3, 1] = 4.0
    advance_demand(p, START_MS - DAY_MS)
    assert p["rows"][3, 0] == 4.0 and p["demand_ts"] == START_MS
    advance_demand(p, START_MS + DAY_MS // 4)
    assert p["rows"][3, 0] == 2.0
    assert float(p["rows"][3, 1]) == pytest.approx(4.0 * 0.5 ** (0.25 / 30), rel=1e-6)
