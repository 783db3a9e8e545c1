"""Faults on real Kafka with the toy engine, where the toy shows more than the real one: outputs for every
event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from streams.brokers.apache_kafka import ApacheKafka
from tests.broker import faults, toy_play
from tests.broker.scenario import Scenario

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

Fault = Callable[[Scenario], Awaitable[None]]


def run(
    kafka: ApacheKafka, folder: Path, seed: int, fault: Fault, *, may_exit: bool = False, **environ: Any
) -> None:
    async def play() -> None:
        async with Scenario(toy_play.play(), kafka.address, folder, seed, **environ) as scenario:
            await fault(scenario)
            await scenario.judge(may_exit=may_exit)

    asyncio.run(play())


def test_kills(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 1, faults.kills)


def test_restarts(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 2, faults.restarts)


def test_freezes(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 3, faults.freezes, may_exit=True)


def test_replaced_while_frozen(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 4, faults.replaced_while_frozen, may_exit=True)


def test_joins(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 5, faults.joins)


def test_kills_during_recovery(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 6, faults.kills_during_recovery)


def test_broker_deaths(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 7, lambda scenario: faults.broker_deaths(scenario, kafka), may_exit=True)


def test_rejected_outputs(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 8, lambda scenario: faults.rejected_outputs(scenario, "row-order"), may_exit=True)
