"""Brokers for the tests: one real Kafka per test process, an embedded broker per test.

Topic names are the contract's and therefore fixed, so every test begins on an empty broker: the embedded one
is simply new (40 ms), the real one has its topics deleted. Without a JDK and Maven the tests on Kafka are
skipped, loudly; where the environment says ``CI`` that is a failure.
"""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.brokers.apache_kafka import ApacheKafka, missing_tools
from streams.brokers.embedded import EmbeddedBroker

NO_KAFKA = "tests on real Apache Kafka need {tools}: NOTHING OF THE EXACTLY-ONCE GUARANTEE WAS TESTED"


def _why_no_kafka() -> str | None:
    tools = missing_tools()
    return NO_KAFKA.format(tools=" and ".join(tools)) if tools else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs Kafka where there is none, except in CI: there the fixture fails."""
    reason = _why_no_kafka()
    if reason is None or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("kafka"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _collect_broken_futures(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let go of what a broken producer leaves behind, in the test that broke it.

    aiokafka's futures of a fenced producer log a traceback when they are collected. Python 3.11 parses
    to print one, and cannot while it parses already ("AST constructor recursion depth mismatch"):
    without this, whatever later test parses when the collector happens to run would fail.
    """
    yield
    if request.node.path.parent.name in ("broker", "simulation", "streams"):
        gc.collect()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, where nobody can miss it, what was not tested."""
    skipped = [
        report
        for report in terminalreporter.stats.get("skipped", [])
        if NO_KAFKA[:30] in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section("KAFKA MISSING", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} skipped: {_why_no_kafka()}", red=True, bold=True)


async def _empty(brokers: str) -> None:
    """Delete every topic that is not the broker's own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        while topics := [name for name in await admin.list_topics() if not name.startswith("__")]:
            await admin.delete_topics(topics)
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


@pytest.fixture(scope="session")
def kafka_of_this_process() -> Iterator[ApacheKafka]:
    """The real Kafka that all tests of this process share. Take ``kafka`` instead."""
    if reason := _why_no_kafka():
        pytest.fail(reason)
    with ApacheKafka() as cluster:
        yield cluster


@pytest.fixture
def kafka(kafka_of_this_process: ApacheKafka) -> ApacheKafka:
    """A real Kafka of one broker, up and without topics."""
    if kafka_of_this_process.pid(0) is None:  # a test that failed half-way left it killed
        kafka_of_this_process.restart(0)
    asyncio.run(_empty(kafka_of_this_process.address))
    return kafka_of_this_process


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    """An embedded broker without topics."""
    with EmbeddedBroker() as broker:
        yield broker
