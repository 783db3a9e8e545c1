"""State that moves to logs of its own: what it says of offsets in the old ones is taken back.

Three kinds of changelog records say where in an input their owner stands: a profile (its last event, by topic), its
second record (the event that asked to be woken), a title (the last signal). In a new log offsets begin again, so every
one is set to ``MARKER``, the offset of the marker record that a restored log begins with: what comes behind it is new.
A profile that never had an event of a topic goes on having none.
"""

from __future__ import annotations

import msgspec
import numpy as np

from streams.errors import RecoveryError
from streams.rekeyed.owned_title import OwnedTitle
from streams.rekeyed.owners import CHANGELOG_KEY
from streams.rekeyed.titles import TitleOwner
from streams.state import codec, layouts
from streams.state.packing import WORD

MARKER = 0
"""Where the marker stands in a log that was empty."""
OWNED_TITLE_KEY = CHANGELOG_KEY + TitleOwner.kind

_decode = msgspec.msgpack.Decoder(OwnedTitle).decode
_encode = msgspec.msgpack.Encoder().encode


def moved(key: bytes, value: bytes) -> bytes:
    """A changelog record as it is in front of new logs. Raises ``RecoveryError`` for one that cannot be read."""
    if key[:1] == codec.PROFILE_KEY:
        return _without_offset(key, value, "profile", "offsets")
    if key[:1] == codec.TASTE_KEY:
        return _without_offset(key, value, "taste", "wake_offset")
    if key.startswith(OWNED_TITLE_KEY):
        title = _decode(value)
        title.offset = min(title.offset, MARKER)
        return _encode(title)
    return value


def _without_offset(key: bytes, value: bytes, kind: str, field: str) -> bytes:
    what = f"the changelog record {key[:100]!r}"
    version, slot = codec.read_header(int.from_bytes(value[:WORD], "little"))
    record = np.zeros(1, layouts.layout_of(version, what, kind))
    if len(value) % WORD or not codec.unpack_one(np.frombuffer(value, np.uint64), codec.words_of(record)):
        raise RecoveryError(f"{what} is damaged: its length does not fit")
    record[field] = np.minimum(record[field], MARKER)
    return codec.pack_one(codec.words_of(record), slot, version)
