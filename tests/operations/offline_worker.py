"""A worker without Faust and without ticks, for tests: it holds every partition in turn, applies what is there, saves.

It goes through the same recovery, partition and checkpoint as the real one, so what it leaves is what a worker leaves.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from streams import guarantee, topics
from streams.admin import create_topics
from streams.audience.crowd import FAR_MS, Audience
from streams.audience.making import simulated_catalog
from streams.operations import partition_work, standing
from streams.operations.reading import read_to_end
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch

Test = Callable[..., Coroutine[Any, Any, None]]


def in_loop(test: Test) -> Callable[..., None]:
    """A test that is a coroutine, run in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


START_MS = 1_760_000_000_000


def audience_of(profiles: int, seed: int = 3) -> Audience:
    """Simulated viewers."""
    catalog = simulated_catalog(seed=seed, titles=60, now_ms=START_MS)
    return Audience(catalog, profiles=profiles, seed=seed, start_ms=START_MS)


async def publish(settings: Settings, records: Iterable[tuple[str, bytes, bytes]]) -> None:
    """Write records to the partitions of their keys."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    try:
        for topic, key, value in records:
            await producer.send(topic, value, key, partition_of(key, settings.partitions))
        await producer.flush()
    finally:
        await producer.stop()


async def begin(settings: Settings, audience: Audience) -> None:
    """Topics and catalogs."""
    await asyncio.to_thread(create_topics, settings)
    await publish(settings, [record[:3] for record in audience.catalog.records(START_MS)])


async def play(settings: Settings, audience: Audience, events: int) -> None:
    """Publish the next events."""
    await publish(settings, [record[:3] for record in audience.step(FAR_MS, limit=events)])


async def work(settings: Settings, rounds: int = 2) -> None:
    """Apply all that is there, and what partitions then tell each other."""
    kept = await guarantee.settle(settings)
    catalog = Catalog(settings)
    await read_to_end(
        settings, topics.CATALOGS, lambda record: catalog.put(record.topic, record.key, record.value)
    )
    for _ in range(rounds):
        for number in range(settings.partitions):
            async with partition_work.hold(settings, number, kept, catalog) as held:
                fetched: dict[str, list[Any]] = {name: [] for name in held.positions}
                starts = {(name, number): at for name, at in held.positions.items()}
                await read_to_end(
                    settings,
                    list(fetched),
                    lambda record, fetched=fetched: fetched[record.topic].append(record),  # type: ignore[misc]
                    partition=number,
                    starts=starts,
                )
                positions = dict(held.positions)
                # In the order of time over the topics, as a worker that keeps up reads them.
                order = {name: at for at, name in enumerate(fetched)}
                every = sorted(
                    (record for records in fetched.values() for record in records),
                    key=lambda record: (record.timestamp, order[record.topic], record.offset),
                )
                for name, run in itertools.groupby(every, key=lambda record: str(record.topic)):
                    plain = [PlainRecord(r.offset, r.timestamp, r.key, r.value) for r in run]
                    end = plain[-1].offset + 1
                    held.engine.apply(
                        RecordBatch(name, number, positions[name], end, plain), plain[-1].timestamp
                    )
                    positions[name] = end
                await held.save(positions)


async def decisions(settings: Settings, topic: str) -> dict[str, list[Any]]:
    """Every record of a topic of decisions by key, in log order; ``None`` is a tombstone."""
    read: dict[str, list[Any]] = {}

    def take(record: Any) -> None:
        value = None if record.value is None else orjson.loads(record.value)
        read.setdefault(record.key.decode(), []).append(value)

    await read_to_end(settings, [topic], take)
    return read


async def positions(settings: Settings) -> dict[standing.Place, int]:
    """Where the group stands in every owned topic."""
    there = await standing.standings(settings, topics.owned(settings))
    return {place: log.next for place, log in there.items()}
