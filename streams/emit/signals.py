"""Writes what titles' owners are told of plays as JSON, many at once. Compiled, as ``emit.text``."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import orjson

from models.compiled import compiled
from streams.decisions.title_counts import CO_DECAY, CO_WATCHED
from streams.emit.names import Names, Texts, texts
from streams.emit.text import (
    BRACE,
    BRACKET,
    COMMA,
    LONGEST_NUMBER,
    ROOM,
    cut,
    put,
    put_comma,
    put_whole,
    room,
)
from streams.profiles.parameters import Array


class Word(IntEnum):
    """Places of what stands between the values."""

    TITLE = 0
    TIME = 1
    GOOD = 2
    BAD = 3
    WITH = 4
    PAIR = 5


WORDS = texts(
    (b'{"title_id":', b',"ts":', b',"quality":1.0,"played":1.0,"source":', b',"quality":0.0,"played":1.0,"source":',
     b',"with":[', b"[")
)  # fmt: skip
WEIGHTS = texts(orjson.dumps(round(CO_DECAY**back, 3)) for back in range(CO_WATCHED))
"""What the titles watched before count for, the latest first."""


@compiled
def write_plays(
    signals: Array, times: Array, partition: int, titles: Texts, words: Texts, weights: Texts, out: Array,
    ends: Array,
) -> None:  # fmt: skip
    """Write the records of ``signals`` (of ``dealing.parts.SIGNAL``) at ``times``, one after the other; ``ends`` gets
    where each ends."""
    at = 0
    for i in range(signals.shape[0]):
        s = signals[i]
        at = put(out, put(out, at, words, Word.TITLE), titles, s.title)
        at = put_whole(out, put(out, at, words, Word.TIME), times[i])
        at = put_whole(out, put(out, at, words, Word.GOOD if s.good else Word.BAD), partition)
        if s.good:
            at = put(out, at, words, Word.WITH)
            for k in range(s.watched):
                at = put(out, put(out, put_comma(out, at, k), words, Word.PAIR), titles, s.recent[k] - 1)
                out[at] = COMMA
                at = put(out, at + 1, weights, k)
                out[at] = BRACKET
                at += 1
            out[at] = BRACKET
            at += 1
        out[at] = BRACE
        at += 1
        ends[i] = at


def plays_told(signals: Array, times: Array, partition: int, titles: Names) -> list[bytes]:
    """The ``title-signals`` records of ``signals``: plays resolved at ``times`` (ms) in ``partition``, each good one
    with what was watched before it."""
    out, ends = room(len(signals), (1 + CO_WATCHED) * (titles.longest + LONGEST_NUMBER) + ROOM)
    write_plays(signals, np.ascontiguousarray(times), partition, titles.texts, WORDS, WEIGHTS, out, ends)
    return cut(out, ends)
