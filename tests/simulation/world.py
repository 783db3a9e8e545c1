"""The simulated world: inputs, a consumer group of workers that die, freeze and are replaced, and the
verdict.

What runs is the real thing (``streams.agents.Assignment`` with ``Partition``, ``recovery`` and
``checkpoint``); what is simulated is everything around it: the broker, the network, the time, and a fetcher
that loses, repeats and overlaps batches as the host library was seen to do. One random generator draws
everything, so a seed is a run.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import pytest
from aiokafka import TopicPartition

from streams import checkpoint, recovery, topics
from streams.agents import Assignment
from streams.checkpoint import AtLeastOnceCheckpoint, Checkpoint, TransactionalCheckpoint
from streams.errors import BrokerError, FlywheelError, InvariantError, StalledError
from streams.partition import Observer
from streams.settings import Settings, load
from streams.transport.batching import FetchedBatch
from streams.watch import LOOK_S, Progress
from tests.simulation import virtual_time
from tests.simulation.clients import FakeConsumer, FakeProducer, Link
from tests.simulation.counting_engine import BAD, MODEL, CountingEngine, rows_of
from tests.simulation.fake_kafka import FakeKafka, Log

PROFILES = 5
SESSION_S = 6.0
"""After this long without a sign of life a worker's partitions are given away."""
POLL_S = 0.02
"""How often somebody looks again while inputs are being written..."""
CALM_POLL_S = 0.3
"""... and afterwards, when what is left to happen takes seconds."""
STALL_MS = 10_000
"""The worker's deadlines, shorter than a request may be held up (``clients.SLOW_S``)."""


@dataclass(frozen=True, slots=True)
class Chances:
    """How the run is: all chances are per occasion. Drawn by :func:`chances_of`, or given by a test."""

    exactly_once: bool = True
    events: int = 40
    """Records of each input log."""
    faults: int = 2
    lost_batch: float = 0.1
    repeated_batch: float = 0.1
    overlapping_batch: float = 0.1
    slow: float = 0.0
    refused: float = 0.0
    crash: float = 0.4
    """A fault is a crash, a freeze, a revocation, or (what is left) a rebalance that gives the same worker
    the same.
    """
    freeze: float = 0.3
    revoke: float = 0.2
    crash_at: tuple[int, str] | None = None
    """The first worker dies at this request, ``before`` or ``after`` it took effect; instead of a fault by
    chance.
    """


def chances_of(rng: random.Random, *, exactly_once: bool) -> Chances:
    """The chances of a seed: from calm to terrible.

    At least once promises nothing against two writers at a time (nothing fences a worker that wakes up), so
    there workers only crash and leave.
    """
    return Chances(
        exactly_once=exactly_once,
        events=rng.choice([5, 20, 60]),
        faults=rng.choice([1, 2, 4]),
        lost_batch=rng.choice([0.0, 0.1, 0.4]),
        repeated_batch=rng.choice([0.0, 0.1, 0.4]),
        overlapping_batch=rng.choice([0.0, 0.1, 0.4]),
        slow=rng.choice([0.0, 0.0, 0.01, 0.05]),
        refused=rng.choice([0.0, 0.0, 0.02]),
        crash=0.4 if exactly_once else 0.7,
        freeze=0.3 if exactly_once else 0.0,
        revoke=0.2 if exactly_once else 0.3,
    )


@dataclass(slots=True)
class Counts:
    """What happened in a run, so that a suite can show that it really tried what it says."""

    crashes: int = 0
    freezes: int = 0
    seeks: int = 0
    dropped: int = 0
    checkpoints: int = 0
    fenced: int = 0
    failed: int = 0
    steps_of_first: int = 0


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
        self._cursors = {log: position for log, position in self._cursors.items() if log[1] not in gone}

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
        return CountingEngine(self._settings.state_topic, once=self._world.chances.exactly_once)

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
                progress.look(
                    saved, await self.link.ask(lambda s=saved: {log: kafka.end(log) for log in s}), clock()
                )
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
            [TopicPartition(topic, number) for topic in topics.INPUTS for number in numbers]
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


@dataclass(slots=True)
class World:
    """One run."""

    rng: random.Random
    chances: Chances
    partitions: int
    settings: Settings
    kafka: FakeKafka
    links: dict[str, Link] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    generation: int = 0
    poll_s: float = POLL_S
    background: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def inputs(self) -> list[Log]:
        return [(topic, number) for topic in topics.INPUTS for number in range(self.partitions)]

    async def run(self) -> None:
        """Workers one after the other until all input is committed and the last one has left in order."""
        publishing = asyncio.create_task(self._publish())
        faults = self.chances.faults
        while True:
            self.generation += 1
            worker = SimulatedWorker(self, f"worker-{self.generation}", self.generation)
            if self.generation == 1:
                worker.link.crash_at = self.chances.crash_at
            worker.assign()
            done = asyncio.create_task(self._done(publishing))
            gone = asyncio.create_task(worker.gone())
            fault = asyncio.create_task(asyncio.sleep(self.rng.uniform(0.0, 0.5) if faults else 10_000.0))
            await asyncio.wait([done, gone, fault], return_when=asyncio.FIRST_COMPLETED)
            if self.generation == 1:
                self.counts.steps_of_first = worker.link.steps
            over = done.done() and not gone.done()
            for task in (done, gone, fault):
                task.cancel()
            if over:
                done.result()
                await worker.leave()
                return
            if worker.link.dead:
                self.counts.crashes += 1
                await asyncio.sleep(self.rng.uniform(0.0, SESSION_S))
            elif worker.failure.done():
                error = worker.failure.result()
                if isinstance(error, InvariantError):
                    raise error
                await worker.leave()
            else:
                faults -= 1
                await self._strike(worker)

    async def _strike(self, worker: SimulatedWorker) -> None:
        kind = self.rng.random()
        if kind < self.chances.crash:
            self.counts.crashes += 1
            worker.link.crash()
            await asyncio.sleep(self.rng.uniform(0.0, SESSION_S))
        elif kind < self.chances.crash + self.chances.freeze:
            self.counts.freezes += 1
            worker.link.freeze()
            await asyncio.sleep(self.rng.uniform(0.5, 1.5) * SESSION_S)
            wakes = asyncio.create_task(self._wake(worker, self.rng.uniform(0.0, 0.3)))
            self.background.add(wakes)
        elif kind < self.chances.crash + self.chances.freeze + self.chances.revoke:
            await worker.leave()
        else:
            leaving = asyncio.create_task(worker.leave())  # its successor does not wait for it
            self.background.add(leaving)
            await asyncio.sleep(self.rng.uniform(0.0, 0.05))

    async def _wake(self, worker: SimulatedWorker, after_s: float) -> None:
        """A frozen worker wakes up beside its successor, goes on as if nothing had been, and ends when it
        fails.
        """
        await asyncio.sleep(after_s)
        worker.link.thaw()
        with suppress(TimeoutError):
            async with asyncio.timeout(SESSION_S):
                await worker.gone()
        await worker.leave()

    async def _publish(self) -> None:
        for number in range(self.chances.events):
            for log in self.inputs:
                key = b"p%d" % self.rng.randrange(PROFILES)
                value = BAD if self.rng.random() < 0.05 else b"%s-%d-%d" % (log[0].encode(), log[1], number)
                self.kafka.append(log, [(key, value, [])])
                if self.rng.random() < 0.1:
                    self.kafka.mark(log)
            await asyncio.sleep(self.rng.uniform(0.0, 0.01))
        self.poll_s = CALM_POLL_S

    async def _done(self, publishing: asyncio.Task[None]) -> None:
        await asyncio.wait([publishing])
        while self._behind():  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(CALM_POLL_S)

    def _behind(self) -> bool:
        return any(self.kafka.offsets.get(log, 0) < self.kafka.end(log) for log in self.inputs)

    # --- the verdict -------------------------------------------------------------------------------------

    def differences(self) -> Iterator[str]:
        """One line for everything that is not as the input logs say."""
        for number in range(self.partitions):
            events = [
                (topic, slot.offset, slot.key, slot.value)
                for topic in topics.INPUTS
                for slot in self._committed(topic, number)
            ]
            for topic in topics.INPUTS:
                if self.kafka.offsets.get((topic, number)) != self.kafka.end((topic, number)):
                    yield f"{topic}-{number} is committed at {self.kafka.offsets.get((topic, number))}"
            rows = rows_of(events)
            yield from (f"{log} ends in a transaction that is open" for log in self.kafka.open_logs())
            yield from self._state_differences(number, rows, events)
            yield from self._output_differences(number, rows, events)
            yield from self._dead_letter_differences(number, events)

    def _committed(self, topic: str, number: int) -> list[Any]:
        return self.kafka.read((topic, number), 0, 1 << 30)[0]

    def _state_differences(self, number: int, rows: dict[bytes, Any], events: list[Any]) -> Iterator[str]:
        # What recovery would rebuild is what counts, so the engine itself reads the changelog.
        engine = CountingEngine(self.settings.state_topic, once=self.chances.exactly_once)
        changelog = self._committed(self.settings.state_topic, number)
        engine.restore([slot.key for slot in changelog], [slot.value for slot in changelog])
        for key in rows.keys() | engine.rows.keys():
            if rows.get(key) != engine.rows.get(key):
                yield f"state of {key!r}: {engine.rows.get(key)} instead of {rows.get(key)}"
        good = [value for *_, value in events if value != BAD]
        learned = {"n": len(good), "sum": sum(map(crc32, good))}
        if self.chances.exactly_once and engine.model != learned:
            yield f"{MODEL!r} of partition {number}: {engine.model} instead of {learned}"

    def _output_differences(self, number: int, rows: dict[bytes, Any], events: list[Any]) -> Iterator[str]:
        wanted: dict[bytes, list[tuple[str, int]]] = {key: [] for key in rows}
        for topic, offset, key, value in events:
            if value != BAD:
                wanted[key].append((topic, offset))
        outputs: dict[bytes, list[Any]] = {key: [] for key in rows}
        for slot in self._committed(topics.ROW_ORDER, number):
            outputs.setdefault(slot.key, []).append(json.loads(slot.value))
        for key, found in outputs.items():
            versions, causes = [o["version"] for o in found], [(o["topic"], o["offset"]) for o in found]
            if not self.chances.exactly_once:
                # A repeat has the version of before; its cause may differ, as two topics come in any order.
                versions, causes = sorted(set(versions)), sorted(set(causes))
            if versions != list(range(1, rows[key]["n"] + 1)):
                yield f"{key!r} has versions {versions} instead of 1 to {rows[key]['n']}"
            elif (last := max(found, key=lambda o: o["version"]))["chains"] != rows[key]["chains"]:
                yield f"the last output of {key!r} is {last} instead of {rows[key]}"
            if sorted(causes) != sorted(wanted[key]):
                yield f"{key!r}: causes of the outputs are not the input"

    def _dead_letter_differences(self, number: int, events: list[Any]) -> Iterator[str]:
        wanted = sorted(b"%d" % offset for _, offset, _, value in events if value == BAD)
        found = sorted(slot.headers[0][1] for slot in self._committed(topics.DEAD_LETTERS, number))
        if not self.chances.exactly_once:
            wanted, found = sorted(set(wanted)), sorted(set(found))
        if wanted != found:
            yield f"dead letters of partition {number}: {found} instead of {wanted}"


def simulate(
    seed: int, monkeypatch: pytest.MonkeyPatch, *, exactly_once: bool = True, **chances: Any
) -> World:
    """Run a seed to its end and assert the verdict. A failure names the seed, which repeats the run."""
    rng = random.Random(seed)
    drawn = (
        Chances(exactly_once=exactly_once, **chances)
        if chances
        else chances_of(rng, exactly_once=exactly_once)
    )
    settings = load({})
    kafka = FakeKafka(topic.name for topic in topics.catalogue(settings))
    world = World(rng, drawn, rng.choice([1, 2]), settings, kafka)
    monkeypatch.setattr(
        checkpoint,
        "AIOKafkaProducer",
        lambda *, bootstrap_servers, **o: FakeProducer(world.links[bootstrap_servers], **o),
    )
    monkeypatch.setattr(
        recovery,
        "AIOKafkaConsumer",
        lambda *, bootstrap_servers, **o: FakeConsumer(world.links[bootstrap_servers], **o),
    )

    async def play() -> None:
        await world.run()
        for task in list(world.background):
            await task

    try:
        virtual_time.run(play())
        differences = list(world.differences())
    except Exception as error:
        raise AssertionError(f"seed {seed} of {drawn}: {error!r}") from error
    assert not differences, "\n".join([f"seed {seed} of {drawn}:", *differences[:10]])
    return world
