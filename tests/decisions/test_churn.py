"""Churn: labels that exist only after the horizon, what they are, bands, and visits of silent profiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hazard import FEATURES
from streams import topics
from streams.decisions.churn import (
    HIGH,
    HIGH_FROM,
    LOW,
    MEDIUM,
    MEDIUM_FROM,
    band_of,
    churn_features,
    keep_snapshot,
    linear_probability,
    mature_labels,
    observe_life,
)
from streams.profiles.layout import FEATURE_SCALE, PROFILE, SNAPSHOTS
from streams.profiles.outcomes import Examples
from streams.profiles.parameters import parameters_from
from streams.settings import DAY_MS
from tests.profiles.small_partition import PLAIN, SmallPartition, one_record
from tests.streams.journeys import START_MS

HORIZON_MS = PLAIN.churn_horizon_ms
DAY_S = 86_400
CHURN = PLAIN.churn_horizon_ms / 1000
PARAMETERS = parameters_from(PLAIN)


def room() -> Examples:
    return Examples(
        np.zeros((500, len(FEATURES))), np.zeros(500, np.uint8), np.zeros(500), np.zeros(1, np.int64)
    )


step = st.tuples(
    st.sampled_from([0, 1, DAY_MS, 3 * DAY_MS, HORIZON_MS // 3, HORIZON_MS, HORIZON_MS + 1, -DAY_MS]),
    st.sampled_from(["predict", "predict", "life", "cancel", "time"]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(step, max_size=40))
def test_labels_are_right_and_never_younger_than_the_horizon(steps: list[tuple[int, str]]) -> None:
    p, examples = one_record(PROFILE), room()
    now = START_MS
    made: dict[int, tuple[int, float]] = {}  # what the oracle knows of each prediction: its time
    told: list[tuple[int, str]] = []  # signs of life and cancellations, with when they became known
    for at, (pause, what) in enumerate(steps):
        now += pause
        before = int(examples.n[0])
        mature_labels(p, now, examples, PARAMETERS)
        for n in range(before, int(examples.n[0])):
            number = round(examples.x[n, 0] * FEATURE_SCALE)
            predicted_at, probability = made.pop(number)
            assert now - predicted_at > HORIZON_MS
            inside = [kind for ts, kind in told if predicted_at < ts <= predicted_at + HORIZON_MS]
            assert examples.y[n] == (1 if "cancel" in inside or "life" not in inside else 0)
            assert examples.p[n] == pytest.approx(probability, abs=1e-7)
        if what == "predict":
            taken = int((p["snapshot_state"] != 0).sum())
            features = np.full(len(FEATURES), at / FEATURE_SCALE)
            keep_snapshot(p, now, features, at / 100, PARAMETERS)
            if int((p["snapshot_state"] != 0).sum()) > taken:
                assert all(now - ts >= HORIZON_MS // SNAPSHOTS for ts, _ in made.values())
                made[at] = (now, at / 100)
        elif what != "time":
            told.append((now, what))
            p["last_ts"] = max(int(p["last_ts"]), now)
            observe_life(p, now, what == "cancel", PARAMETERS)
    assert len(made) == int((p["snapshot_state"] != 0).sum()) <= SNAPSHOTS


def test_bands() -> None:
    below = np.nextafter
    assert [band_of(p) for p in (0.0, below(MEDIUM_FROM, 0))] == [LOW, LOW]
    assert [band_of(p) for p in (MEDIUM_FROM, below(HIGH_FROM, 0))] == [MEDIUM, MEDIUM]
    assert [band_of(p) for p in (HIGH_FROM, 1.0)] == [HIGH, HIGH]


def test_a_linear_probability_is_a_logistic() -> None:
    assert linear_probability(np.array([1.0, 2.0]), np.array([0.5, -1.0]), 1.5) == pytest.approx(0.5)
    assert linear_probability(np.array([0.0]), np.array([1.0]), -800.0) == pytest.approx(0.0)


def features_of(small: SmallPartition, ts_ms: int, name: str = "p") -> dict[str, float]:
    out = np.full(len(FEATURES), np.nan)
    churn_features(small.profile(name), ts_ms, out)
    return dict(zip(FEATURES, out.tolist(), strict=True))


def test_features_say_what_their_names_say() -> None:
    small = SmallPartition()
    small.send("session_start", 0, device_type="tv")
    small.see(1, "r01")
    small.play(2, 130, row_id="r01", title_id="r01-0")
    small.send("playback_skip", 140, title_id="r01-0", device_type="phone")
    small.send("search", 141, query="x")
    small.send("session_end", 142)
    small.send("subscription_payment_failed", 142)
    now = START_MS + 142_000
    found = features_of(small, now)
    expected = dict.fromkeys(FEATURES, 0.0) | {
        "age": np.log1p(142 / DAY_S), "sessions_day": np.log1p(1), "sessions_week": np.log1p(1),
        "sessions_month": np.log1p(1),
        "watched_week": np.log1p(130 / 60), "watched_month": np.log1p(130 / 60),
        "impressions_week": np.log1p(1), "quality_share": 1 / 3, "skip_share": 1 / 3,
        "lost_searches_week": np.log1p(1), "device_changes_month": np.log1p(1),
        "payment_failures_month": np.log1p(1), "on_hold": 1.0,
    }  # fmt: skip
    assert found == pytest.approx(expected, abs=2e-3)
    later = features_of(small, now + 7 * DAY_MS)
    assert later["silence"] == pytest.approx(np.log1p(7 * 4))
    assert later["sessions_week"] == pytest.approx(np.log1p(0.5), abs=1e-3)
    assert later["sessions_day"] == pytest.approx(np.log1p(2**-7), abs=1e-3)
    small.send("subscription_cancelled", 143)
    assert (
        features_of(small, now + 1000)["cancelled"] == 1.0
        and features_of(small, now + 1000)["on_hold"] == 0.0
    )


# --- through the engine


@pytest.mark.parametrize(("what", "label"), [(None, 1), ("browse", 0), ("subscription_cancelled", 1)])
def test_the_label_comes_with_time(what: str | None, label: int) -> None:
    small = SmallPartition()
    small.send("session_start", 0)
    if what:
        fields: dict[str, Any] = {"category_id": "c", "dwell_s": 1} if what == "browse" else {}
        small.send(what, 3 * DAY_S, **fields)
    for minute in range(100):  # somebody else keeps time going: up to the horizon nothing is known
        small.send("browse", CHURN - 6_000 + 60 * minute, "clock", category_id="c", dwell_s=1)
    assert small.labels(churn=True) == []
    for minute in range(1, 61):
        small.send("browse", CHURN + 60 * minute, "clock", category_id="c", dwell_s=1)
    assert small.labels(churn=True) == [label]


def test_a_renewal_is_no_sign_of_life() -> None:
    small = SmallPartition()
    small.send("session_start", 0)
    small.send("subscription_renewed", 5 * DAY_S, period_days=30)
    small.send("browse", CHURN + 1, category_id="c", dwell_s=1)
    assert small.labels(churn=True) == [1]


def test_a_late_event_makes_no_prediction_whose_label_is_known_in_part() -> None:
    small = SmallPartition(churn_horizon_ms=180_000)
    small.send("session_start", 0)
    small.send("browse", 100, category_id="c", dwell_s=1, stamp_s=0)  # no visit of the silent
    small.send("subscription_renewed", 80, stamp_s=0)  # the topics are read side by side
    assert (small.profile()["snapshot_state"] != 0).sum() == 1
    small.send("subscription_renewed", 110)
    assert (small.profile()["snapshot_state"] != 0).sum() == 2


def test_a_sweep_visits_everybody_within_an_hour() -> None:
    small = SmallPartition()
    profiles = 130
    small.apply([small.record("session_start", n / 100, f"v{n}") for n in range(profiles)])
    silent_since = CHURN + 100  # by then every first prediction is due
    small.send("browse", silent_since, "clock", category_id="c", dwell_s=1)
    due = profiles - len(small.labels(churn=True))
    for minute in range(1, 60):
        small.send("browse", silent_since + 60 * minute, "clock", category_id="c", dwell_s=1)
        left = profiles - len(small.labels(churn=True))
        assert due - left <= (profiles + 1) // 60 + 1  # a budget, not all at once
        due = left
    small.send("browse", silent_since + 3600, "clock", category_id="c", dwell_s=1)
    assert small.labels(churn=True) == [1] * profiles


def test_a_tick_lets_time_pass_for_the_silent() -> None:
    small = SmallPartition()
    small.send("session_start", 0)
    small.drain()
    now = 1_900_000_000_000
    engine = small.engine
    engine.tick(now)  # the first tells what the clock says; log time is far behind it
    stream_ts = int(small.partition["stream_ts"])
    assert stream_ts < now
    engine.tick(now + DAY_MS)
    moved = int(small.partition["stream_ts"]) - stream_ts
    assert moved == DAY_MS
    engine.tick(now + DAY_MS)
    assert int(small.partition["stream_ts"]) - stream_ts == DAY_MS
    engine.tick(now + DAY_MS + HORIZON_MS)
    assert small.labels(churn=True)[0] == 1


def test_silence_raises_the_score_by_ticks_alone() -> None:
    small = SmallPartition(churn_step=0.1)
    small.send("session_start", 0)
    small.play(1, 130)
    now = 1_900_000_000_000
    small.engine.tick(now)
    for day in range(1, 13):
        small.engine.tick(now + day * DAY_MS)
    decisions = small.decisions(topics.CHURN_SCORES)
    by_time = [d for d in decisions if d["cause"]["event_id"].startswith("tick-0-")]
    assert len(by_time) > 3
    scores = [d["probability"] for d in by_time]
    assert scores == sorted(scores) and by_time[-1]["drivers"]
    assert by_time[-1]["cause"] == {
        "event_id": f"tick-0-{by_time[-1]['ts']}", "topic": topics.VIEWING_EVENTS,
        "partition": 0, "offset": 8,
    }  # fmt: skip
