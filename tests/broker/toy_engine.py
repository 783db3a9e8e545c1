"""A toy engine whose right answer can be computed from the input log alone: per profile a version and a sum.

Every event writes one record {"profile_id", "version", "offset"} to ``row-order``; versions count up by one.
The changelog row of a profile holds version, the sum of the offsets applied and, per topic, the last offset
applied, by which events that come a second time are skipped (needed where there are no transactions).

Every fourth event also adds 1 to a title, in whatever partition that is; the real owners of re-keyed records
count there.
"""

from __future__ import annotations

from typing import Any

import orjson

from streams import topics
from streams.engine import TopicWrites, Writes
from streams.errors import RecoveryError
from streams.events.decode import Reject
from streams.rekeyed.owners import CHANGELOG_KEY, Owners
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.transport.batch import Record, RecordBatch

SIGNAL_EVERY = 4
TITLES = 10
BEGIN_MS = 1_760_000_000_000


def title_of(number: int) -> str | None:
    """The title to which the event of this number adds; most add to none."""
    return f"t{number // SIGNAL_EVERY % TITLES}" if number % SIGNAL_EVERY == 0 else None


class ToyEngine:
    """Counts. ``value`` of an event is ``{"n": number}``, or ``{"pad": n}``: then its output is n bytes
    longer."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._settings = settings
        self._partition = partition
        self.owners = Owners(partition, settings, self._tell, self._reject)
        self.rows: dict[bytes, dict[str, Any]] = {}
        self._dirty: set[bytes] = set()
        self._outputs = TopicWrites()
        self._signals = TopicWrites()
        self._stats = TopicWrites()
        self._events = 0

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        if self.owners.takes(batch.topic):
            self.owners.apply(batch, now_ms)
            return
        for record in batch.records:
            self._events += 1
            key = record.key
            if key is None:
                continue
            row = self.rows.setdefault(key, {"version": 0, "sum": 0, "applied": {}})
            if record.offset <= row["applied"].get(batch.topic, -1):
                continue
            row["applied"][batch.topic] = record.offset
            row["version"] += 1
            row["sum"] += record.offset
            self._dirty.add(key)
            decision = {"profile_id": key.decode(), "version": row["version"], "offset": record.offset}
            if record.value is not None and record.value.startswith(b'{"pad"'):
                decision["pad"] = "x" * int(orjson.loads(record.value)["pad"])
            self._outputs.keys.append(key)
            self._outputs.values.append(orjson.dumps(decision))
            self._signal(orjson.loads(record.value or b"{}").get("n", 1))

    def _signal(self, number: int) -> None:
        title = title_of(number)
        if title is not None:
            signal = {"title_id": title, "ts": BEGIN_MS + number, "source": self._partition, "quality": 1}
            self._signals.keys.append(title.encode())
            self._signals.values.append(orjson.dumps(signal))
            self._signals.partitions.append(partition_of(title.encode(), self._settings.partitions))

    def _tell(self, topic: str, key: bytes, value: bytes | None) -> None:
        self._stats.keys.append(key)
        self._stats.values.append(value)

    def _reject(self, batch: RecordBatch, record: Record, reject: Reject) -> None:
        raise AssertionError(f"{batch.topic} {record.offset}: {reject}")

    def tick(self, now_ms: int) -> None:
        """A toy has no sense of time."""

    def pending(self) -> int:
        return len(self._outputs.keys) + len(self._dirty) + self.owners.pending()

    def drain(self) -> Writes:
        writes = Writes(events=self._events)
        if self._outputs.keys:
            writes.topics[topics.ROW_ORDER] = self._outputs
        for topic, told in ((topics.TITLE_SIGNALS, self._signals), (topics.TITLE_STATS, self._stats)):
            if told.keys:
                writes.topics[topic] = told
        keys, values = self.owners.take_changes()
        dirty = sorted(self._dirty)
        if dirty or keys:
            rows = [orjson.dumps(self.rows[key]) for key in dirty]
            writes.topics[self._settings.state_topic] = TopicWrites([*dirty, *keys], [*rows, *values])
        self._outputs, self._dirty, self._events = TopicWrites(), set(), 0
        self._signals, self._stats = TopicWrites(), TopicWrites()
        return writes

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        for key, value in zip(keys, values, strict=True):
            if key.startswith(CHANGELOG_KEY):
                self.owners.restore(key, value)
                continue
            if value is None:
                self.rows.pop(key, None)
                continue
            try:
                self.rows[key] = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                raise RecoveryError(f"the row of {key!r} is unreadable: {error}") from error

    def restored(self) -> None:
        self.owners.restored()
