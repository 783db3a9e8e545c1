"""The checkpoint of one partition: outputs, state and input positions become durable together.

Two ways, behind one protocol: ``TransactionalCheckpoint`` (exactly once: one Kafka transaction) and
``AtLeastOnceCheckpoint`` (for brokers without transactions: everything acknowledged first, positions
afterwards).

Both send each topic's records as ready-made record batches to the partition's own number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.engine import TopicWrites, Writes
from streams.errors import BrokerError, CheckpointError, FencedError
from streams.settings import Settings

log = logging.getLogger(__name__)

BATCH_BYTES = 900_000
"""A record batch ends before this. Below the brokers' default ``message.max.bytes`` (1,048,588) with room for
headers."""
ABORT_DEADLINE_S = 3.0
"""An abort is a courtesy (the next owner's fencing aborts as well), so it may not hold up the end of the
process."""
CLOSE_DEADLINE_S = 3.0
"""Closing sockets may not hold it up either."""

CommitPositions = Callable[[Mapping[str, int]], Awaitable[None]]


class Checkpoint(Protocol):
    """Where a partition saves. After an error only ``close`` may be called."""

    guarantee: str
    """``exactly_once`` or ``at_least_once``."""

    async def open(self) -> None:
        """Become the one writer of the partition. Raises ``BrokerError``."""

    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None:
        """Save ``writes`` and the positions behind them, wholly or not at all (at least once: writes first).

        Raises ``CheckpointError`` when that failed, ``FencedError`` when another worker owns the partition
        now.
        """

    async def close(self) -> None:
        """Let go of the broker. Raises nothing."""


class RecordBatchBuilder(BatchBuilder):
    """aiokafka's builder with a bulk append: 0.35 us a record where ``append`` takes 1.3 (its checks and its
    metadata)."""

    def fill(self, records: TopicWrites, start: int, timestamp_ms: int) -> int:
        """Append records from index ``start`` on until the batch is full; returns the index of the first left
        over."""
        append = self._builder.append
        keys, values = records.keys, records.values
        if records.headers:
            for index in range(start, len(keys)):
                offset = index - start
                if append(offset, timestamp_ms, keys[index], values[index], records.headers[index]) is None:
                    self._relative_offset = offset
                    return index
        else:
            none: list[Any] = []
            for index in range(start, len(keys)):
                if append(index - start, timestamp_ms, keys[index], values[index], none) is None:
                    self._relative_offset = index - start
                    return index
        self._relative_offset = len(keys) - start
        return len(keys)


def _explain(error: BaseException, topic: str, records: TopicWrites, partition: int) -> CheckpointError:
    """A failed send in words that say what to change."""
    if isinstance(error, ProducerFenced | InvalidProducerEpoch):
        return FencedError(
            f"another worker took partition {partition} over (or its transaction ran out of time)"
        )
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError):
        sizes = [(len(v or b""), len(k or b"")) for k, v in zip(records.keys, records.values, strict=True)]
        value, key = max(sizes, key=sum)
        return CheckpointError(
            f"the broker rejected records of {topic}-{partition} as too large: the largest has {key} bytes "
            f"of key and {value} of value; raise max.message.bytes of {topic} above {value + key + 200}"
        )
    return CheckpointError(f"sending to {topic}-{partition} failed: {error!r}")


class _Sender:
    """Sends writes as record batches through one producer."""

    def __init__(self, producer: AIOKafkaProducer, partition: int, *, transactional: bool) -> None:
        self._producer = producer
        self._partition = partition
        self._transactional = transactional

    async def send(self, writes: Writes, timestamp_ms: int) -> None:
        """Send everything and wait for every acknowledgement. Raises ``CheckpointError``.

        Topics are sent side by side, and each first batch without a pause, so that aiokafka adds all of the
        transaction's partitions in one request.
        """
        async with asyncio.TaskGroup() as group:
            for topic, records in writes.topics.items():
                if records.keys:
                    group.create_task(self._send_topic(topic, records, timestamp_ms))

    async def _send_topic(self, topic: str, records: TopicWrites, timestamp_ms: int) -> None:
        try:
            deliveries = []
            index = 0
            while index < len(records.keys):
                batch = RecordBatchBuilder(BATCH_BYTES, 0, is_transactional=self._transactional)
                index = batch.fill(records, index, timestamp_ms)
                batch.close()
                deliveries.append(await self._producer.send_batch(batch, topic, partition=self._partition))
            for delivery in deliveries:
                await delivery
        except (
            KafkaError,
            AssertionError,
        ) as error:  # aiokafka asserts its transaction's state and its metadata
            raise _explain(error, topic, records, self._partition) from error


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that matters most of those that happened side by side."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat.append(_first(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((error for error in flat if isinstance(error, FencedError)), flat[0])


def _now_ms() -> int:
    import time

    return int(time.time() * 1000)


class TransactionalCheckpoint:
    """Exactly once: one transaction holds outputs, state and input positions.

    The transactional id belongs to the application and the input partition, so opening it fences whoever held
    the partition before (aiokafka speaks a transaction protocol without fencing by group generation).
    """

    guarantee = "exactly_once"

    def __init__(self, settings: Settings, partition: int) -> None:
        self._settings = settings
        self._partition = partition
        self._producer: AIOKafkaProducer | None = None
        self._sender: _Sender | None = None

    async def open(self) -> None:
        """Start the producer, which fences its predecessors and waits until their transactions have ended."""
        settings = self._settings
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.brokers,
            client_id=f"{settings.app_id}-checkpoint-{self._partition}",
            transactional_id=settings.transactional_id(self._partition),
            transaction_timeout_ms=settings.transaction_timeout_ms,
            request_timeout_ms=settings.transaction_timeout_ms,
            max_batch_size=BATCH_BYTES,
            linger_ms=0,
        )
        try:
            async with asyncio.timeout(settings.recovery_deadline_ms / 1000):
                await self._producer.start()
        except (KafkaError, TimeoutError) as error:
            raise BrokerError(
                f"no transactional producer {settings.transactional_id(self._partition)!r} "
                f"at {settings.brokers}: {error!r}"
            ) from error
        self._sender = _Sender(self._producer, self._partition, transactional=True)

    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None:
        """One transaction: 1 begin, 2 send batches, 3 send positions, 4 all arrived, 5 commit; else abort."""
        assert self._producer is not None and self._sender is not None, (
            "a checkpoint commits only after it was opened"
        )
        producer = self._producer
        try:
            async with asyncio.timeout(self._settings.stall_deadline_ms / 1000):
                await producer.begin_transaction()  # 1
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._sender.send(writes, _now_ms()))  # 2, 4
                    group.create_task(self._send_positions(producer, positions))  # 3
                await producer.commit_transaction()  # 5
        except BaseExceptionGroup as group_error:
            await self._abort()
            error = _first(group_error)
            raise (
                error if isinstance(error, CheckpointError) else CheckpointError(repr(error))
            ) from group_error
        except TimeoutError as error:
            await self._abort()
            raise CheckpointError(
                f"partition {self._partition}: the broker did not take the checkpoint within "
                f"{self._settings.stall_deadline_ms} ms"
            ) from error
        except (KafkaError, AssertionError) as error:
            await self._abort()
            raise _explain(error, "the transaction", TopicWrites(), self._partition) from error

    async def _send_positions(self, producer: AIOKafkaProducer, positions: Mapping[str, int]) -> None:
        offsets = {TopicPartition(topic, self._partition): position for topic, position in positions.items()}
        try:
            await producer.send_offsets_to_transaction(offsets, self._settings.app_id)
        except (KafkaError, AssertionError) as error:
            raise _explain(error, "the group's positions", TopicWrites(), self._partition) from error

    async def _abort(self) -> None:
        assert self._producer is not None, "only a begun transaction is aborted"
        try:
            async with asyncio.timeout(ABORT_DEADLINE_S):
                await self._producer.abort_transaction()
        except (KafkaError, TimeoutError, AssertionError) as error:
            log.info("partition %d: abort left to the broker: %r", self._partition, error)

    async def close(self) -> None:
        """Stop the producer. A transaction still open is aborted by the broker or by the next owner."""
        producer, self._producer, self._sender = self._producer, None, None
        await _stop(producer)


class AtLeastOnceCheckpoint:
    """At least once, for a broker without transactions: writes acknowledged first, then positions committed.

    A crash in between repeats the events since the last checkpoint; a profile's row knows the offset it has
    applied and skips them. A worker that was given up on is not fenced, only its positions are refused.
    """

    guarantee = "at_least_once"

    def __init__(self, settings: Settings, partition: int, commit_positions: CommitPositions) -> None:
        self._settings = settings
        self._partition = partition
        self._commit_positions = commit_positions
        self._producer: AIOKafkaProducer | None = None

    async def open(self) -> None:
        """Start the producer."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.brokers,
            client_id=f"{self._settings.app_id}-checkpoint-{self._partition}",
            acks="all",
            request_timeout_ms=self._settings.transaction_timeout_ms,
            max_batch_size=BATCH_BYTES,
            linger_ms=0,
        )
        try:
            async with asyncio.timeout(self._settings.recovery_deadline_ms / 1000):
                await self._producer.start()
        except (KafkaError, TimeoutError) as error:
            raise BrokerError(f"no producer at {self._settings.brokers}: {error!r}") from error

    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None:
        """1. Everything sent and acknowledged. 2. Only then the positions."""
        assert self._producer is not None, "a checkpoint commits only after it was opened"
        try:
            async with asyncio.timeout(self._settings.stall_deadline_ms / 1000):
                await _Sender(self._producer, self._partition, transactional=False).send(
                    writes, _now_ms()
                )  # 1
                await self._commit_positions(positions)  # 2
        except BaseExceptionGroup as group_error:
            error = _first(group_error)
            raise (
                error if isinstance(error, CheckpointError) else CheckpointError(repr(error))
            ) from group_error
        except BrokerError as error:
            raise FencedError(f"partition {self._partition}: {error}") from error
        except TimeoutError as error:
            raise CheckpointError(
                f"partition {self._partition}: the broker did not take the checkpoint within "
                f"{self._settings.stall_deadline_ms} ms"
            ) from error

    async def close(self) -> None:
        """Stop the producer."""
        producer, self._producer = self._producer, None
        await _stop(producer)


async def _stop(producer: AIOKafkaProducer | None) -> None:
    if producer is None:
        return
    stopping: Coroutine[Any, Any, None] = producer.stop()
    try:
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await stopping
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the others must be closed
        log.info("a producer did not stop cleanly: %r", error)
