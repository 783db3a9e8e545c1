"""Sends the writes of a checkpoint as ready-made record batches: to the partition's own number, or, re-keyed,
to the partition that each record names.

Responsible for filling batches fast, for sending topics side by side, and for saying in words what went
wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    RecordListTooLargeError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.engine import TopicWrites, Writes
from streams.errors import CheckpointError, FencedError

BATCH_BYTES = 900_000
"""A record batch ends before this: below the brokers' ``message.max.bytes`` (default 1,048,588) by a
margin."""
BATCH_RECORDS = 5_000
"""... or after so many records, 2 ms of filling: others get their turn in between."""
SEND_FAILURES = (KafkaError, AssertionError)
"""What aiokafka raises when it cannot send (it asserts the state of its transaction, and its metadata)."""


class RecordBatchBuilder(BatchBuilder):
    """aiokafka's builder with a bulk append: 0.35 us a record, where ``append`` takes 1.3."""

    def fill(self, records: TopicWrites, start: int, timestamp_ms: int) -> int:
        """Append records from index ``start`` on until the batch is full; returns the first one left over."""
        append = self._builder.append
        keys, values, headers = records.keys, records.values, records.headers
        stop = min(len(keys), start + BATCH_RECORDS)
        none: list[Any] = []
        for index in range(start, stop):
            appended = append(
                index - start, timestamp_ms, keys[index], values[index], headers[index] if headers else none
            )
            if appended is None:
                stop = index
                break
        self._relative_offset = stop - start
        return stop


def explain(
    error: BaseException, what: str, partition: int, records: TopicWrites | None = None
) -> CheckpointError:
    """A failed send of ``what`` (a log, or the transaction) by the owner of ``partition``, in words that
    say what to change."""
    if isinstance(error, CheckpointError):
        return error
    if isinstance(error, ProducerFenced | InvalidProducerEpoch):
        return FencedError(
            f"another worker took partition {partition} over (or its transaction ran out of time)"
        )
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError) and records is not None:
        sizes = [(len(v or b""), len(k or b"")) for k, v in zip(records.keys, records.values, strict=True)]
        value, key = max(sizes, key=sum)
        return CheckpointError(
            f"the broker rejected records of {what} as too large: the largest has {key} bytes of key and "
            f"{value} of value; raise max.message.bytes of {what.rpartition('-')[0]} above "
            f"{value + key + 200}"
        )
    return CheckpointError(f"partition {partition}: sending {what} failed: {error!r}")


def by_partition(records: TopicWrites, own: int) -> Mapping[int, TopicWrites]:
    """The records of one topic by the partition they go to, each in order; ``own`` where they name none."""
    if not records.partitions:
        return {own: records}
    parts: dict[int, TopicWrites] = {}
    for index, number in enumerate(records.partitions):
        part = parts.get(number)
        if part is None:
            part = parts[number] = TopicWrites()
        part.keys.append(records.keys[index])
        part.values.append(records.values[index])
        if records.headers:
            part.headers.append(records.headers[index])
    return parts


async def send(
    producer: AIOKafkaProducer, writes: Writes, partition: int, timestamp_ms: int, *, transactional: bool
) -> None:
    """Send everything and wait for every acknowledgement. Raises ``CheckpointError`` if anything is refused.

    Logs are written side by side, the first batch of each without a pause, so that aiokafka adds all of the
    transaction's partitions in one request.
    """

    async def send_log(topic: str, number: int, records: TopicWrites) -> None:
        deliveries = []
        index = 0
        try:
            while index < len(records.keys):
                batch = RecordBatchBuilder(BATCH_BYTES, 0, is_transactional=transactional)
                index = batch.fill(records, index, timestamp_ms)
                batch.close()
                writes.topics[topic].sent_bytes += batch.size()
                deliveries.append(await producer.send_batch(batch, topic, partition=number))
            for delivery in deliveries:
                await delivery
        except SEND_FAILURES as error:
            raise explain(error, f"{topic}-{number}", partition, records) from error

    results = await asyncio.gather(
        *(
            send_log(topic, number, part)
            for topic, records in writes.topics.items()
            if records.keys
            for number, part in by_partition(records, partition).items()
        ),
        return_exceptions=True,
    )
    errors = [result for result in results if isinstance(result, BaseException)]
    for error in errors:
        if isinstance(error, FencedError):  # the one that says most, of several at once
            raise error
    if errors:
        raise errors[0]
