"""The choices of a profile: a page without personal data, kids, and what they mean for rows."""

from __future__ import annotations

from streams import topics
from tests.profiles.small_partition import SmallPartition


def fond_of(small: SmallPartition, row: str, profile: str) -> None:
    """``profile`` plays ``row`` well, five times."""
    for n in range(5):
        small.play(1000 * n, 150, f"{profile}-{n}", profile, row_id=row, title_id=f"{row}-0")


def test_a_non_profiled_page_is_everybodys() -> None:
    small = SmallPartition(rows=6)
    for n in range(8):
        fond_of(small, "r01", f"crowd-{n}")
    fond_of(small, "r04", "p")
    personal = [order for order in small.decisions(topics.ROW_ORDER) if order["profile_id"] == "p"][-1]
    assert personal["rows"][0] == "r04" and "profiled" not in personal
    small.send("profile_settings", 6000, profiled=False)
    plain = small.decisions(topics.ROW_ORDER)[-1]
    assert plain["rows"][0] == "r01"
    assert plain["profiled"] is False and plain["model"]["name"] == "popular" and plain["propensity"] == 1.0
    assert {reason["feature"] for reason in plain["reasons"]} <= {"popularity", "row_lift"}
    small.send("profile_settings", 6001, profiled=True)
    assert small.decisions(topics.ROW_ORDER)[-1]["rows"][0] == "r04"


def test_two_non_profiled_pages_are_alike_whatever_they_watched() -> None:
    small = SmallPartition(rows=6)
    fond_of(small, "r02", "one")
    fond_of(small, "r05", "two")
    for profile in ("one", "two"):
        small.send("profile_settings", 9000, profile, profiled=False)
    orders = {order["profile_id"]: order for order in small.decisions(topics.ROW_ORDER)}
    assert orders["one"]["rows"] == orders["two"]["rows"]
    assert all(order["profiled"] is False for order in orders.values())


def test_kids_are_not_explored_with() -> None:
    small = SmallPartition(rows=12, explore_share=0.9)
    for n in range(40):
        small.send("profile_settings", n, f"kid-{n}", kids=True)
        small.send("session_start", 10_000 + n, f"kid-{n}")
        small.send("session_start", 10_000 + n, f"adult-{n}")
    decided = small.decisions(topics.ROW_ORDER)
    kids = [order for order in decided if order["profile_id"].startswith("kid")]
    later = [order for order in kids if order["version"] > 1]
    assert not any(order["explore"] for order in later)
    assert all(order["propensity"] == 1.0 for order in later)
    assert sum(order["explore"] for order in decided if order["profile_id"].startswith("adult")) > 20


def test_what_is_not_said_stays() -> None:
    small = SmallPartition()
    small.send("profile_settings", 0, profiled=False, kids=True, max_age=12)
    small.send("profile_settings", 1, max_age=0)
    record = small.profile()
    assert (record["plain"], record["kids"], record["max_age"]) == (1, 1, 0)
