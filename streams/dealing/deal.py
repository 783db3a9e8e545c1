"""The loop that deals moments out: moment by moment in log order, at each one surface after the other. Compiled.

A surface may rely on what those before it have just written, and batching changes nothing. Where Python has to react
the loop stops, and goes on behind it.
"""

from __future__ import annotations

from models.compiled import compiled, inlined
from streams.dealing.counted import (
    answer_trailers,
    choose_categories,
    count_credit,
    count_demand,
    count_for_experiments,
)
from streams.dealing.images import choose_images, review
from streams.dealing.parts import (
    ARTWORK,
    ASK,
    CAPACITY,
    CATEGORIES,
    CREDITS,
    DEMAND,
    DONE,
    EXPERIMENTS,
    FULL,
    NOBODY,
    PYTHON,
    ROOM,
    TITLES,
    TRAILERS,
    TURNS,
    Table,
)
from streams.dealing.titles import follow_lists, rank, rank_titles


@inlined
def react(at: int, turn: int, table: Table) -> int:
    """What the surface whose ``turn`` it is does at a moment."""
    if turn == TITLES:
        rank_titles(at, table)
    elif turn == ARTWORK:
        return choose_images(at, table)
    elif turn == TRAILERS:
        return answer_trailers(at, table)
    elif turn == EXPERIMENTS:
        count_for_experiments(at, table)
    elif turn == CATEGORIES:
        choose_categories(at, table)
    elif turn == DEMAND:
        return count_demand(at, table)
    elif turn == CREDITS:
        return count_credit(at, table)
    return DONE


@compiled
def deal(at: int, turn: int, table: Table, once: bool) -> int:
    """Go on from that turn at that moment, to the end (``DONE``) or to where Python is needed: the desk says where,
    the answer what for (``ASK``, ``TELL``, ``FULL``). With ``once`` that one reacts and no other, also if its way is
    Python's."""
    on = table.desk[0]
    while at < table.moments.shape[0]:
        ways = on.ways[table.moments[at].kind]
        while turn < TURNS:
            if once or ways[turn] != NOBODY:
                on.at = at
                on.turn = turn
                if not once and ways[turn] == PYTHON:
                    return ASK
                if on.n.max() + ROOM > CAPACITY:
                    return FULL
                said = react(at, turn, table)
                if once or said != DONE:
                    return said
            turn += 1
        turn = 0
        at += 1
    on.at = at
    return DONE


@compiled
def rank_once(at: int, table: Table) -> None:
    """``titles.rank``, for Python to call."""
    follow_lists(table, table.moments[at].ts)
    rank(at, table)


@compiled
def review_once(at: int, among: int, table: Table) -> int:
    """``images.review``, for Python to call."""
    table.desk[0].to_tell = 0
    return review(at, among, table)
