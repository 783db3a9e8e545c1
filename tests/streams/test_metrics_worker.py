"""The pages of a real worker process on the embedded broker: what a dashboard and a supervisor see."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.request

import pytest

from benchmarks.contenders import Worker
from benchmarks.events import catalogs, generate
from benchmarks.log import Progress, write
from streams import admin, topics
from streams.brokers.embedded import EmbeddedBroker
from streams.errors import FlywheelError
from streams.metrics import catalogue as c
from streams.settings import Settings
from streams.worker_process import WorkerProcess

pytestmark = pytest.mark.embedded

EVENTS = 2_000


@pytest.fixture
def settings(embedded: EmbeddedBroker) -> Settings:
    settings = Settings(brokers=embedded.address, app_id="seen", partitions=2)
    admin.create_topics(settings)
    return settings


async def _publish(settings: Settings) -> None:
    await write(settings.brokers, settings.partitions, catalogs())
    start_ms = int(time.time() * 1_000) - 86_400_000
    await write(settings.brokers, settings.partitions, generate(EVENTS, profiles=100, start_ms=start_ms))


async def _applied(settings: Settings, worker: Worker) -> None:
    async with Progress(settings.brokers, settings.app_id) as progress:
        while await progress.committed(topics.INPUTS, settings.partitions) < EVENTS:
            worker.check()
            await asyncio.sleep(0.1)


def test_a_worker_shows_all_that_a_dashboard_reads(settings: Settings) -> None:
    asyncio.run(_publish(settings))
    with Worker(settings) as worker:
        worker.await_ready()
        asyncio.run(_applied(settings, worker))
        seen = worker.metrics()
        with urllib.request.urlopen(f"{worker.web}/healthz", timeout=60) as answer:
            assert answer.read() == b"ok\n"

    def total(metric: c.Metric, suffix: str = "") -> float:
        return sum(seen.get(metric.name + suffix, {}).values())

    assert total(c.EVENTS) == EVENTS
    assert total(c.REJECTS) == 0
    assert total(c.UNKNOWN_ROWS) == 0  # the catalogs were read before the first event
    assert total(c.CHANGES) > 0
    assert total(c.CHANGES) <= total(c.DECISIONS)
    assert 0 < total(c.LATENCY, "_count") <= total(c.CHANGES)  # what time caused has no event to wait from
    surfaces = {topics.ROW_ORDER, topics.CHURN_SCORES}
    assert {dict(labels)["surface"] for labels in seen[c.CHANGES.name]} >= surfaces
    for surface in surfaces:
        assert (
            seen[c.WRITTEN.name][(("topic", surface),)] == seen[c.CHANGES.name][(("surface", surface),)] > 0
        )
    assert seen[c.GUARANTEE.name] == {(("guarantee", "at_least_once"),): 1.0}
    assert total(c.ASSIGNED) == settings.partitions
    assert total(c.RECOVERING) == 0
    assert total(c.PROFILES) == 100
    assert total(c.STATE_BYTES) > 0
    assert total(c.CHECKPOINT, "_count") > 0
    assert total(c.RECOVERY, "_count") == settings.partitions
    models = {dict(labels)["model"] for labels in seen[c.AUC.name]}
    assert models == {"quality", "hazard"}


def test_a_worker_whose_port_is_taken_ends_and_says_what_to_change(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        occupied = Settings(
            brokers=settings.brokers,
            app_id=settings.app_id,
            partitions=settings.partitions,
            web_port=taken.getsockname()[1],
        )
        with WorkerProcess(occupied) as worker:
            deadline = time.monotonic() + 120
            with pytest.raises(FlywheelError, match="FLYWHEEL_WEB_PORT"):
                while time.monotonic() < deadline:
                    worker.check()
                    time.sleep(0.1)
