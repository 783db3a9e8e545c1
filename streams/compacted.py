"""Reads compacted topics whole before the first batch is applied, then follows them: the catalogs, and what the
partitions have told each other.

Every worker reads all partitions, outside of the consumer group, committed records only. What a record means
is the caller's: each goes to ``put(topic, key, value)``, in log order; a value of ``None`` removes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerError
from streams.following import partitions_of
from streams.security.connection import connection
from streams.security.refusals import refusal
from streams.settings import Settings

log = logging.getLogger(__name__)

POLL_MS = 500
RETRY_PAUSE_S = 1.0
FOLLOW_PAUSE_S = 0.2
"""News is taken in at most five times a second: a title's statistics come every some seconds at most, and each
look costs as much for one record as for a hundred."""
RECORDS_AT_ONCE = 500
"""Taken in without a pause, some 2 ms: the worker's loop has other things to do as well."""

Put = Callable[[str, bytes, bytes | None], None]


class CompactedTopics:
    """The reader of ``names``."""

    def __init__(self, settings: Settings, names: Sequence[str], put: Put) -> None:
        self._settings = settings
        self._names = tuple(names)
        self._put = put
        self._ready = asyncio.Event()
        self.records = 0
        """Records read so far."""

    async def ready(self) -> None:
        """Wait until everything that was there at the start has been read.

        Raises ``BrokerError`` when that takes longer than ``recovery_deadline_ms``.
        """
        try:
            async with asyncio.timeout(self._settings.recovery_deadline_ms / 1000):
                await self._ready.wait()
        except TimeoutError as error:
            raise BrokerError(f"{', '.join(self._names)} could not be read in time") from error

    async def run(self) -> None:
        """Read, then follow for ever. Raises ``ConfigurationError`` when a topic is missing."""
        positions: dict[TopicPartition, int] = {}
        while True:
            consumer = AIOKafkaConsumer(
                **connection(self._settings),
                client_id=f"{self._settings.app_id}-compacted",
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            try:
                await consumer.start()
                await self._follow(consumer, positions)
            except KafkaError as error:
                if refused := await refusal(error, self._settings, "Read"):
                    raise refused from error
                log.warning("%s cannot be read, trying again: %r", ", ".join(self._names), error)
                await asyncio.sleep(RETRY_PAUSE_S)
            finally:
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer, positions: dict[TopicPartition, int]) -> None:
        partitions = await assign_whole(consumer, self._names, self._settings)
        ends = await consumer.end_offsets(partitions)
        beginnings = await consumer.beginning_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, positions.get(tp, beginnings[tp]))
        while True:
            fetched = await consumer.getmany(*partitions, timeout_ms=POLL_MS)
            for tp, records in fetched.items():
                for index, record in enumerate(records, start=1):
                    if record.key is not None:
                        self._put(tp.topic, record.key, record.value)
                    if index % RECORDS_AT_ONCE == 0:
                        await asyncio.sleep(0)
                self.records += len(records)
            for tp in partitions:
                positions[tp] = await consumer.position(tp)
            if self._ready.is_set():
                await asyncio.sleep(FOLLOW_PAUSE_S)
            elif all(positions[tp] >= ends[tp] for tp in partitions):
                log.info("%s are read: %d records", ", ".join(self._names), self.records)
                self._ready.set()


async def assign_whole(consumer: Any, names: Sequence[str], settings: Settings) -> list[TopicPartition]:
    """Give ``consumer`` every partition of these topics; returns them, in order. Raises ``ConfigurationError`` when a
    topic is missing."""
    partitions = await partitions_of(consumer, names, settings)
    consumer.assign(partitions)
    return partitions
