"""A partition small enough to reason about: events go in one by one, records are read by field name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import orjson

from streams import topics
from streams.engine import TopicWrites
from streams.pipeline import PartitionEngine, create_engine
from streams.profiles.layout import Counter
from streams.settings import Settings
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch
from tests.streams.journeys import START_MS

LATER_MS = START_MS + 10_000 * 86_400_000
"""The clock of the worker: after every event of these tests."""
PLAIN = Settings(explore_share=0.0, learn_batch=1_000, churn_step=100.0, surfaces="")
"""Rows and churn alone: no exploration, no learning in between, few churn scores."""


def rows_catalog(
    settings: Settings, rows: int = 4, pins: dict[int, int] | None = None, titles: int = 2
) -> Catalog:
    """Rows ``r00``, ``r01``, ... and ``titles`` titles of an hour to each: ``r00-0``, ``r00-1``, ..."""
    known = Catalog(settings)
    for r in range(rows):
        put_row(known, r, (pins or {}).get(r))
        for t in range(titles):
            title = {
                "title_id": f"r{r:02d}-{t}", "name": "T", "kind": "film", "tags": [f"tag-{r}"],
                "duration_s": 3600,
            }  # fmt: skip
            known.put(topics.TITLE_CATALOG, title["title_id"].encode(), orjson.dumps(title))
    return known


def put_row(known: Catalog, r: int, pin: int | None = None) -> None:
    """Add or change one row."""
    row = {"row_id": f"r{r:02d}", "name": "R", "rule": "tag", "tag": f"tag-{r}", "pinned_position": pin}
    known.put(topics.ROW_CATALOG, row["row_id"].encode(), orjson.dumps(row))


class SmallPartition:
    """An engine with a log of its own. Times are seconds after ``START_MS``."""

    def __init__(
        self,
        config: Settings = PLAIN,
        rows: int = 4,
        pins: dict[int, int] | None = None,
        known: Catalog | None = None,
        **changes: Any,
    ) -> None:
        self.settings = replace(config, **changes)
        self.catalog = known or rows_catalog(self.settings, rows, pins)
        self.engine: PartitionEngine = create_engine(0, self.settings, self.catalog)
        self._next = dict.fromkeys(topics.INPUTS, 0)
        self.log: list[tuple[str, PlainRecord]] = []

    def record(self, kind: str, ts_s: float, profile: str = "p", **fields: Any) -> tuple[str, PlainRecord]:
        """The next record of the log, not yet applied. ``stamp_s`` is the broker's time of it."""
        topic = topics.SUBSCRIPTION_EVENTS if kind.startswith("subscription_") else topics.VIEWING_EVENTS
        offset = self._next[topic]
        self._next[topic] += 1
        ts = START_MS + round(ts_s * 1000)
        stamp = START_MS + round(fields.pop("stamp_s", ts_s) * 1000)
        event = {"event_id": f"{topic}-{offset}", "type": kind, "profile_id": profile, "ts": ts} | fields
        return topic, PlainRecord(offset, stamp, profile.encode(), orjson.dumps(event))

    def send(self, kind: str, ts_s: float, profile: str = "p", **fields: Any) -> None:
        """Apply one event."""
        self.apply([self.record(kind, ts_s, profile, **fields)])

    def apply(self, records: list[tuple[str, PlainRecord]]) -> None:
        """Apply records of one topic as one batch."""
        topic, fetched = records[0][0], [record for _, record in records]
        self.log.extend(records)
        batch = RecordBatch(topic, 0, fetched[0].offset, fetched[-1].offset + 1, fetched)
        rejects = self.engine.stats.rejects.copy()
        self.engine.apply(batch, LATER_MS)
        assert self.engine.stats.rejects == rejects

    def play(
        self, at_s: float, seconds: float, playback: str = "play", profile: str = "p", **fields: Any
    ) -> float:
        """Start a playback at ``at_s``, watch it for ``seconds`` with a heartbeat every 20; returns when the
        last one was."""
        title = fields.setdefault("title_id", "r00-0")
        fields.setdefault("duration_s", 3600.0)
        self.send("playback_start", at_s, profile, playback_id=playback, **fields)
        watched = 0.0
        while watched < seconds:
            watched = min(seconds, watched + 20.0)
            told = {"playback_id": playback, "title_id": title, "position_s": watched}
            self.send("playback_progress", at_s + watched, profile, **told)
        return at_s + watched

    def see(
        self, at_s: float, row: str, position: int = 0, titles: tuple[str, ...] = (), **fields: Any
    ) -> None:
        """One row comes into view."""
        items = [{"title_id": title, "position": n} for n, title in enumerate(titles)]
        self.send("impression", at_s, row_id=row, row_position=position, items=items, **fields)

    def profile(self, name: str = "p") -> Any:
        """The record of a profile."""
        return self.engine.state.profiles.records[self.engine.state.profiles.slots[name]]

    def counter(self, counter: Counter, name: str = "p", half_life: int = 2) -> float:
        """A behaviour counter; by default the one with a half-life of 30 days."""
        return float(self.profile(name)["counters"][half_life, counter])

    @property
    def partition(self) -> Any:
        """The partition's own record."""
        return self.engine.state.table[0]

    def examples(self, churn: bool = False) -> list[tuple[list[float], int]]:
        """Outcomes that wait to be learned: features and label."""
        waiting = (self.engine.state.churn if churn else self.engine.state.quality).waiting
        n = int(waiting.n[0])
        return [(x.tolist(), int(y)) for x, y in zip(waiting.x[:n], waiting.y[:n], strict=True)]

    def labels(self, churn: bool = False) -> list[int]:
        """Labels of the outcomes that wait to be learned, in order."""
        return [label for _, label in self.examples(churn)]

    def drain(self) -> dict[str, TopicWrites]:
        """The writes of a checkpoint by topic."""
        return self.engine.drain().topics

    def decisions(self, topic: str) -> list[dict[str, Any]]:
        """Decisions of one topic since the last drain; a tombstone is an empty one."""
        writes = self.drain().get(topic, TopicWrites())
        return [orjson.loads(value or b"{}") for value in writes.values]


class Changelog:
    """The state topic as compaction would keep it, and as it was written."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes | None]] = []

    def take(self, writes: dict[str, TopicWrites], topic: str) -> None:
        """Append the changelog of one checkpoint."""
        if topic in writes:
            self.records.extend(zip(writes[topic].keys, writes[topic].values, strict=True))  # type: ignore[arg-type]

    def compacted(self) -> list[tuple[bytes, bytes | None]]:
        """The last record of each key, in log order, tombstones gone."""
        last = {key: at for at, (key, _) in enumerate(self.records)}
        kept = [record for at, record in enumerate(self.records) if last[record[0]] == at]
        return [record for record in kept if record[1] is not None]


def restored(small: SmallPartition, records: list[tuple[bytes, bytes | None]]) -> PartitionEngine:
    """An engine that has read these changelog records."""
    engine = create_engine(0, small.settings, small.catalog)
    engine.restore([key for key, _ in records], [value for _, value in records])
    engine.restored()
    return engine


def one_record(dtype: np.dtype[np.void]) -> Any:
    """A zero record for calling compiled functions directly."""
    return np.zeros(1, dtype)[0]
