"""From scores to a page: hysteresis, pins, one explored row, and with which chance the page was chosen.
Compiled."""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.layout import MAX_ROWS
from streams.profiles.parameters import Array, Floats

EXPLORE_AT = 1
"""An explored row is shown at this place (0 is the top), when it would have stood lower."""


@compiled
def chance(key: int, counter: int, seed: int) -> float:
    """A number in [0, 1) for the ``counter``-th draw of a key: splitmix64, so that randomness needs no
    state and repeats itself."""
    z = np.uint64(key) ^ (np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15))
    z += np.uint64(counter + 1) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@compiled
def sort_rows(scores: Floats, n: int, standing: Array, best: Array) -> None:
    """Fill ``best[:n]`` with the rows by score, best first; equal scores keep the order of ``standing``."""
    for i in range(n):
        row = standing[i]
        j = i
        while j > 0 and scores[row] > scores[best[j - 1]]:
            best[j] = best[j - 1]
            j -= 1
        best[j] = row


@compiled
def page_gain(scores: Floats, n: int, standing: Array, best: Array) -> float:
    """What the order ``best`` is worth over the standing one: the expected gain in DCG of the next
    quality play.

    ``scores`` are log shares up to a constant, so their softmax says in which row the next quality play
    falls.
    """
    total = 0.0
    for q in range(n):
        total += np.exp(scores[q] - scores[best[0]])
    gain = 0.0
    for place in range(n):
        discount = 1.0 / np.log2(place + 2.0)
        gain += discount * (
            np.exp(scores[best[place]] - scores[best[0]]) - np.exp(scores[standing[place]] - scores[best[0]])
        )
    return gain / total


@compiled
def arrange(order: Array, n: int, active: Array, pins: Array, explored: int, page: Array) -> int:
    """Fill ``page`` with the active rows of ``order``: pinned rows at their place, ``explored`` (-1 is
    none) not lower than ``EXPLORE_AT``. Returns the length of the page.
    """
    length = 0
    for i in range(n):
        row = order[i]
        if active[row] and pins[row] < 0:
            page[length] = row
            length += 1
    if explored >= 0 and active[explored] and pins[explored] < 0:
        at = 0
        while page[at] != explored:
            at += 1
        while at > EXPLORE_AT:
            page[at] = page[at - 1]
            at -= 1
            page[at] = explored
    for pin in range(MAX_ROWS):  # from the top: a pin moves only what stands below it
        for row in range(n):
            if active[row] and pins[row] == pin:
                at = min(pin, length)
                for i in range(length, at, -1):
                    page[i] = page[i - 1]
                page[at] = row
                length += 1
    return length


@compiled
def movable(order: Array, n: int, active: Array, pins: Array) -> int:
    """How many rows would change the page if they were the explored one."""
    free = 0
    for i in range(n):
        if active[order[i]] and pins[order[i]] < 0:
            free += 1
    return max(0, free - EXPLORE_AT - 1)


@compiled
def propensity(explored: bool, n: int, movables: int, explore_share: float) -> float:
    """The chance with which this page was chosen: a session explores with ``explore_share``, each of
    ``n`` rows alike, and rows that stand high anyway, or are pinned, leave the page as it is.
    """
    if n == 0:
        return 1.0
    if explored:
        return explore_share / n
    return 1.0 - explore_share * movables / n
