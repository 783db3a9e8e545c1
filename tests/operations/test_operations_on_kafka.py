"""The operator's commands on real Kafka: with a real worker at work, exactly once, and after everything was lost."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams import topics
from streams.brokers.apache_kafka import ApacheKafka
from streams.cli import cli
from streams.errors import FlywheelError
from streams.operations import clients, standing
from streams.operations.backup import compacted_names
from streams.settings import Settings, load
from tests.broker.workers import Worker
from tests.operations import offline_worker

pytestmark = pytest.mark.kafka

PARTITIONS = 2
PATIENCE_S = 180.0
"""For a worker that compiles its engine on a busy machine."""


def flywheel(settings: Settings, *arguments: str) -> Result:
    """Run a command as its user would; its error is in ``result.exception``."""
    where = ["--brokers", settings.brokers, "--app-id", settings.app_id, "--partitions", str(PARTITIONS)]
    return CliRunner().invoke(cli, [*arguments, *where])


def said(result: Result, kind: type[FlywheelError] = FlywheelError) -> str:
    assert isinstance(result.exception, kind), (result.exception, result.output)
    return str(result.exception)


async def delete(settings: Settings, names: list[str]) -> None:
    async with clients.admin(settings) as admin:
        while there := [name for name in await admin.list_topics() if name in names]:
            await admin.delete_topics(there)
            await asyncio.sleep(0.1)


async def caught_up(settings: Settings) -> bool:
    there = await standing.standings(settings, topics.INPUTS)
    return all(log.position is not None and log.position >= log.end for log in there.values() if log.end)


async def last_decisions(settings: Settings) -> dict[tuple[str, str], Any]:
    return {
        (topic, key): found[-1]
        for topic in topics.KEYED_BY_PROFILE
        for key, found in (await offline_worker.decisions(settings, topic)).items()
        if found[-1] is not None
    }


def test_with_a_worker_at_work_and_after_losing_everything(kafka: ApacheKafka, tmp_path: Path) -> None:
    settings = load({}, brokers=kafka.address, partitions=PARTITIONS, app_id="ops", guarantee="exactly_once")
    audience = offline_worker.audience_of(16)
    asyncio.run(offline_worker.begin(settings, audience))
    asyncio.run(offline_worker.play(settings, audience, 600))
    worker = Worker(
        "ops",
        [sys.executable, "-m", "streams", "worker", "--web-port", "-1"],
        {
            "FLYWHEEL_BROKERS": settings.brokers,
            "FLYWHEEL_PARTITIONS": str(PARTITIONS),
            "FLYWHEEL_APP_ID": settings.app_id,
        },
        tmp_path,
    )
    worker.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not asyncio.run(caught_up(settings)):
            assert worker.code is None and time.monotonic() < deadline, worker.last_words()
            time.sleep(0.2)
        # What a worker holds in memory is not changed behind its back.
        assert "1 workers of ops are at work" in said(flywheel(settings, "backup", str(tmp_path / "no")))
        assert "are at work" in said(flywheel(settings, "reset", "--model", "rows", "--yes"))
        # Erased while it works.
        profile = next(iter(asyncio.run(offline_worker.decisions(settings, topics.ROW_ORDER))))
        dry = flywheel(settings, "erase", profile)
        assert dry.exit_code == 0 and "row-order: 1 records name the profile" in dry.output
        result = flywheel(
            settings, "erase", profile, "--yes", "--receipt", str(tmp_path / "receipt"), "--deadline", "60"
        )
        assert result.exit_code == 0, (result.output, result.exception)
        receipt = json.loads((tmp_path / "receipt").read_text())
        assert receipt["complete"] and receipt["tombstones"].keys() >= set(topics.KEYED_BY_PROFILE)
        assert receipt["tombstones"][settings.state_topic] == 2
        assert profile not in json.dumps(receipt)
        stop = asyncio.run(worker.stop(30.0))
        assert stop.code == 0, worker.last_words()
    finally:
        worker.kill()
    asyncio.run(_lost_and_restored(settings, audience, tmp_path))


async def _lost_and_restored(settings: Settings, audience: Any, folder: Path) -> None:
    await offline_worker.play(settings, audience, 300)  # not applied before the backup
    backup = folder / "backup"
    done = await asyncio.to_thread(flywheel, settings, "backup", str(backup))
    assert done.exit_code == 0, (done.output, done.exception)
    before, stood = await last_decisions(settings), await offline_worker.positions(settings)
    # Outputs and state are lost, the inputs are there: it goes on in them.
    await delete(settings, compacted_names(settings))
    done = await asyncio.to_thread(flywheel, settings, "restore", str(backup), "--keep-inputs", "--yes")
    assert done.exit_code == 0, (done.output, done.exception)
    assert await last_decisions(settings) == before
    assert await offline_worker.positions(settings) == stood
    await offline_worker.work(settings)
    after = await last_decisions(settings)
    newer = {place for place, decision in after.items() if decision != before.get(place)}
    assert newer and before.keys() <= after.keys()
    # Everything is lost, and it is another cluster as far as anybody can tell.
    await delete(settings, [topic.name for topic in topics.catalogue(settings)])
    elsewhere = load({}, brokers=settings.brokers, partitions=PARTITIONS, app_id="elsewhere")
    checked = await asyncio.to_thread(flywheel, elsewhere, "restore", str(backup))
    assert checked.exit_code == 0 and "--yes restores them" in checked.output
    done = await asyncio.to_thread(flywheel, elsewhere, "restore", str(backup), "--yes")
    assert done.exit_code == 0, (done.output, done.exception)
    assert await last_decisions(elsewhere) == before
    await offline_worker.work(elsewhere)
    again = await last_decisions(elsewhere)
    assert again.keys() == after.keys()
    for place, decision in after.items():  # exactly once: the same versions, decided for the same reasons
        assert again[place]["version"] == decision["version"], place
        assert again[place]["cause"]["event_id"] == decision["cause"]["event_id"], place
    reset = await asyncio.to_thread(
        flywheel, elsewhere, "reset", "--model", "quality", "--yes", "--audit", str(folder / "audit")
    )
    assert reset.exit_code == 0, (reset.output, reset.exception)
    lines = [json.loads(line) for line in (folder / "audit").read_text().splitlines()]
    assert [line["partition"] for line in lines] == [0, 1] and all(
        line["after"] == line["before"] + 1 for line in lines
    )
