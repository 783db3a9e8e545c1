"""Reads topics of the contract from outside of the worker's group: for those who watch and for the
simulated audience.

Committed records only, from the beginning or from now on; no offsets are stored, so any number may follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerError, ConfigurationError
from streams.security.connection import connection
from streams.security.refusals import hidden, refusal
from streams.settings import Settings

FETCH_WAIT_MS = 50
"""An idle fetch waits this long at the broker: what is followed is seen within it."""
MAX_RECORDS = 2_000
"""Records handed over at once."""


class Follower:
    """Follows ``topics``, all partitions of each or only that of number ``partition``; ``from_start`` begins with what
    is already there, or at ``starts`` in the logs (topic, partition number) that it names.

    Use it as an asynchronous context manager. Raises ``BrokerError`` when the broker does not answer and
    ``ConfigurationError`` when a topic is missing.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Iterable[str],
        *,
        from_start: bool,
        partition: int | None = None,
        starts: Mapping[tuple[str, int], int] | None = None,
    ) -> None:
        self._settings = settings
        self._topics = tuple(topics)
        self._from_start = from_start
        self._partition = partition
        self._starts = starts or {}
        self._consumer: Any = None
        self._ends: dict[TopicPartition, int] = {}

    async def caught_up(self) -> bool:
        """Whether all that was there when following began has been handed over."""
        return all([await self._consumer.position(place) >= end for place, end in self._ends.items()])

    async def records(self, wait_ms: int = 200) -> list[Any]:
        """The next committed records (aiokafka's ``ConsumerRecord``), or none when ``wait_ms`` passed
        without any.
        """
        try:
            batches = await self._consumer.getmany(timeout_ms=wait_ms, max_records=MAX_RECORDS)
        except KafkaError as error:
            if refused := await refusal(error, self._settings, "Read"):
                raise refused from error
            raise BrokerError(f"reading {', '.join(self._topics)} failed: {error}") from error
        return [record for batch in batches.values() for record in batch]

    async def __aenter__(self) -> Follower:
        self._consumer = AIOKafkaConsumer(
            **connection(self._settings),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        try:
            await self._consumer.start()
            await self._place()
        except KafkaError as error:
            await self._consumer.stop()
            if refused := await refusal(error, self._settings):
                raise refused from error
            raise BrokerError(f"no answer from the broker at {self._settings.brokers}: {error}") from error
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def _place(self) -> None:
        partitions = [
            place
            for place in await partitions_of(self._consumer, self._topics, self._settings)
            if self._partition in (None, place.partition)
        ]
        self._consumer.assign(partitions)
        # Positions are set by hand: after `end_offsets`, aiokafka's own seeking to the start may read
        # nothing.
        self._ends = await self._consumer.end_offsets(partitions)
        starts = await self._consumer.beginning_offsets(partitions) if self._from_start else self._ends
        for partition, offset in starts.items():
            self._consumer.seek(partition, self._starts.get((partition.topic, partition.partition), offset))


async def partitions_of(consumer: Any, names: Sequence[str], settings: Settings) -> list[TopicPartition]:
    """Every partition of these topics, in order, as an aiokafka client finds them. Raises ``ConfigurationError`` when a
    topic is missing."""
    known = await consumer.topics()
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigurationError(
            f"no topic {', '.join(missing)}: run `flywheel topics create`{hidden(settings)}"
        )
    # Without this the client knows no partitions: Kafka 4 answers the first request for metadata, which
    # names no topic, with none (older brokers and Tansu answered with all).
    await consumer._client.set_topics(names)
    return [
        TopicPartition(name, number)
        for name in names
        for number in sorted(consumer.partitions_for_topic(name))
    ]
