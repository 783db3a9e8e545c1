"""Faults on real Kafka with the real engine: nothing lost, nothing counted twice, every byte as without
faults.

Each test prints its seed; ``SCENARIO_SEED`` repeats a schedule.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from streams import topics
from streams.brokers.apache_kafka import ApacheKafka
from streams.settings import load
from tests.broker import engine_play, faults
from tests.broker.scenario import Scenario

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


def run(
    kafka: ApacheKafka,
    folder: Path,
    seed: int,
    fault: Callable[[Scenario], Awaitable[None]],
    *,
    may_exit: bool = False,
    **options: Any,
) -> None:
    """Play a fault to its end and judge it."""
    engine_play.warm()

    async def play() -> None:
        async with Scenario(
            engine_play.play(load({}), seed, **options), kafka.address, folder, seed
        ) as scenario:
            await fault(scenario)
            await scenario.judge(may_exit=may_exit)

    asyncio.run(play())


def test_killed_at_random_points(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 101, faults.kills)


def test_stopped_under_backlog(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 102, faults.restarts)


def test_frozen_past_its_session(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 103, faults.freezes, may_exit=True)


def test_replaced_while_frozen(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 104, faults.replaced_while_frozen, may_exit=True)


def test_second_worker_joins_leaves_and_dies(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 105, faults.joins)


def test_killed_during_recovery(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 106, faults.kills_during_recovery)


def test_broker_killed_and_restarted(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 107, lambda scenario: faults.broker_deaths(scenario, kafka), may_exit=True)


def test_output_rejected_as_too_large(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(
        kafka,
        tmp_path,
        108,
        lambda scenario: faults.rejected_outputs(scenario, topics.ROW_ORDER),
        may_exit=True,
    )


def test_thousands_of_malformed_records(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 109, faults.flood, bad_share=0.3)


def test_title_statistics_while_partitions_learn_from_each_other(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 111, faults.joins, sharing=True)


def test_the_command_itself(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 110, lambda scenario: faults.kills(scenario, times=3), ticks=True)
