"""Replays a window of history through a fresh version of the application, in this process: nothing is written to Kafka.

Inputs are read from the live topics, by the time of their records, in which the events of one partition are also put
in order over its topics; catalogs are as they are now. All partitions run side by
side, and what they tell each other (signals of titles, tallies, shared records) goes round in memory as it would by
topics. The result is a folder: the last decision under every key, and what the version is judged by (``measures``).

The fresh version begins with nothing. What it decides after a day is what a newcomer to these viewers would; give it
as long a window as retention allows, or compare two versions that were both replayed.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition
from msgspec import Struct

from streams import topics
from streams.engine import Writes
from streams.errors import ConfigurationError
from streams.events.decode import decode
from streams.events.inputs import PlaybackStart
from streams.operations import backup, clients, standing
from streams.operations.measures import Places, models_of, policies_of
from streams.operations.reading import read_to_end
from streams.pipeline import PartitionEngine, create_engine
from streams.settings import ENV_PREFIX, Settings, load
from streams.state.catalog import Catalog
from streams.state.shared import Shared
from streams.transport.batch import PlainRecord, RecordBatch

REPORT = "replay.json"
BATCH = 1_000
"""Records of one partition that are applied at once. What is decided does not depend on it; what partitions hear of
each other, and when, does, as it does in production."""
DECISIONS = (*topics.KEYED_BY_PROFILE, topics.ARTWORK_CHOICES)


class Report(Struct, frozen=True, kw_only=True):
    """What was replayed, and how it did."""

    app_id: str
    from_ms: int
    to_ms: int
    changed: dict[str, str]
    events: int
    seconds: float
    measures: dict[str, Any]
    files: list[backup.File]


def changed_settings(base: Settings, app_id: str, changes: Sequence[str]) -> tuple[Settings, dict[str, str]]:
    """The settings of the fresh version: ``base`` with ``name=value`` changes. Raises ``ConfigurationError``."""
    named: dict[str, str] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {change!r} changes nothing: write name=value")
        named[name.strip().lower().removeprefix(ENV_PREFIX.lower())] = value.strip()
    fixed = {"brokers", "app_id", "partitions"} & named.keys()
    if fixed:
        raise ConfigurationError(f"--set cannot change {', '.join(sorted(fixed))}: they say what is replayed")
    environ = {**os.environ, **{ENV_PREFIX + name.upper(): value for name, value in named.items()}}
    fresh = load(environ, brokers=base.brokers, partitions=base.partitions, app_id=app_id)
    return fresh, named


class FreshVersion:
    """All partitions of an application, in memory."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.settings = settings
        self.shared = Shared(settings)
        self.engines: list[PartitionEngine] = [
            create_engine(number, settings, catalog, self.shared) for number in range(settings.partitions)
        ]
        self.places = Places()
        self.decided: dict[str, dict[tuple[int, bytes], backup.Saved]] = {name: {} for name in DECISIONS}
        self.events = 0
        self._early: dict[int, deque[tuple[str, PlainRecord]]] = {}
        self._waiting: dict[int, tuple[str, list[PlainRecord]]] = {}
        self._told: dict[standing.Place, int] = {}

    def take(self, record: Any) -> None:
        """One record of an input, in log order; all of ``subscription-events`` first, which is short."""
        plain = PlainRecord(record.offset, record.timestamp, record.key, record.value)
        if record.topic != topics.VIEWING_EVENTS:
            self._early.setdefault(record.partition, deque()).append((record.topic, plain))
            return
        number = record.partition
        early = self._early.get(number)
        while early and early[0][1].timestamp < plain.timestamp:
            self._add(early[0][0], number, early.popleft()[1])
        self._add(record.topic, number, plain)

    def finish(self) -> None:
        """Apply what waits, and what partitions then tell each other."""
        for number, early in self._early.items():
            while early:
                self._add(early[0][0], number, early.popleft()[1])
        for number in sorted(self._waiting):
            self._flush(number)

    def _add(self, topic: str, number: int, record: PlainRecord) -> None:
        """Records wait in runs of one topic."""
        before, waiting = self._waiting.setdefault(number, (topic, []))
        if waiting and (before != topic or len(waiting) == BATCH):
            self._flush(number)
            before, waiting = topic, []
        waiting.append(record)
        self._waiting[number] = (topic, waiting)

    def _flush(self, number: int) -> None:
        topic, records = self._waiting[number]
        self._waiting[number] = (topic, [])
        if records:
            self._apply(topic, number, records)

    def _apply(self, topic: str, number: int, records: list[PlainRecord]) -> None:
        now_ms = records[-1].timestamp
        engine = self.engines[number]
        engine.apply(RecordBatch(topic, number, records[0].offset, records[-1].offset + 1, records), now_ms)
        writes = engine.drain()
        self.events += len(records)
        if topic == topics.VIEWING_EVENTS:
            decoded = decode(topic, records, now_ms, self.settings)
            plays = [
                (records[index].offset, event)
                for event, index in zip(decoded.events, decoded.indexes, strict=True)
                if isinstance(event, PlaybackStart)
            ]
        else:
            plays = []
        self.places.follow(topic, plays, writes.topics)
        self._hand_round(writes, number, now_ms)

    def _hand_round(self, writes: Writes, number: int, now_ms: int) -> None:
        """Decisions are kept, what is shared is known to all, what is re-keyed goes to its owner."""
        for name, told in writes.topics.items():
            if name in self.decided:
                for key, value in zip(told.keys, told.values, strict=True):
                    self.decided[name][number, key or b""] = backup.Saved(key, value, now_ms, [])
            elif name in topics.shared(self.settings):
                for key, value in zip(told.keys, told.values, strict=True):
                    self.shared.put(name, key or b"", value)
            elif topics.is_owned(name):
                self._tell(name, told.keys, told.values, told.partitions, now_ms)

    def _tell(
        self,
        name: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        numbers: Sequence[int],
        now_ms: int,
    ) -> None:
        by_owner: dict[int, list[PlainRecord]] = {}
        for key, value, owner in zip(keys, values, numbers, strict=True):
            offset = self._told.get((name, owner), 0)
            self._told[name, owner] = offset + 1
            by_owner.setdefault(owner, []).append(PlainRecord(offset, now_ms, key, value))
        for owner, records in by_owner.items():
            batch = RecordBatch(name, owner, records[0].offset, records[-1].offset + 1, records)
            self.engines[owner].apply(batch, now_ms)
            self._hand_round(self.engines[owner].drain(), owner, now_ms)

    def measures(self) -> dict[str, Any]:
        """What this version is judged by."""
        return {
            "plays": {field: placing.to_record() for field, placing in self.places.placings.items()},
            "models": models_of(self.engines),
            "policies": policies_of(self.engines),
        }


async def replay_window(
    live: Settings, fresh: Settings, changed: dict[str, str], from_ms: int, to_ms: int, folder: Path
) -> Report:
    """Replay what ``live``'s inputs hold of ``[from_ms, to_ms)`` through ``fresh``, and write ``folder``.

    Raises ``ConfigurationError`` when the window is empty or the folder is not.
    """
    if from_ms >= to_ms:
        raise ConfigurationError("--to must be later than --from")
    await standing.require_partitions(live)
    backup.make_empty(folder)
    catalog = Catalog(fresh)
    await read_to_end(
        live, topics.CATALOGS, lambda record: catalog.put(record.topic, record.key, record.value)
    )
    version = FreshVersion(fresh, catalog)
    began = time.perf_counter()

    def take(record: Any) -> None:
        if from_ms <= record.timestamp < to_ms:
            version.take(record)

    starts = await _starts(live, from_ms)
    for topic in reversed(topics.INPUTS):
        await read_to_end(live, [topic], take, starts=starts)
    version.finish()
    if not version.events:
        raise ConfigurationError(
            "the inputs hold nothing of this window: choose another, or lengthen retention.ms"
        )
    files = []
    for name, kept in version.decided.items():
        for number in range(fresh.partitions):
            records = [saved for (owner, _), saved in kept.items() if owner == number and saved.value]
            if records:
                files.append(backup.write_file(folder, name, number, records))
    report = Report(
        app_id=fresh.app_id,
        from_ms=from_ms,
        to_ms=to_ms,
        changed=changed,
        events=version.events,
        seconds=time.perf_counter() - began,
        measures=version.measures(),
        files=files,
    )
    backup.write(folder / REPORT, msgspec.json.format(msgspec.json.encode(report), indent=1))
    return report


async def _starts(settings: Settings, from_ms: int) -> dict[standing.Place, int]:
    """Where the window begins in every input: a log without records so late is read from its end."""
    there = await standing.standings(settings, topics.INPUTS)
    async with clients.group_consumer(settings) as consumer:
        found = await consumer.offsets_for_times({TopicPartition(*place): from_ms for place in there})
    starts = {}
    for place, log in there.items():
        at = found.get(TopicPartition(*place))
        starts[place] = log.begin if at is None else at.offset
    return starts
