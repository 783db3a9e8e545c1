"""A Kafka in memory, with what exactly once rests on: transactions, fencing by epoch, the read-committed
view, offsets.

Only what clients can observe is modelled. A transaction's end leaves a marker in every log it touched, so
offsets have holes as on a real broker. Nothing here waits or draws random numbers:
:mod:`tests.simulation.link` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

Log = tuple[str, int]
"""A topic and a partition number."""
Sent = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Key, value and headers of a record on its way."""


class Fenced(Exception):
    """A producer with a newer epoch has this transactional id."""


class Refused(Exception):
    """The broker does not take a write: its transaction has ended, or never began."""


class Fate(Enum):
    """Whether readers of committed records see a slot."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"
    MARKER = "marker"


@dataclass(slots=True)
class Slot:
    """What stands at one offset of a log."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    fate: Fate


@dataclass(slots=True)
class Transaction:
    """What an open transaction has written so far."""

    slots: dict[Log, list[Slot]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[Log, int] = field(default_factory=dict)


@dataclass(slots=True)
class Owner:
    """The state of one transactional id. ``number`` counts its transactions."""

    epoch: int = -1
    number: int = 0
    open: Transaction | None = None


class FakeKafka:
    """One broker, one consumer group."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.topics = set(topics)
        self.logs: dict[Log, list[Slot]] = defaultdict(list)
        self.offsets: dict[Log, int] = {}
        """Committed offsets of the group."""
        self.owners: dict[str, Owner] = defaultdict(Owner)
        self.fencing = True
        """Off only for a mutation: then a stale epoch may write."""

    # --- producing
    # ---------------------------------------------------------------------------------------------

    def append(self, log: Log, records: Iterable[Sent]) -> None:
        """Write outside of a transaction."""
        for key, value, headers in records:
            self._put(log, key, value, headers, Fate.COMMITTED)

    def mark(self, log: Log) -> None:
        """A hole in the log, as the end of a producer's transaction leaves it."""
        self._put(log, None, None, [], Fate.MARKER)

    def init_producer(self, transactional_id: str) -> int:
        """Fence whoever had this id, abort what they left open, and return the new epoch."""
        owner = self.owners[transactional_id]
        self._finish(owner, commit=False)
        owner.epoch += 1
        return owner.epoch

    def begin(self, transactional_id: str, epoch: int) -> int:
        """Begin a transaction and return its number, by which its writes are known: one that arrives after
        its end is refused (Kafka verifies the same since 3.6, KIP-890).
        """
        owner = self._owner(transactional_id, epoch)
        if owner.open is not None:
            raise Refused("a transaction is open already")
        owner.number += 1
        owner.open = Transaction()
        return owner.number

    def produce(
        self,
        transactional_id: str,
        epoch: int,
        number: int,
        log: Log,
        records: Iterable[Sent],
    ) -> None:
        transaction = self._open(transactional_id, epoch, number)
        for key, value, headers in records:
            transaction.slots[log].append(self._put(log, key, value, headers, Fate.OPEN))

    def add_offsets(self, transactional_id: str, epoch: int, number: int, offsets: Mapping[Log, int]) -> None:
        self._open(transactional_id, epoch, number).offsets.update(offsets)

    def end_transaction(self, transactional_id: str, epoch: int, number: int, *, commit: bool) -> None:
        self._open(transactional_id, epoch, number)
        self._finish(self.owners[transactional_id], commit=commit)

    def commit_offsets(self, offsets: Mapping[Log, int]) -> None:
        """Commit outside of a transaction."""
        self.offsets.update(offsets)

    # --- reading
    # -----------------------------------------------------------------------------------------------

    def end(self, log: Log) -> int:
        return len(self.logs[log])

    def stable_end(self, log: Log) -> int:
        """The last stable offset: where the oldest open transaction begins."""
        return next((slot.offset for slot in self.logs[log] if slot.fate is Fate.OPEN), self.end(log))

    def open_logs(self) -> list[Log]:
        """Logs that hold records of a transaction that never ended: their readers stand still."""
        return [log for log in self.logs if self.stable_end(log) < self.end(log)]

    def read(self, log: Log, start: int, limit: int) -> tuple[list[Slot], int]:
        """Committed records from ``start``, looking at up to ``limit`` slots; and the position after them."""
        end = min(start + limit, self.stable_end(log))
        slots = self.logs[log][start:end]
        return [slot for slot in slots if slot.fate is Fate.COMMITTED], max(start, end)

    # --- inside
    # ------------------------------------------------------------------------------------------------

    def _owner(self, transactional_id: str, epoch: int) -> Owner:
        owner = self.owners[transactional_id]
        if self.fencing and epoch != owner.epoch:
            raise Fenced(f"{transactional_id} has epoch {owner.epoch}, this producer {epoch}")
        return owner

    def _open(self, transactional_id: str, epoch: int, number: int) -> Transaction:
        owner = self._owner(transactional_id, epoch)
        if owner.open is None or owner.number != number:
            raise Refused(f"transaction {number} of {transactional_id} is not open")
        return owner.open

    def _put(
        self,
        log: Log,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
        fate: Fate,
    ) -> Slot:
        slot = Slot(self.end(log), 0, key, value, headers, fate)
        self.logs[log].append(slot)
        return slot

    def _finish(self, owner: Owner, *, commit: bool) -> None:
        if owner.open is None:
            return
        for log, slots in owner.open.slots.items():
            for slot in slots:
                slot.fate = Fate.COMMITTED if commit else Fate.ABORTED
            self._put(log, None, None, [], Fate.MARKER)
        if commit:
            self.offsets.update(owner.open.offsets)
        owner.open = None
