"""One simulated worker process: the real assignment, a link of its own, a fetcher with faults."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from streams import topics
from streams.agents import Assignment
from streams.checkpoint import AtLeastOnceCheckpoint, Checkpoint, TransactionalCheckpoint
from streams.errors import BrokerError, FlywheelError, StalledError
from streams.partition import Observer
from streams.settings import load
from streams.transport.batching import FetchedBatch
from streams.watch import LOOK_S, Progress
from tests.simulation.chances import Counts
from tests.simulation.clients import Link
from tests.simulation.counting_engine import CountingEngine
from tests.simulation.fake_kafka import Log

if TYPE_CHECKING:
    from tests.simulation.world import World

STALL_MS = 10_000
"""The worker's deadlines, shorter than a request may be held up (``clients.SLOW_S``)."""


class Counting(Observer):
    """Counts into the world's counts."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def on_dropped(self, partition: int, topic: str, records: int) -> None:
        self._counts.dropped += 1

    def on_checkpoint(self, partition: int, seconds: float, records: int, writes: Any) -> None:
        self._counts.checkpoints += 1

    def on_seek(self, partition: int, topic: str, position: int) -> None:
        self._counts.seeks += 1

    def on_event(self, kind: str, detail: str) -> None:
        self._counts.fenced += kind == "fenced"
        self._counts.failed += kind == "checkpoint_failed"


class Fetcher:
    """The consumer of one worker (``streams.agents.Places``) and the agent's stream, with the host library's
    faults.
    """

    def __init__(self, world: World, link: Link) -> None:
        self._world = world
        self._link = link
        self._cursors: dict[Log, int] = {}
        self._rewinds: dict[Log, int] = {}

    def rewinds(self, topic: str, partition: int) -> int:
        return self._rewinds.get((topic, partition), 0)

    async def place(self, partition: int, positions: Mapping[str, int]) -> None:
        for topic in positions:
            self._rewinds[topic, partition] = self.rewinds(topic, partition) + 1
        await asyncio.sleep(self._world.rng.uniform(0.0, 0.002))
        for topic, position in positions.items():
            self._cursors[topic, partition] = position

    async def withdraw(self, partitions: Iterable[int]) -> None:
        gone = set(partitions)
        self._cursors = {log: at for log, at in self._cursors.items() if log[1] not in gone}

    async def earliest_offsets(self, *partitions: TopicPartition) -> dict[TopicPartition, int]:
        return await self._link.ask(lambda: dict.fromkeys(partitions, 0))

    async def batches(self) -> Any:
        """Fetched batches for ever, some of them lost, repeated or overlapping with the one before."""
        world, rng, chances = self._world, self._world.rng, self._world.chances
        while True:
            if not self._cursors:
                await asyncio.sleep(world.poll_s)
                continue
            log = rng.choice(sorted(self._cursors))
            start = self._cursors[log]
            if rng.random() < chances.overlapping_batch:
                start = max(0, start - rng.randrange(1, 5))
            rewinds, limit = self._rewinds[log], rng.choice([1, 3, 8, 50])
            records, end = await self._link.ask(
                lambda log=log, start=start, limit=limit: world.kafka.read(log, start, limit)
            )
            if log not in self._cursors or self._rewinds[log] != rewinds:
                continue
            if end == start:
                await asyncio.sleep(world.poll_s)
                continue
            self._cursors[log] = max(end, self._cursors[log])
            if rng.random() < chances.lost_batch:
                continue
            batch = FetchedBatch(log[0], log[1], start, end, records, rewinds)
            for _ in range(2 if rng.random() < chances.repeated_batch else 1):
                yield batch


class SimulatedWorker:
    """One worker process: the real assignment over a link of its own."""

    def __init__(self, world: World, name: str, generation: int) -> None:
        self.name = name
        self.link = Link(world.kafka, world.rng, world.chances.slow, world.chances.refused)
        self.failure: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._world = world
        self._generation = generation
        self._fetcher = Fetcher(world, self.link)
        world.links[name] = self.link
        self._settings = load(
            {}, brokers=name, checkpoint_records=10, checkpoint_interval_ms=20, stall_deadline_ms=STALL_MS
        )
        self.assignment = Assignment(
            self._settings,
            self._engine,
            self._checkpoint,
            lambda: self._fetcher,
            self._ready,
            self._fail,
            Counting(world.counts),
        )
        self._agent = asyncio.create_task(self.assignment.feed(self._fetcher.batches()))
        self._watch = asyncio.create_task(self._look())

    def _engine(self, number: int) -> CountingEngine:
        return self._world.new_engine(number)

    def _checkpoint(self, number: int) -> Checkpoint:
        if self._world.chances.exactly_once:
            return TransactionalCheckpoint(self._settings, number)
        return AtLeastOnceCheckpoint(self._settings, number, self._commit_positions_of(number))

    def _commit_positions_of(self, number: int) -> Callable[[Mapping[str, int]], Any]:
        async def commit(positions: Mapping[str, int]) -> None:
            world = self._world

            def effect() -> None:
                if world.generation != self._generation:
                    raise BrokerError("this member was given up on")
                world.kafka.commit_offsets({(topic, number): offset for topic, offset in positions.items()})

            await self.link.ask(effect)

        return commit

    async def _look(self) -> None:
        """The watch: a batch that is lost at the end of a log shows in no later one."""
        progress = Progress(self._settings.stall_deadline_ms / 1000)
        kafka, clock = self._world.kafka, asyncio.get_running_loop().time
        try:
            while True:
                await asyncio.sleep(LOOK_S)
                saved = {
                    (topic, number): position
                    for number, partition in self.assignment.partitions.items()
                    for topic, position in partition.saved.items()
                }
                ends = await self.link.ask(lambda s=saved: {log: kafka.stable_end(log) for log in s})
                progress.look(saved, ends, clock())
        except StalledError as error:
            self._fail(error)

    async def _ready(self) -> None:
        """Catalogs are not simulated."""

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_result(error)

    def assign(self) -> None:
        numbers = range(self._world.partitions)
        self.assignment.assign(
            [TopicPartition(topic, number) for topic in topics.owned(self._settings) for number in numbers]
        )

    async def leave(self) -> None:
        """Stop in order; what goes wrong then is the next owner's to mend."""
        with suppress(FlywheelError):
            await self.assignment.release(keep=not self.failure.done())
        for task in (self._agent, self._watch):
            task.cancel()
        await asyncio.wait([self._agent, self._watch])
        if not self._world.chances.exactly_once:
            # With its process its requests are gone; a fenced writer's may as well arrive late.
            self.link.crash()

    async def gone(self) -> None:
        """Wait until the worker is dead or has failed."""
        died = asyncio.create_task(self.link.died())
        await asyncio.wait([died, self.failure], return_when=asyncio.FIRST_COMPLETED)
        died.cancel()
