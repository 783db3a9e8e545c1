"""Slots: which record belongs to which profile, memory that grows by steps, places that are used again."""

from __future__ import annotations

import heapq
import mmap
import sys
from contextlib import suppress
from typing import Any

import numpy as np

from streams.errors import InvariantError
from streams.profiles.parameters import Array

FIRST_CAPACITY, GROWTH = 16_384, 2
"""Room for records, at first and when it is used up: pages not yet used cost nothing (the system gives zeroed pages
lazily), but a copy of all records holds up whatever comes next."""
LARGE = 4 * 2**20
"""Bytes of records from which on larger pages are asked for."""
_NUMBERS: list[int] = []
"""Slot numbers, as objects that all stores of the process share: each would be 32 bytes of its own in every store."""


class Store:
    """Records of one kind by name.

    ``records`` is the array (its length is the capacity), ``dirty`` marks records that changed since the
    last ``take_dirty``.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.records: Array = _room(FIRST_CAPACITY, dtype)
        self.dirty: Array = np.zeros(FIRST_CAPACITY, np.uint8)
        self.slots: dict[str, int] = {}
        self.names: list[str | None] = []
        self.companions: list[Companion] = []
        self._free: list[int] = []
        self._removed: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.slots)

    def slot(self, name: str) -> int:
        """The slot of ``name``, a new one (all zero) when it has none."""
        slot = self.slots.get(name)
        return self.add(name) if slot is None else slot

    def add(self, name: str) -> int:
        """Give ``name`` a slot. A tombstone that waits for it stays: its old slot may be another's by
        now, and the changelog must free it first.
        """
        if self._free:
            slot = heapq.heappop(self._free)  # the smallest: the same after a recovery
            self.names[slot] = name
        else:
            slot = len(self.names)
            self.names.append(name)
            if slot == len(self.records):
                self._grow()
        slot = _shared(slot)
        self.slots[name] = slot
        return slot

    def place(self, name: str, slot: int) -> None:
        """Give ``name`` this very slot (recovery of records whose slot others refer to)."""
        if slot < len(self.names) and self.names[slot] not in (None, name):
            raise InvariantError(
                f"slot {slot} belongs to {self.names[slot]!r}, the changelog gives it to {name!r} too"
            )
        while len(self.names) <= slot:
            self.names.append(None)
            if len(self.names) > len(self.records):
                self._grow()
        self.names[slot] = name
        self.slots[name] = _shared(slot)

    def restored(self, slots: int) -> None:
        """All is placed; there were ``slots`` slots in use or free when it was saved."""
        while len(self.names) < slots:
            self.names.append(None)
            if len(self.names) > len(self.records):
                self._grow()
        self._free = [slot for slot, name in enumerate(self.names) if name is None]

    def remove(self, name: str) -> None:
        """Forget ``name``: its record is zeroed, its slot used again, and the changelog gets a
        tombstone."""
        slot = self.slots.pop(name)
        self.records[slot] = np.zeros((), self.records.dtype)
        self.dirty[slot] = 0
        for companion in self.companions:
            companion.clear(slot)
        self.names[slot] = None
        heapq.heappush(self._free, slot)
        self._removed[name] = None

    def forget(self, name: str) -> None:
        """Write a tombstone for a name that has no record here."""
        self._removed[name] = None

    def take_dirty(self) -> tuple[Array, list[str]]:
        """Slots that changed and names that were removed since the last call."""
        changed = np.flatnonzero(self.dirty[: len(self.names)])
        self.dirty[changed] = 0
        removed = list(self._removed)
        self._removed.clear()
        return changed, removed

    @property
    def dirty_count(self) -> int:
        """How many records changed since the last ``take_dirty``."""
        return int(np.count_nonzero(self.dirty[: len(self.names)]))

    @property
    def bytes(self) -> int:
        """Bytes of the records in use, without the index by name."""
        return len(self.names) * self.records.dtype.itemsize

    def _grow(self) -> None:
        capacity = len(self.records) * GROWTH
        self.records, self.dirty = _enlarged(self.records, capacity), _enlarged(self.dirty, capacity)
        for companion in self.companions:
            companion.grow(capacity)


def _shared(number: int) -> int:
    """The same number, as the one object that stands for it."""
    if number >= len(_NUMBERS):
        _NUMBERS.extend(range(len(_NUMBERS), number + 1))
    return _NUMBERS[number]


def _room(capacity: int, dtype: np.dtype[Any]) -> Array:
    """Zeroed records in memory of their own, straight from the system, which has it back when they have moved. glibc's
    ``malloc`` would learn from the first 29 MB that move to keep whatever is freed up to that size: 1,100 bytes a
    profile were measured at 29,000 profiles a partition, 1,700 to 2,500 at 20,000."""
    if sys.platform != "linux":
        return np.zeros(capacity, dtype)
    size = capacity * dtype.itemsize
    pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if size >= LARGE:  # as numpy asks: the loop goes from profile to profile without order
        with suppress(OSError):
            pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, dtype)


def _enlarged(records: Array, capacity: int) -> Array:
    """A copy with room for ``capacity`` records, new ones zeroed. As bytes: numpy copies records field by field, which
    takes up to ten times as long."""
    grown = _room(capacity, records.dtype)
    grown.view(np.uint8)[: records.nbytes] = records.view(np.uint8)
    return grown


class Companion:
    """A second record for every slot of a store: same slots, kept apart because it changes at other times."""

    def __init__(self, store: Store, dtype: np.dtype[np.void]) -> None:
        self.store = store
        self.records: Array = _room(len(store.records), dtype)
        self.dirty: Array = np.zeros(len(store.records), np.uint8)
        store.companions.append(self)

    def clear(self, slot: int) -> None:
        """The slot's owner is forgotten."""
        self.records[slot] = np.zeros((), self.records.dtype)
        self.dirty[slot] = 0

    def grow(self, capacity: int) -> None:
        """The store has grown."""
        self.records, self.dirty = _enlarged(self.records, capacity), _enlarged(self.dirty, capacity)

    def take_dirty(self) -> Array:
        """Slots whose record changed since the last call."""
        changed = np.flatnonzero(self.dirty[: len(self.store.names)])
        self.dirty[changed] = 0
        return changed

    @property
    def dirty_count(self) -> int:
        """How many records changed since the last ``take_dirty``."""
        return int(np.count_nonzero(self.dirty[: len(self.store.names)]))

    @property
    def bytes(self) -> int:
        """Bytes of the records in use."""
        return len(self.store.names) * self.records.dtype.itemsize
