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
    run(kafka, tmp_path, 1, lambda scenario: faults.kills(scenario, times=5))


def test_freezes(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 2, lambda scenario: faults.freezes(scenario, times=1), may_exit=True)


def test_joins(kafka: ApacheKafka, tmp_path: Path) -> None:
    run(kafka, tmp_path, 3, faults.joins)
