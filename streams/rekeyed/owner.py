"""What an owner is: whoever adds up one kind of re-keyed record for the keys of one partition; and how often
it may tell what it knows."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any, Protocol

Put = Callable[[str, bytes, bytes | None], None]
"""``put(topic, key, value)`` writes to a compacted topic, in the owner's own partition; ``None`` removes."""


class Owner(Protocol):
    """Adds up the records of its kind. Like an engine it never awaits and never reads a clock, and what it
    writes depends on the records alone, not on how they were batched.

    All of its state is in the changelog, one record a key, written when it changed.
    """

    kind: bytes
    """One byte: by what its records in the changelog are known among those of all owners."""

    def apply(self, record: Any, offset: int) -> None:
        """Take in one decoded record, which stands at ``offset`` of the partition's log.

        A record that comes again (at least once) must change nothing: by its offset, or by its own number.
        """

    def let_time_pass(self, elapsed_ms: int) -> None:
        """No record came for so long: what was held back may be due."""

    def pending(self) -> int:
        """How many records the next ``take_changes`` gives, about."""

    def take_changes(self) -> tuple[list[bytes], list[bytes | None]]:
        """Keys and values, for the changelog, of all that changed since the last call; ``None`` when a key
        was forgotten."""

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record in, in log order. Raises ``RecoveryError`` when it cannot be read."""

    def restored(self) -> None:
        """The changelog is read to its end."""


class Pace:
    """Each key is told at most once per ``interval_ms`` of event time; what changes meanwhile is held back and
    told as soon as that time is over: when another key's record says so, or time passes. What can wait longer may be
    given a longer time, and a shorter one again.

    Event time is the latest that any record of the owner had, so whatever comes makes what is due leave.

    >>> pace = Pace(10)
    >>> pace.reach(100)
    >>> pace.note("a", told_ts=0)
    >>> list(pace.due())
    ['a']
    >>> pace.note("a", told_ts=100)
    >>> list(pace.due())
    []
    >>> pace.reach(110)
    >>> list(pace.due())
    ['a']
    >>> pace.note("a", told_ts=110, intervals=50)
    >>> pace.note("a", told_ts=110)
    >>> pace.reach(120)
    >>> list(pace.due())
    ['a']
    """

    def __init__(self, interval_ms: int) -> None:
        self.ts = 0
        """The event time that was reached (ms); 0 before the first record."""
        self._interval_ms = interval_ms
        self._waiting: dict[str, int] = {}
        """When each key that is held back is due."""
        self._queue: list[tuple[int, str]] = []
        """The same in order; an entry that a sooner one has replaced is passed over."""

    def reach(self, ts: int) -> None:
        """A record of this time came."""
        self.ts = max(self.ts, ts)

    def let_time_pass(self, elapsed_ms: int) -> None:
        """Time went on without a record. Before the first one there is no event time that could."""
        if self.ts:
            self.ts += elapsed_ms

    def note(self, key: str, told_ts: int, intervals: int = 1) -> None:
        """``key`` has changed; it was told last at ``told_ts`` (0: never), and this can wait so many ``intervals`` from
        then. What waits already is told no later than it would have been."""
        due = told_ts + intervals * self._interval_ms
        if key not in self._waiting or due < self._waiting[key]:
            self._waiting[key] = due
            heapq.heappush(self._queue, (due, key))

    def drop(self, key: str) -> None:
        """``key`` is gone: there is nothing to tell of it."""
        if key in self._waiting:
            del self._waiting[key]
            self._queue = [entry for entry in self._queue if entry[1] != key]
            heapq.heapify(self._queue)

    def holds(self, key: str) -> bool:
        """Whether a change of ``key`` is held back."""
        return key in self._waiting

    def due(self) -> Iterator[str]:
        """Every key that may be told now, the longest due first."""
        while self._queue and self._queue[0][0] <= self.ts:
            due, key = heapq.heappop(self._queue)
            if self._waiting.get(key) == due:
                del self._waiting[key]
                yield key
