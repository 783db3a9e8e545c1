"""Backup and restore on the embedded broker: everything is killed, a new broker goes on as the old one would have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams import topics
from streams.admin import create_topics
from streams.brokers.embedded import EmbeddedBroker
from streams.errors import ConfigurationError
from streams.operations import backup, restoring, standing
from streams.profiles.layout import LAYOUT_VERSION
from streams.settings import Settings, load
from tests.operations import offline_worker
from tests.operations.offline_worker import in_loop

SURFACES = (*topics.KEYED_BY_PROFILE, topics.ARTWORK_CHOICES)


def settings_of(broker: EmbeddedBroker, **more: Any) -> Settings:
    return load({}, **{"brokers": broker.address, "partitions": 2, "guarantee": "at_least_once", **more})


def without_place(decision: Any) -> Any:
    """A decision but for where its cause stands, which is another offset in another log."""
    if decision is None:
        return None
    cause = {name: value for name, value in decision["cause"].items() if name != "offset"}
    return {**decision, "cause": cause}


async def all_decisions(settings: Settings) -> dict[str, dict[str, list[Any]]]:
    read = {}
    for topic in SURFACES:
        by_key = await offline_worker.decisions(settings, topic)
        read[topic] = {key: [without_place(one) for one in found] for key, found in by_key.items()}
    return read


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """A backup, and what the old broker has at its time and after the rest of the events."""
    folder = tmp_path_factory.mktemp("backup") / "monday"
    with EmbeddedBroker() as broker:

        async def scene() -> dict[str, Any]:
            settings = settings_of(broker)
            audience = offline_worker.audience_of(24)
            await offline_worker.begin(settings, audience)
            await offline_worker.play(settings, audience, 1_200)
            await offline_worker.work(settings)
            await offline_worker.play(settings, audience, 300)  # not applied yet: the tail
            manifest = await backup.back_up(settings, folder)
            then = await all_decisions(settings)
            await offline_worker.work(settings)
            return {"manifest": manifest, "then": then, "after": await all_decisions(settings)}

        yield folder, asyncio.run(scene())


@in_loop
async def test_a_new_broker_goes_on_as_the_old_one_would_have(
    made: tuple[Path, dict[str, Any]], embedded: EmbeddedBroker
) -> None:
    folder, old = made
    settings = settings_of(embedded, app_id="another")
    restored = await restoring.restore(settings, folder)
    assert restored.records[settings.state_topic] > 24 and restored.records[topics.VIEWING_EVENTS] >= 250
    last = {
        topic: {key: found[-1:] for key, found in keys.items() if found[-1] is not None}
        for topic, keys in old["then"].items()
    }
    assert await all_decisions(settings) == last
    await offline_worker.work(settings)
    now = await all_decisions(settings)
    made_since = 0
    for topic, keys in old["after"].items():
        for key, found in keys.items():
            before = old["then"][topic].get(key, [])
            since = found[len(before) :]
            made_since += len(since)
            kept = last[topic].get(key, [])
            assert now[topic].get(key, []) == [*kept, *since], (topic, key)
            if topic in (topics.ROW_ORDER, topics.CHURN_SCORES) and None not in now[topic][key]:
                versions = [one["version"] for one in now[topic][key]]
                assert versions == list(range(versions[0], versions[0] + len(versions)))
    assert made_since > 50
    assert now.keys() == old["after"].keys()
    # Once more: nothing is left to do, and nothing is done again.
    await offline_worker.work(settings)
    assert await all_decisions(settings) == now


@in_loop
async def test_inputs_that_survived_are_read_on(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        settings = settings_of(broker)
        audience = offline_worker.audience_of(8)
        await offline_worker.begin(settings, audience)
        await offline_worker.play(settings, audience, 300)
        await offline_worker.work(settings)
        await backup.back_up(settings, tmp_path / "b")
        there = await offline_worker.positions(settings)
        # Only inputs are left of it: another application id, whose state is empty, and catalogs and outputs anew.
        with pytest.raises(ConfigurationError, match=r"not empty: .*row-order"):
            await restoring.restore(settings_of(broker, app_id="late"), tmp_path / "b", keep_inputs=True)
        assert await offline_worker.positions(settings) == there
    with EmbeddedBroker() as broker, pytest.raises(ConfigurationError, match="is not the log of the backup"):
        await restoring.restore(settings_of(broker), tmp_path / "b", keep_inputs=True)


@in_loop
async def test_a_restore_goes_only_where_nothing_is(
    made: tuple[Path, dict[str, Any]], embedded: EmbeddedBroker
) -> None:
    folder, _ = made
    settings = settings_of(embedded)
    with pytest.raises(ConfigurationError, match="FLYWHEEL_PARTITIONS=2"):
        await restoring.restore(settings_of(embedded, partitions=3), folder)
    await restoring.restore(settings, folder)
    with pytest.raises(ConfigurationError, match="not empty"):
        await restoring.restore(settings, folder)
    there = await standing.standings(settings, [topics.VIEWING_EVENTS])
    assert {log.position for log in there.values()} == {1}


@in_loop
async def test_a_backup_has_a_folder_of_its_own(embedded: EmbeddedBroker, tmp_path: Path) -> None:
    settings = settings_of(embedded)
    await asyncio.to_thread(create_topics, settings)
    (tmp_path / "something").write_text("else")
    with pytest.raises(ConfigurationError, match="not empty"):
        await backup.back_up(settings, tmp_path)


def test_damage_is_found_before_anything_is_written(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = made
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    settings = load({}, partitions=2)
    restoring.check(tmp_path, settings)
    state = tmp_path / "state.1.gz"
    data = bytearray(state.read_bytes())
    data[len(data) // 2] ^= 1
    state.write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"state\.1\.gz is missing or was changed"):
        restoring.check(tmp_path, settings)
    state.unlink()
    with pytest.raises(ConfigurationError, match=r"state\.1\.gz is missing or was changed"):
        restoring.check(tmp_path, settings)
    (tmp_path / backup.MANIFEST).unlink()
    with pytest.raises(ConfigurationError, match="no whole backup"):
        restoring.check(tmp_path, settings)


def test_a_newer_layout_is_refused(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = made
    text = (folder / backup.MANIFEST).read_text().replace(f'"layout": {LAYOUT_VERSION}', '"layout": 99')
    (tmp_path / backup.MANIFEST).write_text(text)
    with pytest.raises(ConfigurationError, match="newer release"):
        restoring.check(tmp_path, load({}, partitions=2))
