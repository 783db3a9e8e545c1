"""Kafka as the fault suite sees it: topics made, inputs written, whole logs read back, committed positions
asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams import topics
from streams.settings import Settings

READ_DEADLINE_S = 120.0
"""Reading a log of some 100,000 records takes a second; this is for a hang, not for a slow machine."""


@dataclass(frozen=True, slots=True)
class Input:
    """A record to be published: ``partition`` is the partition of its profile."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A record as it stands in the log."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


async def create_topics(settings: Settings) -> None:
    """Every topic of the contract, never deleting anything: the oracle reads the whole log."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.brokers)
    await admin.start()
    wanted = [
        NewTopic(
            topic.name,
            settings.partitions,
            settings.replication,
            topic_configs={"retention.ms": "-1", "cleanup.policy": "delete"},
        )
        for topic in topics.catalogue(settings)
    ]
    response = await admin.create_topics(wanted)
    await admin.close()
    failed = [error for error in response.topic_errors if error[1] != 0]
    assert not failed, f"topics could not be created: {failed}"


async def open_feed(brokers: str) -> AIOKafkaProducer:
    """A producer for :func:`publish` that outlasts a broker's restart."""
    feed = AIOKafkaProducer(bootstrap_servers=brokers, acks="all", linger_ms=5, request_timeout_ms=60_000)
    await feed.start()
    return feed


async def publish(feed: AIOKafkaProducer, inputs: Iterable[Input]) -> int:
    """Write inputs in order (per partition); returns how many once all are acknowledged."""
    by_log: dict[tuple[str, int], list[Input]] = {}
    for item in inputs:
        by_log.setdefault((item.topic, item.partition), []).append(item)
    acknowledged = []
    for (topic, partition), items in by_log.items():
        batch = feed.create_batch()
        for item in items:
            if batch.append(key=item.key, value=item.value, timestamp=None) is None:
                batch.close()
                acknowledged.append(await feed.send_batch(batch, topic, partition=partition))
                batch = feed.create_batch()
                assert batch.append(key=item.key, value=item.value, timestamp=None) is not None
        batch.close()
        acknowledged.append(await feed.send_batch(batch, topic, partition=partition))
    for future in acknowledged:
        await future
    return sum(len(items) for items in by_log.values())


class Position:
    """Asks where a group and the logs of its input stand, through one consumer that joins nothing."""

    def __init__(self, settings: Settings, names: Sequence[str]) -> None:
        self._logs = [TopicPartition(name, p) for name in names for p in range(settings.partitions)]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.brokers, group_id=settings.app_id, enable_auto_commit=False
        )

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()

    async def committed(self) -> dict[TopicPartition, int]:
        """The group's committed offset per input log, 0 where there is none."""
        return {log: (await self._consumer.committed(log)) or 0 for log in self._logs}

    async def ends(self) -> dict[TopicPartition, int]:
        """The end of every input log."""
        return dict(await self._consumer.end_offsets(self._logs))

    async def lag(self) -> int:
        """Records that are written and not yet committed as read.

        A commit may write to another partition, so the ends are looked at again afterwards: 0 means that all
        was read at one moment.
        """
        ends = await self.ends()
        committed = await self.committed()
        grown = sum((await self.ends()).values()) - sum(ends.values())
        return sum(ends[log] - committed[log] for log in self._logs) + grown

    async def total(self) -> int:
        """The sum of committed offsets: it grows with every record that is done."""
        return sum((await self.committed()).values())


async def read(brokers: str, topic: str, partitions: int, isolation: str = "read_committed") -> list[Entry]:
    """A topic's records, by partition and offset, up to the end of what ``isolation`` shows."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 << 20,
    )
    await consumer.start()
    try:
        logs = [TopicPartition(topic, partition) for partition in range(partitions)]
        consumer.assign(logs)
        ends = await consumer.end_offsets(logs)
        for log in logs:
            consumer.seek(log, 0)
        entries: list[Entry] = []
        async with asyncio.timeout(READ_DEADLINE_S):
            while any([await consumer.position(log) < ends[log] for log in logs]):
                fetched = await consumer.getmany(timeout_ms=200, max_records=20_000)
                for log, records in fetched.items():
                    entries += [
                        Entry(log.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
                        for r in records
                    ]
        entries.sort(key=lambda entry: (entry.partition, entry.offset))
        return entries
    finally:
        await consumer.stop()
