"""What state costs: bytes of memory a profile, and how fast a lost worker's state is read back.

Memory is what the whole process grows by when it holds more profiles, with all that comes with them (names,
indexes, fragmentation), not the size of a column. Workers with few and with many profiles are compared at
rest and with the same past: both rebuilt, or the second fed in step (a backlog would fill buffers that have
nothing to do with how many profiles there are). Recovery is by the worker's own metrics: changelog records
by the time during which at least one partition was being rebuilt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

from benchmarks import log
from benchmarks.contenders import BenchmarkError, Worker
from benchmarks.events import Sent
from streams.metrics import catalogue

SETTLE_SECONDS = 3.0
"""For buffers to be given back before memory is read."""
POLL_SECONDS = 0.02
CHUNK = 4_000
"""Events published at once: a tenth of a second's work."""
STANDSTILL_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Holding:
    """What a worker at rest holds: profiles, bytes of their columns, resident bytes of the process."""

    profiles: int
    column_bytes: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """From a worker with ``few`` profiles to one with ``many``."""

    few: Holding
    many: Holding

    @property
    def profiles(self) -> int:
        return self.many.profiles - self.few.profiles

    @property
    def bytes_per_profile(self) -> float:
        """All the growth of the process, by profile."""
        return (self.many.rss_bytes - self.few.rss_bytes) / self.profiles

    @property
    def column_bytes_per_profile(self) -> float:
        return (self.many.column_bytes - self.few.column_bytes) / self.profiles


@dataclass(frozen=True, slots=True)
class Recovery:
    """``records`` of the changelog in ``seconds``; ``until_ready``: seconds from the start of the process."""

    records: int
    seconds: float
    until_ready: float

    @property
    def records_per_second(self) -> float:
        return self.records / self.seconds if self.seconds else 0.0


async def arrive_in_step(
    brokers: str,
    partitions: int,
    events: Sequence[Sent],
    worker: Worker,
    progress: Callable[[], Awaitable[int]],
) -> None:
    """Publish the events a chunk at a time, each when the worker has taken the one before in."""
    producer = AIOKafkaProducer(bootstrap_servers=brokers, max_batch_size=log.BATCH_BYTES, acks="all")
    await producer.start()
    try:
        done = await progress()
        for start in range(0, len(events), CHUNK):
            chunk = events[start : start + CHUNK]
            await log.write_with(producer, partitions, chunk)
            done += len(chunk)
            await until_done(worker, progress, done)
    finally:
        await producer.stop()


async def until_done(worker: Worker, progress: Callable[[], Awaitable[int]], wanted: int) -> None:
    """Wait until ``progress`` has reached ``wanted``. Raises ``BenchmarkError`` at a standstill."""
    last, moved = -1, time.monotonic()
    while (done := await progress()) < wanted:
        worker.check()
        now = time.monotonic()
        if done != last:
            last, moved = done, now
        elif now - moved > STANDSTILL_SECONDS:
            raise BenchmarkError(
                f"the worker stands still at {done} of {wanted} events:\n{worker.said()[-3_000:]}"
            )
        await asyncio.sleep(POLL_SECONDS)


async def held(worker: Worker) -> Holding:
    """What the worker holds when it has come to rest."""
    await asyncio.sleep(SETTLE_SECONDS)
    metrics = worker.metrics()
    return Holding(
        profiles=int(sum(metrics[catalogue.PROFILES.name].values())),
        column_bytes=int(sum(metrics[catalogue.STATE_BYTES.name].values())),
        rss_bytes=worker.usage().rss_bytes,
    )


def measure_recovery(worker: Worker, began: float) -> Recovery:
    """What a worker that was started at ``began`` (monotonic) has read to be ready."""
    worker.await_ready()
    until_ready = time.monotonic() - began
    metrics = worker.metrics()
    return Recovery(
        records=int(metrics[catalogue.RECOVERY_RECORDS.name][()]),
        seconds=metrics[catalogue.RECOVERY_TIME.name][()],
        until_ready=until_ready,
    )
