"""Event to decision under steady traffic: runs ``arrivals`` beside a worker and reads what it found."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

import orjson

from benchmarks.contenders import ROOT, BenchmarkError


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from handing an event to the producer to reading its decision; ``rate`` is events/s."""

    rate: float
    decisions: int
    p50_ms: float
    p99_ms: float
    max_ms: float


async def measure(
    brokers: str, partitions: int, *, rate: float, seconds: float, skip: float, profiles: int, seed: int
) -> Latency:
    """Publish for ``seconds`` at ``rate``; the first ``skip`` seconds are not counted. ``seed`` names the events.

    Raises ``BenchmarkError`` when no decision arrives, or when this machine cannot keep up the rate.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.arrivals", "--brokers", brokers),
        *("--partitions", str(partitions), "--rate", str(rate), "--seconds", str(seconds)),
        *("--skip", str(skip), "--profiles", str(profiles), "--seed", str(seed)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await process.communicate()
    if process.returncode != 0:
        raise BenchmarkError(f"the latency measurement failed:\n{wrong.decode()[-2_000:]}")
    found = orjson.loads(said.splitlines()[-1])
    if found["producer_late_ms"] > seconds * 1_000 / 4:
        raise BenchmarkError(
            f"the producer fell {found['producer_late_ms']:.0f} ms behind {rate:.0f} events/s: "
            "this machine cannot keep up that rate, so the latency would not be of it"
        )
    return Latency(
        rate=rate,
        decisions=found["decisions"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        max_ms=found["max_ms"],
    )
