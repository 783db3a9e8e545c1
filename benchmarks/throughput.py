"""How fast a contender takes in a log that is already full: events a second, CPU seconds per million events.

The log is written first, so that no producer shares the machine. Measuring begins when the contender has
taken the first events in, so that start-up and compiling are left out, and ends when it has taken the last.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from benchmarks.contenders import BenchmarkError, Contender
from benchmarks.process import TICKS_PER_SECOND

SAMPLE_SECONDS = 0.2
STANDSTILL_SECONDS = 180.0
"""Longer without progress is no measurement; start-up and compiling may take a minute."""


@dataclass(frozen=True, slots=True)
class Throughput:
    """``events`` taken in within ``seconds`` of wall time and ``cpu_seconds`` of the process alone."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    @classmethod
    def over(cls, turns: Sequence[Throughput]) -> Throughput:
        """That of several turns together."""
        return cls(
            events=sum(turn.events for turn in turns),
            seconds=sum(turn.seconds for turn in turns),
            cpu_seconds=sum(turn.cpu_seconds for turn in turns),
            peak_bytes=max(turn.peak_bytes for turn in turns),
        )

    @property
    def events_per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.events * 1e6


async def measure(
    contender: Contender, progress: Callable[[], Awaitable[int]], *, warm: int, until: int
) -> Throughput:
    """Measure from the first sample at which at least ``warm`` events are done to the first with ``until``.

    ``progress`` says how many events are done (durably). Raises ``BenchmarkError`` at a standstill.
    """
    began: tuple[int, float, float] | None = None
    last, moved = -1, time.monotonic()
    while True:
        done = await progress()
        used = contender.usage()
        now = time.monotonic()
        if done != last:
            last, moved = done, now
        elif now - moved > STANDSTILL_SECONDS:
            raise BenchmarkError(
                f"{contender.name} stands still at {done} of {until} events:\n{contender.said()[-3_000:]}"
            )
        if began is None and done >= warm:
            began = (done, now, used.cpu_seconds)
        if began is not None and done >= until:
            if done <= began[0]:
                raise BenchmarkError(
                    f"{contender.name} had taken all {until} events in before the first sample: give it more"
                )
            return Throughput(
                events=done - began[0],
                seconds=now - began[1],
                # No less than the clock can tell.
                cpu_seconds=max(1 / TICKS_PER_SECOND, used.cpu_seconds - began[2]),
                peak_bytes=used.peak_bytes,
            )
        await asyncio.sleep(SAMPLE_SECONDS)
