"""The Faust transport ``flywheel://``: the records of one fetch of one partition come as one message.

Responsible for what the worker's loop sees of it: the consumer that places and rewinds partitions and turns
batches into messages, the schema that hands them to the agent as they are. Everything else of Faust's
transport stays as it is, and topics that no partition owns pass as usual. The fetching itself is in ``fetching``,
in a thread of its own, and asked through ``_in_thread``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams import topics
from streams.errors import BrokerError
from streams.transport.fetching import FetchedBatch, FetchThread

__all__ = ["BatchSchema", "Consumer", "FetchThread", "FetchedBatch", "ReadOffsets", "Transport"]


class BatchSchema(Schema):
    """Hands the batch to the agent as it is."""

    def loads_key(self, app: Any, message: Any, **options: Any) -> Any:
        return message.key

    def loads_value(self, app: Any, message: Any, **options: Any) -> Any:
        return message.value


class ReadOffsets(dict[TP, int | None]):
    """Faust's note of what it has read: none for what a partition owns.

    Faust silently drops a message below it; whether a batch counts, the partition's position says.
    """

    def __missing__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        if not topics.is_owned(tp.topic):
            super().__setitem__(tp, offset)

    def update(self, other: Any = (), /, **_: Any) -> None:
        for tp, offset in dict(other).items():
            self[tp] = offset


class Consumer(driver.Consumer):
    """Faust's consumer with batches for the owned topics, and the worker's side of placing them."""

    _thread: FetchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = ReadOffsets()
        self._rewinds: dict[TopicPartition, int] = {}

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    def _in_thread(self, coroutine: Coroutine[Any, Any, None]) -> Awaitable[None]:
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._thread.thread_loop))

    def rewinds(self, topic: str, partition: int) -> int:
        """How often this partition has been placed so far: a batch with a smaller number is stale."""
        return self._rewinds.get(TopicPartition(topic, partition), 0)

    async def place(self, partition: int, positions: Mapping[str, int]) -> None:
        """Fetch partition number ``partition`` of these topics from these positions on."""
        placed = {TopicPartition(topic, partition): position for topic, position in positions.items()}
        for tp in placed:
            self._rewinds[tp] = self._rewinds.get(tp, 0) + 1
        await self._in_thread(self._thread.place(placed, {tp: self._rewinds[tp] for tp in placed}))

    async def withdraw(self, partitions: Iterable[int]) -> None:
        """Fetch these partition numbers of the owned topics no more."""
        numbers = set(partitions)
        await self._in_thread(self._thread.withdraw([tp for tp in self._rewinds if tp.partition in numbers]))

    async def commit_positions(self, partition: int, positions: Mapping[str, int]) -> None:
        """Commit input positions outside of a transaction (at least once). Raises ``BrokerError`` when
        refused."""
        offsets = {TopicPartition(topic, partition): position for topic, position in positions.items()}
        try:
            await self._in_thread(self._thread.commit_positions(offsets))
        except KafkaError as error:
            raise BrokerError(f"the group refused positions of partition {partition}: {error!r}") from error

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, FetchedBatch):
            return super()._to_message(tp, record)
        return ConsumerMessage(
            record.topic,
            record.partition,
            record.start,
            0.0,
            0,
            None,
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    def on_buffer_full(self, tp: TP) -> None:
        # Faust stops fetching a partition whose buffer is nearly full, and with every partition stopped it
        # sleeps for a second. The full buffer itself holds the fetcher back, and just as long as it is full.
        if not topics.is_owned(tp.topic):
            super().on_buffer_full(tp)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust's detector compares two different clocks; ``streams.watch`` does this job."""


class Transport(driver.Transport):
    """Entry point ``flywheel`` of the group ``faust.transports``: broker URLs ``flywheel://host:port``."""

    Consumer = Consumer
