"""A toy engine whose right answer can be computed from the input log alone: per profile a version and a sum.

Every event writes one record {"profile_id", "version", "offset"} to ``row-order``; versions count up by one.
The changelog row of a profile holds version, the sum of the offsets applied and, per topic, the last offset
applied, by which events that come a second time are skipped (needed where there are no transactions).
"""

from __future__ import annotations

from typing import Any

import orjson

from streams import topics
from streams.engine import TopicWrites, Writes
from streams.errors import RecoveryError
from streams.settings import Settings
from streams.transport.batch import RecordBatch


class ToyEngine:
    """Counts. ``value`` of an event is not looked at, except for ``{"pad": n}``: its output is n bytes
    longer."""

    def __init__(self, settings: Settings) -> None:
        self._state_topic = settings.state_topic
        self.rows: dict[bytes, dict[str, Any]] = {}
        self._dirty: set[bytes] = set()
        self._outputs = TopicWrites()
        self._events = 0

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
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

    def tick(self, now_ms: int) -> None:
        """A toy has no sense of time."""

    def pending(self) -> int:
        return len(self._outputs.keys) + len(self._dirty)

    def drain(self) -> Writes:
        writes = Writes(events=self._events)
        if self._outputs.keys:
            writes.topics[topics.ROW_ORDER] = self._outputs
        if self._dirty:
            dirty = sorted(self._dirty)
            writes.topics[self._state_topic] = TopicWrites(
                list(dirty), [orjson.dumps(self.rows[key]) for key in dirty]
            )
        self._outputs, self._dirty, self._events = TopicWrites(), set(), 0
        return writes

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        for key, value in zip(keys, values, strict=True):
            if value is None:
                self.rows.pop(key, None)
                continue
            try:
                self.rows[key] = orjson.loads(value)
            except orjson.JSONDecodeError as error:
                raise RecoveryError(f"the row of {key!r} is unreadable: {error}") from error

    def restored(self) -> None:
        """Nothing to check."""
