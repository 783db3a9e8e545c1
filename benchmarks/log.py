"""Getting the events into Kafka: topics, whole batches written at once, and how far a reader has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.events import Sent
from streams.rekeyed.partitioner import partition_of

BATCH_BYTES = 512 * 1_024
"""Records written to one partition in one request; the broker takes 1 MB by default."""


async def create_topics(brokers: str, wanted: Sequence[NewTopic]) -> None:
    """Create topics that do not exist yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        await admin.create_topics(list(wanted))
    finally:
        await admin.close()


async def write(brokers: str, partitions: int, events: Iterable[Sent]) -> None:
    """Write records, each to its key's partition and in order; returns when all are acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, max_batch_size=BATCH_BYTES, acks="all")
    await producer.start()
    try:
        await write_with(producer, partitions, events)
    finally:
        await producer.stop()


async def write_with(
    producer: AIOKafkaProducer, partitions: int, events: Iterable[Sent], timestamp_ms: int | None = None
) -> None:
    """As :func:`write`, by a producer at hand; ``timestamp_ms`` is the records' time, else when written."""
    sorted_out: dict[tuple[str, int], list[Sent]] = defaultdict(list)
    for sent in events:
        sorted_out[sent.topic, partition_of(sent.key, partitions)].append(sent)
    acknowledged = []
    for (topic, home), records in sorted_out.items():
        batch = producer.create_batch()
        for sent in records:
            if batch.append(key=sent.key, value=sent.value, timestamp=timestamp_ms) is None:
                batch.close()
                acknowledged.append(await producer.send_batch(batch, topic, partition=home))
                batch = producer.create_batch()
                batch.append(key=sent.key, value=sent.value, timestamp=timestamp_ms)
        batch.close()
        acknowledged.append(await producer.send_batch(batch, topic, partition=home))
    for promise in acknowledged:
        await promise


class Progress:
    """How many records a consumer group has committed, or a topic holds, over all partitions."""

    def __init__(self, brokers: str, group: str = "") -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=brokers, group_id=group or None, enable_auto_commit=False
        )

    async def __aenter__(self) -> Progress:
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def committed(self, names: Sequence[str], partitions: int) -> int:
        """The sum of the group's committed offsets."""
        places = [TopicPartition(name, partition) for name in names for partition in range(partitions)]
        return sum([await self._consumer.committed(place) or 0 for place in places])

    async def written(self, names: Sequence[str], partitions: int) -> int:
        """The sum of the topics' end offsets."""
        places = [TopicPartition(name, partition) for name in names for partition in range(partitions)]
        return sum((await self._consumer.end_offsets(places)).values())
