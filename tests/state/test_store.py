"""Slots: memory that grows, the smallest free slot first, and the sizes that the layout promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import InvariantError
from streams.profiles import layout
from streams.profiles.layout import DECISION, MAX_ROWS, OTHER_ROW, PARTITION, PENDING, PROFILE, TITLE
from streams.profiles.store import FIRST_CAPACITY, Store

SMALL = np.dtype([("a", "i8"), ("b", "f4"), ("c", "u1")], align=True)


def test_sizes_are_what_the_limits_promise() -> None:
    for dtype in (PROFILE, TITLE, PARTITION):
        assert dtype.itemsize % 8 == 0  # the changelog packs words
    assert PROFILE.itemsize <= 1_800
    assert TITLE.itemsize == 16
    int8 = np.iinfo(np.int8).max
    assert max(MAX_ROWS, OTHER_ROW + 1, PENDING) <= int8  # kept as 1 + index
    assert layout.SNAPSHOTS >= 1 and layout.PLAYBACKS >= 1 and layout.INTERVALS >= 2
    assert PROFILE["recent"].shape == (layout.DEDUP_EVENTS,)
    assert DECISION["order"].shape == (MAX_ROWS,)
    assert 1 + layout.MAX_POSITIONS < 256  # kept as 1 + position in a byte


def test_memory_grows_and_keeps_what_it_holds() -> None:
    store = Store(SMALL)
    names = [f"n{n}" for n in range(4 * FIRST_CAPACITY)]
    for n, name in enumerate(names):
        slot = store.slot(name)
        assert slot == n and store.slot(name) == n
        assert not store.records[slot : slot + 1].view(np.uint8).any()
        store.records["a"][slot] = n
        store.dirty[slot] = 1
    assert len(store) == len(names) <= len(store.records)
    assert store.records["a"][: len(names)].tolist() == list(range(len(names)))
    assert store.dirty_count == len(names)
    assert store.bytes == len(names) * SMALL.itemsize


def test_the_smallest_free_slot_is_used_again_and_is_empty() -> None:
    store = Store(SMALL)
    for name in "abcde":
        store.records["a"][store.slot(name)] = 7
    for name in "dbc":
        store.remove(name)
    assert [store.slot(name) for name in "xyzw"] == [1, 2, 3, 5]
    assert store.records["a"][:6].tolist() == [7, 0, 0, 0, 7, 0]
    assert store.names == ["a", "x", "y", "z", "e", "w"]


def test_a_name_has_one_slot_and_a_slot_one_name() -> None:
    store = Store(SMALL)
    store.place("late", 3)
    assert store.names == [None, None, None, "late"]
    store.place("late", 3)
    with pytest.raises(InvariantError, match="slot 3 belongs to 'late'"):
        store.place("other", 3)
    store.restored(6)
    assert [store.slot(name) for name in "abcdef"] == [0, 1, 2, 4, 5, 6]


def test_changes_are_handed_over_once() -> None:
    store = Store(SMALL)
    for name in "abc":
        store.dirty[store.slot(name)] = 1
    store.remove("b")
    store.forget("never seen")
    changed, removed = store.take_dirty()
    assert (changed.tolist(), removed) == ([0, 2], ["b", "never seen"])
    changed, removed = store.take_dirty()
    assert (changed.tolist(), removed) == ([], [])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["slot", "slot", "remove"]), st.integers(0, 12)), max_size=80))
def test_a_store_is_a_dictionary(steps: list[tuple[str, int]]) -> None:
    store, plain = Store(SMALL), {}
    for at, (what, n) in enumerate(steps, 1):
        name = f"n{n}"
        if what == "slot":
            slot = store.slot(name)
            if name not in plain:
                assert store.records["a"][slot] == 0
                free = [s for s, owner in enumerate(store.names[:-1]) if owner is None]
                assert not free or slot <= min(free)
            store.records["a"][slot] = plain[name] = at
        elif name in plain:
            store.remove(name)
            del plain[name]
        assert {name: int(store.records["a"][slot]) for name, slot in store.slots.items()} == plain
        assert all(store.names[slot] == name for name, slot in store.slots.items())
