"""The checkpoint: record batches as built, the order of a transaction, and what any failing step does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
)
from aiokafka.record import MemoryRecords

from streams import checkpoint as checkpoints
from streams import sending, topics
from streams.checkpoint import AtLeastOnceCheckpoint, Checkpoint, TransactionalCheckpoint
from streams.engine import TopicWrites, Writes
from streams.errors import BrokerError, CheckpointError, FencedError
from streams.sending import BATCH_BYTES, BATCH_RECORDS, RecordBatchBuilder
from streams.settings import Settings, load
from tests.simulation import virtual_time

POSITIONS = {topics.VIEWING_EVENTS: 7, topics.SUBSCRIPTION_EVENTS: 3}


def writes_of(count: int, topic: str = topics.ROW_ORDER, size: int = 10) -> Writes:
    keys: list[bytes | None] = [b"p%d" % index for index in range(count)]
    values: list[bytes | None] = [b"v" * size] * count
    return Writes({topic: TopicWrites(keys, values)})


# --- record batches ---------------------------------------------------------------------------------------


def read_back(batch: RecordBatchBuilder) -> list[tuple[int, bytes | None, bytes | None, Any]]:
    records = MemoryRecords(bytes(batch._build()))
    found = []
    while records.has_next():
        for record in records.next_batch():
            found.append((record.timestamp, record.key, record.value, list(record.headers)))
    return found


def test_a_batch_reads_back_as_it_was_filled_with_tombstones_and_headers() -> None:
    written = TopicWrites([b"a", None, b"c"], [b"1", b"2", None], [[("why", b"x")], [], [("n", b"")]])
    batch = RecordBatchBuilder(BATCH_BYTES, 0, is_transactional=True)
    assert batch.fill(written, 0, 1_234) == 3
    assert batch.record_count() == 3
    assert read_back(batch) == [
        (1_234, b"a", b"1", [("why", b"x")]),
        (1_234, None, b"2", []),
        (1_234, b"c", None, [("n", b"")]),
    ]


@pytest.mark.parametrize(("count", "size"), [(3 * BATCH_RECORDS + 1, 1), (50, BATCH_BYTES // 7)])
def test_batches_end_at_their_limits_and_leave_nothing_out(count: int, size: int) -> None:
    records = writes_of(count, size=size).topics[topics.ROW_ORDER]
    index, keys = 0, []
    while index < count:
        batch = RecordBatchBuilder(BATCH_BYTES, 0)
        after = batch.fill(records, index, 0)
        assert 0 < after - index <= BATCH_RECORDS
        assert batch.size() <= BATCH_BYTES
        keys += [key for _, key, *_ in read_back(batch)]
        index = after
    assert keys == records.keys


def test_a_record_larger_than_a_batch_gets_one_of_its_own() -> None:
    records = writes_of(3, size=2 * BATCH_BYTES).topics[topics.ROW_ORDER]
    batch = RecordBatchBuilder(BATCH_BYTES, 0)
    assert batch.fill(records, 0, 0) == 1
    assert len(read_back(batch)) == 1


# --- the order of a transaction, on a producer that only takes notes --------------------------------------


class Notes:
    """A producer that writes down what it is asked, fails where it is told to, or hangs there."""

    def __init__(self, fail_at: str = "", error: KafkaError | None = None, hang_at: str = "") -> None:
        self.steps: list[str] = []
        self.fail_at, self.error, self.hang_at = fail_at, error, hang_at

    async def _step(self, name: str) -> None:
        self.steps.append(name)
        await asyncio.sleep(0.01)
        if name == self.hang_at:
            await asyncio.Event().wait()
        if name == self.fail_at and self.error is not None:
            raise self.error

    async def start(self) -> None:
        await self._step("start")

    async def stop(self) -> None:
        await self._step("stop")

    async def begin_transaction(self) -> None:
        await self._step("begin")

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        await self._step("positions")
        self.positions = {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}

    async def send_batch(
        self, batch: RecordBatchBuilder, topic: str, *, partition: int
    ) -> asyncio.Task[None]:
        return asyncio.create_task(self._step(f"write {topic}-{partition}"))

    async def commit_transaction(self) -> None:
        await self._step("commit")

    async def abort_transaction(self) -> None:
        await self._step("abort")


def commit_with(
    notes: Notes,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Settings], Checkpoint] = lambda settings: TransactionalCheckpoint(settings, 2),
    writes: Writes | None = None,
) -> None:
    monkeypatch.setattr(checkpoints, "AIOKafkaProducer", lambda **_: notes)

    async def story() -> None:
        checkpoint = make(load({}))
        await checkpoint.open()
        try:
            await checkpoint.commit(writes or writes_of(3), POSITIONS)
        finally:
            await checkpoint.close()

    virtual_time.run(story())


def test_a_transaction_commits_after_everything_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()
    commit_with(notes, monkeypatch)
    assert notes.steps == ["start", "begin", "positions", "write row-order-2", "commit", "stop"]
    assert notes.positions == {(topic, 2): at for topic, at in POSITIONS.items()}


@pytest.mark.parametrize("step", ["begin", "positions", "write row-order-2", "commit"])
def test_a_step_that_fails_aborts_the_transaction(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes(step, KafkaConnectionError("gone"))
    with pytest.raises(CheckpointError, match="gone"):
        commit_with(notes, monkeypatch)
    assert notes.steps[-2:] == ["abort", "stop"]
    assert step == "commit" or "commit" not in notes.steps


@pytest.mark.parametrize("step", ["begin", "positions", "write row-order-2", "commit"])
def test_a_step_that_hangs_aborts_the_transaction(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes(hang_at=step)
    with pytest.raises(CheckpointError, match="did not take a checkpoint within 60000 ms"):
        commit_with(notes, monkeypatch)
    assert notes.steps[-2:] == ["abort", "stop"]


def test_an_abort_that_hangs_does_not_keep_the_error_back(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stubborn(Notes):
        async def abort_transaction(self) -> None:
            await asyncio.Event().wait()

        async def stop(self) -> None:
            await asyncio.Event().wait()

    with pytest.raises(CheckpointError, match="gone"):
        commit_with(Stubborn("commit", KafkaConnectionError("gone")), monkeypatch)


@pytest.mark.parametrize("step", ["positions", "write row-order-2", "commit"])
@pytest.mark.parametrize("error", [ProducerFenced(), InvalidProducerEpoch()])
def test_a_fenced_writer_is_told_so(step: str, error: KafkaError, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FencedError, match="took partition 2 over"):
        commit_with(Notes(step, error), monkeypatch)


def test_a_rejected_size_says_what_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        CheckpointError, match=r"row-order-2 as too large.*raise max\.message\.bytes of row-order"
    ):
        commit_with(Notes("write row-order-2", MessageSizeTooLargeError()), monkeypatch)


def test_records_go_to_the_partition_they_name_or_to_their_writers_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals = TopicWrites(
        keys=[b"a", b"b", b"c", b"d"],
        values=[b"1", b"2", None, b"4"],
        headers=[[("h", b"a")], [], [], [("h", b"d")]],
        partitions=[3, 0, 3, 0],
    )
    parts = sending.by_partition(signals, own=2)
    assert {number: (part.keys, part.values, part.headers) for number, part in parts.items()} == {
        3: ([b"a", b"c"], [b"1", None], [[("h", b"a")], []]),
        0: ([b"b", b"d"], [b"2", b"4"], [[], [("h", b"d")]]),
    }
    own = TopicWrites([b"a"], [b"1"])
    assert sending.by_partition(own, own=2) == {2: own}
    notes = Notes()
    writes = writes_of(3)
    writes.topics[topics.TITLE_SIGNALS] = signals
    commit_with(notes, monkeypatch, writes=writes)
    written = [step for step in notes.steps if step.startswith("write")]
    assert written == ["write row-order-2", "write title-signals-3", "write title-signals-0"]


def test_at_least_once_commits_positions_after_the_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes()

    async def commit_positions(positions: Mapping[str, int]) -> None:
        await notes._step(f"positions {dict(positions)}")

    commit_with(notes, monkeypatch, lambda settings: AtLeastOnceCheckpoint(settings, 2, commit_positions))
    assert notes.steps == ["start", "write row-order-2", f"positions {POSITIONS}", "stop"]


def test_at_least_once_commits_no_positions_after_a_failed_write(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = Notes("write row-order-2", KafkaConnectionError("gone"))

    async def commit_positions(positions: Mapping[str, int]) -> None:
        raise AssertionError("positions were committed without their writes")

    with pytest.raises(CheckpointError, match="gone"):
        commit_with(notes, monkeypatch, lambda settings: AtLeastOnceCheckpoint(settings, 2, commit_positions))


def test_at_least_once_a_refused_position_means_another_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    async def commit_positions(positions: Mapping[str, int]) -> None:
        raise BrokerError("the group refused")

    with pytest.raises(FencedError, match="the group refused"):
        commit_with(
            Notes(), monkeypatch, lambda settings: AtLeastOnceCheckpoint(settings, 2, commit_positions)
        )


def test_a_producer_that_does_not_start_is_a_broker_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BrokerError, match="gone"):
        commit_with(Notes("start", KafkaConnectionError("gone")), monkeypatch)


# --- on real Kafka ----------------------------------------------------------------------------------------


async def _create_topics(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    try:
        names = (*topics.INPUTS, topics.ROW_ORDER, settings.state_topic)
        await admin.create_topics([NewTopic(name, 1, 1) for name in names])
    finally:
        await admin.close()


async def _committed(settings: Settings) -> tuple[int, dict[str, int | None]]:
    """Committed records of ``row-order``, and the group's positions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.brokers, group_id=settings.app_id, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        positions = {t: await consumer.committed(TopicPartition(t, 0)) for t in topics.INPUTS}
        tp = TopicPartition(topics.ROW_ORDER, 0)
        end = (await consumer.end_offsets([tp]))[tp]
        consumer.assign([tp])
        consumer.seek(tp, 0)
        count = 0
        while await consumer.position(tp) < end:
            count += len((await consumer.getmany(tp, timeout_ms=100)).get(tp, []))
        return count, positions
    finally:
        await consumer.stop()


async def _expect(settings: Settings, count: int, positions: Mapping[str, int | None]) -> None:
    """Wait for it: a broker confirms a commit before readers of committed records see all of it."""
    async with asyncio.timeout(60):
        while (found := await _committed(settings)) != (count, positions):
            assert found[0] <= count, "there is more than was committed"
            await asyncio.sleep(0.1)


@pytest.mark.kafka
def test_on_kafka_all_or_nothing_and_the_successor_fences(kafka: Any) -> None:
    settings = load({}, brokers=kafka.address, app_id="checkpoints", partitions=1)

    async def story() -> None:
        await _create_topics(settings)
        first, second = TransactionalCheckpoint(settings, 0), TransactionalCheckpoint(settings, 0)
        await first.open()
        try:
            many = writes_of(2 * BATCH_RECORDS + 5)
            many.topics[settings.state_topic] = writes_of(10).topics[topics.ROW_ORDER]
            await first.commit(many, POSITIONS)
            await _expect(settings, 2 * BATCH_RECORDS + 5, POSITIONS)
            await first.commit(Writes(), {topic: at + 1 for topic, at in POSITIONS.items()})
            later = {topic: at + 1 for topic, at in POSITIONS.items()}
            await _expect(settings, 2 * BATCH_RECORDS + 5, later)
            await second.open()
            with pytest.raises(FencedError):
                await first.commit(writes_of(3), dict.fromkeys(topics.INPUTS, 99))
            await _expect(settings, 2 * BATCH_RECORDS + 5, later)
            await second.commit(writes_of(1), dict.fromkeys(topics.INPUTS, 100))
            await _expect(settings, 2 * BATCH_RECORDS + 6, dict.fromkeys(topics.INPUTS, 100))
        finally:
            await first.close()
            await second.close()

    asyncio.run(story())


@pytest.mark.kafka
def test_on_kafka_a_rejected_record_takes_everything_back(kafka: Any) -> None:
    settings = load({}, brokers=kafka.address, app_id="rejected", partitions=1)

    async def story() -> None:
        await _create_topics(settings)
        checkpoint = TransactionalCheckpoint(settings, 0)
        await checkpoint.open()
        try:
            writes = writes_of(3, settings.state_topic)
            writes.topics[topics.ROW_ORDER] = TopicWrites([b"a", b"b"], [b"v", b"v" * 3_000_000])
            with pytest.raises(
                CheckpointError, match=r"row-order-0 as too large.*1 bytes of key and 3000000"
            ):
                await checkpoint.commit(writes, POSITIONS)
            await _expect(settings, 0, dict.fromkeys(topics.INPUTS))
        finally:
            await checkpoint.close()

    asyncio.run(story())


def test_what_the_builder_relies_on_is_still_there() -> None:
    """aiokafka's own parts that ``RecordBatchBuilder`` reaches into: no update changes them unseen."""
    batch = RecordBatchBuilder(BATCH_BYTES, 0)
    assert batch._builder.append(0, 0, b"k", b"v", []) is not None
    assert batch._relative_offset == 0
    assert AIOKafkaProducer.send_batch is not None
    assert (KafkaError, AssertionError) == sending.SEND_FAILURES
