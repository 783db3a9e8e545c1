"""Decisions in words and in counts, and the view of one profile."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import orjson
from rich.console import Console

from streams import stage, topics
from streams.tally import Tally
from streams.watching import ProfileView
from streams.wording import (
    Move,
    churn_in_words,
    decision_in_words,
    experiment_in_words,
    moves,
    row_order_in_words,
)

NAMES = {"crime": "Crime", "news": "News"}


def row_order(**fields: Any) -> dict[str, Any]:
    return {
        "profile_id": "p12",
        "ts": 1_760_000_000_000,
        "version": 2,
        "cause": {"event_id": "e1", "topic": "viewing-events", "partition": 0, "offset": 3},
        "model": {"name": "quality", "version": 1},
        "explore": False,
        "propensity": 1.0,
        "rows": ["crime", "news", "kids"],
        "scores": [0.5, 0.2, 0.1],
        "previous": ["news", "kids", "crime"],
        "reasons": [{"row_id": "crime", "feature": "own_plays", "contribution": 0.8}],
        **fields,
    }


def churn(**fields: Any) -> dict[str, Any]:
    score = {"probability": 0.31, "band": "medium", "previous": 0.12, "horizon_days": 14.0}
    drivers = [
        {"feature": "sessions", "contribution": -0.1},
        {"feature": "silence", "contribution": 0.9},
    ]
    return {**row_order(), **score, "drivers": drivers, **fields}


@dataclass(frozen=True, slots=True)
class FakeRecord:
    topic: str
    value: bytes | None
    key: bytes | None = b"p12"
    headers: list[tuple[str, bytes]] = field(default_factory=list)


def text_of(renderable: Any) -> str:
    console = Console(file=StringIO(), width=140)
    console.print(renderable)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_moves_are_listed_longest_first_and_up_before_down() -> None:
    assert moves(None, ["a"]) == []
    assert moves(["a", "b"], ["a", "b"]) == []
    assert moves(["a", "b", "c"], ["c", "b", "a"]) == [Move("c", 3, 1), Move("a", 1, 3)]
    assert moves(["a"], ["b", "a"]) == [Move("a", 1, 2), Move("b", None, 1)]


def test_a_changed_page_in_words() -> None:
    words = row_order_in_words(row_order(), NAMES)
    assert words == "profile p12: 'Crime' 3 -> 1 because own_plays +0.80 (2 more moved)"
    first = row_order_in_words(row_order(previous=None, reasons=[]), NAMES)
    assert first == "profile p12: first page begins with Crime, News, kids"
    exploring = row_order_in_words(row_order(explore=True, propensity=0.05), NAMES)
    assert "(exploring, propensity 0.05)" in exploring


def test_the_move_that_is_told_is_one_that_its_reason_explains() -> None:
    against = {"row_id": "crime", "feature": "trend", "contribution": -0.2}
    fitting = {"row_id": "kids", "feature": "own_plays", "contribution": -0.4}
    words = row_order_in_words(row_order(reasons=[against, fitting]), NAMES)
    assert words.startswith("profile p12: 'kids' 2 -> 3 because own_plays -0.40")
    assert row_order_in_words(row_order(reasons=[]), NAMES).startswith("profile p12: 'Crime' 3 -> 1 (2")


def test_a_churn_score_in_words_names_its_largest_driver_first() -> None:
    assert (
        churn_in_words(churn())
        == "profile p12: churn 0.12 -> 0.31 (medium) because silence +0.90, sessions -0.10"
    )
    assert churn_in_words(churn(previous=None, drivers=[])) == "profile p12: churn 0.31 (medium)"


def ranking(**fields: Any) -> dict[str, Any]:
    reasons = [{"title_id": "t1", "feature": "search", "contribution": 1.2}]
    return {
        **row_order(),
        "titles": ["t1", "t2", "t3"],
        "scores": [3.0, 2.0, 1.0],
        "reasons": reasons,
        **fields,
    }


def test_every_surface_speaks() -> None:
    names = {"t1": "The Last Train", "t2": "The Cold Night"}
    words = decision_in_words(topics.HOMEPAGE_RANKINGS, ranking(), names)
    assert words == "profile p12: 'The Last Train' ranks first because search +1.20, then 'The Cold Night'"
    alone = ranking(titles=["t9"], reasons=[])
    assert decision_in_words(topics.HOMEPAGE_RANKINGS, alone, names) == "profile p12: 't9' ranks first"
    assert decision_in_words(topics.HOMEPAGE_RANKINGS, ranking(titles=[]), names).endswith("nothing to rank")
    image = row_order(title_id="t1", artwork_id="t1-a1", previous="t1-a0", explore=True, propensity=0.25)
    words = decision_in_words(topics.ARTWORK_CHOICES, image, names)
    assert words == (
        "profile p12: 'The Last Train' by image t1-a1 instead of t1-a0 (exploring, propensity 0.25)"
    )
    trailer = row_order(title_id="t2", trailer_id="t2-v0", previous=None, churn_probability=0.614)
    words = decision_in_words(topics.TRAILER_CHOICES, trailer, names)
    assert words == "profile p12: churn 0.61, so trailer t2-v0 of 'The Cold Night'"
    shown = row_order(categories=["crime", "news", "kids", "music", "sport"], previous=None)
    words = decision_in_words(topics.CATEGORY_CHOICES, shown, names)
    assert words == "profile p12: categories crime, news, kids, music ..."
    among = {**shown, "categories": ["crime"], "experiment": {"id": "nav", "arm": "taste"}}
    words = decision_in_words(topics.CATEGORY_CHOICES, among, names)
    assert words == "profile p12: categories crime (experiment nav, arm taste)"


def test_an_experiment_tells_of_the_arm_that_gains_most() -> None:
    arms = [
        {"arm": "popular", "exposures": 90, "mean": 1.0, "lift": 0.0, "low": 0.0, "high": 0.0},
        {"arm": "taste", "exposures": 1_100, "mean": 1.2, "lift": 0.2, "low": -0.05, "high": 0.45},
    ]
    result = {"experiment_id": "nav", "arms": arms, "verdict": "no_difference", "winner": None}
    words = "experiment nav: no difference; taste +0.2 [-0.05, +0.45], 1,100 exposures"
    assert experiment_in_words(result) == words
    assert experiment_in_words({**result, "arms": [], "verdict": "winner", "winner": "taste"}) == (
        "experiment nav: winner taste"
    )


def test_the_view_of_a_profile_holds_what_every_surface_decided() -> None:
    view = ProfileView("p|12", 2)
    title = orjson.dumps({"title_id": "t1", "name": "The Last Train", "kind": "film", "tags": []})
    assert view.see(topics.TITLE_CATALOG, b"t1", title) is None
    image = row_order(profile_id="p|12", title_id="t1", artwork_id="t1-a1", previous=None)
    assert view.see(topics.ARTWORK_CHOICES, b"p%7C12|t1", orjson.dumps(image)) is not None
    assert view.see(topics.ARTWORK_CHOICES, b"p|t1", orjson.dumps(image)) is None  # of the profile named p
    shown = text_of(view.render())
    assert shown.count("'The Last Train' by image t1-a1") == 2  # as it stands, and in the history
    view.see(topics.ARTWORK_CHOICES, b"p%7C12|t1", None)
    assert text_of(view.render()).count("'The Last Train' by image t1-a1") == 1


def test_the_view_of_a_profile_ignores_others_and_follows_its_own() -> None:
    view = ProfileView("p12", 2)
    assert "no row order yet" in text_of(view.render())
    name = orjson.dumps({"row_id": "crime", "name": "Crime", "rule": "tag"})
    assert view.see(topics.ROW_CATALOG, b"crime", name) is None
    assert view.see(topics.ROW_CATALOG, b"crime2", b"no json") is None
    assert view.see(topics.ROW_ORDER, b"p13", orjson.dumps(row_order(profile_id="p13"))) is None
    assert view.page is None
    line = view.see(topics.ROW_ORDER, b"p12", orjson.dumps(row_order()))
    assert line == "10-09 08:53:20  profile p12: 'Crime' 3 -> 1 because own_plays +0.80 (2 more moved)"
    assert view.see(topics.CHURN_SCORES, b"p12", orjson.dumps(churn())) is not None
    shown = text_of(view.render())
    assert "▲ 2" in shown
    assert "Crime" in shown
    assert "churn 0.12 -> 0.31 (medium)" in shown
    assert "kids  " not in shown  # only two rows were asked for
    assert view.see(topics.ROW_ORDER, b"p12", None) == "profile p12: erased from row-order"
    assert view.page is None


def test_names_with_markup_in_them_are_shown_as_they_are() -> None:
    view = ProfileView("p[bold]12", 3)
    view.see(topics.ROW_ORDER, b"p[bold]12", orjson.dumps(row_order(rows=["[red]x"], previous=None)))
    shown = text_of(view.render())
    assert "p[bold]12" in shown
    assert "[red]x" in shown


def test_the_tally_counts_changes_rejects_tombstones_bands_and_latencies() -> None:
    tally = Tally({"e1": 1_000, "e2": 1_000}, NAMES)
    assert tally.latency_ms(0.5) is None
    tally.see(FakeRecord(topics.ROW_ORDER, orjson.dumps(row_order())), 1_100)
    tally.see(FakeRecord(topics.ROW_ORDER, orjson.dumps(row_order(previous=None))), 1_300)
    by_tick = churn(cause={"event_id": "tick-0", "topic": "viewing-events", "partition": 0, "offset": 3})
    tally.see(FakeRecord(topics.CHURN_SCORES, orjson.dumps(by_tick)), 9_999)
    tally.see(FakeRecord(topics.CHURN_SCORES, orjson.dumps(churn(band="high"))), 1_200)
    tally.see(FakeRecord(topics.ROW_ORDER, None), 1_400)
    tally.see(FakeRecord(topics.HOMEPAGE_RANKINGS, orjson.dumps(ranking())), 1_200)
    demand = {"tag": "crime", "region": "DE-BE", "demand": 3.5, "ts": 1_000}
    tally.see(FakeRecord(topics.AUDIENCE_DEMAND, orjson.dumps(demand), b"crime|DE-BE"), 1_200)
    tally.see(FakeRecord(topics.DEAD_LETTERS, b"x", headers=[("reason", b"not_json")]), 1_400)
    assert dict(tally.changes) == {
        topics.ROW_ORDER: 2,
        topics.CHURN_SCORES: 2,
        topics.HOMEPAGE_RANKINGS: 1,
        topics.AUDIENCE_DEMAND: 1,
    }
    assert tally.emitted == 6
    assert [words.partition(" ranks")[0] for words in tally.recent[topics.HOMEPAGE_RANKINGS]] == [
        "profile p12: 't1'"
    ]
    assert tally.tombstones == 1
    assert dict(tally.rejects) == {"not_json": 1}
    assert (tally.bands["medium"], tally.bands["high"]) == (0, 1)
    assert tally.latency_ms(0.5) == 200  # of 100, 300, 200: a tick has no event behind it
    assert tally.latency_ms(1.0) == 300
    assert list(tally.recent[topics.ROW_ORDER]) == [row_order_in_words(row_order(), NAMES)]


def test_the_summary_holds_what_the_table_says() -> None:
    tally = Tally({}, NAMES)
    tally.see(FakeRecord(topics.ROW_ORDER, orjson.dumps(row_order())), 1_100)
    standing = stage.Standing(
        seconds=2.0,
        guarantee="exactly_once",
        profiles=3,
        viewers_left=1,
        events=1_000,
        malformed=4,
        applied=1_000,
        lag=0,
        decisions=500,
        changes={topics.ROW_ORDER: 20},
        tombstones=0,
        rejects=4,
        rejects_by_reason={"not_json": 4},
        p50_ms=12.0,
        p99_ms=None,
        click_place_first=4.0,
        click_place_last=2.5,
    )
    summary = standing.summary()
    assert summary["events_per_second"] == 500
    assert summary["changes"] == {topics.ROW_ORDER: 20}
    table = text_of(stage.report(standing))
    for words in ("exactly once", "1,000 in 2 s (500/s)", "p50 12 ms, p99 -", "4.0 -> 2.5", "not_json"):
        assert words in table
    assert "'Crime' 3 -> 1" in stage.line(standing, tally)
    live = text_of(stage.page(standing, tally, "127.0.0.1:9092"))
    assert "'Crime' 3 -> 1" in live
    assert "exactly once" in live


def test_places_compare_the_first_and_the_last_fifth_of_clicks() -> None:
    assert stage.places([1, 2, 3]) == (None, None)
    assert stage.places([9, 9, 5, 5, 5, 5, 5, 5, 0, 0]) == (10.0, 1.0)
