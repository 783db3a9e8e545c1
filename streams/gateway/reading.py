"""Reads the compacted topics whole, then follows them; says how far it is, and how stale what it has read is.

Committed records only, all partitions, outside of any consumer group: any number of gateways may read. A gateway that
starts reads everything again, so it keeps nothing that could be lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.compacted import assign_whole
from streams.gateway.known import READ
from streams.security.connection import connection
from streams.security.refusals import refusal
from streams.settings import Settings

log = logging.getLogger(__name__)

POLL_MS = 100
FETCH_WAIT_MS = 25
"""An idle fetch waits this long at the broker: a decision is served within it, and so is how fresh it all is."""
RETRY_PAUSE_S = 1.0
STEP_RECORDS = 100
"""Taken in without a pause, about half a millisecond: requests are answered in between."""
RESTING_S = 0.005
"""Between two looks while following: what came meanwhile is taken together."""

Take = Callable[[str, bytes, bytes | None, bool], None]
"""``take(topic, key, value, news)``; ``news``: it was not there yet when reading began."""


@dataclass(slots=True)
class Progress:
    """How far reading is. Times are milliseconds of the wall clock (``as_of_ms``: 0 before anything was read)."""

    wanted: int = 0
    """Log positions between where reading began and the ends seen then."""
    done: int = 0
    ready: bool = False
    as_of_ms: int = 0

    @property
    def share(self) -> float:
        """Of what was there at the start, the share that is read."""
        return 1.0 if self.ready else min(1.0, self.done / self.wanted) if self.wanted else 0.0


class Reader:
    """Reads ``READ``. ``records`` counts what was read, by topic; ``take`` gets each."""

    def __init__(self, settings: Settings, take: Take, clock_ms: Callable[[], int]) -> None:
        self.progress = Progress()
        self.records: Counter[str] = Counter()
        self.retries = 0
        self._settings = settings
        self._take = take
        self._clock_ms = clock_ms
        self._places: tuple[TopicPartition, ...] = ()
        self._positions: dict[TopicPartition, int] = {}
        self._stamps: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    def stale_ms(self) -> int:
        """By how much what is served may be behind the log."""
        return max(0, self._clock_ms() - self.progress.as_of_ms) if self.progress.as_of_ms else 0

    async def run(self, settled: Callable[[], None] = lambda: None) -> None:
        """Read, then follow for ever; ``settled`` is called once, when everything that was there is read.

        Raises ``ConfigurationError`` when a topic is missing or reading is refused; a broker that is away is
        waited for.
        """
        while True:
            consumer = AIOKafkaConsumer(
                **connection(self._settings),
                client_id=f"{self._settings.app_id}-gateway",
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=FETCH_WAIT_MS,
            )
            try:
                await consumer.start()
                await self._place(consumer)
                await self._follow(consumer, settled)
            except KafkaError as error:
                if refused := await refusal(error, self._settings, "Read"):
                    raise refused from error
                self.retries += 1
                log.warning("Kafka cannot be read, trying again: %r", error)
                await asyncio.sleep(RETRY_PAUSE_S)
            finally:
                await consumer.stop()

    async def _place(self, consumer: Any) -> None:
        places = await assign_whole(consumer, READ, self._settings)
        beginnings = await consumer.beginning_offsets(places)
        if not self._ends:
            self._ends = await consumer.end_offsets(places)
            self.progress.wanted = sum(max(0, self._ends[place] - beginnings[place]) for place in places)
        for place in places:
            # A log that was made anew is read anew.
            position = max(self._positions.get(place, 0), beginnings[place])
            consumer.seek(place, position)
            self._positions[place] = position
        self._places = tuple(places)

    async def _follow(self, consumer: Any, settled: Callable[[], None]) -> None:
        progress, positions = self.progress, self._positions
        while True:
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=STEP_RECORDS * 20)
            for place, records in fetched.items():
                topic, news = place.topic, self._ends.get(place, 0)
                for start in range(0, len(records), STEP_RECORDS):
                    for record in records[start : start + STEP_RECORDS]:
                        if record.key is not None:
                            self._take(topic, record.key, record.value, record.offset >= news)
                    await asyncio.sleep(0)
                self._stamps[place] = records[-1].timestamp
                self.records[topic] += len(records)
            before = sum(positions.values())
            for place in self._places:
                positions[place] = await consumer.position(place)
            progress.done += sum(positions.values()) - before
            progress.as_of_ms = self._as_of(consumer)
            if not progress.ready and all(positions[place] >= end for place, end in self._ends.items()):
                progress.ready = True
                log.info("%d records are read", sum(self.records.values()))
                settled()
            if progress.ready:
                await asyncio.sleep(RESTING_S)

    def _as_of(self, consumer: Any) -> int:
        """The wall clock's time up to which everything committed is read."""
        oldest = self._clock_ms()
        for place in self._places:
            asked = consumer.last_poll_timestamp(place)
            if asked is None:
                return self.progress.as_of_ms
            end = consumer.last_stable_offset(place)
            if end is None or end < 0:
                end = consumer.highwater(place)
            if end is None or self._positions[place] >= end:
                oldest = min(oldest, asked)
            elif place in self._stamps:
                oldest = min(oldest, asked, self._stamps[place])
            else:  # its first record is on its way
                oldest = min(oldest, self.progress.as_of_ms)
        return oldest
