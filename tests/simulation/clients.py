"""Producer and consumer as ``streams.checkpoint`` and ``streams.recovery`` know them, on a
:class:`FakeKafka`.

They stand in for aiokafka's, with its names, its errors and its asynchrony: a batch is on its way while
others are built, a commit waits for what is on its way, and an error sticks to its transaction. Every request
goes through the worker's :class:`Link`, where it takes time, may be held up, or finds its worker dead, before
or after it took effect.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    InvalidTxnState,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    ProducerFenced,
)
from aiokafka.record import MemoryRecords

from tests.simulation.fake_kafka import FakeKafka, Fenced, Refused, Sent, Slot

Result = TypeVar("Result")

QUICK_S = 0.005
"""A request takes up to this long, there as well as back."""
SLOW_S = 20.0
"""A request that is held up takes up to this long: longer than the worker waits for a checkpoint."""
ISOLATION = "read_committed"
PAGE = 7
"""Records of a fetch of the changelog at most: a recovery takes many."""


class Link:
    """One worker's connection to the broker: where a crash, a freeze or a slow network strikes."""

    def __init__(
        self, kafka: FakeKafka, rng: random.Random, slow_chance: float = 0.0, refuse_chance: float = 0.0
    ) -> None:
        self.kafka = kafka
        self.steps = 0
        """Requests that have arrived at the broker."""
        self.crash_at: tuple[int, str] | None = None
        """The step at which the worker dies, and whether ``before`` or ``after`` the request takes effect."""
        self.dead = False
        self._rng = rng
        self._slow_chance = slow_chance
        self._refuse_chance = refuse_chance
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._died = asyncio.Event()

    def crash(self) -> None:
        """``kill -9``: nothing of this worker reaches the broker any more, and nothing comes back."""
        self.dead = True
        self._died.set()

    async def died(self) -> None:
        """Wait for the crash."""
        await self._died.wait()

    def freeze(self) -> None:
        """SIGSTOP: what is on its way waits, on both ways."""
        self._thawed.clear()

    def thaw(self) -> None:
        """SIGCONT."""
        self._thawed.set()

    async def ask(self, effect: Callable[[], Result], *, may_refuse: bool = False) -> Result:
        """One request: there, its effect, and back."""
        await self._travel()
        self.steps += 1
        self._crash_if("before")
        if self.dead:
            await asyncio.Event().wait()
        if may_refuse and self._rng.random() < self._refuse_chance:
            raise self._rng.choice([KafkaTimeoutError, MessageSizeTooLargeError])
        try:
            result = effect()
        finally:
            self._crash_if("after")
            if self.dead:
                await asyncio.Event().wait()
            await self._travel()
        return result

    def _crash_if(self, moment: str) -> None:
        if self.crash_at == (self.steps, moment):
            self.crash()

    async def _travel(self) -> None:
        slow = self._rng.random() < self._slow_chance
        await asyncio.sleep(self._rng.uniform(0.0, SLOW_S if slow else QUICK_S))
        await self._thawed.wait()


def records_of(batch: Any) -> list[Sent]:
    """The records in a batch as it would be sent: its bytes, read back."""
    records = MemoryRecords(bytes(batch._build()))
    sent: list[Sent] = []
    while records.has_next():
        part = records.next_batch()
        assert part is not None
        sent += [(record.key, record.value, list(record.headers)) for record in part]
    return sent


class FakeProducer:
    """What ``streams.checkpoint`` uses of ``AIOKafkaProducer``."""

    def __init__(self, link: Link, transactional_id: str | None = None, **_: Any) -> None:
        self._link = link
        self._id = transactional_id
        self._epoch = -1
        self._transaction = -1
        self._begun: asyncio.Task[None] | None = None
        self._under_way: list[asyncio.Task[None]] = []
        self._error: KafkaError | None = None

    async def start(self) -> None:
        if self._id is not None:
            transactional_id = self._id
            self._epoch = await self._link.ask(lambda: self._link.kafka.init_producer(transactional_id))

    async def stop(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def begin_transaction(self) -> None:
        assert self._begun is None, "a transaction is open"
        self._error = None
        self._begun = asyncio.create_task(self._begin())  # like aiokafka's, it costs no round trip of its own
        self._begun.add_done_callback(_seen)

    async def _begin(self) -> None:
        assert self._id is not None
        name, epoch = self._id, self._epoch
        await self._request(self._remember(lambda: self._link.kafka.begin(name, epoch)))

    def _remember(self, begin: Callable[[], int]) -> Callable[[], None]:
        def effect() -> None:
            self._transaction = begin()

        return effect

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Task[None]:
        records = records_of(batch)
        kafka = self._link.kafka
        if self._id is None:
            delivery = self._request(lambda: kafka.append((topic, partition), records), may_refuse=True)
        else:
            name, epoch = self._id, self._epoch
            delivery = self._in_transaction(
                lambda: kafka.produce(name, epoch, self._transaction, (topic, partition), records)
            )
        task = asyncio.create_task(delivery)
        self._under_way.append(task)
        task.add_done_callback(_seen)
        return task

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group: str) -> None:
        assert self._id is not None
        name, epoch = self._id, self._epoch
        plain = {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
        await self._in_transaction(
            lambda: self._link.kafka.add_offsets(name, epoch, self._transaction, plain)
        )

    async def _in_transaction(self, effect: Callable[[], None]) -> None:
        assert self._begun is not None, "no transaction is open"
        await asyncio.shield(self._begun)
        await self._request(effect, may_refuse=True)

    async def commit_transaction(self) -> None:
        await self._delivered()
        if self._error is not None:
            raise self._error
        await self._end(commit=True)

    async def abort_transaction(self) -> None:
        await self._delivered()
        await self._end(commit=False)

    async def _delivered(self) -> None:
        assert self._begun is not None, "no transaction is open"
        under_way = [self._begun, *self._under_way]
        await asyncio.wait(under_way)
        self._under_way.clear()

    async def _end(self, *, commit: bool) -> None:
        assert self._id is not None
        name, epoch, number = self._id, self._epoch, self._transaction
        await self._request(lambda: self._link.kafka.end_transaction(name, epoch, number, commit=commit))
        self._begun = None

    async def _request(self, effect: Callable[[], None], *, may_refuse: bool = False) -> None:
        try:
            await self._link.ask(effect, may_refuse=may_refuse)
        except Fenced as error:
            self._error = ProducerFenced(str(error))
            raise self._error from error
        except Refused as error:
            self._error = InvalidTxnState(str(error))
            raise self._error from error
        except KafkaError as error:
            self._error = error
            raise


def _seen(task: asyncio.Task[None]) -> None:
    """A delivery that nobody waits for any more must not complain when it is collected."""
    if not task.cancelled():
        task.exception()


class FakeConsumer:
    """What ``streams.recovery`` uses of ``AIOKafkaConsumer``: assigned, outside of the group, committed
    records.
    """

    def __init__(self, link: Link, *, isolation_level: str, **_: Any) -> None:
        assert isolation_level == ISOLATION, "recovery must read committed records"
        self._link = link
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    async def topics(self) -> set[str]:
        return self._link.kafka.topics

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, -1)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return await self._link.ask(lambda: dict.fromkeys(partitions, 0))

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        kafka = self._link.kafka
        return await self._link.ask(
            lambda: {tp: kafka.stable_end((tp.topic, tp.partition)) for tp in partitions}
        )

    async def committed(self, tp: TopicPartition) -> int | None:
        return await self._link.ask(lambda: self._link.kafka.offsets.get((tp.topic, tp.partition)))

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int, max_records: int = PAGE
    ) -> dict[TopicPartition, list[Slot]]:
        fetched: dict[TopicPartition, list[Slot]] = {}
        for tp in partitions:
            start = self._positions[tp]
            read, limit = self._link.kafka.read, min(max_records, PAGE)
            records, self._positions[tp] = await self._link.ask(
                partial(read, (tp.topic, tp.partition), start, limit)
            )
            if records:
                fetched[tp] = records
        return fetched
