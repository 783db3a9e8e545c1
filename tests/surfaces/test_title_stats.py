"""What a title's owner told is taken over: the larger of both counts, at one time, and twice changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from streams.decisions.title_counts import take_over_title
from streams.profiles.parameters import Array
from streams.profiles.taste import NEIGHBOURS, TITLE_TASTE

NOW = 1_790_000_000_000
MONTH = 30 * 86_400_000
TITLE = 2


def titles() -> Array:
    records = np.zeros(60, TITLE_TASTE)
    records["ts"][TITLE] = NOW
    return records


def told(records: Array, ts: int = NOW, near: dict[int, float] | None = None, slow: float = 8.0) -> Array:
    near = near or {}
    take_over_title(
        records, TITLE, ts, 2.0, slow, 10.0, 25.0, np.array(list(near), np.int32),
        np.array(list(near.values()), np.float32),
    )  # fmt: skip
    return records[TITLE]


def test_the_larger_count_holds_and_plays_keep_the_share_that_was_good() -> None:
    records = titles()
    records["slow"][TITLE], records["fast"][TITLE] = 5.0, 3.0
    title = told(records)
    assert (title["slow"], title["fast"], title["plays"]) == (8.0, 3.0, 20.0)


def test_told_twice_changes_nothing() -> None:
    records = titles()
    once = told(records, near={7: 3.0, 9: 1.0}).copy()
    assert told(records, near={7: 3.0, 9: 1.0}) == once


def test_what_was_told_of_earlier_has_faded_and_what_is_of_later_brings_the_own_to_its_time() -> None:
    assert told(titles(), ts=NOW - MONTH)["slow"] == pytest.approx(4.0)
    records = titles()
    records["slow"][TITLE] = 20.0
    title = told(records, ts=NOW + MONTH)
    assert (title["slow"], title["ts"]) == (pytest.approx(10.0), NOW + MONTH)


def test_neighbours_are_raised_and_the_least_makes_room() -> None:
    records = titles()
    records["near"][TITLE] = np.arange(10, 10 + NEIGHBOURS) + 1
    records["near_n"][TITLE] = 5.0
    records["near_n"][TITLE, 3] = 0.5
    title = told(records, near={10: 9.0, 55: 2.0, 56: 0.1, 0: 4.0})
    counts = dict(zip(title["near"].tolist(), title["near_n"].tolist(), strict=True))
    assert counts[11] == 9.0, "known here: the larger count"
    assert counts[56] == 2.0 and 14 not in counts, "new here: in the place of the least"
    assert 57 not in counts, "less than the least of the own ones"
    assert title["near_all"] == pytest.approx(15.1), "everything told counts, known here or not"
