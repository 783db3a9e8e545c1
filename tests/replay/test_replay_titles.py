"""The judge of homepage rankings, on logs small enough to know the answer."""

from __future__ import annotations

import math
from typing import Any

import pytest

from streams.events.schema import (
    Impression,
    ImpressionItem,
    PlaybackProgress,
    PlaybackStart,
    PlaybackStop,
    Rating,
)
from streams.replay.outcomes import QualityRule
from streams.replay.titles import TitleJudge
from streams.settings import HOUR_MS
from streams.topics import VIEWING_EVENTS

TITLES = [f"t{n}" for n in range(30)]


class Log:
    """A log that is told to a judge, event by event."""

    def __init__(self) -> None:
        self.judge = TitleJudge(TITLES, QualityRule(60.0, 1.0, 90_000), 10 * 60_000)
        self.order = 0
        self.ts = 1_000_000_000

    def add(self, kind: Any, profile: str, **fields: Any) -> int:
        """The next event; returns its offset."""
        self.ts += 1_000
        event = kind(event_id=f"e{self.order}", profile_id=profile, ts=self.ts, **fields)
        self.judge.add_event(self.order, self.order, event)
        self.order += 1
        return self.order - 1

    def play(self, profile: str, title: str, good: bool = True, shown: bool = False) -> int:
        """A play; returns the offset of its first event."""
        first = self.order
        if shown:
            item = ImpressionItem(title_id=title, position=0)
            self.add(Impression, profile, row_id="r", row_position=0, items=[item])
        play = {"playback_id": f"p{first}", "title_id": title}
        self.add(PlaybackStart, profile, duration_s=3_600.0, **play)
        self.ts += 70_000 if good else 1_000
        self.add(PlaybackProgress, profile, position_s=70.0 if good else 1.0, **play)
        self.add(PlaybackStop, profile, position_s=71.0 if good else 2.0, **play)
        return first

    def rank(self, profile: str, offset: int, *titles: str) -> None:
        """A ranking that the event at ``offset`` caused."""
        cause = {"topic": VIEWING_EVENTS, "offset": offset}
        self.judge.add_ranking({"profile_id": profile, "cause": cause, "titles": list(titles)})


def warmed() -> Log:
    """The first tenth, which is not scored, is over before anything is asked."""
    log = Log()
    for n in range(4):
        log.play(f"warm-{n}", "t0")
    return log


@pytest.mark.parametrize("shown", [False, True])
def test_a_ranking_counts_from_before_the_first_event_of_the_play(shown: bool) -> None:
    log = warmed()
    before = log.add(Rating, "p", title_id="t29", value=1)
    log.rank("p", before, "t3", "t4", "t5")
    first = log.play("p", "t5", shown=shown)
    log.rank("p", first, "t5")  # knew the answer
    report = log.judge.report()
    assert report["n"] == 4 and report["without_decision"] == 3, "the first play lies in the first tenth"
    hits = report["hr_at_10"] * report["n"]
    assert hits == pytest.approx(1) and report["ndcg_at_10"] * report["n"] == pytest.approx(1 / math.log2(4))


def test_what_was_had_is_not_asked_for_again() -> None:
    log = warmed()
    log.play("p", "t1", good=False)
    log.add(Rating, "p", title_id="t2", value=-1)
    before = log.judge.report()["n"]
    log.play("p", "t1")
    log.play("p", "t2")
    assert log.judge.report()["n"] <= before
    log.play("p", "t3")
    assert log.judge.report()["n"] == before + 1


def test_what_was_had_is_passed_over_in_a_page_as_the_simple_counts_pass_it_over() -> None:
    log = warmed()
    log.play("p", "t1", good=False)
    before = log.add(Rating, "p", title_id="t2", value=-1)
    log.rank("p", before, "t1", "t2", "t7", "t8")  # t1 is to be continued
    log.play("p", "t8")
    report = log.judge.report()
    assert report["ndcg_at_10"] * report["n"] == pytest.approx(1 / math.log2(3)), "the second of the new ones"


def test_the_simple_counts_know_what_was_played_before_and_not_more() -> None:
    log = Log()
    for n in range(10):
        for title in ("t20", "t21"):
            log.play(f"pair-{n}", title)
    baselines = log.judge.report()["baselines"]
    n = log.judge.report()["n"]
    assert baselines["popularity_ever"]["n"] == baselines["item_item"]["n"] == n
    # After the first tenth: t20 and t21 are the two best known, and after t20 comes t21, which is then first.
    assert baselines["popularity_ever"]["hr_at_10"] == 1.0
    assert baselines["item_item"]["ndcg_at_10"] >= baselines["popularity_ever"]["ndcg_at_10"]


def test_popularity_is_told_with_its_best_half_life() -> None:
    log = Log()
    for n in range(60):  # an old favourite of each of six titles, then a new one every day
        log.play(f"old-{n}", f"t{n % 6}")
    for day in range(12, 24):
        log.ts += 48 * HOUR_MS
        for n in range(4):
            log.play(f"new-{day}-{n}", f"t{day}")
    baselines = log.judge.report()["baselines"]
    assert baselines["popularity"]["half_life_h"] is not None
    assert baselines["popularity"]["half_life_h"] <= 96
    assert baselines["popularity"]["hr_at_10"] > baselines["popularity_ever"]["hr_at_10"]


def test_an_empty_log_has_nothing_to_tell() -> None:
    report = Log().judge.report()
    assert report["n"] == 0 and report["hr_at_10"] is None
