"""What the streaming side asks of the engine of one partition, and what it gets back.

The streaming side (``partition``, ``checkpoint``, ``recovery``) knows positions, transactions and brokers
and nothing of viewers; the engine (``pipeline``) knows viewers and nothing of Kafka. This file is all
that they share.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

from streams.transport.batch import RecordBatch

Headers = list[tuple[str, bytes]]


@dataclass(slots=True)
class TopicWrites:
    """Records for one topic, in order. A ``None`` value is a tombstone.

    ``headers`` is empty, or as long as ``keys``. ``partitions`` too: where each record goes; empty means the
    engine's own partition number. Order holds among the records of one partition. ``sent_bytes`` is what was sent
    of them so far, in record batches.
    """

    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: list[Headers] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    sent_bytes: int = 0


@dataclass(slots=True)
class Writes:
    """All that one checkpoint sends, by topic.

    ``events`` counts the input records behind it. ``stamps`` has, by topic of decisions, the broker
    timestamps (ms) of the records that caused them, for the event-to-decision histogram.
    """

    topics: dict[str, TopicWrites] = field(default_factory=dict)
    events: int = 0
    stamps: defaultdict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("q")))

    @property
    def empty(self) -> bool:
        return not self.topics


class Engine(Protocol):
    """The state of one input partition, without Kafka in it. Not thread safe; never awaits, never reads a
    clock."""

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        """Take a batch in. Bad records become dead letters among the writes; this never raises for
        input."""

    def tick(self, now_ms: int) -> None:
        """Let time pass for silent profiles (labels mature, scores move, idle profiles expire), within a
        budget."""

    def pending(self) -> int:
        """How many records the next ``drain`` would send, about (for back-pressure); 0 when there is
        nothing to send."""

    def drain(self) -> Writes:
        """Hand over outputs and changelog since the last ``drain``: a snapshot of this very moment, taken
        synchronously."""

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        """Take changelog records in, in log order. Raises ``RecoveryError`` for one that cannot be read."""

    def restored(self) -> None:
        """The changelog has been read to its end: check it and make ready to apply."""
