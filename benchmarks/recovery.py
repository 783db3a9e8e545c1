"""What state costs: bytes of memory a profile, and how fast a lost worker's state is read back.

Memory is the growth of the whole process while a new audience arrives, with everything that comes with it
(names, indexes, fragmentation), not the size of a column. The audience arrives in step with the worker:
a backlog would fill buffers that have nothing to do with how many profiles there are. Recovery is by the
worker's own metrics: changelog records by the time during which at least one partition was being rebuilt.
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
class Memory:
    """Resident bytes ``before`` and ``after`` so many ``profiles`` were added, and bytes of their columns."""

    profiles: int
    before: int
    after: int
    column_bytes: int

    @property
    def bytes_per_profile(self) -> float:
        """All the growth of the process, by profile."""
        return (self.after - self.before) / self.profiles

    @property
    def column_bytes_per_profile(self) -> float:
        return self.column_bytes / self.profiles


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


def held(worker: Worker) -> tuple[int, int]:
    """Profiles that the worker holds, and bytes of their columns."""
    metrics = worker.metrics()
    profiles = sum(metrics[catalogue.PROFILES.name].values())
    return int(profiles), int(sum(metrics[catalogue.STATE_BYTES.name].values()))


async def measure_memory(worker: Worker, arrive: Callable[[], Awaitable[None]]) -> Memory:
    """Memory before and after ``arrive``, which returns when the new audience's events are applied."""
    await asyncio.sleep(SETTLE_SECONDS)
    profiles, columns = held(worker)
    before = worker.usage().rss_bytes
    await arrive()
    await asyncio.sleep(SETTLE_SECONDS)
    profiles_after, columns_after = held(worker)
    return Memory(
        profiles=profiles_after - profiles,
        before=before,
        after=worker.usage().rss_bytes,
        column_bytes=columns_after - columns,
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
