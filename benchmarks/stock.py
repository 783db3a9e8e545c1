"""The same job with Faust and River as their manuals show it: an agent, a table, ``learn_one``, ``send``.

Nothing here is slow on purpose. It keeps per profile what a row order and a churn score need, learns a
quality play or an ignored row when it is known, decides at the same events as ours, and sends what has
changed. It lacks what ours has besides: true watched time, demand, exploration, reasons, validation, exactly
once.

Started as ``python -m benchmarks.stock`` with ``STOCK_BROKERS``, ``STOCK_APP_ID``, ``STOCK_PARTITIONS``.
"""

from __future__ import annotations

import math
import os
import sys
from typing import Any

import faust
from river import drift, linear_model, metrics, optim, preprocessing, utils

from benchmarks.events import ROWS, row_id
from streams import topics

ROW_IDS = [row_id(row) for row in range(ROWS)]
ROW_MARGIN = 0.10
CHURN_STEP = 0.05
QUALITY_SECONDS = 120.0
OUTCOME_WINDOW_MS = 600_000
HALF_LIVES_MS = (86_400_000.0, 7 * 86_400_000.0)

app = faust.App(
    os.environ.get("STOCK_APP_ID", "stock"),
    broker=f"kafka://{os.environ.get('STOCK_BROKERS', '127.0.0.1:9092')}",
    store="memory://",
    topic_partitions=int(os.environ.get("STOCK_PARTITIONS", "4")),
    topic_replication_factor=1,
    consumer_auto_offset_reset="earliest",
    web_enabled=False,
)
events_topic = app.topic(topics.VIEWING_EVENTS, topics.SUBSCRIPTION_EVENTS, value_serializer="json")
row_order_topic = app.topic("stock-row-order", value_serializer="json")
churn_topic = app.topic("stock-churn-scores", value_serializer="json")
profiles = app.Table("profiles", default=dict)

quality = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.05))
churn = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.01))

rows_seen: dict[str, float] = dict.fromkeys(ROW_IDS, 20.0)
rows_played: dict[str, float] = dict.fromkeys(ROW_IDS, 2.0)
# Predict, then learn, as ours is watched too: rolling quality over as many outcomes, and drift.
quality_of_late = [utils.Rolling(metrics.ROCAUC(), 5_000), utils.Rolling(metrics.LogLoss(), 5_000)]
drift_watch = drift.ADWIN()
learned = 0


def new_profile() -> dict[str, Any]:
    """The state of a viewer who has not been seen before."""
    return {
        "ts": 0,
        "session_ts": 0,
        "sessions": 0.0,
        "plays": 0.0,
        "skips": 0.0,
        "rewinds": 0.0,
        "searches": 0.0,
        "watched_s": 0.0,
        "payment_failures": 0.0,
        "short": [0.0] * ROWS,
        "long": [0.0] * ROWS,
        "seen": [0.0] * ROWS,
        "pending": {},
        "playing": None,
        "order": None,
        "row_version": 0,
        "churn_p": None,
        "churn_version": 0,
    }


def decay(state: dict[str, Any], ts: int) -> None:
    """Let the counters forget what has passed since the profile's last event."""
    passed = max(0, ts - state["ts"]) if state["ts"] else 0
    short, long = (0.5 ** (passed / half_life) for half_life in HALF_LIVES_MS)
    state["short"] = [value * short for value in state["short"]]
    for name in ("long", "seen"):
        state[name] = [value * long for value in state[name]]
    for name in ("sessions", "plays", "skips", "rewinds", "searches", "watched_s", "payment_failures"):
        state[name] *= long
    state["ts"] = max(state["ts"], ts)


def row_features(state: dict[str, Any], row: int) -> dict[str, float]:
    """What is known of a profile and a row before its outcome."""
    name = ROW_IDS[row]
    rate = rows_played[name] / rows_seen[name]
    own = (state["long"][row] + 4 * rate) / (state["seen"][row] + 4)
    return {
        "row_rate": math.log(rate / (1 - min(rate, 0.99))),
        "own_rate": math.log(own / max(0.01, 1 - own)),
        "own_short": math.log1p(state["short"][row]),
        "own_long": math.log1p(state["long"][row]),
        "own_seen": math.log1p(state["seen"][row]),
        "plays": math.log1p(state["plays"]),
        "skips": math.log1p(state["skips"]),
        "watched": math.log1p(state["watched_s"]),
    }


def churn_features(state: dict[str, Any], ts: int) -> dict[str, float]:
    """What is known of how a profile uses the service."""
    return {
        "recency": math.log1p(max(0, ts - state["session_ts"]) / 3_600_000),
        "sessions": math.log1p(state["sessions"]),
        "plays": math.log1p(state["plays"]),
        "watched": math.log1p(state["watched_s"]),
        "skips": math.log1p(state["skips"]),
        "rewinds": math.log1p(state["rewinds"]),
        "searches": math.log1p(state["searches"]),
        "payment_failures": state["payment_failures"],
    }


def resolve(state: dict[str, Any], name: str, played: bool) -> None:
    """The outcome of an impression is known: judge the prediction, learn the outcome, count it."""
    global learned
    row, _, features, chance = state["pending"].pop(name)
    for measure in quality_of_late:
        measure.update(played, chance)
    drift_watch.update(abs(played - chance))
    quality.learn_one(features, played)
    learned += 1
    rows_seen[ROW_IDS[row]] += 1
    state["seen"][row] += 1
    if played:
        rows_played[ROW_IDS[row]] += 1
        state["short"][row] += 1
        state["long"][row] += 1


def ignored(state: dict[str, Any], before: int) -> None:
    """Impressions older than ``before`` (ms) from which nothing is being played were seen and not wanted."""
    playing = state["playing"] and state["playing"]["row_id"]
    for name in [name for name, (_, seen, _, _) in state["pending"].items() if seen < before]:
        if name != playing:
            resolve(state, name, played=False)


def profile_changed(state: dict[str, Any], event: dict[str, Any]) -> tuple[bool, bool]:
    """Take one event in; says whether the row order and the churn score are to be decided anew."""
    kind, ts = event["type"], event["ts"]
    rows_due, churn_due = False, state["ts"] == 0
    decay(state, ts)
    ignored(state, ts - OUTCOME_WINDOW_MS)
    playing = state["playing"]
    if kind == "session_start":
        ignored(state, ts + 1)
        state["session_ts"] = ts
        state["sessions"] += 1
        rows_due = churn_due = True
    elif kind == "impression":
        name = event["row_id"]
        if name in state["pending"]:
            resolve(state, name, played=False)
        row = ROW_IDS.index(name)
        features = row_features(state, row)
        state["pending"][name] = [row, ts, features, quality.predict_proba_one(features)[True]]
    elif kind == "playback_start":
        state["plays"] += 1
        at = event.get("position_s", 0.0)
        state["playing"] = {"row_id": event.get("row_id"), "at": at, "watched": 0.0, "quality": False}
    elif kind in ("playback_progress", "playback_stop", "playback_pause") and playing is not None:
        played = max(0.0, event["position_s"] - playing["at"])
        playing["at"] = event["position_s"]
        playing["watched"] += played
        state["watched_s"] += played
        if playing["watched"] >= QUALITY_SECONDS and not playing["quality"]:
            playing["quality"] = True
            if playing["row_id"] in state["pending"]:
                resolve(state, playing["row_id"], played=True)
            ignored(state, ts + 1)
            rows_due = churn_due = True
    elif kind == "playback_seek" and playing is not None:
        playing["at"] = event["to_s"]
        if event["to_s"] < event["from_s"]:
            state["rewinds"] += 1
            rows_due = True
    elif kind == "playback_skip":
        state["skips"] += 1
    elif kind == "search":
        state["searches"] += 1
    elif kind == "rating":
        rows_due = True
    elif kind == "session_end":
        ignored(state, ts + 1)
        churn_due = True
    elif kind.startswith("subscription_"):
        state["payment_failures"] += kind == "subscription_payment_failed"
        churn_due = True
    if kind in ("playback_stop", "playback_complete", "playback_skip") and playing is not None:
        if playing["row_id"] in state["pending"]:
            resolve(state, playing["row_id"], played=False)
        rows_due = rows_due or not playing["quality"]
        state["playing"] = None
    return rows_due, churn_due


def new_order(state: dict[str, Any], scores: list[float]) -> list[int]:
    """Rows by score; one overtakes the one above only by the margin."""
    order = state["order"] or list(range(ROWS))
    order = order[:]
    for place in range(1, ROWS):
        row = order[place]
        while place > 0 and scores[row] > scores[order[place - 1]] + ROW_MARGIN:
            order[place] = order[place - 1]
            place -= 1
        order[place] = row
    return order


async def decide_rows(state: dict[str, Any], event: dict[str, Any]) -> None:
    """Score every row, order them, and send the order when it has changed."""
    chances = [quality.predict_proba_one(row_features(state, row))[True] for row in range(ROWS)]
    scores = [math.log(max(1e-9, p) / max(1e-9, 1 - p)) for p in chances]
    order = new_order(state, scores)
    if order == state["order"]:
        return
    state["row_version"] += 1
    decision = {
        "profile_id": event["profile_id"],
        "ts": event["ts"],
        "version": state["row_version"],
        "cause": {"event_id": event["event_id"], "topic": topics.VIEWING_EVENTS},
        "model": {"name": "quality", "version": learned},
        "rows": [ROW_IDS[row] for row in order],
        "scores": [round(scores[row], 4) for row in order],
        "previous": state["order"] and [ROW_IDS[row] for row in state["order"]],
    }
    state["order"] = order
    await row_order_topic.send(key=event["profile_id"], value=decision)


async def decide_churn(state: dict[str, Any], event: dict[str, Any]) -> None:
    """Predict, and send the probability when it has moved."""
    probability = churn.predict_proba_one(churn_features(state, event["ts"])).get(True, 0.5)
    if state["churn_p"] is not None and abs(probability - state["churn_p"]) < CHURN_STEP:
        return
    state["churn_version"] += 1
    decision = {
        "profile_id": event["profile_id"],
        "ts": event["ts"],
        "version": state["churn_version"],
        "cause": {"event_id": event["event_id"], "topic": topics.VIEWING_EVENTS},
        "model": {"name": "churn", "version": 0},
        "probability": probability,
        "previous": state["churn_p"],
    }
    state["churn_p"] = probability
    await churn_topic.send(key=event["profile_id"], value=decision)


@app.agent(events_topic)  # type: ignore[untyped-decorator]  # Faust has no types that mypy can follow
async def follow(events: faust.Stream[dict[str, Any]]) -> None:
    """Keep profiles current and send every change of a row order or churn score."""
    async for event in events:
        state = profiles[event["profile_id"]] or new_profile()
        rows_due, churn_due = profile_changed(state, event)
        if rows_due:
            await decide_rows(state, event)
        if churn_due:
            await decide_churn(state, event)
        profiles[event["profile_id"]] = state


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "info"]
    app.main()
