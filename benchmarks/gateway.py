"""Page reads at a steady rate while decisions stream in: ``python -m benchmarks.gateway``.

A broker without Java, a gateway in a process of its own, decisions of 5,000 profiles, and two clients one after the
other: one of our own, which keeps its rate whatever the answers do (a wait is counted from when a request was due), and
vegeta, where it is installed (``go install github.com/tsenart/vegeta/v12@latest``). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
from aiokafka import AIOKafkaProducer

from streams import admin, topics
from streams.audience.making import simulated_catalog
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.loopback import free_port
from streams.demo_page import until_page
from streams.settings import Settings, load
from streams.worker_process import WorkerProcess

CONNECTIONS = 32
RANKED = 20
TITLES = 500
WARM_S = 2.0
"""At the start of each client's run, not measured."""
Produced = tuple[str, bytes, bytes]


class Decisions:
    """Decisions as a worker writes them, for profiles ``p0`` and on."""

    def __init__(self, profiles: int, seed: int) -> None:
        self.profiles = profiles
        self._chance = random.Random(f"gateway-{seed}")
        now_ms = int(time.time() * 1000)
        catalog = simulated_catalog(seed, TITLES, now_ms)
        self.catalog = [(record.topic, record.key, record.value) for record in catalog.records(now_ms)]
        self._rows = [row.row_id for row in catalog.rows]
        self._titles = [title.title_id for title in catalog.titles]
        self._versions: Counter[tuple[str, str]] = Counter()

    def one(self, topic: str, profile: str) -> Produced:
        """The next decision on ``topic`` for ``profile``."""
        chance = self._chance
        self._versions[topic, profile] += 1
        common = {
            "profile_id": profile,
            "ts": int(time.time() * 1000),
            "version": self._versions[topic, profile],
            "cause": {"event_id": "e", "topic": topics.VIEWING_EVENTS, "partition": 0, "offset": 1},
            "model": {"name": "benchmark", "version": 1},
            "explore": False,
            "propensity": 1.0,
        }
        key = profile
        if topic == topics.ROW_ORDER:
            rows = chance.sample(self._rows, len(self._rows))
            reasons = [{"row_id": row, "feature": "own_plays", "contribution": 0.5} for row in rows[:3]]
            own: dict[str, Any] = {
                "rows": rows,
                "scores": [0.5] * len(rows),
                "previous": rows,
                "reasons": reasons,
            }
        elif topic == topics.HOMEPAGE_RANKINGS:
            titles = chance.sample(self._titles, RANKED)
            own = {"titles": titles, "scores": [0.5] * RANKED, "reasons": []}
        else:
            title = chance.choice(self._titles)
            key = f"{profile}|{title}"
            own = {"title_id": title, "artwork_id": f"{title}-a{chance.randrange(3)}", "previous": None}
        return topic, key.encode(), orjson.dumps({**common, **own})

    def all(self) -> list[Produced]:
        """What stands for everybody: a row order, a ranking, five images."""
        surfaces = (topics.ROW_ORDER, topics.HOMEPAGE_RANKINGS, *[topics.ARTWORK_CHOICES] * 5)
        return [self.one(topic, f"p{number}") for number in range(self.profiles) for topic in surfaces]

    def some(self, count: int) -> list[Produced]:
        """News of anybody."""
        surfaces = (topics.ROW_ORDER, topics.HOMEPAGE_RANKINGS, topics.ARTWORK_CHOICES)
        chance = self._chance
        return [
            self.one(chance.choice(surfaces), f"p{chance.randrange(self.profiles)}") for _ in range(count)
        ]


async def produce(producer: Any, records: Sequence[Produced]) -> None:
    """Send records; the caller flushes."""
    for topic, key, value in records:
        await producer.send(topic, value, key=key)


async def stream(producer: Any, decisions: Decisions, rate: float) -> None:
    """Send ``rate`` decisions a second for ever."""
    began, sent = time.monotonic(), 0
    while True:
        await asyncio.sleep(0.01)
        due = int((time.monotonic() - began) * rate)
        await produce(producer, decisions.some(due - sent))
        sent = due


async def ask(port: int, profiles: int, rate: float, seconds: float) -> dict[str, float]:
    """Our own client: ``rate`` page reads a second over ``CONNECTIONS`` connections, each wait from when it was due."""
    waits: list[float] = []
    failed = 0
    due: asyncio.Queue[float | None] = asyncio.Queue()

    async def one(number: int) -> None:
        nonlocal failed
        chance = random.Random(number)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while (when := await due.get()) is not None:
            path = f"/profiles/p{chance.randrange(profiles)}/page"
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            await reader.readexactly(length)
            failed += not head.startswith(b"HTTP/1.1 200")
            if when >= measured:
                waits.append(time.perf_counter() - when)
        writer.close()

    began = time.perf_counter() + 0.2
    measured = began + WARM_S
    asking = [asyncio.create_task(one(number)) for number in range(CONNECTIONS)]
    for number in range(int(rate * (seconds + WARM_S))):
        when = began + number / rate
        if (wait := when - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait(when)
    for _ in asking:
        due.put_nowait(None)
    await asyncio.gather(*asking)
    p50, p99, p999 = np.percentile(np.asarray(waits) * 1000, [50, 99, 99.9]).tolist()
    reached = len(waits) / (time.perf_counter() - measured)
    return {"rate": reached, "p50_ms": p50, "p99_ms": p99, "p999_ms": p999, "failed": failed}


def vegeta(program: str, port: int, profiles: int, rate: int, seconds: float) -> dict[str, float]:
    """The same with vegeta."""
    targets = "".join(
        f"GET http://127.0.0.1:{port}/profiles/p{number}/page\n\n" for number in range(profiles)
    )
    attack = [program, "attack", f"-rate={rate}", f"-duration={seconds:g}s", "-max-body=0"]
    shots = subprocess.run(
        [*attack, f"-connections={CONNECTIONS}"], input=targets.encode(), stdout=subprocess.PIPE, check=True
    ).stdout
    said = subprocess.run(
        [program, "report", "-type=json"], input=shots, stdout=subprocess.PIPE, check=True
    ).stdout
    report = orjson.loads(said)
    waits = report["latencies"]
    return {
        "rate": report["throughput"],
        "p50_ms": waits["50th"] / 1e6,
        "p99_ms": waits["99th"] / 1e6,
        "max_ms": waits["max"] / 1e6,
        "failed": round((1 - report["success"]) * report["requests"]),
    }


def cpu_seconds(port: int) -> float:
    """What the gateway's process has used."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return float(re.findall(rb"^process_cpu_seconds_total (.+)$", answer.read(), re.MULTILINE)[0])


async def run(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything against the broker of ``settings``."""
    decisions = Decisions(arguments.profiles, arguments.seed)
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers, linger_ms=5, acks="all")
    await producer.start()
    try:
        await produce(producer, [*decisions.catalog, *decisions.all()])
        await producer.flush()
        began = time.monotonic()
        with WorkerProcess(settings, "gateway") as gateway:
            await until_page(settings, gateway)
            result: dict[str, Any] = {"profiles": arguments.profiles, "decisions_per_s": arguments.decisions}
            result["ready_s"] = time.monotonic() - began
            streaming = asyncio.create_task(stream(producer, decisions, arguments.decisions))
            port = settings.gateway_port
            command = [sys.executable, "-m", "benchmarks.gateway", "--port", str(port)]
            for name in ("rate", "seconds", "profiles"):
                command += [f"--{name}", str(getattr(arguments, name))]
            client = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            cpu = await asyncio.to_thread(cpu_seconds, port)
            said, _ = await client.communicate()
            result["own"] = orjson.loads(said)
            # What noise disturbs least. The reading of decisions is in it.
            result["cpu_share"] = (await asyncio.to_thread(cpu_seconds, port) - cpu) / (
                arguments.seconds + WARM_S
            )
            program = shutil.which("vegeta")
            if program is not None:
                shoot = (program, port, arguments.profiles, int(arguments.rate), arguments.seconds)
                result["vegeta"] = await asyncio.to_thread(vegeta, *shoot)
            streaming.cancel()
            return result
    finally:
        await producer.stop()


def main(words: Sequence[str] | None = None) -> None:
    """Entry of the process; with ``--port`` it is the client alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=2_000, help="page reads a second")
    parser.add_argument("--decisions", type=float, default=500, help="decisions a second meanwhile")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--profiles", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--port", type=int, help="of a gateway that runs already: only ask it, with our own client"
    )
    arguments = parser.parse_args(words)
    if arguments.port:
        result: dict[str, Any] = asyncio.run(
            ask(arguments.port, arguments.profiles, arguments.rate, arguments.seconds)
        )
    else:
        with EmbeddedBroker() as broker:
            settings = load({}, brokers=broker.address)
            admin.create_topics(settings)
            settings = replace(settings, gateway_port=free_port(), gateway_rate=1e6)
            result = asyncio.run(run(settings, arguments))
    print(orjson.dumps(result).decode())


if __name__ == "__main__":
    main()
