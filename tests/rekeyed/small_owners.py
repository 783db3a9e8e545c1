"""Owners of one partition without an engine: signals in, what they write and keep out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson

from streams import topics
from streams.events.decode import Reject
from streams.rekeyed.owners import Owners
from streams.settings import HOUR_MS, Settings
from streams.transport.batch import PlainRecord, Record, RecordBatch

SETTINGS = replace(Settings(), partitions=1, title_stats_interval_ms=10_000)
NOW_MS = 1_760_000_000_000
START_MS = NOW_MS - 100 * HOUR_MS


class SmallOwners:
    """Partition 0 of 1. ``told`` are the records written to compacted topics, ``rejects`` the bad ones."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.told: list[tuple[str, bytes, bytes | None]] = []
        self.rejects: list[tuple[int, Reject]] = []
        self.owners = Owners(0, settings, lambda *record: self.told.append(record), self._reject)
        self.next: dict[str, int] = {}

    def _reject(self, batch: RecordBatch, record: Record, reject: Reject) -> None:
        self.rejects.append((record.offset, reject))

    def take(
        self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]], size: int = 1000
    ) -> None:
        """Apply (key, value) records behind those before, in batches of ``size``."""
        at = self.next.get(topic, 0)
        logged = [PlainRecord(at + i, NOW_MS, key, value) for i, (key, value) in enumerate(records)]
        self.next[topic] = at + len(logged)
        for begin in range(0, len(logged), size):
            part = logged[begin : begin + size]
            self.owners.apply(RecordBatch(topic, 0, part[0].offset, part[-1].offset + 1, part), NOW_MS)

    def stats(self) -> dict[str, Any]:
        """What was told last of every title."""
        last = {key.decode(): value for topic, key, value in self.told if topic == topics.TITLE_STATS}
        return {title: value and orjson.loads(value) for title, value in last.items()}

    def successor(self, settings: Settings = SETTINGS) -> SmallOwners:
        """Owners rebuilt from all that these would write to the changelog now."""
        other = SmallOwners(settings)
        for key, value in zip(*self.owners.take_changes(), strict=True):
            other.owners.restore(key, value)
        other.owners.restored()
        other.next = dict(self.next)
        return other


def signal(title: str, ts: int, **fields: Any) -> tuple[bytes, bytes]:
    """A good title signal as it stands in the log."""
    return title.encode(), orjson.dumps({"title_id": title, "ts": ts, "source": 3, **fields})
