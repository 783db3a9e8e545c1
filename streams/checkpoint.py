"""The checkpoint of one partition: outputs, state and input positions become durable together.

Two ways, behind one protocol: ``TransactionalCheckpoint`` (exactly once: one Kafka transaction) and
``AtLeastOnceCheckpoint`` (for brokers without transactions: all writes acknowledged first, positions
afterwards).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streams.engine import Writes
from streams.errors import BrokerError, CheckpointError, ConfigurationError, FencedError
from streams.security.connection import connection
from streams.security.granted import require_rights
from streams.security.refusals import denied, refusal
from streams.sending import BATCH_BYTES, SEND_FAILURES, explain, send
from streams.settings import Settings

log = logging.getLogger(__name__)

RETRY_MS = 20
"""Pause before a refused request is sent again. aiokafka's 100 ms would show in the event-to-decision
latency."""
ABORT_DEADLINE_S = 3.0
"""An abort is a courtesy (the next owner's fencing aborts as well), so it may not hold up the process's
end."""
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

    async def open(self) -> None:
        """Start the producer, which fences its predecessors and waits until their transactions have ended."""
        settings = self._settings
        self._producer = AIOKafkaProducer(
            **connection(settings),
            client_id=f"{settings.app_id}-checkpoint-{self._partition}",
            transactional_id=settings.transactional_id(self._partition),
            transaction_timeout_ms=settings.transaction_timeout_ms,
            request_timeout_ms=settings.transaction_timeout_ms,
            retry_backoff_ms=RETRY_MS,
            max_batch_size=BATCH_BYTES,
            linger_ms=0,
        )
        await _start(self._producer, settings)

    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None:
        """One transaction, or none:

        1. begin;
        2. positions. Before the writes and not beside them: while a broker adds the group to the transaction,
           it refuses writes of the same transaction, and aiokafka asks again only after a pause;
        3. writes, every one acknowledged;
        4. commit; or abort after any error in 2 to 4.
        """
        assert self._producer is not None, "a checkpoint commits only after it was opened"
        producer = self._producer
        offsets = {TopicPartition(topic, self._partition): position for topic, position in positions.items()}
        try:
            async with asyncio.timeout(self._settings.stall_deadline_ms / 1000):
                await producer.begin_transaction()  # 1
                await producer.send_offsets_to_transaction(offsets, self._settings.app_id)  # 2
                await send(producer, writes, self._partition, _now_ms(), transactional=True)  # 3
                await producer.commit_transaction()  # 4
        except TimeoutError as error:
            await self._abort(producer)
            raise _too_late(self._partition, self._settings) from error
        except (CheckpointError, *SEND_FAILURES) as error:
            await self._abort(producer)
            failure = explain(error, "a transaction", self._partition)
            raise await _refused(failure, error, self._settings) or failure from error

    async def _abort(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(ABORT_DEADLINE_S):
                await producer.abort_transaction()
        except (TimeoutError, *SEND_FAILURES) as error:
            log.info("partition %d: abort left to the broker: %r", self._partition, error)

    async def close(self) -> None:
        """Stop the producer. A transaction still open is aborted by the broker or by the next owner."""
        producer, self._producer = self._producer, None
        await _stop(producer)


class AtLeastOnceCheckpoint:
    """At least once, for a broker without transactions: writes acknowledged first, then positions committed.

    A crash in between repeats the events since the last checkpoint; a profile's row knows the offset it has
    applied and skips them. A worker that was given up on is not fenced: only its positions are refused.

    Re-keyed records are outputs like others, so a crash between 1 and 2 writes them again. A tally is an absolute
    sum with a number: the repeat is dropped. An increment of a title is counted twice by the title's owner;
    those decayed statistics are a little too high then, for as long as they remember.
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
            **connection(self._settings),
            client_id=f"{self._settings.app_id}-checkpoint-{self._partition}",
            acks="all",
            request_timeout_ms=self._settings.transaction_timeout_ms,
            max_batch_size=BATCH_BYTES,
            linger_ms=0,
        )
        await _start(self._producer, self._settings)

    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None:
        """Three steps, each begun when the one before is acknowledged:

        1. outputs;
        2. state. Not beside the outputs: a row that is saved skips its events after a crash, so an output
           that had not arrived by then would never be sent;
        3. positions.
        """
        assert self._producer is not None, "a checkpoint commits only after it was opened"
        state = self._settings.state_topic
        outputs = {topic: records for topic, records in writes.topics.items() if topic != state}
        rows = {topic: records for topic, records in writes.topics.items() if topic == state}
        try:
            async with asyncio.timeout(self._settings.stall_deadline_ms / 1000):
                for part in (outputs, rows):  # 1, 2
                    await send(
                        self._producer, Writes(topics=part), self._partition, _now_ms(), transactional=False
                    )
                await self._commit_positions(positions)  # 3
        except BrokerError as error:
            raise FencedError(f"partition {self._partition}: {error}") from error
        except CheckpointError as error:
            raise await _refused(error, error, self._settings) or error from error.__cause__
        except TimeoutError as error:
            raise _too_late(self._partition, self._settings) from error

    async def close(self) -> None:
        """Stop the producer."""
        producer, self._producer = self._producer, None
        await _stop(producer)


def _now_ms() -> int:
    """The timestamp of written records: this is the edge, the engine's time came with its batches."""
    return int(time.time() * 1000)


def _too_late(partition: int, settings: Settings) -> CheckpointError:
    return CheckpointError(
        f"partition {partition}: the broker did not take a checkpoint within {settings.stall_deadline_ms} ms"
    )


async def _refused(
    failure: CheckpointError, error: BaseException, settings: Settings
) -> ConfigurationError | None:
    """The missing right behind a failed checkpoint, or ``None``. The broker is asked, because the first of several
    errors seldom says it: a refused write breaks the transaction of all the others."""
    if isinstance(failure, FencedError):
        return None
    try:
        await require_rights(settings)
    except ConfigurationError as refused:
        return refused
    return denied(error, settings)


async def _start(producer: AIOKafkaProducer, settings: Settings) -> None:
    try:
        async with asyncio.timeout(settings.recovery_deadline_ms / 1000):
            await producer.start()
    except (KafkaError, TimeoutError) as error:
        if refused := await refusal(error, settings):
            raise refused from error
        raise BrokerError(f"no producer could be started at {settings.brokers}: {error!r}") from error


async def _stop(producer: AIOKafkaProducer | None) -> None:
    if producer is None:
        return
    try:
        async with asyncio.timeout(CLOSE_DEADLINE_S):
            await producer.stop()
    except (TimeoutError, *SEND_FAILURES) as error:
        log.info("a producer did not stop cleanly: %r", error)
