"""The judge: outcomes told from the log, decisions held against them, and leaks that are caught. Worked out
by hand.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from streams.events.schema import VIEWING
from streams.replay.outcomes import Outcomes, QualityRule
from streams.replay.report import Judge
from streams.settings import DAY_MS, MINUTE_MS, load

T0 = 1_650_000_000_000
ROWS = ("a", "b", "c", "d")
SETTINGS = load({}, quality_seconds=18.0, quality_share=1.0, churn_horizon_ms=3 * DAY_MS)


class Script:
    """Writes a log line by line; offsets count up."""

    def __init__(self) -> None:
        self.judge = Judge(ROWS, SETTINGS)
        self.outcomes = Outcomes(QualityRule(18.0, 1.0, 90_000), 10 * MINUTE_MS)
        self.offset = -1
        self.numbers = 0

    def event(self, kind: str, at: int, profile: str = "p", **fields: Any) -> int:
        self.offset += 1
        fields.setdefault("event_id", f"e{self.offset}")
        event = {"type": kind, "profile_id": profile, "ts": T0 + at, **fields}
        decoded = VIEWING.decode(msgspec.json.encode(event))
        self.judge.add_event(0, self.offset, decoded)
        self.outcomes.add(self.offset, 0, self.offset, decoded)
        return self.offset

    def shown(self, at: int, row: str, profile: str = "p", title: str = "t") -> int:
        items = [{"title_id": title, "position": 0}]
        return self.event("impression", at, profile, row_id=row, row_position=0, items=items)

    def played(self, at: int, row: str, watched_s: float = 20, profile: str = "p", title: str = "t") -> None:
        self.numbers += 1
        play = {"playback_id": f"play{self.numbers}", "title_id": title}
        self.event("playback_start", at, profile, **play, duration_s=60, row_id=row)
        self.event("playback_stop", at + int(watched_s * 1000), profile, **play, position_s=watched_s)

    def long_view(self, at: int, row: str, profile: str = "p", title: str = "t") -> int:
        """Returns the impression's offset."""
        offset = self.shown(at, row, profile, title)
        self.played(at, row, 20, profile, title)
        return offset

    def order(self, cause: int, rows: str, profile: str = "p", topic: str = "viewing-events") -> None:
        where = {"event_id": f"e{cause}", "topic": topic, "partition": 0, "offset": cause}
        self.judge.add_row_order({"profile_id": profile, "ts": 0, "cause": where, "rows": list(rows)})


# --- rows


def test_each_long_view_is_ranked_by_the_order_that_stood_before_its_impression() -> None:
    script = Script()
    first = script.long_view(0, "b")  # the first day: not scored
    script.order(first + 2, "bacd")  # told by its stop
    script.long_view(DAY_MS, "c")  # rank 3 by "bacd"
    script.long_view(DAY_MS + 60_000, "d", profile="q")  # no decision yet: catalog order, rank 4
    rows = script.judge.report()["rows"]
    assert (rows["n"], rows["without_decision"]) == (2, 1)
    assert rows["hr_at_3"] == 0.5
    assert rows["ndcg_at_10"] == pytest.approx((1 / 2 + 1 / math.log2(5)) / 2)
    assert rows["mrr"] == pytest.approx((1 / 3 + 1 / 4) / 2)


def test_the_simple_counts_are_taken_at_the_same_points() -> None:
    script = Script()
    script.long_view(0, "c")
    script.long_view(0, "c", profile="q")
    script.long_view(0, "d", profile="q")
    script.long_view(DAY_MS, "d")  # p: own c first, then d by popularity
    script.long_view(DAY_MS + 60_000, "d")  # p: own c and d, c once more by popularity is even: 2 and 2
    baselines = script.judge.report()["rows"]["baselines"]
    assert baselines["popularity"]["n"] == 2
    assert baselines["popularity"]["mrr"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert baselines["affinity"]["mrr"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert baselines["affinity"]["hr_at_3"] == 1


def test_a_decision_that_the_impression_or_its_outcome_caused_is_not_used() -> None:
    script = Script()
    script.shown(0, "a")
    script.order(0, "abcd")
    offset = script.long_view(DAY_MS, "d")
    for leak in (offset, offset + 1, offset + 2):
        script.order(leak, "dabc")
    rows = script.judge.report()["rows"]
    assert (rows["n"], rows["mrr"]) == (1, 1 / 4), "judged by the order before the impression"


def test_a_profile_whose_every_decision_comes_too_late_counts_with_the_catalog_order() -> None:
    script = Script()
    script.shown(0, "a", profile="other")
    offset = script.long_view(DAY_MS, "d")
    script.order(offset + 2, "dabc")
    rows = script.judge.report()["rows"]
    assert (rows["mrr"], rows["without_decision"], rows["decided_too_late"]) == (1 / 4, 1, 1)


def test_orders_of_another_topic_or_sent_again_do_not_disturb() -> None:
    script = Script()
    script.shown(0, "a")
    script.shown(1, "a")
    script.order(0, "bacd")
    script.order(1, "dabc")
    script.order(0, "bacd")  # sent again after a crash
    script.order(1, "cbad", topic="subscription-events")  # its offset means another log
    script.long_view(DAY_MS, "d")
    rows = script.judge.report()["rows"]
    assert rows["mrr"] == 1
    assert script.judge.decisions["row-order"] == 4


def test_a_row_that_an_order_lacks_or_no_catalog_knows() -> None:
    script = Script()
    script.shown(0, "a")
    script.order(0, "ab")
    script.long_view(DAY_MS, "d")
    script.long_view(DAY_MS + 60_000, "zzz")
    rows = script.judge.report()["rows"]
    assert (rows["n"], rows["mrr"]) == (1, 1 / 4), "last of the catalog; the unknown row is not scored"


# --- predictions of quality plays


def test_predictions_count_when_made_at_their_own_impression() -> None:
    script = Script()
    script.shown(0, "a")
    good = script.long_view(DAY_MS, "a")
    bad = script.shown(DAY_MS + 60_000, "b")
    short = script.shown(DAY_MS + 120_000, "b", title="u")
    script.played(DAY_MS + 120_000, "b", 17, title="u")
    late = script.shown(DAY_MS + 180_000, "b")
    script.shown(DAY_MS + 240_000, "b")  # no prediction
    for offset, probability, at in [
        (good, 0.9, good),
        (bad, 0.2, bad),
        (short, 0.4, short),
        (late, 1, late + 1),
    ]:
        event_id = f"e{offset}"
        script.judge.add_prediction({"event_id": event_id, "offset": at, "probability": probability})
    quality = script.judge.report()["long_view"]
    assert (quality["n"], quality["positives"]) == (3, 1)
    assert (quality["without_prediction"], quality["predicted_too_late"]) == (1, 1)
    assert quality["auc"] == 1
    assert quality["auc_by_day"] == {"2": 1}
    assert quality["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.8) + math.log(0.6)) / 3)
    assert quality["ece"] == pytest.approx((0.1 + 0.2 + 0.4) / 3)


# --- churn


def test_churn_holds_the_last_score_of_each_moment_against_three_days_of_silence() -> None:
    script = Script()
    for profile in ("stays", "goes", "unscored"):
        script.shown(1_000, "a", profile=profile)
    script.event("session_start", 3 * DAY_MS, "goes")  # no video
    script.shown(5 * DAY_MS - 1, "a", profile="stays")
    script.shown(
        5 * DAY_MS + 1_000, "a", profile="new"
    )  # the log's end: the moment of day 2 alone has its label
    for profile, day, probability in [
        ("stays", 1, 0.6),
        ("stays", 2, 0.1),
        ("stays", 2.1, 0.99),  # after the moment
        ("goes", 1, 0.7),
    ]:
        ts = T0 + 1_000 + int(day * DAY_MS)
        score = {"profile_id": profile, "ts": ts, "probability": probability}
        script.judge.add_churn_score(score)
    churn = script.judge.report()["churn"]
    assert (churn["moments"], churn["n"], churn["positives"], churn["without_score"]) == (1, 3, 2, 1)
    # "unscored" takes the mean of the others, (.1 + .7) / 2
    assert churn["auc"] == 1
    assert churn["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.7) + math.log(0.4)) / 3)
    assert churn["baselines"]["recency"]["auc"] == 0.5


def test_a_log_shorter_than_the_horizon_judges_no_churn() -> None:
    script = Script()
    script.shown(0, "a")
    script.shown(4 * DAY_MS, "a")
    churn = script.judge.report()["churn"]
    assert (churn["n"], churn["auc"], churn["moments"]) == (0, None, 0)


# --- coverage


def test_what_a_producer_sent_twice_counts_once() -> None:
    script = Script()
    script.shown(0, "a")
    script.event("impression", 0, event_id="e0", row_id="a", row_position=0, items=[])
    assert script.judge.events == 1


# --- outcomes


def outcome(script: Script) -> tuple[bool, int]:
    (shown,) = script.outcomes.shown
    return shown.quality, shown.learned


def test_what_was_jumped_over_paused_or_not_heard_of_does_not_count() -> None:
    script = Script()
    script.shown(0, "a")
    play = {"playback_id": "x", "title_id": "t"}
    script.event("playback_start", 0, **play, duration_s=600, row_id="a")
    script.event("playback_progress", 10_000, **play, position_s=10)
    script.event("playback_seek", 12_000, **play, from_s=12, to_s=300)  # 12 s watched
    script.event("playback_seek", 15_000, **play, from_s=303, to_s=0)  # 15 s
    script.event("playback_progress", 25_000, **play, position_s=10)  # seen before
    script.event("playback_seek", 25_000, **play, from_s=10, to_s=400)
    script.event("playback_pause", 27_000, **play, position_s=402)  # 17 s
    script.event("playback_resume", 50_000, **play, position_s=425)  # was paused
    script.event("playback_progress", 50_000 + 91_000, **play, position_s=516)  # no heartbeat for too long
    assert outcome(script) == (False, -1)
    reached = script.event("playback_progress", 142_000, **play, position_s=517)  # 18 s
    script.event("playback_stop", 143_000, **play, position_s=518)
    assert outcome(script) == (True, reached), "known as soon as it is reached"


def test_positions_that_run_faster_than_playing_are_a_jump() -> None:
    script = Script()
    script.shown(0, "a")
    play = {"playback_id": "x", "title_id": "t"}
    script.event("playback_start", 0, **play, duration_s=600)
    script.event("playback_progress", 5_000, **play, position_s=100)
    stop = script.event("playback_skip", 6_000, **play, position_s=101)
    assert outcome(script) == (False, stop)


def test_a_short_title_is_a_quality_play_at_its_end_and_its_loops_add_nothing() -> None:
    script = Script()
    script.shown(0, "a")
    play = {"playback_id": "x", "title_id": "t"}
    script.event("playback_start", 0, **play, duration_s=9)
    done = script.event("playback_complete", 9_000, **play)
    assert outcome(script) == (True, done)


def test_a_play_belongs_to_the_latest_impression_of_its_title_and_row_in_time() -> None:
    script = Script()
    script.shown(0, "a")
    script.shown(1_000, "b")
    script.shown(2_000, "a", title="other")
    script.played(3_000, "a")
    assert [shown.quality for shown in script.outcomes.shown] == [True, False, False]
    script.played(4_000, "b")
    assert [shown.quality for shown in script.outcomes.shown] == [True, True, False]
    script.played(2_000 + 11 * MINUTE_MS, "a", title="other")  # too late to be owed to it
    assert [shown.quality for shown in script.outcomes.shown] == [True, True, False]


def test_plays_of_one_profile_may_overlap() -> None:
    script = Script()
    script.shown(0, "a", title="t")
    script.shown(0, "b", title="u")
    for name, title, row in (("x", "t", "a"), ("y", "u", "b")):
        script.event("playback_start", 0, playback_id=name, title_id=title, duration_s=60, row_id=row)
    script.event("playback_stop", 5_000, playback_id="y", title_id="u", position_s=5)
    script.event("playback_stop", 20_000, playback_id="x", title_id="t", position_s=20)
    assert [shown.quality for shown in script.outcomes.shown] == [True, False]
