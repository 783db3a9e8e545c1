"""Publishing at a pace and following a worker, on the embedded broker, with a worker that is a few lines of
this test.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams import admin
from streams.brokers.embedded import EmbeddedBroker
from streams.errors import BrokerError, StalledError
from streams.replay.following import Follower
from streams.replay.publishing import Pace, Publisher
from streams.replay.records import Message
from streams.replay.report import Judge
from streams.settings import DAY_MS, Settings, load
from streams.topics import CHURN_SCORES, DEAD_LETTERS, ROW_ORDER, VIEWING_EVENTS

pytestmark = pytest.mark.embedded

T0 = 1_650_000_000_000
OLD = b'{"what": "was there before"}'
EVENTS = 5_000
"""More than two chunks of the publisher."""


def log() -> Iterator[Message]:
    for number in range(EVENTS):
        ts = T0 + number * DAY_MS // 1_000
        profile = f"p{number % 7}"
        event: dict[str, Any] = {
            "event_id": f"i{number}",
            "type": "impression",
            "profile_id": profile,
            "ts": ts,
        }
        event |= {"row_id": "a", "row_position": 0, "items": []}
        yield Message(VIEWING_EVENTS, profile.encode(), orjson.dumps(event), ts)
    yield Message(VIEWING_EVENTS, None, b"no event", ts)


async def work(settings: Settings, until: int) -> None:
    """Decide something at every impression, send every decision twice, and commit."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, group_id=settings.app_id, enable_auto_commit=False
    )
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await consumer.start()
    await producer.start()
    partitions = [TopicPartition(VIEWING_EVENTS, p) for p in range(settings.partitions)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    done = 0
    while done < until:
        for tp, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                where = {
                    "event_id": "",
                    "topic": tp.topic,
                    "partition": tp.partition,
                    "offset": record.offset,
                }
                for topic, value in decisions(record, where):
                    headers = None
                    if topic == DEAD_LETTERS:
                        headers = [("topic", tp.topic.encode()), ("reason", b"not_json"), ("detail", b"")]
                        headers += [("partition", b"%d" % tp.partition), ("offset", b"%d" % record.offset)]
                    for _ in range(2):
                        await producer.send(
                            topic, value, key=record.key, headers=headers, partition=tp.partition
                        )
            await producer.flush()
            await consumer.commit({tp: records[-1].offset + 1})
            done += len(records)
    await consumer.stop()
    await producer.stop()


def decisions(record: Any, where: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    if record.value == OLD:
        return
    if record.value == b"no event":
        yield DEAD_LETTERS, record.value
        return
    event = orjson.loads(record.value)
    decision = {"profile_id": event["profile_id"], "ts": event["ts"], "cause": where}
    yield ROW_ORDER, orjson.dumps({**decision, "rows": ["a"]})
    yield CHURN_SCORES, orjson.dumps({**decision, "probability": 0.5})
    prediction = {"event_id": event["event_id"], "offset": where["offset"], "probability": 0.25}
    yield "flywheel-predictions", orjson.dumps(prediction)


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_run_is_followed_to_its_last_decision(embedded: EmbeddedBroker, partitions: int) -> None:
    settings = load({}, brokers=embedded.address, partitions=partitions)
    admin.create_topics(settings)
    seen: list[tuple[int, int]] = []

    async def run() -> tuple[Judge, int]:
        async with Publisher(settings.brokers) as publisher:
            old = [Message(topic, b"p", OLD, 0) for topic in (VIEWING_EVENTS, ROW_ORDER) for _ in range(9)]
            await publisher.publish(iter(old), Pace(None))
            judge = Judge(["a"], settings)
            follower = Follower(settings, judge)
            try:
                await follower.start()
                working = asyncio.create_task(work(settings, EVENTS + 10))
                count = await publisher.publish(log(), Pace(None))
                await follower.finish(
                    publisher.ends, lambda: None, lambda done, total: seen.append((done, total))
                )
                await working
            finally:
                await follower.stop()
        return judge, count

    judge, count = asyncio.run(run())
    assert count == EVENTS + 1
    assert judge.events == EVENTS, "only what this run published, and nothing that is no event"
    assert judge.rejects == {"not_json": 1}, "sent twice, counted once"
    assert judge.decisions["row-order"] == judge.decisions["churn-scores"] == 2 * EVENTS
    quality = judge.report()["long_view"]
    assert (
        quality["n"] == EVENTS - 1_000 and quality["without_prediction"] == quality["predicted_too_late"] == 0
    )
    assert seen[-1] == (EVENTS + 10, EVENTS + 10)


def test_a_worker_that_stands_still_or_dies_ends_the_wait(embedded: EmbeddedBroker) -> None:
    settings = load({}, brokers=embedded.address, partitions=1, stall_deadline_ms=3_000)
    admin.create_topics(settings)

    def dead() -> None:
        raise BrokerError("the worker ended by itself")

    async def run(check: Any) -> None:
        async with Publisher(settings.brokers) as publisher:
            await publisher.publish(log(), Pace(None))
        follower = Follower(settings, Judge(["a"], settings))
        try:
            await follower.start()
            await follower.finish(publisher.ends, check, lambda done, total: None)
        finally:
            await follower.stop()

    with pytest.raises(StalledError, match=r"0 of 5,001 events"):
        asyncio.run(run(lambda: None))
    with pytest.raises(BrokerError, match="ended by itself"):
        asyncio.run(run(dead))


def test_records_carry_the_time_of_publishing_and_keys_keep_their_order(embedded: EmbeddedBroker) -> None:
    settings = load({}, brokers=embedded.address, partitions=2)
    admin.create_topics(settings)

    async def run() -> dict[bytes, list[Any]]:
        async with Publisher(settings.brokers) as publisher:
            await publisher.publish(log(), Pace(None))
        consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers)
        await consumer.start()
        partitions = [TopicPartition(VIEWING_EVENTS, p) for p in range(2)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: dict[bytes, list[Any]] = {}
        while sum(map(len, found.values())) < EVENTS + 1:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    found.setdefault(record.key, []).append(record)
        await consumer.stop()
        return found

    found = asyncio.run(run())
    for key, records in found.items():
        assert len({record.partition for record in records}) == 1
        assert all(record.timestamp > T0 + 365 * DAY_MS for record in records), "not the log's own time"
        if key is not None:
            numbers = [int(orjson.loads(record.value)["event_id"][1:]) for record in records]
            assert numbers == sorted(numbers)


def test_a_pace_says_when_an_event_is_due(embedded: EmbeddedBroker) -> None:
    assert Pace(None).due_s(DAY_MS) == 0
    assert Pace(3_600).due_s(DAY_MS) == 24
    settings = load({}, brokers=embedded.address, partitions=1)
    admin.create_topics(settings)

    async def run() -> float:
        messages = [Message(VIEWING_EVENTS, b"p", b"{}", ts) for ts in (1_000, 2_000, 6_000)]
        async with Publisher(settings.brokers) as publisher:
            loop = asyncio.get_running_loop()
            began = loop.time()
            assert await publisher.publish(iter(messages), Pace(10)) == 3
            return loop.time() - began

    assert asyncio.run(run()) >= 0.5, "five seconds of log, ten times as fast"


def test_no_broker_is_a_clear_error() -> None:
    async def run() -> None:
        async with Publisher("127.0.0.1:1"):
            pass

    with pytest.raises(BrokerError, match=r"no answer from the broker at 127\.0\.0\.1:1"):
        asyncio.run(run())
