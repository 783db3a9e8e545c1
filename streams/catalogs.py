"""Reads ``title-catalog`` and ``row-catalog``, whole before the first batch is applied, then follows.

Every worker reads all partitions, outside of the consumer group, committed records only. What a record means
is the caller's: each goes to ``put(topic, key, value)``, in log order; a value of ``None`` removes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams import topics
from streams.errors import BrokerError, ConfigurationError
from streams.settings import Settings

log = logging.getLogger(__name__)

POLL_MS = 500
RETRY_PAUSE_S = 1.0

Put = Callable[[str, bytes, bytes | None], None]


class Catalogs:
    """The reader of the catalog topics."""

    def __init__(self, settings: Settings, put: Put) -> None:
        self._settings = settings
        self._put = put
        self._ready = asyncio.Event()
        self.records = 0
        """Records read so far."""

    async def ready(self) -> None:
        """Wait until everything that was in the catalogs at the start has been read.

        Raises ``BrokerError`` when that takes longer than ``recovery_deadline_ms``.
        """
        try:
            async with asyncio.timeout(self._settings.recovery_deadline_ms / 1000):
                await self._ready.wait()
        except TimeoutError as error:
            raise BrokerError("the catalogs could not be read in time") from error

    async def run(self) -> None:
        """Read, then follow for ever. Raises ``ConfigurationError`` when a catalog topic is missing."""
        positions: dict[TopicPartition, int] = {}
        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._settings.brokers,
                client_id=f"{self._settings.app_id}-catalogs",
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            try:
                await consumer.start()
                await self._follow(consumer, positions)
            except KafkaError as error:
                log.warning("the catalogs cannot be read, trying again: %r", error)
                await asyncio.sleep(RETRY_PAUSE_S)
            finally:
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer, positions: dict[TopicPartition, int]) -> None:
        known = await consumer.topics()
        missing = [topic for topic in topics.CATALOGS if topic not in known]
        if missing:
            raise ConfigurationError(
                f"topics {', '.join(missing)} are missing: create them with `flywheel topics`"
            )
        # Without this the client knows no partitions: Kafka 4 answers the first request for metadata, which
        # names no topic, with none (older brokers and Tansu answered with all).
        await consumer._client.set_topics(topics.CATALOGS)
        partitions = [
            TopicPartition(topic, number)
            for topic in topics.CATALOGS
            for number in sorted(consumer.partitions_for_topic(topic))
        ]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        beginnings = await consumer.beginning_offsets(partitions)
        for tp in partitions:
            consumer.seek(tp, positions.get(tp, beginnings[tp]))
        while True:
            fetched = await consumer.getmany(*partitions, timeout_ms=POLL_MS)
            for tp, records in fetched.items():
                for record in records:
                    if record.key is not None:
                        self._put(tp.topic, record.key, record.value)
                    self.records += 1
            for tp in partitions:
                positions[tp] = await consumer.position(tp)
            if not self._ready.is_set() and all(positions[tp] >= ends[tp] for tp in partitions):
                log.info("catalogs are read: %d records", self.records)
                self._ready.set()
