"""The records of the state changelog: profiles, blocks of titles, names of titles, and the partition with
its models.

| key | value |
| --- | --- |
| ``p`` + profile id | header, bitmap, words: one profile's record without its zeros (``packing``) |
| ``n`` + title id | header: the title's slot |
| ``s`` + profile id | the same for the profile's second record (``profiles.taste``) |
| ``u`` + block number | header, bitmap, words: the second records of 8 titles, without their zeros |
| ``c`` + tag and region | header, bitmap, words: hours watched there (``profiles.audience_cells``) |
| ``t`` + block number | header, raw words: the records of 64 titles |
| ``m`` | a pickle: the partition's record, its rows, its models and their outcomes not yet learned |

The header is one word: layout version and slot, so that a newer program knows what it reads. A record of an
earlier layout (``layouts``) is read by its field names. A record of a newer layout, or one that does not fit, ends
recovery with an error.
"""

from __future__ import annotations

import itertools
from hashlib import sha256

import numpy as np

from streams.errors import InvariantError, RecoveryError
from streams.profiles.layout import LAYOUT_VERSION, TITLE
from streams.profiles.parameters import Array
from streams.profiles.store import Companion, Store
from streams.state import layouts
from streams.state.packing import WORD, pack, unpack_many

PROFILE_KEY, TITLE_NAME_KEY, TITLES_KEY, MODEL_KEY = b"p", b"n", b"t", b"m"
TASTE_KEY, TITLE_TASTES_KEY = b"s", b"u"
CELL_KEY = b"c"
TITLES_PER_BLOCK = 64
TITLE_TASTES_PER_BLOCK = 8
"""A quality play changes one title or a few: a block of eight is 4 KB at most."""
MAX_SLOT = 50_000_000
"""A partition of so many profiles would need 80 GB: a larger slot is damage."""


def header(slots: Array, version: int = LAYOUT_VERSION) -> Array:
    """The header words of records in these slots."""
    return (np.uint64(version) << np.uint64(56)) | slots.astype(np.uint64)


def read_header(word: int) -> tuple[int, int]:
    """Layout version and slot."""
    return word >> 56, word & 0xFFFFFFFF


def words_of(records: Array) -> Array:
    """The records as a table of 8-byte words, without copying."""
    return records.view(np.uint64).reshape(len(records), records.dtype.itemsize // WORD)


def pack_one(words: Array, slot: int, version: int = LAYOUT_VERSION) -> bytes:
    """One record (``words[1, n]``) without its zeros, behind the header of ``slot``."""
    out = np.empty(2 + words.shape[1] + words.shape[1] // 64, np.uint64)
    used = pack(words, np.array([0]), header(np.array([slot]), version), out, np.empty(1, np.int64))
    return out[:used].tobytes()


def unpack_one(packed: Array, words: Array, slot: int = 0) -> bool:
    """Fill ``words[slot]`` from one packed record, its header first; false when its length does not fit."""
    return bool(unpack_many(packed, np.array([1]), np.array([len(packed)]), np.array([slot]), words) < 0)


def encode_profiles(
    store: Store, slots: Array, records: Array | None = None, key: bytes = PROFILE_KEY
) -> tuple[list[bytes], list[bytes]]:
    """Keys and values of the changelog for the profiles in ``slots``; ``records`` are the store's own, or
    those of a companion."""
    if not len(slots):
        return [], []
    words = words_of(store.records if records is None else records)
    names = store.names
    keys = [key + names[slot].encode() for slot in slots.tolist()]
    return keys, _pack_many(words, slots)


def _pack_many(words: Array, slots: Array, before: bytes = b"") -> list[bytes]:
    """The records in ``slots``, each as ``pack_one`` packs it, with ``before`` in front."""
    out = np.empty(len(slots) * (1 + words.shape[1] + (words.shape[1] + 63) // 64), np.uint64)
    ends = np.empty(len(slots), np.int64)
    used = pack(words, slots, header(slots), out, ends)
    packed = out[:used].tobytes()
    return [before + packed[a:b] for a, b in itertools.pairwise([0, *(ends * WORD).tolist()])]


def unnamed(profile: str) -> str:
    """How a log may speak of a profile: whoever has its id can tell that it is meant, and nobody can read it there.

    >>> unnamed("p42")
    'the profile with SHA-256 d6cdae51...'
    """
    return f"the profile with SHA-256 {sha256(profile.encode()).hexdigest()[:8]}..."


def decode_profiles(
    store: Store, names: list[str], values: list[bytes], companion: Companion | None = None
) -> None:
    """Put profiles back where they were (or their second records). Raises ``RecoveryError`` for a record that
    cannot be read."""
    slots = np.empty(len(names), np.int64)
    lengths = np.empty(len(names), np.int64)
    kind = "profile" if companion is None else "taste"
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        version, slot = read_header(int.from_bytes(value[:WORD], "little"))
        what = f"the changelog record of {unnamed(name)} ({len(value)} bytes)"
        layouts.layout_of(version, what, kind)
        if len(value) % WORD:
            raise RecoveryError(f"{what} cannot be read: it is no number of words")
        if version != LAYOUT_VERSION:
            value = values[i] = modern(value, what, kind)
        if slot > MAX_SLOT:
            raise RecoveryError(f"the changelog record of {unnamed(name)} is damaged: it names slot {slot}")
        if store.slots.get(name) != slot:
            try:
                store.place(name, slot)
            except InvariantError as error:
                raise RecoveryError(
                    f"the changelog does not fit together: slot {slot} is given to {unnamed(name)} and another"
                ) from error
        slots[i] = slot
        lengths[i] = len(value) // WORD
    packed = np.frombuffer(b"".join(values), np.uint64)
    ends = np.cumsum(lengths)
    records = store.records if companion is None else companion.records
    bad = unpack_many(packed, ends - lengths + 1, ends, slots, words_of(records))
    if bad >= 0:
        raise RecoveryError(
            f"the changelog record of {unnamed(names[bad])} is damaged: its length does not fit its bitmap"
        )


def modern(value: bytes, what: str, kind: str, start: Array | None = None) -> bytes:
    """A packed record of an earlier layout as one of today's. What is new is as in ``start`` (one record), or zero.

    Raises ``RecoveryError`` when it does not fit the layout that its header names.
    """
    packed = np.frombuffer(value, np.uint64)
    version, slot = read_header(int(packed[0]))
    old = np.zeros(1, layouts.layout_of(version, what, kind))
    if not unpack_one(packed, words_of(old)):
        raise RecoveryError(f"{what} (layout {version}) is damaged: its length does not fit")
    new = np.zeros(1, layouts.TODAY[kind]) if start is None else start.copy()
    layouts.carry_over(old, new)
    return pack_one(words_of(new), slot)


def restore_cell(cells: Store, name: str, value: bytes | None) -> None:
    """Put one cell back where it was; ``None`` when it was forgotten. Raises ``RecoveryError``."""
    if value is None:
        if name in cells.slots:
            cells.remove(name)
        return
    what = f"the changelog record of cell {name!r}"
    version, slot = read_header(int.from_bytes(value[:WORD], "little"))
    layouts.layout_of(version, what, "cell")
    if len(value) % WORD or slot > MAX_SLOT:
        raise RecoveryError(f"{what} is damaged: {len(value)} bytes, slot {slot}")
    packed = np.frombuffer(value if version == LAYOUT_VERSION else modern(value, what, "cell"), np.uint64)
    cells.place(name, slot)
    if not unpack_one(packed, words_of(cells.records), slot):
        raise RecoveryError(f"the changelog record of cell {name!r} is damaged: its length does not fit")


def encode_titles(store: Store, changed: Array, named: list[str]) -> tuple[list[bytes], list[bytes]]:
    """Changelog of titles: the names that are new, and every block with a changed record."""
    keys = [TITLE_NAME_KEY + name.encode() for name in named]
    values = [header(np.array([store.slots[name]])).tobytes() for name in named]
    for block in np.unique(changed // TITLES_PER_BLOCK).tolist():
        start = block * TITLES_PER_BLOCK
        records = store.records[start : min(start + TITLES_PER_BLOCK, len(store.names))]
        keys.append(TITLES_KEY + str(block).encode())
        values.append(header(np.array([block])).tobytes() + records.tobytes())
    return keys, values


def decode_title_block(store: Store, value: bytes) -> None:
    """Put a block of title records back; their names come by their own records, before or after."""
    version, block = read_header(int.from_bytes(value[:WORD], "little"))
    body = value[WORD:]
    what = f"block {block} of the titles ({len(value)} bytes)"
    layout = layouts.layout_of(version, what, "title")
    if len(body) % layout.itemsize:
        raise RecoveryError(f"{what}, layout {version}, is damaged: it ends within a record")
    records = np.frombuffer(body, layout)
    if version != LAYOUT_VERSION:
        earlier, records = records, np.zeros(len(records), TITLE)
        layouts.carry_over(earlier, records)
    start = block * TITLES_PER_BLOCK
    store.restored(start + len(records))
    store.records[start : start + len(records)] = records


def encode_title_tastes(
    titles: Store, companion: Companion, changed: Array
) -> tuple[list[bytes], list[bytes]]:
    """Changelog of the titles' second records: every block with a changed one, without its zeros."""
    blocks = np.unique(changed // TITLE_TASTES_PER_BLOCK)
    whole = len(titles.names) // TITLE_TASTES_PER_BLOCK
    width = TITLE_TASTES_PER_BLOCK * companion.records.dtype.itemsize // WORD
    words = words_of(companion.records[: whole * TITLE_TASTES_PER_BLOCK]).reshape(whole, width)
    values = _pack_many(words, blocks[blocks < whole], TITLE_TASTES_PER_BLOCK.to_bytes(WORD, "little"))
    if len(blocks) and blocks[-1] == whole:  # the last block is not full yet
        rest = companion.records[whole * TITLE_TASTES_PER_BLOCK : len(titles.names)]
        values.append(len(rest).to_bytes(WORD, "little") + pack_one(words_of(rest).reshape(1, -1), whole))
    return [TITLE_TASTES_KEY + str(block).encode() for block in blocks.tolist()], values


def decode_title_tastes(titles: Store, companion: Companion, value: bytes) -> None:
    """Put a block of the titles' second records back. Raises ``RecoveryError`` for one that cannot be
    read."""
    count = int.from_bytes(value[:WORD], "little")
    version, block = read_header(int.from_bytes(value[WORD : 2 * WORD], "little"))
    what = f"block {block} of the titles' tastes"
    layout = layouts.layout_of(version, what, "title_taste")
    if not 0 < count <= TITLE_TASTES_PER_BLOCK:
        raise RecoveryError(f"{what} is damaged: it holds {count} titles")
    start = block * TITLE_TASTES_PER_BLOCK
    titles.restored(start + count)
    records = np.zeros(count, layout)
    if len(value) % WORD or not unpack_one(
        np.frombuffer(value, np.uint64, offset=WORD), words_of(records).reshape(1, -1)
    ):
        raise RecoveryError(f"{what} is damaged: its length does not fit")
    if version == LAYOUT_VERSION:
        companion.records[start : start + count] = records
    else:
        layouts.carry_over(records, companion.records[start : start + count])


def encode_table(table: Array) -> bytes:
    """The partition's record without its zeros."""
    return pack_one(words_of(table), 0)


def decode_table(table: Array, value: bytes) -> None:
    """Put the partition's record back; of an earlier layout, what is new stays as it is in ``table``. Raises
    ``RecoveryError`` when it does not fit its layout."""
    what = "the changelog's record of the partition"
    version, _ = read_header(int.from_bytes(value[:WORD], "little"))
    layouts.layout_of(version, what, "partition")
    if version != LAYOUT_VERSION:
        value = modern(value, what, "partition", table)
    if not unpack_one(np.frombuffer(value, np.uint64), words_of(table)):
        raise RecoveryError(f"{what} is damaged: its length does not fit")
