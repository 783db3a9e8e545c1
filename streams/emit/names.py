"""Texts by number, as compiled code can copy them into records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import orjson

from streams.profiles.parameters import Array


class Texts(NamedTuple):
    """Texts one after the other as UTF-8: number ``k`` is ``bytes[starts[k]:starts[k + 1]]``; the longest has so many
    bytes."""

    bytes: Array
    starts: Array
    longest: int


def texts(of: Iterable[bytes]) -> Texts:
    """These texts."""
    parts = list(of)
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    longest = max(map(len, parts), default=0)
    return Texts(np.frombuffer(b"".join(parts), np.uint8).copy(), starts, longest)


class Names:
    """Ids as JSON texts, by index; knows a list of them that only grows."""

    def __init__(self) -> None:
        self.texts = texts(())

    @property
    def longest(self) -> int:
        """Bytes of the longest."""
        return self.texts.longest

    def follow(self, names: Sequence[str | None]) -> None:
        """The list may have grown."""
        before = self.texts
        known = len(before.starts) - 1
        if len(names) != known:
            added = texts(orjson.dumps(name) for name in names[known:])
            self.texts = Texts(
                np.concatenate([before.bytes, added.bytes]),
                np.concatenate([before.starts, before.starts[-1] + added.starts[1:]]),
                max(before.longest, added.longest),
            )
