"""Categories through the engine: who sees what, and when it changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from streams import topics
from streams.events.schema import CategoryChoice
from tests.surfaces.small_service import Service, declared


def choices(subject: Service, profile: str) -> list[Any]:
    return subject.records(topics.CATEGORY_CHOICES, profile)


def test_a_record_as_the_contract_has_it() -> None:
    subject = Service()
    subject.send(subject.visit(0, "p"))
    (first, *_) = choices(subject, "p")
    decision = msgspec.json.decode(orjson.dumps(first), type=CategoryChoice)
    assert decision.version == 1 and decision.previous is None and decision.experiment is None
    assert (decision.explore, decision.propensity, decision.model.name) == (False, 1.0, "taste")
    assert decision.cause.event_id == "e1" and decision.categories == [f"tag-{r}" for r in range(6)]


def test_browsing_and_plays_move_categories() -> None:
    subject = Service(rows=12)
    subject.send([subject.event("session_start", 0, "p")])
    subject.send([subject.event("browse", 60, "p", category_id="tag-9", dwell_s=400.0)])
    assert choices(subject, "p")[-1]["categories"][0] == "tag-9"
    assert choices(subject, "p")[-1]["reasons"][0] == {
        "category": "tag-9", "feature": "browsed", "contribution": pytest.approx(4 / 3, abs=0.01),
    }  # fmt: skip
    subject.send(
        [subject.event("browse", 120, "p", category_id="r10", dwell_s=600.0)]
    )  # a row stands for its tag
    assert choices(subject, "p")[-1]["categories"][:2] == ["tag-10", "tag-9"]
    assert choices(subject, "p")[-1]["previous"] == choices(subject, "p")[-2]["categories"]
    known = len(choices(subject, "p"))
    subject.send([subject.event("browse", 180, "p", category_id="nothing like it", dwell_s=600.0)])
    subject.send([subject.event("browse", 240, "p", category_id="tag-10", dwell_s=1.0)])
    assert len(choices(subject, "p")) == known  # a moment more is no reason to move anything


def test_with_learning_off_nothing_is_counted() -> None:
    subject = Service(rows=12, learning=False)
    for n in range(20):
        subject.send(subject.visit(n * 700, f"p{n}", title="r11-0"))
    subject.send(
        [
            subject.event("browse", 20_000, "p1", category_id="tag-9", dwell_s=600.0),
            *subject.visit(30_000, "p1"),
        ]
    )
    for record in subject.records(topics.CATEGORY_CHOICES):
        assert record["categories"][0] == "tag-0" and record["model"] == {"name": "popular", "version": 0}
    assert not subject.taste("p1")["cat_minutes"].any()


def test_what_others_play_is_popular_with_a_newcomer() -> None:
    subject = Service(rows=12)
    for n in range(20):
        subject.send(subject.visit(n * 700, f"p{n}", title="r11-0"))
    subject.send(subject.visit(20_000, "new"))
    assert choices(subject, "new")[0]["categories"][0] == "tag-11"
    assert choices(subject, "new")[0]["reasons"][0]["feature"] == "popular"


def test_who_wants_nothing_personal_sees_what_is_popular() -> None:
    subject = Service(rows=12)
    subject.send([subject.event("profile_settings", 0, "p", profiled=False), *subject.visit(10, "p")])
    subject.send(
        [subject.event("browse", 900, "p", category_id="tag-9", dwell_s=600.0), *subject.visit(9_000, "p")]
    )
    for record in choices(subject, "p"):
        assert record["profiled"] is False and record["model"]["name"] == "popular"
        assert record["categories"][0] != "tag-9"


def rated(subject: Service, ages: dict[int, str]) -> None:
    """Give the titles of some rows a maturity."""
    for r, maturity in ages.items():
        for title_id in (f"r{r:02d}-0", f"r{r:02d}-1"):
            title = {
                "title_id": title_id, "name": "T", "kind": "film", "tags": [f"tag-{r}"], "duration_s": 3600,
                "maturity": maturity,
            }  # fmt: skip
            subject.catalog.put(topics.TITLE_CATALOG, title_id.encode(), orjson.dumps(title))


def test_kids_see_what_fits_their_age_and_is_popular_among_kids() -> None:
    subject = Service(rows=6)
    rated(subject, {0: "18", 1: "6", 2: "6", 3: "16"})
    for n in range(10):
        subject.send(subject.visit(n * 700, f"p{n}", title="r01-0"))
    kids = [f"kid{n}" for n in range(6)]
    for n, kid in enumerate(kids):
        settings = subject.event("profile_settings", 10_000 + n * 800, kid, kids=True)
        subject.send([settings, *subject.visit(10_001 + n * 800, kid, title="r02-0")])
    subject.send([subject.event("profile_settings", 90_000, "last", kids=True)])
    assert choices(subject, "last")[-1]["categories"] == ["tag-2", "tag-1"]
    subject.send([subject.event("profile_settings", 90_100, "teen", max_age=16)])
    assert set(choices(subject, "teen")[-1]["categories"]) == {"tag-1", "tag-2", "tag-3"}
    subject.send([subject.event("profile_settings", 90_200, "last", kids=False)])
    assert len(choices(subject, "last")[-1]["categories"]) == 6


ARMS = """
[[experiments]]
id = "x"
arms = [
  { name = "fixed", policy = "fixed", categories = ["tag-5", "tag-0"] },
  { name = "popular", policy = "popular", count = 3 },
]
"""


def test_arms_decide_and_records_say_so(tmp_path: Path) -> None:
    subject = Service(rows=12, experiments=declared(tmp_path, ARMS))
    for n in range(12):
        subject.send(subject.visit(n * 700, f"p{n}"))
    seen = set()
    for n in range(12):
        record = choices(subject, f"p{n}")[0]
        assert record["experiment"]["id"] == "x" and record["propensity"] == 0.5 and record["explore"]
        seen.add(record["experiment"]["arm"])
        if record["experiment"]["arm"] == "fixed":
            assert record["categories"] == ["tag-5", "tag-0"] and record["model"]["name"] == "fixed"
        else:
            assert len(record["categories"]) == 3 and record["model"]["name"] == "popular"
    assert seen == {"fixed", "popular"}


def test_an_arm_whose_categories_nobody_knows_shows_what_is_popular(tmp_path: Path) -> None:
    text = ARMS.replace('["tag-5", "tag-0"]', '["gone"]')
    subject = Service(rows=4, experiments=declared(tmp_path, text))
    for n in range(8):
        subject.send(subject.visit(n * 700, f"p{n}"))
    arms = {record["experiment"]["arm"]: record for record in subject.records(topics.CATEGORY_CHOICES)}
    assert arms["fixed"]["model"]["name"] == "popular" and len(arms["fixed"]["categories"]) == 4


def test_a_fault_falls_back_to_what_is_popular() -> None:
    subject = Service(rows=4)

    def broken(moment: Any) -> None:
        raise ZeroDivisionError

    subject.engines[0].surfaces.one_by_one(
        lambda surface, reaction: broken if surface.name == "categories" else reaction
    )
    for batch in (subject.visit(0, "p"),):
        with pytest.raises(AssertionError):  # the service asserts that there was no fault
            subject.send(batch)
    assert subject.engines[0].stats.faults["categories"] >= 1
    subject.deliver()
    assert choices(subject, "p")[0]["model"]["name"] == "popular"


def test_an_erased_profile_leaves_a_tombstone() -> None:
    subject = Service()
    subject.send([*subject.visit(0, "p"), subject.event("profile_deleted", 5_000, "p")])
    assert choices(subject, "p")[-1] is None
