"""The owners of one partition: which of them takes which re-keyed record, and their state in the changelog.

| topic | key | owner |
| --- | --- | --- |
| ``title-signals`` | title | ``titles.TitleOwner`` |
| ``<app_id>-tallies`` | experiment, or tag and region | by the record's ``kind``: ``TALLIED`` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams import topics
from streams.errors import InvariantError, RecoveryError
from streams.events.decode import Reject, decode_rekeyed
from streams.rekeyed.demand import DemandOwner
from streams.rekeyed.experiments import ExperimentOwner
from streams.rekeyed.owner import Owner, Put
from streams.rekeyed.titles import TitleOwner
from streams.settings import Settings
from streams.transport.batch import Record, RecordBatch

CHANGELOG_KEY = b"o"
"""Keys of the owners' changelog records: this, the owner's kind (a byte), then its own key."""
PREFIX = len(CHANGELOG_KEY) + 1

TALLIED: Mapping[str, Callable[[Settings, Put], Owner]] = {
    "experiment": ExperimentOwner,
    "demand": DemandOwner,
}
"""The owner of each kind of tally."""

RejectRecord = Callable[[RecordBatch, Record, Reject], None]


class Owners:
    """All owners of a partition; part of its engine, and like it without Kafka and without a clock.

    ``put`` writes to compacted topics, ``reject`` takes records that cannot be read (they become dead
    letters).
    """

    def __init__(self, partition: int, settings: Settings, put: Put, reject: RejectRecord) -> None:
        self.titles = TitleOwner(settings, put)
        self.tallied: dict[str, Owner] = {kind: create(settings, put) for kind, create in TALLIED.items()}
        self.records: dict[str, int] = {topics.TITLE_SIGNALS: 0, settings.tallies_topic: 0}
        """Records taken in since this object was made, by topic."""
        self._partition = partition
        self._settings = settings
        self._reject = reject
        self._by_kind: dict[bytes, Owner] = {}
        for owner in (self.titles, *self.tallied.values()):
            if len(owner.kind) != 1 or owner.kind in self._by_kind:
                raise InvariantError(f"two owners have the kind {owner.kind!r}, or it is not one byte")
            self._by_kind[owner.kind] = owner
        self._last_now_ms = 0

    def takes(self, topic: str) -> bool:
        """Whether the batches of this topic are the owners'."""
        return topic in self.records

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        """Add a batch up. Records that cannot be read are rejected; none makes this raise."""
        self._last_now_ms = now_ms
        decoded = decode_rekeyed(batch.topic, batch.records, now_ms, self._settings, self._partition)
        for reject in decoded.rejects:
            self._reject(batch, batch.records[reject.index], reject)
        self.records[batch.topic] += len(decoded.events)
        signals = batch.topic == topics.TITLE_SIGNALS
        events: Sequence[Any] = decoded.events
        for record, index in zip(events, decoded.indexes, strict=True):
            owner: Owner | None = self.titles if signals else self.tallied.get(record.kind)
            if owner is not None:
                owner.apply(record, batch.records[index].offset)

    def tick(self, now_ms: int) -> None:
        """Time goes on: what the owners held back may be due."""
        elapsed_ms = now_ms - self._last_now_ms if self._last_now_ms else 0
        self._last_now_ms = now_ms
        if elapsed_ms > 0:
            for owner in self._by_kind.values():
                owner.let_time_pass(elapsed_ms)

    def pending(self) -> int:
        """Changelog records that the next ``take_changes`` gives, about."""
        return sum(owner.pending() for owner in self._by_kind.values())

    def take_changes(self) -> tuple[list[bytes], list[bytes | None]]:
        """Changelog records of all that changed since the last call."""
        keys: list[bytes] = []
        values: list[bytes | None] = []
        for kind, owner in self._by_kind.items():
            if owner.pending():
                changed, now = owner.take_changes()
                prefix = CHANGELOG_KEY + kind
                keys.extend([prefix + key for key in changed])
                values.extend(now)
        return keys, values

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record in whose key begins with ``CHANGELOG_KEY``. Raises ``RecoveryError``."""
        owner = self._by_kind.get(key[len(CHANGELOG_KEY) : PREFIX])
        if owner is None:
            raise RecoveryError(f"the changelog has a record of an unknown owner: {key[:100]!r}")
        owner.restore(key[PREFIX:], value)

    def restored(self) -> None:
        """The changelog is read to its end."""
        for owner in self._by_kind.values():
            owner.restored()
