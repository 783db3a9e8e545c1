"""Four partitions become eight: every profile is what it was, nothing is added up twice, and decisions go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams import pipeline, topics
from streams.brokers.embedded import EmbeddedBroker
from streams.cli import cli
from streams.errors import ConfigurationError
from streams.operations import backup, restoring
from streams.operations.repartitioning import repartition
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings, load
from streams.state import codec
from streams.state.catalog import Catalog
from tests.operations import offline_worker

BEFORE, AFTER = 4, 8
SETTINGS: dict[str, Any] = {"guarantee": "at_least_once", "learn_batch": 8}


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, dict[str, Any]]]:
    """A backup of four partitions, with a tail; that of eight; and the last decisions of the four."""
    folder = tmp_path_factory.mktemp("grown")
    with EmbeddedBroker() as broker:
        settings = load({}, brokers=broker.address, partitions=BEFORE, **SETTINGS)

        async def scene() -> dict[str, Any]:
            audience = offline_worker.audience_of(32)
            await offline_worker.begin(settings, audience)
            await offline_worker.play(settings, audience, 1_600)
            await offline_worker.work(settings)
            await offline_worker.play(settings, audience, 400)
            await backup.back_up(settings, folder / "four")
            return await last_decisions(settings)

        decisions = asyncio.run(scene())
    repartition(settings, folder / "four", folder / "eight", AFTER)
    yield folder / "four", folder / "eight", decisions


async def last_decisions(settings: Settings) -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = {}
    for topic in (*topics.KEYED_BY_PROFILE, topics.ARTWORK_CHOICES):
        found = await offline_worker.decisions(settings, topic)
        read[topic] = {key: values[-1] for key, values in found.items() if values[-1] is not None}
    return read


def records(folder: Path, topic: str) -> dict[int, list[backup.Saved]]:
    manifest = backup.read_manifest(folder)
    return {
        file.partition: list(backup.read_file(folder, file)) for file in manifest.files if file.topic == topic
    }


def engine_of(folder: Path, number: int, partitions: int) -> pipeline.PartitionEngine:
    settings = load({}, partitions=partitions, **SETTINGS)
    engine = pipeline.create_engine(number, settings, Catalog(settings))
    state = records(folder, backup.STATE)[number]
    engine.restore([record.key or b"" for record in state], [record.value for record in state])
    engine.restored()
    return engine


def test_every_profile_is_what_it_was_in_the_partition_of_its_key(grown: Any) -> None:
    four, eight, _ = grown
    kinds = (codec.PROFILE_KEY, codec.TASTE_KEY)
    before = {
        r.key: r.value for part in records(four, backup.STATE).values() for r in part if r.key[:1] in kinds
    }
    after: dict[bytes, bytes] = {}
    for number, part in records(eight, backup.STATE).items():
        for record in part:
            if record.key is not None and record.key[:1] in kinds:
                assert partition_of(record.key[1:], AFTER) == number
                assert record.key not in after
                after[record.key] = record.value or b""
    assert after == before and len(after) > 40


@pytest.mark.parametrize("topic", [*topics.KEYED_BY_PROFILE[:3], topics.ARTWORK_CHOICES, *topics.INPUTS[:1],
                                   topics.TITLE_CATALOG, topics.TITLE_STATS])  # fmt: skip
def test_every_record_went_where_its_key_belongs(grown: Any, topic: str) -> None:
    four, eight, _ = grown
    before, after = records(four, topic), records(eight, topic)
    for number, part in after.items():
        for record in part:
            key = record.key.partition(b"|")[0] if topic == topics.ARTWORK_CHOICES else record.key
            assert partition_of(key, AFTER) == number
    assert sorted(r.key for part in after.values() for r in part) == sorted(
        r.key for part in before.values() for r in part
    )
    for key in {record.key for part in before.values() for record in part}:  # in the order that they had
        then = [r.value for part in before.values() for r in part if r.key == key]
        assert [r.value for part in after.values() for r in part if r.key == key] == then


def test_what_is_added_up_is_not_added_up_twice(grown: Any) -> None:
    four, eight, _ = grown
    for number in range(BEFORE):
        parent = engine_of(four, number, BEFORE)
        heir, other = (engine_of(eight, child, AFTER) for child in (number, number + BEFORE))
        assert heir.state.table.tobytes() == other.state.table.tobytes() == parent.state.table.tobytes()
        assert parent.state.quality.live.batches > 0
        for learner in ("quality", "churn"):
            then, own, none = (getattr(e.state, learner) for e in (parent, heir, other))
            assert own.weights.tolist() == none.weights.tolist() == then.weights.tolist()
            assert own.live.evidence.precision.tolist() == then.live.evidence.precision.tolist()
            assert none.live.evidence.precision == pytest.approx(0, abs=1e-9)
            assert int(own.waiting.n[0]) == int(then.waiting.n[0]) and int(none.waiting.n[0]) == 0
        demand = [engine.surfaces.sharing.demand.evidence.precision.sum() for engine in (parent, heir, other)]
        assert demand[0] == demand[1] > 0 == pytest.approx(demand[2], abs=1e-9)
        assert (
            heir.state.cells.slots.keys() == parent.state.cells.slots.keys() and not other.state.cells.slots
        )
        titles = [engine.owners.titles.titles for engine in (parent, heir, other)]
        assert titles[1].keys() | titles[2].keys() == titles[0].keys()
        assert not titles[1].keys() & titles[2].keys()


def test_decisions_go_on_with_the_next_number(grown: Any, embedded: EmbeddedBroker) -> None:
    _, eight, before = grown
    settings = load({}, brokers=embedded.address, partitions=AFTER, **SETTINGS)

    async def scene() -> tuple[dict[str, Any], dict[str, Any], dict[str, list[Any]]]:
        await restoring.restore(settings, eight)
        restored = await last_decisions(settings)
        await offline_worker.work(settings)
        return (
            restored,
            await last_decisions(settings),
            await offline_worker.decisions(settings, topics.ROW_ORDER),
        )

    restored, after, pages = asyncio.run(scene())
    assert restored == before
    moved = 0
    for key, found in pages.items():
        versions = [page["version"] for page in found if page]
        assert versions == list(range(versions[0], versions[0] + len(versions))), key
        assert all(page["cause"]["partition"] == partition_of(key.encode(), AFTER) for page in found[1:])
        moved += len(found) - 1
    assert moved > 10 and after.keys() == before.keys()


def test_only_multiples_and_the_command_says_so(grown: Any, tmp_path: Path) -> None:
    four, eight, _ = grown
    for wrong in (2, 4, 6):
        with pytest.raises(ConfigurationError, match="4 partitions can become 8, 12"):
            repartition(load({}), four, tmp_path / "no", wrong)
    result = CliRunner().invoke(cli, ["repartition", str(four), str(tmp_path / "twelve"), "--to", "12"])
    assert result.exit_code == 0 and "4 partitions to 12" in result.output, result.exception
    settings = load({}, partitions=AFTER)
    with pytest.raises(ConfigurationError, match="are other logs"):
        asyncio.run(restoring.restore(settings, eight, keep_inputs=True))
