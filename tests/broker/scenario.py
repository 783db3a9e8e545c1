"""A scenario: workers on real Kafka, a stream of inputs, faults by a seeded schedule, and an oracle that
judges the logs.

How a scenario runs, whatever the fault:

1. topics are made, catalogs written, workers started;
2. inputs flow in at a steady rate (so that a slow machine gets fewer events, not a failure) or in bursts;
3. the test does its worst, with times drawn from ``scenario.rng``; the seed is printed and ``SCENARIO_SEED``
repeats it; 4. ``settle``: the flow ends, the workers catch up to the logs' ends, and stop; 5. ``judge``: the
committed offsets stand at the ends, and the oracle compares output and state with the input log.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, Self

from streams import topics
from streams.settings import Settings, load
from tests.broker import log
from tests.broker.log import Entry, Input
from tests.broker.workers import Crew, Stop, Worker

STOP_LIMIT_S = 10.0
"""A worker stops within this time after SIGTERM: the one wall-clock limit that the product promises."""
HANG_S = 120.0
"""No progress for this long is a hang, also on a machine under load."""
POLL_S = 0.2
FLOW_CHUNK = 200
"""Records written at once by a steady flow."""
DIFFERENCES_SHOWN = 12
AT_WORK = " stands at "
"""What a worker logs of every partition that it has rebuilt (``streams.agents``)."""


@dataclass(slots=True)
class Logs:
    """Everything that stands in Kafka once a scenario is over, committed records only, by topic."""

    settings: Settings
    topics: dict[str, list[Entry]] = field(default_factory=dict)

    def of(self, topic: str, partition: int) -> list[Entry]:
        """A topic's entries of one partition, in offset order."""
        return [entry for entry in self.topics[topic] if entry.partition == partition]


class Oracle(Protocol):
    """Recomputes from the input log alone what output and state must be."""

    def topics(self, settings: Settings) -> Sequence[str]:
        """The topics that :meth:`differences` wants to see."""

    def differences(self, logs: Logs) -> Iterator[str]:
        """One line for everything that is not as it must be; nothing when all is well."""


@dataclass(frozen=True, slots=True)
class Play:
    """What a scenario runs: a worker's command, its settings, the inputs (endless), the catalogs and the
    oracle.
    """

    name: str
    command: Sequence[str]
    inputs: Callable[[random.Random, Settings], Iterator[Input]]
    oracle: Oracle
    catalogs: Sequence[Input] = ()
    prelude: Sequence[Input] = ()
    """Inputs that must be read before all others."""
    environ: dict[str, str] = field(default_factory=dict)
    restless: bool = False
    """Its workers write to each other also when nothing comes in, so what they wrote last may be unread."""


class Scenario:
    """One run of a play. Use it as an async context manager; every process it starts ends with it."""

    def __init__(self, play: Play, brokers: str, folder: Path, seed: int, **environ: str) -> None:
        self.seed = int(os.environ.get("SCENARIO_SEED", seed))
        self.rng = random.Random(self.seed)
        self.play = play
        variables = {
            "FLYWHEEL_BROKERS": brokers,
            "FLYWHEEL_APP_ID": f"{play.name}-{self.seed}-{time.time_ns()}",
            "FLYWHEEL_GUARANTEE": "exactly_once",
            "FLYWHEEL_SESSION_TIMEOUT_MS": "6000",
            "FLYWHEEL_WEB_PORT": "-1",
            **play.environ,
            **environ,
        }
        self.settings = load(variables)
        self.crew = Crew(play.command, variables, folder)
        self.stops: list[Stop] = []
        self.written = 0
        self._opened = not play.prelude
        self._inputs = play.inputs(random.Random(self.seed), self.settings)
        self._tasks: list[asyncio.Task[None]] = []
        self._flow: asyncio.Task[None] | None = None
        self._position = log.Position(self.settings, topics.owned(self.settings))

    async def __aenter__(self) -> Self:
        print(f"{self.play.name}: SCENARIO_SEED={self.seed} repeats this schedule")
        await log.create_topics(self.settings)
        self._feed = await log.open_feed(self.settings.brokers)
        await log.publish(self._feed, self.play.catalogs)
        await log.publish(self._feed, self.play.prelude)
        await self._position.start()
        self._tasks.append(asyncio.create_task(self.crew.supervise()))
        return self

    async def __aexit__(self, *error: object) -> None:
        self.crew.kill()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._position.stop()
        await self._feed.stop()
        if error[0] is not None:
            print(self.crew.said(), file=sys.stderr)

    # --- inputs
    # ------------------------------------------------------------------------------------------------

    async def burst(self, count: int) -> None:
        """Write this many inputs at once; the first time not before the prelude is read (start a worker)."""
        if not self._opened:
            self._opened = True
            await self.until(self._caught_up, "the prelude is not read")
        self.written += await log.publish(self._feed, islice(self._inputs, count))

    def flow(self, per_second: float) -> None:
        """Let inputs flow at this rate, until :meth:`settle`."""

        async def run() -> None:
            while True:
                await self.burst(FLOW_CHUNK)
                await asyncio.sleep(FLOW_CHUNK / per_second)

        self._flow = asyncio.create_task(run())
        self._tasks.append(self._flow)

    # --- workers
    # -----------------------------------------------------------------------------------------------

    def worker(self, name: str, **environ: str) -> Worker:
        return self.crew.worker(name, **environ)

    async def stop(self, worker: Worker) -> Stop:
        """SIGTERM; kept in ``stops`` for :meth:`judge`, which asks for code 0 within the limit."""
        stop = await worker.stop(HANG_S)
        self.stops.append(stop)
        return stop

    async def pause(self, low_s: float, high_s: float) -> None:
        """Wait for a time drawn from the schedule."""
        await asyncio.sleep(self.rng.uniform(low_s, high_s))

    async def progress(self) -> None:
        """Wait until more is committed than now."""
        before = await self._position.total()

        async def more() -> bool:
            return await self._position.total() > before

        await self.until(more, "nothing is committed")

    async def at_work(self, worker: Worker) -> None:
        """Wait until a worker that was started has rebuilt a partition (or has ended)."""

        async def ready() -> bool:
            return worker.has_said(AT_WORK) or worker.code is not None

        await self.until(ready, f"{worker.name} does not get to work")

    async def lag(self) -> int:
        """Records written and not yet committed as read."""
        return await self._position.lag()

    async def _caught_up(self) -> bool:
        return await self._position.lag() == 0

    async def caught_up(self) -> None:
        """Wait until nothing is left to read."""
        await self.until(self._caught_up, "there is lag and nothing is committed")

    async def until(self, question: Callable[[], Awaitable[bool]], complaint: str) -> None:
        """Wait until ``question`` says yes; a hang fails the test with ``complaint`` and the workers' last
        words.
        """
        last, moved = -1, time.monotonic()
        while not await question():
            for task in self._tasks:
                if task.done() and not task.cancelled():
                    task.result()  # the supervisor gave up, or the flow failed
            total = await self._position.total()
            if total != last:
                last, moved = total, time.monotonic()
            if time.monotonic() - moved > HANG_S:
                raise AssertionError(f"{complaint} for {HANG_S:.0f} s; the workers said:\n{self.crew.said()}")
            await asyncio.sleep(POLL_S)

    async def settle(self) -> None:
        """End the flow, wait until the workers have committed all of the input, and stop them."""
        if self._flow is not None:
            self._flow.cancel()
            with suppress(asyncio.CancelledError):
                await self._flow
        await self._feed.flush()

        await self.caught_up()
        for worker in self.crew.workers.values():
            if worker.wanted:
                await self.at_work(worker)  # one that was started a moment ago could not answer a SIGTERM yet
                await self.stop(worker)

    # --- the verdict
    # -------------------------------------------------------------------------------------------

    def _must_be_read(self, topic: str) -> bool:
        return topic in topics.INPUTS or not self.play.restless

    async def judge(self, *, may_exit: bool = False) -> None:
        """Assert that nothing was lost or counted twice, that every stop was in time, and, unless
        ``may_exit``, that no worker ended by itself.
        """
        logs = Logs(self.settings)
        for topic in dict.fromkeys([*topics.INPUTS, *self.play.oracle.topics(self.settings)]):
            logs.topics[topic] = await log.read(self.settings.brokers, topic, self.settings.partitions)
        committed, ends = await self._position.committed(), await self._position.ends()
        assert {log: at for log, at in committed.items() if self._must_be_read(log.topic)} == {
            log: at for log, at in ends.items() if self._must_be_read(log.topic)
        }
        differences = list(islice(self.play.oracle.differences(logs), DIFFERENCES_SHOWN))
        counts = {topic: len(entries) for topic, entries in logs.topics.items()}
        print(
            f"{self.play.name}: {counts}, {len(self.stops)} stops, {len(self.crew.exits)} exits of their own"
        )
        assert not differences, "\n".join([f"seed {self.seed}:", *differences])
        bad = [stop for stop in self.stops if stop.code != 0 or stop.seconds > STOP_LIMIT_S]
        assert not bad, f"stops that failed or took too long: {bad}\n{self.crew.said()}"
        assert may_exit or not self.crew.exits, f"workers ended by themselves: {self.crew.exits}"
