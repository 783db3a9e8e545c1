"""Records of the changelog: there and back, damaged, and of another layout."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import RecoveryError
from streams.profiles.layout import LAYOUT_VERSION, PARTITION, PROFILE, TITLE
from streams.profiles.store import FIRST_CAPACITY, Store
from streams.state import codec, layouts
from streams.state.packing import WORD, pack, unpack_many

widths = st.sampled_from([1, 7, 63, 64, 65, 128, 190, 225])


@settings(max_examples=150, deadline=None)
@given(widths, st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_packing_there_and_back(width: int, seed: int, share: float) -> None:
    draw = np.random.default_rng(seed)
    words = draw.integers(0, 2**64, (6, width), np.uint64) * (draw.random((6, width)) < share)
    slots = np.array([4, 0, 5])
    bitmaps = (width + 63) // 64
    out, ends = np.full(3 * (1 + bitmaps + width), 99, np.uint64), np.empty(3, np.int64)
    used = pack(words, slots, np.arange(10, 13, dtype=np.uint64), out, ends)
    assert used == ends[-1] == 3 * (1 + bitmaps) + np.count_nonzero(words[slots])
    starts = np.append(0, ends[:-1])
    assert out[starts].tolist() == [10, 11, 12]
    back = np.full_like(words, 7)
    assert unpack_many(out[:used], starts + 1, ends, slots, back) == -1
    np.testing.assert_array_equal(back[slots], words[slots])
    assert (back[[1, 2, 3]] == 7).all()
    for cut in (-1, 1):  # one word too few or too many
        wrong = ends.copy()
        wrong[1] += cut
        assert unpack_many(out[:used], starts + 1, wrong, slots, back.copy()) == 1


def filled(n: int, seed: int = 1) -> Store:
    """A store of ``n`` profiles with random bytes, a third of the words zero."""
    draw, store = np.random.default_rng(seed), Store(PROFILE)
    for name in range(n):
        store.slot(f"profile {name} ü")
    words = codec.words_of(store.records)
    words[:n] = draw.integers(0, 2**64, (n, words.shape[1]), np.uint64) * (
        draw.random((n, words.shape[1])) < 0.66
    )
    return store


def test_profiles_there_and_back() -> None:
    store = filled(FIRST_CAPACITY + 300)
    slots = np.array([3, FIRST_CAPACITY + 200, 0, 77])
    keys, values = codec.encode_profiles(store, slots)
    assert keys[0] == "pprofile 3 ü".encode()
    other = Store(PROFILE)
    codec.decode_profiles(other, [key[1:].decode() for key in keys], list(values))
    assert {name: other.slots[name] for name in other.slots} == {store.names[s]: s for s in slots.tolist()}
    np.testing.assert_array_equal(codec.words_of(other.records)[slots], codec.words_of(store.records)[slots])
    assert codec.encode_profiles(store, np.array([], np.int64)) == ([], [])


def test_the_last_record_of_a_profile_counts() -> None:
    store = filled(2)
    _, first = codec.encode_profiles(store, np.array([0]))
    store.records["sessions"][0] += 1
    _, second = codec.encode_profiles(store, np.array([0]))
    other = Store(PROFILE)
    codec.decode_profiles(other, ["a", "a"], [*first, *second])
    assert other.records[0].tobytes() == store.records[0].tobytes() and len(other) == 1


@pytest.mark.parametrize("cut", [0, 3, WORD, WORD * 2, -WORD, -1])
def test_a_truncated_profile_is_told(cut: int) -> None:
    _, (value,) = codec.encode_profiles(filled(1), np.array([0]))
    with pytest.raises(RecoveryError, match=codec.unnamed("ada")) as told:
        codec.decode_profiles(Store(PROFILE), ["ada"], [value[:cut]])
    assert "ada" not in str(told.value), "what ends a worker is logged, and logs name nobody"


def test_a_longer_profile_is_told() -> None:
    _, (value,) = codec.encode_profiles(filled(1), np.array([0]))
    with pytest.raises(RecoveryError, match="damaged"):
        codec.decode_profiles(Store(PROFILE), ["p"], [value + bytes(WORD)])


@pytest.mark.parametrize("version", [0, LAYOUT_VERSION + 1, 255])
def test_a_record_of_an_unknown_layout_is_told(version: int) -> None:
    _, (value,) = codec.encode_profiles(filled(1), np.array([0]))
    newer = codec.header(np.array([0]), version).tobytes() + value[WORD:]
    with pytest.raises(RecoveryError, match=f"layout {version}"):
        codec.decode_profiles(Store(PROFILE), ["p"], [newer])


OLD = np.dtype(
    [("events", "u2"), ("born", "u1"), ("counters", "f4", (2, 20)), ("gone", "f8"), ("last_ts", "i8"),
     ("recent", "u8", (3,)), ("play_title", "i8", (5,))],
    align=True,
)  # fmt: skip
"""A made-up older layout: fields that are gone, smaller, wider, and elsewhere."""
OLD_VERSION = 200


@pytest.fixture
def an_older_layout() -> Iterator[None]:
    assert OLD_VERSION not in layouts.READABLE and OLD.itemsize % WORD == 0
    layouts.READABLE[OLD_VERSION] = {"profile": OLD}
    yield
    del layouts.READABLE[OLD_VERSION]


@pytest.mark.usefixtures("an_older_layout")
def test_an_older_layout_is_read_by_names() -> None:
    old = np.zeros(2, OLD)
    old[1] = (9, 1, np.arange(40).reshape(2, 20), 5.0, 1234567890123, (1, 2, 3), (10, 20, 30, 40, 50))
    words = codec.words_of(old)
    out = np.empty(3 + 2 * words.shape[1], np.uint64)
    used = pack(words, np.array([1]), codec.header(np.array([6]), OLD_VERSION), out, np.empty(1, np.int64))
    old_value = out[:used].tobytes()
    today = filled(1)
    _, (new_value,) = codec.encode_profiles(today, np.array([0]))
    store = Store(PROFILE)
    codec.decode_profiles(store, ["old", "new"], [old_value, new_value])
    assert store.slots == {"old": 6, "new": 0}
    assert store.records[0].tobytes() == today.records[0].tobytes()
    read = store.records[6]
    assert (read["events"], read["born"], read["last_ts"]) == (9, 1, 1234567890123)
    counters = PROFILE["counters"].shape[1]
    assert read["counters"][:2].tolist() == np.arange(40).reshape(2, 20)[:, :counters].tolist()
    assert not read["counters"][2:].any() and not read["rows"].any()
    assert read["recent"][:4].tolist() == [1, 2, 3, 0]
    assert read["play_title"].tolist() == [10, 20, 30, 40, 50][: len(read["play_title"])]
    with pytest.raises(RecoveryError, match=f"layout {OLD_VERSION}"):
        codec.decode_profiles(Store(PROFILE), ["old"], [old_value[:-WORD]])


def test_titles_go_in_blocks() -> None:
    store = Store(TITLE)
    for n in range(150):
        store.records["seen"][store.slot(f"t{n}")] = n
    keys, values = codec.encode_titles(store, np.array([5, 70, 71, 149]), ["t5", "t149"])
    assert keys == [b"nt5", b"nt149", b"t0", b"t1", b"t2"]
    assert [codec.read_header(int.from_bytes(value[:WORD], "little"))[1] for value in values] == [
        5,
        149,
        0,
        1,
        2,
    ]
    assert [len(value) for value in values[2:]] == [8 + 64 * 16, 8 + 64 * 16, 8 + 22 * 16]
    other = Store(TITLE)
    for value in reversed(values[2:]):
        codec.decode_title_block(other, value)
    assert other.records[:150].tobytes() == store.records[:150].tobytes()
    newer = codec.header(np.array([0]), LAYOUT_VERSION + 1).tobytes() + values[2][WORD:]
    for bad in (values[2][:-1], values[2][:4], b"", newer):
        with pytest.raises(RecoveryError, match="titles"):
            codec.decode_title_block(other, bad)


def test_the_partitions_record_there_and_back() -> None:
    table, back = np.zeros(1, PARTITION), np.zeros(1, PARTITION)
    table["share"][0, 3], table["slots"], table["demand_weight"][0, -1] = 2.5, 9, -1.0
    value = codec.encode_table(table)
    assert len(value) < table.nbytes / 4
    codec.decode_table(back, value)
    assert back.tobytes() == table.tobytes()
    with pytest.raises(RecoveryError, match="does not fit"):
        codec.decode_table(back, value[:-WORD])
    full = np.frombuffer(np.random.default_rng(1).bytes(PARTITION.itemsize), PARTITION)
    codec.decode_table(back, codec.encode_table(full))
    assert back.tobytes() == full.tobytes()
