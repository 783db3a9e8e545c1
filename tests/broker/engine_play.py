"""The real engine's play, and its oracle: the same engine over the input log in one process, without faults.

The engine promises that records give the same changes however they are cut into batches, learning included.
So every output of every partition is compared byte for byte and in order, and so is the state that a recovery
would rebuild.
"""

from __future__ import annotations

import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache, partial
from importlib.util import find_spec
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import msgspec

from streams import topics
from streams.pipeline import PartitionEngine, create_engine
from streams.settings import Settings, load
from streams.state.catalog import Catalog
from streams.surfaces import running
from streams.transport.batch import RecordBatch
from tests.broker import rekeyed_verdict, viewers
from tests.broker.log import Entry, Input
from tests.broker.scenario import Logs, Play

BATCH = 5_000
"""Records per batch of the oracle: nothing like what a worker fetches."""
SURFACES = ",".join(name for name, place in running.SURFACES.items() if find_spec(place.partition(":")[0]))
"""All of them."""
DECISIONS = (*topics.KEYED_BY_PROFILE, topics.ARTWORK_CHOICES)
EVENT_FIELDS = (
    "born",
    "offsets",
    "events",
    "recent",
    "first_ts",
    "last_ts",
    "active_ts",
    "sessions",
    "watched_s",
    "subscription",
)
"""Fields of a profile that only its own events change, whatever the clock says."""


@cache
def warm() -> None:
    """Let the engine compile its loop (a minute, once per change of the code), so that no worker is killed
    over it.
    """
    settings = load({}, surfaces=SURFACES)
    logs = Logs(settings, {topic: [] for topic in (*topics.CATALOGS, *topics.INPUTS)})
    for record in viewers.catalogs(settings):
        logs.topics[record.topic].append(Entry(0, 0, 0, record.key, record.value, ()))
    events = islice(viewers.inputs(random.Random(0), settings), 200)
    for number, item in enumerate([*viewers.subscriptions(random.Random(0), settings, 10), *events]):
        now_ms = int(time.time() * 1_000)
        logs.topics[item.topic].append(Entry(0, number, now_ms, item.key, item.value, ()))
    recompute(0, logs, _catalog(settings, logs))


def _catalog(settings: Settings, logs: Logs) -> Catalog:
    catalog = Catalog(settings)
    for topic in topics.CATALOGS:
        for entry in logs.topics[topic]:
            catalog.put(topic, entry.key or b"", entry.value)
    return catalog


Outputs = dict[tuple[str, int], list[Any]]
"""(key, value, headers) by topic and partition written to."""


def recompute(partition: int, logs: Logs, catalog: Catalog) -> tuple[PartitionEngine, Outputs]:
    """An engine that has read a partition's inputs, subscriptions first, and what it wrote."""
    settings = logs.settings
    engine = create_engine(partition, settings, catalog)
    engine.restored()
    outputs: Outputs = defaultdict(list)
    for topic in (topics.SUBSCRIPTION_EVENTS, topics.VIEWING_EVENTS):
        entries = logs.of(topic, partition)
        for begin in range(0, len(entries), BATCH):
            records = entries[begin : begin + BATCH]
            engine.apply(
                RecordBatch(topic, partition, records[0].offset, records[-1].offset + 1, records),
                int(time.time() * 1_000),
            )
            for name, writes in engine.drain().topics.items():
                headers = map(tuple, writes.headers or [[]] * len(writes.keys))
                targets = writes.partitions or [partition] * len(writes.keys)
                for target, *record in zip(targets, writes.keys, writes.values, headers, strict=True):
                    outputs[name, target].append(tuple(record))
    return engine, outputs


def restore(partition: int, logs: Logs, catalog: Catalog) -> PartitionEngine:
    """The engine that a recovery would rebuild from the committed changelog."""
    engine = create_engine(partition, logs.settings, catalog)
    changelog = logs.of(logs.settings.state_topic, partition)
    engine.restore([entry.key or b"" for entry in changelog], [entry.value for entry in changelog])
    engine.restored()
    return engine


class EngineOracle:
    """Byte for byte, or what holds whatever the clock said (``ticks``) and whenever news of the other
    partitions was heard (``sharing``)."""

    def __init__(self, *, ticks: bool, sharing: bool) -> None:
        self._ticks = ticks
        self._loose = ticks or sharing

    def topics(self, settings: Settings) -> Sequence[str]:
        outputs = [*DECISIONS, topics.DEAD_LETTERS, topics.TITLE_STATS, settings.predictions_topic]
        return [*topics.CATALOGS, *topics.owned(settings), *outputs, settings.state_topic]

    def differences(self, logs: Logs) -> Iterator[str]:
        catalog = _catalog(logs.settings, logs)
        exact = [topics.DEAD_LETTERS]
        if not self._loose:
            exact += [*DECISIONS, logs.settings.predictions_topic]
        signals: dict[tuple[str, int, int], list[Any]] = defaultdict(list)
        for partition in range(logs.settings.partitions):
            engine, outputs = recompute(partition, logs, catalog)
            for topic in exact:
                yield from _sequence_differences(
                    f"{topic}-{partition}", logs.of(topic, partition), outputs[topic, partition]
                )
            for topic in (topics.ROW_ORDER, topics.CHURN_SCORES):
                yield from _version_differences(f"{topic}-{partition}", logs.of(topic, partition))
            rebuilt = restore(partition, logs, catalog)
            yield from self._state_differences(partition, rebuilt, engine)
            if not self._ticks:
                yield from rekeyed_verdict.owner_differences(logs, partition, rebuilt.owners)
            for topic in rekeyed_verdict.rekeyed(logs):
                for target in range(logs.settings.partitions):
                    signals[topic, target, partition] = [(k, v) for k, v, _ in outputs[topic, target]]
        if not self._ticks:
            yield from rekeyed_verdict.signal_differences(logs, signals, plays_only=self._loose)

    def _state_differences(
        self, number: int, rebuilt: PartitionEngine, wanted: PartitionEngine
    ) -> Iterator[str]:
        for name in sorted(rebuilt.state.profiles.slots.keys() | wanted.state.profiles.slots.keys()):
            if name not in rebuilt.state.profiles.slots or name not in wanted.state.profiles.slots:
                yield f"state of {name!r} is missing, or there and should not be"
                continue
            found, right = _profile(rebuilt, name), _profile(wanted, name)
            for field in EVENT_FIELDS if self._loose else right:
                if found[field] != right[field]:
                    yield f"state of {name!r}: {field} is {found[field]} instead of {right[field]}"
        if not self._loose:
            yield from _model_differences(number, rebuilt, wanted)


def _profile(engine: PartitionEngine, name: str) -> dict[str, Any]:
    """A profile's fields, with titles by name: their slots depend on how records were cut into batches."""
    record = engine.state.profiles.records[engine.state.profiles.slots[name]]
    fields = {field: record[field].tolist() for field in record.dtype.names}
    fields["play_title"] = [engine.state.titles.names[slot] for slot in fields["play_title"]]
    return fields


def _model_differences(number: int, rebuilt: PartitionEngine, wanted: PartitionEngine) -> Iterator[str]:
    """What the partition has learned of titles, rows and outcomes."""
    for name in rebuilt.state.titles.slots.keys() | wanted.state.titles.slots.keys():
        found, right = (
            engine.state.titles.records[engine.state.titles.slots[name]].tolist()
            if name in engine.state.titles.slots
            else None
            for engine in (rebuilt, wanted)
        )
        if found != right:
            yield f"title {name!r} of partition {number}: {found} instead of {right}"
    for field in wanted.state.table.dtype.names or ():
        found, right = (engine.state.table[field].tolist() for engine in (rebuilt, wanted))
        if found != right:
            yield f"{field} of partition {number} is {found} instead of {right}"
    for learner, right_learner in (
        (rebuilt.state.quality, wanted.state.quality),
        (rebuilt.state.churn, wanted.state.churn),
    ):
        if (
            learner.version != right_learner.version
            or learner.weights.tolist() != right_learner.weights.tolist()
        ):
            yield f"the {learner.name} model of partition {number} has learned something else"


def _comparable(key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> Any:
    """A record without what may differ: a dead letter's detail names the moment at which it was judged."""
    return key, value, tuple(header for header in headers if header[0] != "detail")


def _sequence_differences(log: str, found: list[Entry], wanted: list[Any]) -> Iterator[str]:
    if len(found) != len(wanted):
        yield f"{log}: {len(found)} records instead of {len(wanted)}"
    for entry, right in zip_longest(found, wanted):
        seen = None if entry is None else _comparable(entry.key, entry.value, entry.headers)
        if seen != (None if right is None else _comparable(*right)):
            offset = "its end" if entry is None else entry.offset
            yield f"{log} differs first at {offset}:\n  found   {seen}\n  instead {right}"
            return


def _version_differences(log: str, found: list[Entry]) -> Iterator[str]:
    """Versions of a profile count 1, 2, ... in log order, and begin anew only behind a tombstone."""
    last: dict[bytes | None, int] = defaultdict(int)
    for entry in found:
        if entry.value is None:
            last[entry.key] = 0
            continue
        version = msgspec.json.decode(entry.value)["version"]
        if version != last[entry.key] + 1:
            yield f"{log}: version {version} of {entry.key!r} follows {last[entry.key]} ({entry.offset})"
        last[entry.key] = version


def _environ(*, sharing: bool) -> dict[str, str]:
    # A learn batch of 32 makes the few outcomes of a short scenario teach something.
    return {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "FLYWHEEL_LOG_PREDICTIONS": "true",
        "FLYWHEEL_SURFACES": SURFACES,
        "FLYWHEEL_EXPERIMENTS": str(Path(__file__).with_name("experiments.toml")),
        # What others have told, and when it is heard, stands in no input log.
        "FLYWHEEL_SHARING": str(sharing),
        "FLYWHEEL_LEARN_BATCH": "32",
        "FLYWHEEL_CHURN_HORIZON_MS": str(3 * 3_600_000),
    }


def play(
    settings: Settings,
    seed: int,
    *,
    ticks: bool = False,
    sharing: bool = False,
    bad_share: float = viewers.BAD_SHARE,
) -> Play:
    """The worker without ticks and the exact oracle, or ``python -m streams worker`` itself and the other
    one. With ``sharing``, partitions learn from each other meanwhile.
    """
    command = [sys.executable, "-m", "streams", "worker"]
    if not ticks:
        command = [sys.executable, str(Path(__file__).with_name("engine_worker.py"))]
    prelude: list[Input] = viewers.subscriptions(random.Random(seed), settings)
    return Play(
        name="worker" if ticks else "engine",
        command=command,
        inputs=partial(viewers.inputs, bad_share=bad_share),
        oracle=EngineOracle(ticks=ticks, sharing=sharing),
        catalogs=viewers.catalogs(settings),
        prelude=prelude,
        environ=_environ(sharing=sharing),
        restless=ticks,
    )
