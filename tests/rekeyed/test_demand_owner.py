"""The owner of demand: hours of sources replaced, faded, told of several profiles only, and forgotten."""

from __future__ import annotations

import pytest

from streams.errors import RecoveryError
from streams.events.rekeyed import Tally
from streams.rekeyed.demand import DemandOwner
from streams.settings import DAY_MS, Settings
from tests.rekeyed.written import Written


def demand(hours: float, profiles: int = 8, source: int = 0, seq: int = 1, key: str = "drama|DE") -> Tally:
    sums = {"hours": hours, "profiles": profiles}
    return Tally(kind="demand", key=key, source=source, ts=seq, seq=seq, sums=sums)


def test_demand_of_sources_is_replaced_and_fades_to_the_latest() -> None:
    written = Written()
    owner = DemandOwner(Settings(), written)
    owner.apply(demand(8.0, seq=DAY_MS), 0)
    owner.apply(demand(8.0, seq=DAY_MS), 1)
    assert len(written.records) == 1 and written.last["demand"] == 8.0
    owner.apply(demand(2.0, source=1, seq=8 * DAY_MS), 2)
    assert written.last == {"tag": "drama", "region": "DE", "demand": 6.0, "ts": 8 * DAY_MS}
    owner.apply(demand(2.1, source=1, seq=8 * DAY_MS + 1), 3)
    assert written.last["demand"] == 6.0  # less than a twentieth more


def test_too_few_profiles_are_not_told_of_and_taken_back() -> None:
    written = Written()
    owner = DemandOwner(Settings(), written)
    owner.apply(demand(50.0, profiles=2), 0)
    assert written.records == []
    owner.apply(demand(50.0, profiles=3, source=1), 1)
    assert written.last["demand"] == 100.0
    owner.apply(demand(50.0, profiles=2, source=1, seq=2), 2)
    assert written.last is None


def test_demand_comes_back_and_is_forgotten() -> None:
    written = Written()
    owner = DemandOwner(Settings(), written)
    owner.apply(demand(8.0, seq=DAY_MS), 0)
    keys, values = owner.take_changes()
    again = DemandOwner(Settings(), written)
    for key, value in zip(keys, values, strict=True):
        again.restore(key, value)
    again.restored()
    again.let_time_pass(7 * DAY_MS)
    assert written.last["demand"] == 4.0
    again.let_time_pass(300 * DAY_MS)
    assert written.last is None and again.cells == {}
    assert again.take_changes() == ([b"drama|DE"], [None])
    again.restore(b"drama|DE", None)


def test_nonsense_is_counted_and_dropped() -> None:
    owner = DemandOwner(Settings(), Written())
    for sums in ({}, {"hours": "8", "profiles": 1}, {"hours": -1.0, "profiles": 9}):
        owner.apply(Tally(kind="demand", key="a|b", source=0, ts=1, seq=1, sums=sums), 0)
    assert owner.rejected == 3 and owner.cells == {}


def test_what_cannot_be_read_ends_recovery() -> None:
    for value in (b"\xc1", b"\x93\x09\xcb" + b"\x00" * 8 + b"\x80"):
        with pytest.raises(RecoveryError):
            DemandOwner(Settings(), Written()).restore(b"x|0", value)
