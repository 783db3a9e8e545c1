"""Recovery on real Kafka: what it reads, where it stands afterwards, and how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from streams import topics
from streams.checkpoint import TransactionalCheckpoint
from streams.engine import TopicWrites, Writes
from streams.errors import ConfigurationError, FencedError, RecoveryError
from streams.recovery import recover
from streams.settings import Settings, load
from streams.transport.batch import RecordBatch

pytestmark = pytest.mark.kafka

VIEWING, SUBSCRIPTION = topics.INPUTS
UNREAD = {topics.TITLE_SIGNALS: 0, "recovery-tallies": 0}
"""Positions in what the partitions write to each other, of which there is nothing here."""


class Restored:
    """An engine that keeps what it is given back."""

    def __init__(self) -> None:
        self.state: dict[bytes, bytes | None] = {}
        self.records = 0
        self.complete = False

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        raise AssertionError("nothing is applied here")

    def tick(self, now_ms: int) -> None:
        raise AssertionError("no time passes here")

    def pending(self) -> int:
        return 0

    def drain(self) -> Writes:
        return Writes()

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        assert not self.complete
        if b"unreadable" in values:
            raise RecoveryError("a record cannot be read")
        self.records += len(keys)
        self.state.update(zip(keys, values, strict=True))

    def restored(self) -> None:
        self.complete = True


async def prepare(settings: Settings, inputs: int = 0, *, state_topic: bool = True) -> None:
    """Create the topics, with ``inputs`` records in each input."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    names = [*topics.owned(settings), *([settings.state_topic] if state_topic else [])]
    await admin.create_topics([NewTopic(name, 2, 1) for name in names])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    for topic in topics.INPUTS:
        for _ in range(inputs):
            await producer.send(topic, b"{}", partition=1)
    await producer.stop()


async def save(
    settings: Settings, state: Mapping[bytes, bytes | None], positions: Mapping[str, int]
) -> TransactionalCheckpoint:
    """One checkpoint of partition 1, left open."""
    checkpoint = TransactionalCheckpoint(settings, 1)
    await checkpoint.open()
    await checkpoint.commit(
        Writes({settings.state_topic: TopicWrites(list(state), list(state.values()))}), positions
    )
    return checkpoint


def settings_for(kafka: Any, **overrides: Any) -> Settings:
    return load({}, brokers=kafka.address, app_id="recovery", partitions=2, **overrides)


def test_an_empty_partition_begins_at_the_logs_beginning(kafka: Any) -> None:
    async def story() -> None:
        settings, engine = settings_for(kafka), Restored()
        await prepare(settings, inputs=3)
        checkpoint = TransactionalCheckpoint(settings, 1)
        recovered = await recover(settings, 1, engine, checkpoint)
        await checkpoint.close()
        assert recovered.positions == {VIEWING: 0, SUBSCRIPTION: 0, **UNREAD}
        assert (recovered.records, recovered.lost, engine.complete) == (0, {}, True)

    asyncio.run(story())


def test_state_and_positions_come_back_and_the_predecessor_is_fenced(kafka: Any) -> None:
    async def story() -> None:
        settings, engine = settings_for(kafka), Restored()
        await prepare(settings, inputs=9)
        state = {b"p%d" % n: b"v%d" % n for n in range(30_000)}
        first = await save(settings, state, {VIEWING: 4, SUBSCRIPTION: 0})
        await first.commit(
            Writes({settings.state_topic: TopicWrites([b"p0", b"p1"], [b"new", None])}),
            {VIEWING: 7, SUBSCRIPTION: 2},
        )
        second = TransactionalCheckpoint(settings, 1)
        recovered = await recover(settings, 1, engine, second)
        assert recovered.positions == {VIEWING: 7, SUBSCRIPTION: 2, **UNREAD}
        assert recovered.records == engine.records == 30_002
        assert engine.state == {**state, b"p0": b"new", b"p1": None}
        with pytest.raises(FencedError):
            await first.commit(Writes(), {VIEWING: 9, SUBSCRIPTION: 9})
        await first.close()
        await second.close()

    asyncio.run(story())


def test_what_a_dead_worker_left_open_is_not_seen_and_not_waited_for(kafka: Any) -> None:
    async def story() -> None:
        settings, engine = settings_for(kafka), Restored()
        await prepare(settings, inputs=9)
        first = await save(settings, {b"p": b"committed"}, {VIEWING: 4, SUBSCRIPTION: 0})
        producer = first._producer
        assert producer is not None
        await producer.begin_transaction()
        await producer.send_and_wait(settings.state_topic, b"open", key=b"p", partition=1)
        second = TransactionalCheckpoint(settings, 1)
        recovered = await recover(settings, 1, engine, second)
        assert engine.state == {b"p": b"committed"}
        assert recovered.positions == {VIEWING: 4, SUBSCRIPTION: 0, **UNREAD}
        await first.close()
        await second.close()

    asyncio.run(story())


def test_an_unreadable_record_is_an_error(kafka: Any) -> None:
    async def story() -> None:
        settings = settings_for(kafka)
        await prepare(settings)
        await (await save(settings, {b"p": b"unreadable"}, {VIEWING: 0, SUBSCRIPTION: 0})).close()
        checkpoint = TransactionalCheckpoint(settings, 1)
        with pytest.raises(RecoveryError, match="cannot be read"):
            await recover(settings, 1, Restored(), checkpoint)
        await checkpoint.close()

    asyncio.run(story())


def test_a_missing_topic_says_how_to_create_it(kafka: Any) -> None:
    async def story() -> None:
        settings = settings_for(kafka)
        await prepare(settings, state_topic=False)
        checkpoint = TransactionalCheckpoint(settings, 1)
        with pytest.raises(ConfigurationError, match=r"recovery-state.*flywheel topics"):
            await recover(settings, 1, Restored(), checkpoint)
        await checkpoint.close()

    asyncio.run(story())


def test_deleted_input_is_counted_and_recovery_goes_on_behind_it(kafka: Any) -> None:
    async def story() -> None:
        settings = settings_for(kafka)
        await prepare(settings, inputs=9)
        await (await save(settings, {}, {VIEWING: 2, SUBSCRIPTION: 3})).close()
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
        await admin.start()
        await admin.delete_records({TopicPartition(VIEWING, 1): RecordsToDelete(before_offset=6)})
        await admin.close()
        checkpoint = TransactionalCheckpoint(settings, 1)
        recovered = await recover(settings, 1, Restored(), checkpoint)
        await checkpoint.close()
        assert recovered.positions == {VIEWING: 6, SUBSCRIPTION: 3, **UNREAD}
        assert recovered.lost == {VIEWING: 4}

    asyncio.run(story())


def test_a_position_behind_the_logs_end_is_an_error(kafka: Any) -> None:
    async def story() -> None:
        settings = settings_for(kafka)
        await prepare(settings, inputs=2)
        await (await save(settings, {}, {VIEWING: 100, SUBSCRIPTION: 0})).close()
        checkpoint = TransactionalCheckpoint(settings, 1)
        with pytest.raises(RecoveryError, match="ends at 2, before the committed position 100"):
            await recover(settings, 1, Restored(), checkpoint)
        await checkpoint.close()

    asyncio.run(story())


def test_no_progress_for_the_deadline_is_an_error(kafka: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: AIOKafkaConsumer, *partitions: Any, **options: Any) -> dict[Any, Any]:
        await asyncio.sleep(0.05)
        return {}

    async def story() -> None:
        settings = settings_for(kafka, recovery_deadline_ms=3_000)
        await prepare(settings)
        await (await save(settings, {b"p": b"v"}, {VIEWING: 0, SUBSCRIPTION: 0})).close()
        monkeypatch.setattr(AIOKafkaConsumer, "getmany", nothing)
        checkpoint = TransactionalCheckpoint(settings, 1)
        with pytest.raises(RecoveryError, match="made no progress for 3 s"):
            await recover(settings, 1, Restored(), checkpoint)
        await checkpoint.close()

    asyncio.run(story())
