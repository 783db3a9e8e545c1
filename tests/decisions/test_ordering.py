"""Pages: sorting, gain, pins and exploration by brute force; propensities by counting."""

from __future__ import annotations

import math
from collections import Counter as Tally

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.decisions.ordering import EXPLORE_AT, arrange, chance, movable, page_gain, propensity, sort_rows
from streams.profiles.layout import MAX_ROWS
from tests.profiles.small_partition import SmallPartition, put_row

orders = st.permutations(range(8)).map(lambda rows: np.array(rows, np.int8))
scores_of_8 = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 0.5, 3.0]), min_size=8, max_size=8).map(
    np.array
)


@settings(max_examples=200, deadline=None)
@given(scores_of_8, orders, st.integers(0, 8))
def test_rows_are_sorted_and_equals_keep_their_standing(
    scores: np.ndarray, order: np.ndarray, n: int
) -> None:
    standing = np.array([row for row in order if row < n] + [0] * (8 - n), np.int8)
    best = np.full(8, -1, np.int8)
    sort_rows(scores, n, standing, best)
    assert best[:n].tolist() == sorted(standing[:n].tolist(), key=lambda row: -scores[row])


@settings(max_examples=100, deadline=None)
@given(scores_of_8, orders)
def test_the_gain_of_a_page_is_expected_dcg(scores: np.ndarray, standing: np.ndarray) -> None:
    best = np.zeros(8, np.int8)
    sort_rows(scores, 8, standing, best)
    share = np.exp(scores) / np.exp(scores).sum()

    def dcg(page: np.ndarray) -> float:
        return sum(share[row] / math.log2(place + 2) for place, row in enumerate(page))

    gain = page_gain(scores, 8, standing, best)
    assert gain == pytest.approx(dcg(best) - dcg(standing), abs=1e-12)
    assert gain >= -1e-12
    assert page_gain(scores + 700.0, 8, standing, best) == pytest.approx(gain, abs=1e-9)  # no overflow


def expected_page(order: list[int], active: list[int], pins: dict[int, int], explored: int) -> list[int]:
    free = [row for row in order if active[row] and row not in pins]
    if explored in free and free.index(explored) > EXPLORE_AT:
        free.remove(explored)
        free.insert(EXPLORE_AT, explored)
    for row, pin in sorted(((row, pin) for row, pin in pins.items() if active[row]), key=lambda it: it[1]):
        free.insert(pin, row)
    return free


@settings(max_examples=300, deadline=None)
@given(
    orders,
    st.lists(st.integers(0, 1), min_size=8, max_size=8),
    st.lists(st.integers(0, MAX_ROWS - 1), max_size=4, unique=True),
    st.integers(-1, 7),
)
def test_pages_by_brute_force(order: np.ndarray, active: list[int], places: list[int], explored: int) -> None:
    pins = dict(enumerate(places))  # rows 0, 1, ... are pinned
    pinned = np.array([pins.get(row, -1) for row in range(8)], np.int8)
    page = np.full(MAX_ROWS, -1, np.int8)
    length = arrange(order, 8, np.array(active, np.uint8), pinned, explored, page)
    rows = page[:length].tolist()
    assert rows == expected_page(order.tolist(), active, pins, explored)
    assert sorted(rows) == [row for row in range(8) if active[row]]
    unpinned = sum(active[len(places) :])
    for row, pin in pins.items():
        if active[row] and pin <= unpinned:  # below the end of the page there is no such place
            assert rows[pin] == row


@settings(max_examples=100, deadline=None)
@given(
    orders,
    st.lists(st.integers(0, 1), min_size=8, max_size=8),
    st.lists(st.integers(0, 9), max_size=3, unique=True),
)
def test_movable_rows_are_those_whose_exploration_shows(
    order: np.ndarray, active: list[int], places: list[int]
) -> None:
    pins = np.array([places[row] if row < len(places) else -1 for row in range(8)], np.int8)
    flags = np.array(active, np.uint8)
    pages = []
    for explored in range(-1, 8):
        page = np.zeros(MAX_ROWS, np.int8)
        length = arrange(order, 8, flags, pins, explored, page)
        pages.append(page[:length].tolist())
    different = sum(page != pages[0] for page in pages[1:])
    assert movable(order, 8, flags, pins) == different
    n = int(flags.sum())
    if n:
        total = different * propensity(True, n, different, 0.3) + propensity(False, n, different, 0.3)
        assert total == pytest.approx(1.0)


def test_chance_is_uniform_independent_and_repeats() -> None:
    keys = np.random.default_rng(3).integers(0, 2**63, 400, np.uint64) * np.uint64(2)
    draws = np.array([[chance(key, counter, 1) for counter in range(100)] for key in keys])
    assert ((draws >= 0) & (draws < 1)).all()
    counts, _ = np.histogram(draws, 20, (0, 1))
    expected = draws.size / 20
    assert ((counts - expected) ** 2 / expected).sum() < 50.8  # chi-square, 19 degrees of freedom, p = 1e-4
    assert abs(np.corrcoef(draws[:, 0::2].ravel(), draws[:, 1::2].ravel())[0, 1]) < 4 / math.sqrt(
        draws.size / 2
    )
    assert abs(np.corrcoef(draws[:-1].ravel(), draws[1:].ravel())[0, 1]) < 4 / math.sqrt(draws.size)
    assert draws[5, 7] == chance(keys[5], 7, 1)
    assert draws[5, 7] != chance(keys[5], 7, 2)
    assert len(np.unique(draws)) == draws.size


# --- through the engine


def test_pages_are_chosen_as_often_as_their_propensity_says() -> None:
    sessions = 6_000
    small = SmallPartition(explore_share=0.4, rows=7, pins={2: 0})
    small.apply([small.record("browse", 0, f"v{n}", category_id="c", dwell_s=1) for n in range(sessions)])
    pages: Tally[tuple[str, ...]] = Tally()
    said: dict[tuple[str, ...], float] = {}
    explored = 0
    for decision in small.decisions(topics.ROW_ORDER):
        page = tuple(decision["rows"])
        pages[page] += 1
        explored += decision["explore"]
        assert said.setdefault(page, decision["propensity"]) == decision["propensity"]
        assert page[0] == "r02"
    assert pages.total() == sessions
    assert sum(said.values()) == pytest.approx(1.0)  # every page there can be was shown
    for page, chance_of_page in said.items():
        deviation = math.sqrt(sessions * chance_of_page * (1 - chance_of_page))
        assert abs(pages[page] - sessions * chance_of_page) < 4.5 * deviation
    assert len(pages) == 1 + 4  # 6 free rows, of which the first two stand where exploring puts them
    assert explored == sessions - max(pages.values())


def test_an_explored_row_stays_for_its_session_and_leaves_with_it() -> None:
    small = SmallPartition(explore_share=0.999, rows=6)
    profile = next(
        f"v{n}"
        for n in range(100)
        if not small.send("session_start", n, f"v{n}") and small.profile(f"v{n}")["explore_row"] > 2
    )
    row = f"r{small.profile(profile)['explore_row'] - 1:02d}"
    decision = next(d for d in small.decisions(topics.ROW_ORDER) if d["profile_id"] == profile)
    assert decision["explore"] and decision["rows"][EXPLORE_AT] == row
    assert decision["propensity"] == pytest.approx(0.999 / 6)
    small.send("session_end", 200, profile)
    assert small.profile(profile)["explore_row"] == 0


def test_the_catalog_pins_and_retires_rows() -> None:
    small = SmallPartition(rows=4)
    small.send("session_start", 0)
    assert small.decisions(topics.ROW_ORDER)[-1]["rows"] == ["r00", "r01", "r02", "r03"]
    put_row(small.catalog, 3, pin=1)
    small.catalog.put(topics.ROW_CATALOG, b"r00", None)
    put_row(small.catalog, 4)
    small.send("session_start", 1)
    decision = small.decisions(topics.ROW_ORDER)[-1]
    assert decision["rows"] == ["r01", "r03", "r02", "r04"]
    assert decision["previous"] == ["r00", "r01", "r02", "r03"]
    put_row(small.catalog, 0)  # back: it has kept its index
    small.send("session_start", 2)
    assert sorted(small.decisions(topics.ROW_ORDER)[-1]["rows"]) == [f"r{r:02d}" for r in range(5)]


def test_an_order_stays_until_a_new_one_is_worth_it() -> None:
    calm, quick = SmallPartition(page_margin=0.9), SmallPartition(page_margin=0.0)
    for small in (calm, quick):
        small.send("session_start", 0)
        small.play(1, 130, row_id="r03", title_id="r03-0")
    assert [d["rows"][0] for d in quick.decisions(topics.ROW_ORDER)] == ["r00", "r03"]
    assert [d["rows"][0] for d in calm.decisions(topics.ROW_ORDER)] == ["r00"]


def test_scores_fall_down_the_page_when_nothing_stands_in_the_way() -> None:
    small = SmallPartition(page_margin=0.0, rows=6)
    small.send("session_start", 0)
    for n, r in enumerate([3, 5, 3, 1, 3, 5]):
        small.play(1 + 200 * n, 130, f"b{n}", row_id=f"r{r:02d}", title_id=f"r{r:02d}-0")
    decisions = small.decisions(topics.ROW_ORDER)
    assert len(decisions) >= 3
    for decision in decisions:
        assert decision["scores"] == sorted(decision["scores"], reverse=True)
    assert decisions[-1]["rows"][0] == "r03"
