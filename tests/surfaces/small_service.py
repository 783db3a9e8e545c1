"""A service of a few partitions without a broker: re-keyed records reach their partitions, and what is told
to all is read by all. Times are seconds after ``START_MS``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from streams import topics
from streams.engine import TopicWrites
from streams.pipeline import PartitionEngine, create_engine
from streams.rekeyed.partitioner import partition_of
from streams.settings import DAY_MS, HOUR_MS, Settings
from streams.state.shared import Shared
from streams.transport.batch import PlainRecord, RecordBatch
from tests.profiles.small_partition import rows_catalog
from tests.streams.journeys import START_MS

NOW = START_MS + 1_000 * DAY_MS
MINE = Settings(
    surfaces="experiments,categories,demand", heartbeat_gap_ms=2 * HOUR_MS, churn_step=100.0, explore_share=0.0,
    partitions=1,
)  # fmt: skip


def declared(folder: Path, text: str) -> str:
    """A file that declares experiments; returns its path."""
    path = folder / f"experiments-{abs(hash(text))}.toml"
    path.write_text(text)
    return str(path)


class Service:
    """Engines, the logs between them, and everything they have told."""

    def __init__(self, rows: int = 6, partitions: int = 1, **changes: Any) -> None:
        self.settings = replace(MINE, partitions=partitions, **changes)
        self.catalog = rows_catalog(self.settings, rows)
        self.shared = Shared(self.settings)
        self.engines: list[PartitionEngine] = [
            create_engine(number, self.settings, self.catalog, self.shared) for number in range(partitions)
        ]
        self.told: dict[str, list[tuple[str, Any]]] = {}
        self.changelogs: list[list[tuple[Any, Any]]] = [[] for _ in self.engines]
        self._offsets: dict[tuple[str, int], int] = {}
        self._count = 0

    def event(self, kind: str, at_s: float, profile: str, **fields: Any) -> dict[str, Any]:
        """An event, not yet sent."""
        self._count += 1
        ts = START_MS + round(at_s * 1000)
        return {"event_id": f"e{self._count}", "type": kind, "profile_id": profile, "ts": ts} | fields

    def visit(
        self, at_s: float, profile: str, plays: int = 1, title: str = "r00-0", **fields: Any
    ) -> list[Any]:
        """A session in which ``plays`` titles are each watched for ten minutes."""
        events = [self.event("session_start", at_s, profile, **fields)]
        for _ in range(plays):
            play = {"playback_id": f"play-{self._count}", "title_id": title}
            events.append(self.event("playback_start", at_s + 1, profile, duration_s=3600.0, **play))
            events.append(self.event("playback_stop", at_s + 601, profile, position_s=600.0, **play))
            at_s += 610
        events.append(self.event("session_end", at_s + 2, profile))
        return events

    def send(self, events: list[dict[str, Any]], size: int = 10_000) -> None:
        """Apply events in the order of time, in batches of ``size`` at most, and deliver what comes of
        them."""
        events = sorted(events, key=lambda event: event["ts"])
        for number in range(len(self.engines)):
            mine = [
                PlainRecord(0, event["ts"], event["profile_id"].encode(), orjson.dumps(event))
                for event in events
                if partition_of(event["profile_id"].encode(), len(self.engines)) == number
            ]
            for begin in range(0, len(mine), size):
                self._apply(topics.VIEWING_EVENTS, number, mine[begin : begin + size])
        self.deliver()

    def pass_time(self, at_s: float) -> None:
        """Somebody elsewhere does something: event time reaches ``at_s`` in every partition."""
        for number in range(len(self.engines)):
            name = next(
                name
                for n in range(99)
                if partition_of((name := f"clock{n}").encode(), len(self.engines)) == number
            )
            event = self.event("session_end", at_s, name)
            record = PlainRecord(0, event["ts"], name.encode(), orjson.dumps(event))
            self._apply(topics.VIEWING_EVENTS, number, [record])
        self.deliver()

    def deliver(self) -> None:
        """Checkpoint everywhere; tallies reach their owners, and what owners tell reaches everybody."""
        tallies = []
        for number in range(len(self.engines)):
            tallies += self._checkpoint(number)
        for key, value in tallies:
            self.tally(key, value)

    def tally(self, key: bytes, value: bytes) -> None:
        """One tally reaches its owner."""
        number = partition_of(key, len(self.engines))
        self._apply(self.settings.tallies_topic, number, [PlainRecord(0, NOW, key, value)])
        self._checkpoint(number)

    def reopen(self, number: int = 0) -> None:
        """The partition is lost, and comes back from its changelog."""
        self._checkpoint(number)
        engine = create_engine(number, self.settings, self.catalog, self.shared)
        log = self.changelogs[number]
        engine.restore([key for key, _ in log], [value for _, value in log])
        engine.restored()
        self.engines[number] = engine

    def hand_over(self, other: Service) -> None:
        """``other``, a newer program, goes on from the logs and changelogs of this one."""
        other.changelogs, other._offsets, other._count = self.changelogs, self._offsets, self._count
        for number in range(len(other.engines)):
            other.reopen(number)

    def records(self, topic: str, key: str | None = None) -> list[Any]:
        """What was told to ``topic`` (about ``key``), in order; ``None`` is a tombstone."""
        return [record for about, record in self.told.get(topic, []) if key in (None, about)]

    def taste(self, profile: str) -> Any:
        """A profile's second record."""
        number = partition_of(profile.encode(), len(self.engines))
        state = self.engines[number].state
        return state.tastes.records[state.profiles.slots[profile]]

    def _apply(self, topic: str, number: int, records: list[PlainRecord]) -> None:
        if not records:
            return
        begin = self._offsets.get((topic, number), 0)
        numbered = [
            PlainRecord(begin + n, record.timestamp, record.key, record.value)
            for n, record in enumerate(records)
        ]
        self._offsets[topic, number] = begin + len(records)
        engine = self.engines[number]
        rejects = engine.stats.rejects.copy()
        engine.apply(RecordBatch(topic, number, begin, begin + len(records), numbered), NOW)
        assert engine.stats.rejects == rejects and not engine.stats.faults

    def _checkpoint(self, number: int) -> list[tuple[bytes, bytes]]:
        tallies: list[Any] = []
        for topic, writes in self.engines[number].drain().topics.items():
            pairs = list(zip(writes.keys, writes.values, strict=True))
            if topic == self.settings.tallies_topic:
                tallies += pairs
            if topic == self.settings.state_topic:
                self.changelogs[number] += pairs
                continue
            if topic in topics.shared(self.settings):
                for key, value in pairs:
                    self.shared.put(topic, key or b"", value)
            for key, value in pairs:
                told = None if value is None else orjson.loads(value)
                self.told.setdefault(topic, []).append(((key or b"").decode(), told))
        return tallies


def written(writes: dict[str, TopicWrites], topic: str) -> list[Any]:
    """The decoded records of one topic."""
    return [orjson.loads(value or b"null") for value in writes.get(topic, TopicWrites()).values]
