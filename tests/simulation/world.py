"""The simulated world: inputs, a consumer group of workers that die, freeze and are replaced, and the
verdict.

What runs is the real thing (``streams.agents.Assignment`` with ``Partition``, ``recovery`` and
``checkpoint``); what is simulated is everything around it: the broker, the network, the time, and a fetcher
that loses, repeats and overlaps batches as the host library was seen to do. One random generator draws
everything, so a seed is a run.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

from streams import checkpoint, recovery, topics
from streams.errors import FlywheelError, InvariantError
from streams.settings import Settings, load
from tests.simulation import virtual_time
from tests.simulation.chances import Chances, Counts, chances_of
from tests.simulation.clients import FakeConsumer, FakeProducer, Link
from tests.simulation.counting_engine import BAD, CountingEngine
from tests.simulation.fake_kafka import FakeKafka, Log
from tests.simulation.verdict import differences
from tests.simulation.worker import SimulatedWorker

PROFILES = 5
DIFFERENCES_SHOWN = 10
SESSION_S = 6.0
"""After this long without a sign of life a worker's partitions are given away."""
POLL_S = 0.02
"""How often somebody looks again while inputs are being written..."""
CALM_POLL_S = 0.3
"""... and afterwards, when what is left to happen takes seconds."""


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

    @property
    def owned(self) -> list[Log]:
        """The inputs and what the partitions write to each other."""
        return [(topic, number) for topic in topics.owned(self.settings) for number in range(self.partitions)]

    def new_engine(self, number: int) -> CountingEngine:
        return CountingEngine(self.settings, number, self.partitions, once=self.chances.exactly_once)

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
        return any(self.kafka.offsets.get(log, 0) < self.kafka.end(log) for log in self.owned)


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
    except (FlywheelError, virtual_time.Hang) as error:
        raise AssertionError(f"seed {seed} of {drawn}: {error!r}") from error
    except Exception as error:
        error.add_note(f"seed {seed} of {drawn}")
        raise
    wrong = list(islice(differences(world), DIFFERENCES_SHOWN))
    assert not wrong, "\n".join([f"seed {seed} of {drawn}:", *wrong])
    return world
