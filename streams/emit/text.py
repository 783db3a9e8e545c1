"""Writes the records that are made most often as JSON, many at once: homepage rankings and categories. Compiled.

A general encoder has to be given Python objects; making these took five times as long as writing the bytes.
"""

from __future__ import annotations

import itertools
from enum import IntEnum

import numpy as np

from models.compiled import compiled, inlined
from streams.decisions.categories import BEFORE, BEST, FIXED, REASONS, WHY
from streams.emit.names import Names, Texts, texts
from streams.profiles.parameters import Array
from streams.profiles.taste import CATEGORIES

SCORES, CHANCES = 10_000, 1_000_000_000
"""Scores are told to four decimal places, propensities to nine (they are kept in single precision: seven digits)."""
LONGEST_NUMBER = 32
"""Bytes of a number at most, with a comma."""
DIGIT_0, MINUS, POINT, COMMA, BRACE, BRACKET = (ord(sign) for sign in "0-.,}]")


class Word(IntEnum):
    """Places of what stands between the values."""

    VERSION = 0
    MODEL = 1
    MODEL_VERSION = 2
    EXPLORES = 3
    KEEPS = 4
    PROPENSITY = 5
    TITLES = 6
    SCORES = 7
    REASONS = 8
    TITLE = 9
    FEATURE = 10
    CONTRIBUTION = 11
    CATEGORIES = 12
    PREVIOUS = 13
    BEFORE = 14
    WHY = 15
    CATEGORY = 16
    NULL = 17


_WORDS = (
    '"version":', ',"model":{"name":', ',"version":', '},"explore":true', '},"explore":false', ',"propensity":',
    ',"titles":[', '],"scores":[', '],"reasons":[', '{"title_id":', ',"feature":', ',"contribution":',
    ',"categories":[', '],"previous":', "[", ',"reasons":[', '{"category":', "null",
)  # fmt: skip


WORDS = texts(word.encode() for word in _WORDS)
assert len(_WORDS) == len(Word)


@inlined
def put(out: Array, at: int, what: Texts, number: int) -> int:
    """Write a text at ``out[at]``; returns where it ends, as all of these do."""
    for k in range(what.starts[number], what.starts[number + 1]):
        out[at] = what.bytes[k]
        at += 1
    return at


@inlined
def put_comma(out: Array, at: int, before: int) -> int:
    """Write what stands between entries of a list, when there are some ``before``."""
    if before > 0:
        out[at] = COMMA
        at += 1
    return at


@inlined
def put_end(out: Array, at: int) -> int:
    """Write what ends a record that a list ends."""
    out[at] = BRACKET
    out[at + 1] = BRACE
    return at + 2


@inlined
def put_whole(out: Array, at: int, value: int) -> int:
    """Write a whole number, 0 or more."""
    end, rest = at + 1, value // 10
    while rest > 0:
        end += 1
        rest //= 10
    for k in range(end - 1, at - 1, -1):
        out[k] = DIGIT_0 + value % 10
        value //= 10
    return end


@inlined
def put_number(out: Array, at: int, value: float, scale: int, words: Texts) -> int:
    """Write ``value``, rounded to as many decimal places as ``scale`` has zeros, without zeros at its end but for the
    first; ``null`` for what is no number, or has too many digits."""
    if not abs(value) * scale < 9e17:
        return put(out, at, words, Word.NULL)
    whole = int(np.floor(abs(value) * scale + 0.5))
    if value < 0.0 and whole > 0:
        out[at] = MINUS
        at += 1
    at = put_whole(out, at, whole // scale)
    out[at] = POINT
    begin = end = at + 1
    while scale > 1:
        end += 1
        scale //= 10
    for k in range(end - 1, begin - 1, -1):
        out[k] = DIGIT_0 + whole % 10
        whole //= 10
    while end > begin + 1 and out[end - 1] == DIGIT_0:
        end -= 1
    return end


@inlined
def put_choice(
    out: Array, at: int, version: int, models: Texts, model: int, learned: int, explores: int, chance: float,
    words: Texts,
) -> int:  # fmt: skip
    """Write how a decision was made, as every record of a surface says it."""
    at = put_whole(out, put(out, at, words, Word.VERSION), version)
    at = put(out, put(out, at, words, Word.MODEL), models, model)
    at = put_whole(out, put(out, at, words, Word.MODEL_VERSION), learned)
    at = put(out, at, words, Word.EXPLORES if explores else Word.KEEPS)
    return put_number(out, put(out, at, words, Word.PROPENSITY), chance, CHANCES, words)


@inlined
def put_part(out: Array, at: int, features: Texts, feature: int, part: float, words: Texts) -> int:
    """Write how a reason ends: the feature, and what it contributed."""
    at = put(out, put(out, at, words, Word.FEATURE), features, feature)
    at = put_number(out, put(out, at, words, Word.CONTRIBUTION), part, SCORES, words)
    out[at] = BRACE
    return at + 1


@inlined
def put_tags(out: Array, at: int, chosen: Array, tags: Texts) -> int:
    """Write names of tags (1 + tag, 0 is none)."""
    n = 0
    for k in range(chosen.shape[0]):
        if chosen[k] > 0:
            at = put(out, put_comma(out, at, n), tags, chosen[k] - 1)
            n += 1
    return at


@compiled
def write_made(answers: Array, models: Texts, words: Texts, out: Array, ends: Array) -> None:
    """Write how each of ``answers`` (of ``dealing.parts.IMAGE``) was made, a comma behind it; ``models`` as below."""
    at = 0
    for i in range(answers.shape[0]):
        a = answers[i]
        at = put_choice(out, at, a.version, models, a.plain, a.learned, a.explores, a.propensity, words)
        out[at] = COMMA
        at += 1
        ends[i] = at


@compiled
def write_rankings(
    rankings: Array, titles: Texts, features: Texts, models: Texts, words: Texts, out: Array, ends: Array
) -> None:
    """Write how the records of ``rankings`` (of ``dealing.parts.RANKING``) go on behind their heads, one after the
    other; ``ends`` gets where each ends. ``models`` names the model, and the one of a plain page."""
    at = 0
    for i in range(rankings.shape[0]):
        r = rankings[i]
        at = put_choice(out, at, r.version, models, r.plain, r.learned, r.explores, r.propensity, words)
        at = put(out, at, words, Word.TITLES)
        for k in range(r.length):
            at = put(out, put_comma(out, at, k), titles, r.titles[k] - 1)
        at = put(out, at, words, Word.SCORES)
        for k in range(r.length):
            at = put_number(out, put_comma(out, at, k), r.scores[k], SCORES, words)
        at = put(out, at, words, Word.REASONS)
        n = 0
        for k in range(min(r.length, r.features.shape[0])):
            if r.features[k] >= 0:
                at = put(out, put_comma(out, at, n), words, Word.TITLE)
                at = put(out, at, titles, r.titles[k] - 1)
                at = put_part(out, at, features, r.features[k], r.parts[k], words)
                n += 1
        at = put_end(out, at)
        ends[i] = at


@compiled
def write_choices(
    choices: Array, tags: Texts, features: Texts, models: Texts, words: Texts, out: Array, ends: Array
) -> None:
    """As ``write_rankings``, for ``choices`` (of ``dealing.parts.CHOICE``); ``models`` names the policies."""
    at = 0
    for i in range(choices.shape[0]):
        c = choices[i]
        policy, version = c.out[0], c.out[1]
        at = put_choice(out, at, version, models, policy, c.plays, 0, 1.0, words)
        at = put_tags(out, put(out, at, words, Word.CATEGORIES), c.out[BEST:BEFORE], tags)
        at = put(out, at, words, Word.PREVIOUS)
        if version > 1:
            at = put_tags(out, put(out, at, words, Word.BEFORE), c.out[BEFORE:WHY], tags)
            out[at] = BRACKET
            at += 1
        else:
            at = put(out, at, words, Word.NULL)
        at = put(out, at, words, Word.WHY)
        n = 0
        for k in range(REASONS):
            tag = c.out[BEST + k]
            if tag > 0 and policy != FIXED:
                at = put(out, put_comma(out, at, n), words, Word.CATEGORY)
                at = put(out, at, tags, tag - 1)
                at = put_part(out, at, features, c.out[WHY + k], c.reasons[k], words)
                n += 1
        at = put_end(out, at)
        ends[i] = at


ROOM = 400
"""Bytes of a record's own words and of its few numbers, at most."""


def made(images: Array, models: Texts) -> list[bytes]:
    """How each of ``images`` was made."""
    out, ends = room(len(images), models.longest + ROOM)
    write_made(images, models, WORDS, out, ends)
    return cut(out, ends)


def rankings_behind(rankings: Array, titles: Names, features: Texts, models: Texts) -> list[bytes]:
    """How the records of ``rankings`` go on behind their heads."""
    shown, told = rankings["titles"].shape[1], rankings["features"].shape[1]
    numbers = shown + told
    longest = numbers * (titles.longest + LONGEST_NUMBER) + told * features.longest + models.longest + ROOM
    out, ends = room(len(rankings), longest)
    write_rankings(rankings, titles.texts, features, models, WORDS, out, ends)
    return cut(out, ends)


def choices_behind(choices: Array, tags: Names, features: Texts, models: Texts) -> list[bytes]:
    """How the records of ``choices`` go on behind their heads."""
    names = 2 * CATEGORIES + REASONS
    longest = (
        names * (tags.longest + 1) + REASONS * (features.longest + LONGEST_NUMBER) + models.longest + ROOM
    )
    out, ends = room(len(choices), longest)
    write_choices(choices, tags.texts, features, models, WORDS, out, ends)
    return cut(out, ends)


def room(records: int, each: int) -> tuple[Array, Array]:
    """Room for so many records of at most so many bytes, and for where they end."""
    return np.empty(records * each, np.uint8), np.empty(records, np.int64)


def cut(out: Array, ends: Array) -> list[bytes]:
    """The records that stand in ``out`` (at least one), each by itself."""
    whole = out[: ends[-1]].tobytes()
    return [whole[begin:end] for begin, end in itertools.pairwise([0, *ends.tolist()])]
