"""Titles: what each kind of moment changes in the profile's record and in the titles', in one call each. Compiled.

A profile is named by its slot: handing a single record over to compiled code costs 20 us, an array 0.1.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.ordering import chance
from streams.decisions.title_bench import open_bench
from streams.decisions.title_counts import (
    add_taste,
    count_title_play,
    count_title_quality,
    forget_unfinished,
    mark_had,
    note_unfinished,
)
from streams.decisions.title_known import N_FRESH, open_known
from streams.decisions.titles import learn_title
from streams.profiles.parameters import Array

CONTINUE_FROM, CONTINUE_TO, CONTINUE_LENGTH_S = 0.05, 0.9, 300.0
"""What was left between these shares of its length is to be continued; nobody goes on with a clip."""


@compiled
def play_well(
    tastes: Array,
    slot: int,
    titles: Array,
    dirty: Array,
    knowns: Array,
    marks: Array,
    benches: Array,
    title: int,
    ts: int,
    learning: bool,
) -> None:
    """``title`` has become a quality play: learned with what was known before, then counted, then had."""
    p = tastes[slot]
    known, bench = open_known(knowns), open_bench(marks, benches)
    if learning:
        learn_title(p, titles, dirty, known, bench, title, ts)
    count_title_play(p, titles, dirty, known, title, ts)
    count_title_quality(p, titles, dirty, known, title, ts)
    mark_had(p, titles, title)


@compiled
def draw_new_title(tastes: Array, slot: int, keys: Array, knowns: Array, share: float, seed: int) -> None:
    """A visit begins: in ``share`` of them it shows a new title, drawn evenly, higher than that earned."""
    p, known = tastes[slot], open_known(knowns)
    p.title_explored = 0
    fresh = known.n[N_FRESH]
    if fresh == 0 or share <= 0 or p.kids or p.plain:
        return
    draws = int(np.int64(p.title_draws))
    p.title_draws += 1
    if chance(keys[slot], 2 * draws, seed) < share:
        p.title_explored = 1 + known.fresh[int(chance(keys[slot], 2 * draws + 1, seed) * fresh)]


@compiled
def end_play(
    tastes: Array,
    slot: int,
    titles: Array,
    dirty: Array,
    knowns: Array,
    title: int,
    ts: int,
    good: bool,
    stopped_s: float,
    length_s: float,
) -> None:
    """A play of ``title`` ended at ``stopped_s`` of ``length_s`` (0: unknown). What was left in the middle is to
    be continued, what was not good is counted and had."""
    p, known = tastes[slot], open_known(knowns)
    if length_s >= CONTINUE_LENGTH_S and CONTINUE_FROM * length_s <= stopped_s <= CONTINUE_TO * length_s:
        note_unfinished(p, title, stopped_s, ts)
    else:
        forget_unfinished(p, title)
    if not good:
        count_title_play(p, titles, dirty, known, title, ts)
        mark_had(p, titles, title)


@compiled
def show_interest(
    tastes: Array, slot: int, titles: Array, title: int, amount: float, ts: int, known_to_viewer: bool
) -> None:
    """Interest in ``title`` (a thumb, the list, a search) worth ``amount`` quality plays; who rates it has had
    it."""
    p = tastes[slot]
    add_taste(p, titles, title, amount, ts)
    if known_to_viewer:
        mark_had(p, titles, title)
