"""The faults of the suite, each a coroutine on a running :class:`Scenario`, the same for every play.

Times come from the scenario's seeded schedule. After each of them the scenario has settled and can be judged.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.brokers.apache_kafka import ApacheKafka
from tests.broker.scenario import Scenario
from tests.broker.workers import Worker

RATE = 2_000.0
"""Events per second of a steady flow: far below what a worker does, so that it is always in the middle of
something.
"""
TOO_SMALL_BYTES = 200
"""No decision fits, but the 78 bytes of a transaction's end must: a broker that cannot write it hangs for
ever.
"""


async def kills(scenario: Scenario, times: int = 10) -> None:
    """``kill -9`` at random points: a static member that comes back at once, and a dynamic one beside it."""
    workers = [scenario.worker("static", FLYWHEEL_WORKER_SLOT="static"), scenario.worker("dynamic")]
    for worker in workers:
        worker.start()
    scenario.flow(RATE)
    await scenario.progress()
    for number in range(times):
        worker = workers[0] if scenario.rng.random() < 0.7 else workers[1]
        if number % 3:  # two of three hit a worker at work, the third one that may still be starting
            await scenario.at_work(worker)
        await scenario.pause(0.0, 3.0)
        worker.kill()
        worker.start()
    await scenario.progress()
    await scenario.settle()


async def restarts(scenario: Scenario, times: int = 20, backlog: int = 8_000) -> None:
    """SIGTERM under backlog, two workers at a time: every stop comes while there is input left to read."""
    workers = [scenario.worker(name, FLYWHEEL_WORKER_SLOT=name) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    stopped = 0
    while stopped < times:
        await scenario.burst(backlog)
        for worker in workers:
            if not worker.wanted:
                worker.start()
            await scenario.at_work(worker)
        await scenario.pause(0.0, 0.2)
        if await scenario.lag() == 0:
            continue  # they were faster than the schedule: write more
        await asyncio.gather(*(scenario.stop(worker) for worker in workers))
        stopped += len(workers)
    workers[0].start()
    await scenario.settle()


async def freezes(scenario: Scenario, times: int = 2) -> None:
    """A worker stands still for longer than its session (SIGSTOP), others take over, it wakes up and must not
    write.
    """
    session_s = scenario.settings.session_timeout_ms / 1_000
    frozen, other = scenario.worker("frozen"), scenario.worker("other")
    frozen.start()
    other.start()
    scenario.flow(RATE)
    for _ in range(times):
        await scenario.at_work(frozen)
        await scenario.pause(0.5, 3.0)
        frozen.signal(signal.SIGSTOP)
        await scenario.pause(session_s + 2.0, session_s + 4.0)
        await scenario.progress()
        frozen.signal(signal.SIGCONT)
        await scenario.pause(1.0, 4.0)
    await scenario.settle()


async def replaced_while_frozen(scenario: Scenario) -> None:
    """The supervisor starts a new worker in a frozen one's slot; the frozen one wakes up beside it.

    Two processes with one name then take the partitions from each other until one is gone: which one ends is
    not the point.
    """
    frozen = scenario.worker("frozen", FLYWHEEL_WORKER_SLOT="a")
    successor = scenario.worker("successor", FLYWHEEL_WORKER_SLOT="a")
    frozen.start()
    scenario.flow(RATE)
    await scenario.progress()
    await scenario.pause(0.5, 2.0)
    frozen.signal(signal.SIGSTOP)
    frozen.wanted = False  # whatever it does when it wakes up, nobody starts it again
    successor.start()
    await scenario.at_work(successor)
    await scenario.pause(0.5, 2.0)
    frozen.signal(signal.SIGCONT)
    await scenario.pause(2.0, 4.0)
    frozen.kill()
    await scenario.settle()


async def joins(scenario: Scenario) -> None:
    """A second worker joins, leaves by SIGTERM, joins again and dies; then the first one leaves while the
    second stays.
    """
    first, second = scenario.worker("first"), scenario.worker("second")
    first.start()
    scenario.flow(RATE)
    await scenario.progress()
    for _ in range(2):
        second.start()
        await scenario.at_work(second)
        await scenario.pause(0.0, 2.0)
        await scenario.stop(second)
        await scenario.progress()
    second.start()
    await scenario.at_work(second)
    await scenario.pause(0.0, 2.0)
    second.kill()
    await scenario.progress()
    second.start()
    await scenario.at_work(second)
    await scenario.pause(0.0, 2.0)
    await scenario.stop(first)
    await scenario.progress()
    await scenario.settle()


async def kills_during_recovery(scenario: Scenario, changelog: int = 40_000, times: int = 6) -> None:
    """A long changelog, and ``kill -9`` while a starting worker reads it; input keeps coming meanwhile."""
    worker = scenario.worker("a", FLYWHEEL_WORKER_SLOT="a")
    worker.start()
    await scenario.burst(changelog)
    await scenario.caught_up()
    scenario.flow(RATE / 4)
    for _ in range(times):
        worker.kill()
        worker.start()
        await scenario.until(_assigned(worker), "the worker gets no partitions")
        await scenario.pause(0.0, 0.5)
    await scenario.progress()
    await scenario.settle()


def _assigned(worker: Worker) -> Callable[[], Awaitable[bool]]:
    """Whether it has begun to rebuild what the group gave it."""

    async def assigned() -> bool:
        return worker.has_said("assigned partitions") or worker.code is not None

    return assigned


async def broker_deaths(scenario: Scenario, kafka: ApacheKafka, times: int = 2) -> None:
    """The broker is killed under full flow and comes back after some seconds."""
    worker = scenario.worker("a", FLYWHEEL_WORKER_SLOT="a")
    worker.start()
    scenario.flow(RATE)
    for _ in range(times):
        await scenario.progress()
        await scenario.pause(0.5, 2.0)
        kafka.kill()
        await scenario.pause(1.0, 8.0)
        await asyncio.to_thread(kafka.restart)
    await scenario.progress()
    await scenario.settle()


async def rejected_outputs(scenario: Scenario, topic: str) -> None:
    """For a while the broker takes no record of an output topic; then the operator puts it right."""
    worker = scenario.worker("a", FLYWHEEL_WORKER_SLOT="a")
    worker.start()
    scenario.flow(RATE / 4)
    await scenario.progress()
    await largest_record(scenario, topic, TOO_SMALL_BYTES)

    async def refused() -> bool:
        return bool(scenario.crew.exits)

    await scenario.until(refused, "the worker goes on although its outputs are refused")
    await scenario.pause(2.0, 4.0)
    await largest_record(scenario, topic, 1 << 20)
    await scenario.progress()
    await scenario.settle()


async def largest_record(scenario: Scenario, topic: str, size: int) -> None:
    """Let the broker take batches of at most ``size`` bytes on ``topic``."""
    admin = AIOKafkaAdminClient(bootstrap_servers=scenario.settings.brokers)
    await admin.start()
    try:
        change = {"max.message.bytes": str(size), "retention.ms": "-1", "cleanup.policy": "delete"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=change)])
    finally:
        await admin.close()


async def flood(scenario: Scenario, count: int = 20_000) -> None:
    """The input itself is the fault (thousands of records are malformed), and one kill in its midst."""
    worker = scenario.worker("a", FLYWHEEL_WORKER_SLOT="a")
    worker.start()
    await scenario.burst(count // 2)
    await scenario.progress()
    worker.kill()
    worker.start()
    await scenario.burst(count // 2)
    await scenario.settle()
