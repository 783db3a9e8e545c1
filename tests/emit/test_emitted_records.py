"""What leaves the engine: every record fits the contract's struct, and says what the state says."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeVar

import msgspec
import orjson
import pytest

from models.hazard import FEATURES
from streams import topics
from streams.decisions.demand import TERMS
from streams.engine import TopicWrites
from streams.events.outputs import ChurnScore, DeadLetterHeaders, Prediction, RowOrder
from streams.events.reasons import Reason
from streams.pipeline import create_engine
from streams.settings import DAY_MS, Settings
from streams.transport.batch import PlainRecord
from tests.profiles.small_partition import SmallPartition
from tests.streams.journeys import START_MS, Journeys, batches, catalog

NOW = START_MS + 400 * DAY_MS
SETTINGS = Settings(
    learn_batch=16, quality_seconds=40.0, explore_share=0.3, churn_horizon_ms=3 * DAY_MS, page_margin=0.0,
    log_predictions=True,
)  # fmt: skip
T = TypeVar("T")


@pytest.fixture(scope="module")
def journey() -> tuple[list[PlainRecord], dict[str, TopicWrites]]:
    """Records of an honest history, and all that they made an engine write."""
    records = Journeys(21, deletions=False).records(3_000)
    engine, out = create_engine(0, SETTINGS, catalog(SETTINGS)), {}
    for batch in batches(records, 200):
        engine.apply(batch, NOW)
        for topic, writes in engine.drain().topics.items():
            known = out.setdefault(topic, TopicWrites())
            known.keys.extend(writes.keys)
            known.values.extend(writes.values)
            known.headers.extend(writes.headers)
    return records, out


def strictly(kind: type[T], writes: TopicWrites) -> Iterator[tuple[T, bytes]]:
    """Every record as its struct, without a field that the struct does not know."""
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    for key, value in zip(writes.keys, writes.values, strict=True):
        assert value is not None and key is not None
        assert orjson.loads(value).keys() <= known
        yield msgspec.json.decode(value, type=kind, strict=True), key


def test_row_orders_fit_the_contract(journey: tuple[list[PlainRecord], dict[str, TopicWrites]]) -> None:
    records, out = journey
    by_offset = {record.offset: record for record in records}
    moves = 0
    for order, key in strictly(RowOrder, out[topics.ROW_ORDER]):
        assert key == order.profile_id.encode()
        cause = orjson.loads(by_offset[order.cause.offset].value or b"")
        assert (order.cause.event_id, order.ts) == (cause["event_id"], cause["ts"])
        assert cause["profile_id"] == order.profile_id and order.cause.topic == topics.VIEWING_EVENTS
        assert len(order.rows) == len(order.scores) == len(set(order.rows)) == 12
        assert order.rows[0] == "row-03"  # pinned
        assert all(math.isfinite(score) for score in order.scores)
        free = [score for row, score in zip(order.rows, order.scores, strict=True) if row != "row-03"]
        if not order.explore and order.previous is None:
            assert free == sorted(free, reverse=True)
        assert (order.explore and order.propensity < 0.3) or (not order.explore and order.propensity > 0.7)
        moves += len(order.reasons)
        for reason in order.reasons:
            assert reason.row_id in order.rows and reason.feature in TERMS
            assert reason.contribution != 0 or round(reason.contribution, 4) == 0
        assert len({reason.row_id for reason in order.reasons}) == len(order.reasons) <= 3
        assert order.previous != order.rows
    assert moves > 100


def test_churn_scores_fit_the_contract(journey: tuple[list[PlainRecord], dict[str, TopicWrites]]) -> None:
    _, out = journey
    kept: dict[str, float] = {}
    bands = set()
    for score, key in strictly(ChurnScore, out[topics.CHURN_SCORES]):
        assert key == score.profile_id.encode()
        assert score.horizon_days == 3 and not score.explore and score.propensity == 1
        assert score.previous == kept.get(score.profile_id)
        kept[score.profile_id] = score.probability
        low, high = {"low": (0, 0.2), "medium": (0.2, 0.5), "high": (0.5, 1)}[score.band]
        assert low - 5e-5 <= score.probability <= high + 5e-5
        contributions = [abs(driver.contribution) for driver in score.drivers]
        assert contributions == sorted(contributions, reverse=True)
        assert {driver.feature for driver in score.drivers} <= set(FEATURES)
        bands.add(score.band)
    assert len(bands) >= 2 and len(kept) == 8


def test_the_previous_score_is_the_one_that_was_emitted() -> None:
    # Rounded to four digits from a double and from the float32 that is kept, one in 1,500 would differ.
    small = SmallPartition(churn_step=0.0)
    small.apply([small.record("session_start", n * 60.0 + n * n, f"v{n % 40}") for n in range(6_000)])
    kept: dict[str, float] = {}
    decisions = small.decisions(topics.CHURN_SCORES)
    assert len(decisions) > 5_000
    for decision in decisions:
        assert decision["previous"] == kept.get(decision["profile_id"])
        kept[decision["profile_id"]] = decision["probability"]


def test_predictions_and_dead_letters_fit_the_contract(
    journey: tuple[list[PlainRecord], dict[str, TopicWrites]],
) -> None:
    records, out = journey
    by_offset = {record.offset: record for record in records}
    for prediction, key in strictly(Prediction, out[SETTINGS.predictions_topic]):
        event = orjson.loads(by_offset[prediction.offset].value or b"")
        assert event["type"] == "impression" and key == prediction.profile_id.encode()
        assert (event["event_id"], event["row_id"], event["ts"]) == (
            prediction.event_id, prediction.row_id, prediction.ts,
        )  # fmt: skip
    letters = out[topics.DEAD_LETTERS]
    assert len(letters.keys) == len(letters.values) == len(letters.headers) > 20
    for key, value, headers in zip(letters.keys, letters.values, letters.headers, strict=True):
        told = msgspec.convert({name: text.decode() for name, text in headers}, DeadLetterHeaders)
        original = by_offset[int(told.offset)]
        assert (original.key, original.value) == (key, value)
        assert (told.topic, told.partition) == (topics.VIEWING_EVENTS, "0")
        assert told.reason in set(Reason) and told.detail


def test_every_decision_has_the_stamp_of_its_cause() -> None:
    small = SmallPartition()
    small.apply([small.record("session_start", n, f"v{n}", stamp_s=n + 0.5) for n in range(5)])
    writes = small.engine.drain()
    assert writes.events == 5
    for topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
        assert writes.stamps[topic].tolist() == [START_MS + n * 1000 + 500 for n in range(5)]


def test_a_page_on_which_nothing_sets_rows_apart_gives_no_reasons() -> None:
    # Rows of a fresh partition are all alike, to the last bit when they are a power of two. The place in the
    # outbox held a churn score before, whose features have higher numbers than there are terms.
    small = SmallPartition(rows=8)
    small.send("subscription_payment_failed", 0, "q")
    assert small.decisions(topics.CHURN_SCORES)[0]["drivers"][0]["feature"] == "on_hold"
    small.send("session_start", 1)
    order = small.decisions(topics.ROW_ORDER)[0]
    assert order["reasons"] == [] and len(set(order["scores"])) == 1


def test_an_erased_profile_leaves_tombstones_and_its_decisions_come_first() -> None:
    small = SmallPartition()
    small.apply(
        [
            small.record("session_start", 0),
            small.record("profile_deleted", 1),
            small.record("session_start", 2),
        ]
    )
    writes = small.drain()
    for topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
        values = writes[topic].values
        assert [value and orjson.loads(value)["version"] for value in values] == [1, None, 1]
    for topic in topics.KEYED_BY_PROFILE:
        assert (b"p", None) in zip(writes[topic].keys, writes[topic].values, strict=True)
    state = writes[small.settings.state_topic]
    about_p = [value is None for key, value in zip(state.keys, state.values, strict=True) if key == b"pp"]
    assert about_p == [True, False]
    small.send("profile_deleted", 3, "never seen")  # an erasure can be asked for twice
    writes = small.drain()
    assert writes[topics.ROW_ORDER].values == [None]
    assert (b"pnever seen", None) in zip(
        writes[small.settings.state_topic].keys, writes[small.settings.state_topic].values, strict=True
    )
