"""From event to decision as a consumer sees it: publish at a steady rate, and time each decision's arrival.

A process of its own beside the worker (``python -m benchmarks.arrivals``): the time an event is handed to the
producer and the time its decision is read (read committed) come from the same clock. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

import numpy as np
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.events import generate
from benchmarks.log import BATCH_BYTES, write_with
from streams import topics

TICK_SECONDS = 0.01
"""Events are handed to the producer this often, as a producer with a linger of 10 ms does."""
TAIL_SECONDS = 5.0
"""How long decisions are awaited after the last event."""
SURFACES = (topics.ROW_ORDER, topics.CHURN_SCORES)


async def run(arguments: argparse.Namespace) -> dict[str, float]:
    """Publish ``seconds`` of events at ``rate``; the first ``skip`` seconds are not measured."""
    wanted = int(arguments.rate * arguments.seconds)
    events = generate(
        wanted,
        profiles=arguments.profiles,
        start_ms=int(time.time() * 1_000) - 3_600_000,
        seed=arguments.seed,
        first_profile=arguments.first_profile,
        run=f"arrivals{arguments.seed}",
    )
    sent_at: dict[str, float] = {}
    waits: list[float] = []
    consumer = AIOKafkaConsumer(
        bootstrap_servers=arguments.brokers, isolation_level="read_committed", enable_auto_commit=False
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=arguments.brokers, max_batch_size=BATCH_BYTES, linger_ms=0, acks="all"
    )
    await consumer.start()
    await producer.start()
    try:
        places = [TopicPartition(name, p) for name in SURFACES for p in range(arguments.partitions)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        for place, end in ends.items():
            consumer.seek(place, end)
        began = time.monotonic() + 0.5
        reading = asyncio.create_task(_read(consumer, sent_at, waits))
        late = 0.0
        position = 0
        while position < wanted:
            due = min(wanted, int((time.monotonic() - began) * arguments.rate))
            if due > position:
                chunk = events[position:due]
                now = time.time()
                if time.monotonic() - began >= arguments.skip:
                    for sent in chunk:
                        sent_at[_event_id(sent.value)] = now
                position = due
                await write_with(producer, arguments.partitions, chunk, timestamp_ms=int(now * 1_000))
                late = max(late, time.monotonic() - began - position / arguments.rate)
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.sleep(TAIL_SECONDS)
        reading.cancel()
    finally:
        await producer.stop()
        await consumer.stop()
    if not waits:
        sys.exit("no decision arrived: is the worker running?")
    p50, p99 = np.percentile(np.asarray(waits) * 1_000, [50, 99])
    return {
        "decisions": len(waits),
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "max_ms": max(waits) * 1_000,
        "producer_late_ms": late * 1_000,
        "rate": arguments.rate,
        "seconds": arguments.seconds - arguments.skip,
    }


def _event_id(value: bytes) -> str:
    # The generator writes event_id first: cheaper than parsing what was just formatted.
    return value[13 : value.index(b'"', 13)].decode()


async def _read(consumer: AIOKafkaConsumer, sent_at: dict[str, float], waits: list[float]) -> None:
    while True:
        fetched = await consumer.getmany(timeout_ms=200)
        now = time.time()
        for records in fetched.values():
            for record in records:
                if record.value is None:
                    continue
                sent = sent_at.get(orjson.loads(record.value)["cause"]["event_id"])
                if sent is not None:
                    waits.append(now - sent)


def main() -> None:
    """Entry of the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--rate", type=float, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--skip", type=float, default=10, help="seconds at the start that are not measured")
    parser.add_argument("--profiles", type=int, default=20_000)
    parser.add_argument("--first-profile", type=int, default=0)
    parser.add_argument("--seed", type=int, default=2)
    print(orjson.dumps(asyncio.run(run(parser.parse_args()))).decode())


if __name__ == "__main__":
    main()
