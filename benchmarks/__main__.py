"""``python -m benchmarks``: every measurement against a real Apache Kafka, then the table and the file.

Ours and Faust + River read the same log in the same run, one after the other (two at once would share the
cores and disturb each other). What takes ours seconds takes theirs minutes, so theirs reads fewer events of
it, and CPU is compared per event.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from aiokafka.admin import NewTopic

from benchmarks import contenders, latency, log, recovery, report, throughput
from benchmarks.contenders import BenchmarkError, Worker
from benchmarks.events import ROWS, catalogs, generate
from benchmarks.throughput import Throughput
from streams import admin, topics
from streams.brokers.apache_kafka import ApacheKafka
from streams.errors import FlywheelError
from streams.settings import Settings
from streams.surfaces.running import SURFACES

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured. ``warm`` events come before measuring ours, ``stock_warm`` before theirs. Our
    throughput is measured in ``pairs``, in turn without and with all surfaces: what else keeps the machine busy lasts
    longer than that, and what it takes from both leaves their ratio as it is.

    With 600,000 events all surfaces looked better than they are: lists of neighbours fill up, titles' owners tell more,
    and what was done but not yet committed when measuring began is a larger share of it.
    """

    events: int = 1_500_000
    pairs: int = 2
    profiles: int = 20_000
    warm: int = 50_000
    stock_events: int = 30_000
    stock_warm: int = 5_000
    partitions: int = 4
    rate: float = 5_000
    latency_seconds: float = 40
    latency_skip: float = 10
    more_profiles: int = 150_000
    more_events: int = 500_000


FULL = Plan()
TINY = Plan(
    events=60_000,
    pairs=1,
    profiles=500,
    warm=2_000,
    stock_events=600,
    stock_warm=200,
    partitions=2,
    rate=200,
    latency_seconds=4,
    latency_skip=1,
    more_profiles=1_000,
    more_events=6_000,
)
"""Everything, in half a minute and of no significance: so that the benchmarks never rot."""


def say(what: str) -> None:
    """A line for the person who waits."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


async def measure_pairs(brokers: str, plan: Plan, configurations: Sequence[Settings]) -> list[Throughput]:
    """Throughput of each of ``configurations`` over all its turns. An application of its own takes the log in at each
    turn; that of the last is called what they say, and what is measured next goes on with its state."""
    names = list(topics.INPUTS)
    found: list[list[Throughput]] = [[] for _ in configurations]
    for turn in reversed(range(plan.pairs)):
        for wanted, turns in zip(configurations, found, strict=True):
            settings = replace(wanted, app_id=f"{wanted.app_id}{f'-{turn}' if turn else ''}")
            await asyncio.to_thread(admin.create_topics, settings)
            say(f"{called(settings)}: {plan.events:,} events")
            count = settings.partitions
            async with log.Progress(brokers, settings.app_id) as progress:
                with Worker(settings) as worker:
                    done = partial(progress.committed, names, count)
                    turns.append(await throughput.measure(worker, done, warm=plan.warm, until=plan.events))
            say(f"{called(settings)}: {turns[-1].cpu_seconds_per_million:.1f} CPU seconds per million")
    return [Throughput.over(turns) for turns in found]


def called(settings: Settings) -> str:
    """How a person is told of this configuration."""
    return f"ours, with {settings.surfaces}" if settings.surfaces else "ours, rows and churn"


async def measure_ours(brokers: str, plan: Plan, settings: Settings, turn: int) -> dict[str, float]:
    """Latency, memory and recovery of the worker, in this order, on one growing state. On its ``turn`` (0, 1) it
    first catches up with what was written for the one before."""
    names, count = list(topics.INPUTS), settings.partitions
    figures: dict[str, float] = {}
    what = called(settings)
    async with log.Progress(brokers, settings.app_id) as progress:
        with Worker(settings) as worker:
            written = await progress.written(names, count)
            await recovery.until_done(worker, lambda: progress.committed(names, count), written)
            say(f"{what}: event to decision at {plan.rate:,.0f} events/s")
            waited = await latency.measure(
                brokers,
                count,
                rate=plan.rate,
                seconds=plan.latency_seconds,
                skip=plan.latency_skip,
                profiles=plan.profiles,
                seed=2 + turn,
            )
            figures |= {"p50_ms": waited.p50_ms, "p99_ms": waited.p99_ms, "latency_rate": waited.rate}
        say(f"{what}: memory of {plan.more_profiles:,} more profiles, all in a session at once")
        with Worker(settings) as worker:
            await asyncio.to_thread(worker.await_ready)
            few = await recovery.held(worker)
            more = generate(
                plan.more_events,
                profiles=plan.more_profiles,
                start_ms=int(time.time() * 1_000) - DAY_MS,
                seed=3,
                first_profile=plan.profiles + turn * plan.more_profiles,
                run=f"more-{turn}",
                active_share=1.0,
            )
            await recovery.arrive_in_step(
                brokers, count, more, worker, lambda: progress.committed(names, count)
            )
            fed = recovery.Growth(few, await recovery.held(worker))
        say(f"{what}: recovery")
        began = time.monotonic()
        with Worker(settings) as worker:
            back = await asyncio.to_thread(recovery.measure_recovery, worker, began)
            rebuilt = recovery.Growth(few, await recovery.held(worker))
        figures |= {
            # The worse of the two.
            "bytes_per_profile": max(fed.bytes_per_profile, rebuilt.bytes_per_profile),
            "fed_bytes_per_profile": fed.bytes_per_profile,
            "rebuilt_bytes_per_profile": rebuilt.bytes_per_profile,
            "column_bytes_per_profile": fed.column_bytes_per_profile,
            "profiles_added": fed.profiles,
            "recovery_records": back.records,
            "recovery_seconds": back.seconds,
            "recovery_records_per_second": back.records_per_second,
        }
    return figures


def speed(found: Throughput) -> dict[str, float]:
    """The figures of a throughput."""
    return {
        "events_per_second": found.events_per_second,
        "cpu_seconds_per_million": found.cpu_seconds_per_million,
        "peak_memory_bytes": found.peak_bytes,
    }


async def measure_stock(brokers: str, plan: Plan) -> dict[str, float]:
    """Throughput of Faust + River. Its table writes one changelog record an event: that is its progress."""
    app_id = "stock"
    changelog = f"{app_id}-profiles-changelog"
    await log.create_topics(
        brokers,
        [
            NewTopic(name, plan.partitions, 1)
            for name in (f"{app_id}-row-order", f"{app_id}-churn-scores", changelog)
        ],
    )
    say(f"Faust + River: {plan.stock_events:,} events")
    async with log.Progress(brokers) as progress:
        with contenders.stock(brokers, app_id, plan.partitions) as stock:
            found = await throughput.measure(
                stock,
                lambda: progress.written([changelog], plan.partitions),
                warm=plan.stock_warm,
                until=plan.stock_warm + plan.stock_events,
            )
    return {
        "stock_events_per_second": found.events_per_second,
        "stock_cpu_seconds_per_million": found.cpu_seconds_per_million,
        "stock_peak_memory_bytes": found.peak_bytes,
    }


async def run(brokers: str, plan: Plan, *, ours: bool = True, stock: bool = True) -> dict[str, float]:
    """All measurements of the plan, on brokers without topics."""
    figures: dict[str, float] = {}
    settings = Settings(brokers=brokers, app_id="bench", partitions=plan.partitions, surfaces="")
    everything = replace(settings, app_id="bench-all", surfaces=",".join(SURFACES))
    say(f"writing {plan.events:,} events of {plan.profiles:,} profiles to Apache Kafka")
    await asyncio.to_thread(admin.create_topics, settings)
    await log.write(brokers, plan.partitions, catalogs())
    start_ms = int(time.time() * 1_000) - DAY_MS
    await log.write(
        brokers, plan.partitions, generate(plan.events, profiles=plan.profiles, start_ms=start_ms)
    )
    if stock:
        figures |= await measure_stock(brokers, plan)
    if ours:
        few, many = await measure_pairs(brokers, plan, (settings, everything))
        figures |= speed(few) | await measure_ours(brokers, plan, settings, 0)
        with_all = speed(many) | await measure_ours(brokers, plan, everything, 1)
        told = {f"all_{name}": figure for name, figure in with_all.items()}
        figures |= {name: figure for name, figure in told.items() if name in report.MEANING}
        figures["surfaces_ratio"] = (
            figures["all_cpu_seconds_per_million"] / figures["cpu_seconds_per_million"]
        )
    if ours and stock:
        figures["cpu_ratio"] = figures["stock_cpu_seconds_per_million"] / figures["cpu_seconds_per_million"]
    return figures


def conditions(plan: Plan) -> dict[str, object]:
    """How it was measured, for the file."""
    return {
        "events": plan.events,
        "pairs": plan.pairs,
        "stock_events": plan.stock_events,
        "profiles": plan.profiles,
        "rows": ROWS,
        "partitions": plan.partitions,
        "broker": "Apache Kafka 4.1.1, one, on the same machine",
        "guarantee": "ours exactly once; Faust + River at least once",
        "cpu": "of the process alone, between the end of warming up and the last event",
        "memory": "growth of the worker's resident memory by profile added, fed or rebuilt, the worse",
    }


def main() -> None:
    """Entry of ``make bench``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--events", type=int, default=FULL.events, help="events for ours (%(default)s)")
    parser.add_argument("--stock-events", type=int, default=FULL.stock_events, help="for Faust + River")
    parser.add_argument("--only", choices=["ours", "stock"], help="one of the two; writes no file")
    parser.add_argument("--tiny", action="store_true", help="all of it in half a minute; writes no file")
    parser.add_argument("--output", type=Path, default=report.LATEST, help="%(default)s")
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it retries while leaders are being chosen
    plan = TINY if arguments.tiny else Plan(events=arguments.events, stock_events=arguments.stock_events)
    load = os.getloadavg()[0]
    if load > (os.cpu_count() or 1) / 2:
        say(f"other programs keep {load:.1f} cores busy: all but CPU will look worse than it is")
    try:
        with ApacheKafka() as kafka:
            ours, stock = arguments.only != "stock", arguments.only != "ours"
            figures = asyncio.run(run(kafka.address, plan, ours=ours, stock=stock))
    except (BenchmarkError, FlywheelError) as error:
        sys.exit(f"benchmark failed: {error}")
    report.show(figures)
    if not arguments.tiny and arguments.only is None:
        report.write(figures, conditions(plan) | {"load_before": load}, arguments.output)
        print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
