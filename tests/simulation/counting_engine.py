"""An engine so simple that its oracle is a loop: it counts, chains and remembers, and shows every loss and
repeat.

A profile's row holds how many events it took, a chain over them (so that order and identity show, not only
the number), and per topic the offset it has applied. A *model* row of the partition counts and sums what was
learned. An event whose value is ``bad`` is a dead letter.

Some events also add to a title: an increment (``title-signals``), and the partition's sum so far
(``tallies``), both to the partition of the title, whose engine counts them and tells each new count.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from zlib import crc32

from streams import topics
from streams.engine import TopicWrites, Writes
from streams.errors import InvariantError, RecoveryError
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.transport.batch import RecordBatch

BAD = b"bad"
MODEL = b"model"
TITLE = b"title:"
"""Rows of titles, and below it what one partition has signalled of them, and what each source's tallies say."""
OWN_SUM = b"own sum:"
TALLY = b"tally:"
TITLES = 3
SIGNAL_EVERY = 4
"""One of so many events adds to a title."""

Row = dict[str, Any]


def title_of(value: bytes) -> bytes | None:
    """The title that an event adds to; most add to none."""
    number, rest = divmod(crc32(value), SIGNAL_EVERY)
    return None if rest or value == BAD else b"t%d" % (number % TITLES)


def new_row() -> Row:
    return {
        "n": 0,
        "chains": dict.fromkeys(topics.INPUTS, 0),
        "offsets": dict.fromkeys(topics.INPUTS, -1),
    }


def take(row: Row, topic: str, offset: int, value: bytes) -> None:
    """Count one event in. The chain is per topic, as nobody promises an order between two topics."""
    row["n"] += 1
    row["chains"][topic] = crc32(value, row["chains"][topic])
    row["offsets"][topic] = offset


class CountingEngine:
    """``streams.engine.Engine`` of the simulation. ``once``: a record that was applied before is a bug, not a
    repeat.
    """

    def __init__(self, settings: Settings, number: int, partitions: int, *, once: bool) -> None:
        self.rows: dict[bytes, Row] = {}
        self.model = {"n": 0, "sum": 0}
        self._settings = settings
        self._number = number
        self._partitions = partitions
        self._once = once
        self._dirty: dict[bytes, None] = {}
        self._writes = Writes()
        self._ready = False

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        if not self._ready:
            raise InvariantError("applied before it was restored")
        if batch.topic not in topics.INPUTS:
            self._own(batch)
            return
        for record in batch.records:
            self._writes.events += 1
            assert record.key is not None and record.value is not None
            if record.value == BAD:
                self._put(topics.DEAD_LETTERS, record.key, record.value)
                self._writes.topics[topics.DEAD_LETTERS].headers.append(
                    [("offset", str(record.offset).encode())]
                )
                continue
            row = self.rows.setdefault(record.key, new_row())
            if record.offset <= row["offsets"][batch.topic]:
                if self._once:
                    raise InvariantError(f"{batch.topic} {record.offset} applied again, row {row}")
                continue
            take(row, batch.topic, record.offset, record.value)
            self.model = {"n": self.model["n"] + 1, "sum": self.model["sum"] + crc32(record.value)}
            self._dirty[record.key] = None
            output = {
                "version": row["n"],
                "topic": batch.topic,
                "offset": record.offset,
                "chains": row["chains"],
            }
            self._put(topics.ROW_ORDER, record.key, json.dumps(output).encode())
            if (title := title_of(record.value)) is not None:
                self._signal(title, batch.topic, record.offset, record.value)

    def _signal(self, title: bytes, topic: str, offset: int, value: bytes) -> None:
        own = self.rows.setdefault(OWN_SUM + title, {"n": 0, "sum": 0})
        self.rows[OWN_SUM + title] = {"n": own["n"] + 1, "sum": own["sum"] + crc32(value)}
        self._dirty[OWN_SUM + title] = None
        increment = {"source": [self._number, topic, offset], "sum": crc32(value)}
        tally = {"source": self._number, **self.rows[OWN_SUM + title]}
        for to, record in ((topics.TITLE_SIGNALS, increment), (self._settings.tallies_topic, tally)):
            self._put(to, title, json.dumps(record).encode())
            self._writes.topics[to].partitions.append(partition_of(title, self._partitions))

    def _own(self, batch: RecordBatch) -> None:
        for record in batch.records:
            assert record.key is not None and record.value is not None
            told = json.loads(record.value)
            if batch.topic == self._settings.tallies_topic:
                key = TALLY + b"%s:%d" % (record.key, told["source"])
                if told["n"] > self.rows.get(key, {"n": 0})["n"]:  # a sum, so only the latest counts
                    self.rows[key] = {"n": told["n"], "sum": told["sum"]}
                    self._dirty[key] = None
                continue
            row = self.rows.get(TITLE + record.key, {"n": 0, "sum": 0, "offset": -1})
            if record.offset <= row["offset"]:
                if self._once:
                    raise InvariantError(f"signal {record.offset} applied again, row {row}")
                continue
            row = {"n": row["n"] + 1, "sum": row["sum"] + told["sum"], "offset": record.offset}
            self.rows[TITLE + record.key] = row
            self._dirty[TITLE + record.key] = None
            self._put(topics.TITLE_STATS, record.key, json.dumps({"version": row["n"]}).encode())

    def tick(self, now_ms: int) -> None:
        """Nothing changes by itself."""

    def pending(self) -> int:
        return len(self._dirty) + sum(len(topic.keys) for topic in self._writes.topics.values())

    def drain(self) -> Writes:
        state = [(key, self.rows[key]) for key in self._dirty]
        if state:
            for key, row in [*state, (MODEL, self.model)]:
                self._put(self._settings.state_topic, key, json.dumps(row).encode())
        writes, self._writes, self._dirty = self._writes, Writes(), {}
        return writes

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        for key, value in zip(keys, values, strict=True):
            if value is None:
                raise RecoveryError(f"{key!r} has no value")
            row = json.loads(value)
            if key == MODEL:
                self.model = row
            elif key not in self.rows or row["n"] >= self.rows[key]["n"]:
                self.rows[key] = row
            elif self._once:
                raise RecoveryError(f"{key!r} goes back from {self.rows[key]} to {row}")

    def restored(self) -> None:
        self._ready = True

    def _put(self, topic: str, key: bytes, value: bytes) -> None:
        writes = self._writes.topics.setdefault(topic, TopicWrites())
        writes.keys.append(key)
        writes.values.append(value)


def rows_of(events: Iterable[tuple[str, int, bytes, bytes]]) -> dict[bytes, Row]:
    """The oracle of the rows: what (topic, offset, key, value) events come to, undisturbed."""
    rows: dict[bytes, Row] = {}
    for topic, offset, key, value in events:
        if value != BAD:
            take(rows.setdefault(key, new_row()), topic, offset, value)
    return rows
