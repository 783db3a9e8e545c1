"""Scores of categories, and when a new set is worth a change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.decisions.categories import (
    BEFORE,
    BEST,
    DWELL,
    FIXED,
    OUT,
    PLAYS_A_MINUTE,
    POPULAR,
    REASONS,
    TASTE,
    WHY,
    choose,
    decide_categories,
    score,
)
from streams.decisions.category_counts import LONGEST_MINUTES, count_browsing, count_play
from streams.profiles.clock import DAY
from streams.profiles.taste import CATEGORIES, MAX_TAGS, TITLE_TASTE
from streams.profiles.taste import TASTE as RECORD

N = 12
NOW = int(100 * DAY)


class Page:
    """One profile and what the kernels need besides."""

    def __init__(self) -> None:
        self.tastes = np.zeros(1, RECORD)
        self.popular = np.zeros((2, MAX_TAGS))
        self.popular_ts = np.zeros(2, np.int64)
        self.allowed = np.ones(MAX_TAGS, np.uint8)
        self.base = np.full(MAX_TAGS, 1.0 / N)
        self.best = np.zeros(CATEGORIES, np.int64)
        self.parts, self.scores = np.zeros((3, MAX_TAGS)), np.zeros(MAX_TAGS)

    def consider(
        self, policy: int, fixed: list[int] | None = None, count: int = CATEGORIES, ts: int = NOW
    ) -> float:
        p = self.tastes[0]
        score(
            p,
            policy,
            ts,
            self.popular[0],
            self.base,
            np.array(fixed or [], np.int64),
            N,
            self.parts,
            self.scores,
        )
        return choose(p, self.scores, self.allowed, N, count, policy == FIXED, self.best)

    def decide(self, policy: int, arm: int = 0, margin: float = 0.05) -> list[int] | None:
        """What is decided: policy, version, categories, those before, and reasons; ``None`` without a change."""
        out = np.zeros(OUT, np.int64)
        changed = decide_categories(
            self.tastes, 0, policy, NOW, self.popular, self.base, np.zeros(0, np.int64),
            np.tile(self.allowed, (256, 1)), N, CATEGORIES, margin, arm, self.parts, self.scores, out,
            np.zeros(REASONS),
        )  # fmt: skip
        return out.tolist() if changed else None

    def show(self) -> None:
        self.tastes["cat_shown"][0] = self.best

    def order(self, policy: int, **how: Any) -> list[int]:
        self.consider(policy, **how)
        return [int(tag) - 1 for tag in self.best if tag]


def play(page: Page, tags: list[int], times: int, ts: int = NOW, kids: bool = False) -> None:
    """Somebody plays a title with ``tags`` well."""
    somebody, title = np.zeros(1, RECORD), np.zeros(1, TITLE_TASTE)
    somebody["kids"] = kids
    title["tags"][0, : len(tags)] = [tag + 1 for tag in tags]
    for _ in range(times):
        count_play(page.popular, page.popular_ts, somebody, 0, title, 0, ts)


def test_each_policy_goes_by_its_own() -> None:
    page = Page()
    play(page, [5], 6)
    play(page, [4], 3)
    page.tastes["taste"][0, 7] = 4.0
    page.tastes["taste_ts"] = NOW
    count_browsing(page.tastes, 0, 9, 8.0, NOW)
    assert page.order(POPULAR)[:2] == [5, 4]
    assert page.order(TASTE)[:3] == [7, 5, 9]
    assert page.order(DWELL)[:2] == [5, 9] and 7 not in page.order(DWELL)[:3]
    assert page.order(FIXED, fixed=[3, 1]) == [3, 1]
    assert page.order(TASTE, count=2) == [7, 5]


def test_nobody_known_is_the_catalogs_order() -> None:
    page = Page()
    page.base[6] = 0.5
    assert page.order(TASTE)[:3] == [6, 0, 1]


def test_what_may_not_be_shown_is_not() -> None:
    page = Page()
    play(page, [5], 6)
    page.allowed[5] = 0
    assert 5 not in page.order(POPULAR) and 5 not in page.order(FIXED, fixed=[5])


def test_a_change_must_be_worth_it() -> None:
    page = Page()
    assert page.consider(POPULAR) == 1.0  # nothing is shown yet
    page.show()
    assert page.consider(POPULAR) == pytest.approx(0.0)
    play(page, [11], 1)
    small = page.consider(POPULAR)
    play(page, [11], 10)
    assert 0 < small < page.consider(POPULAR) < 1.0
    assert page.consider(POPULAR, count=4) == 1.0  # not as many as are shown
    page.allowed[page.tastes["cat_shown"][0, 0] - 1] = 0
    assert page.consider(POPULAR) == 1.0


def test_popularity_fades_and_late_plays_count_less() -> None:
    page = Page()
    play(page, [1], 4, ts=NOW)
    play(page, [2], 3, ts=NOW + int(14 * DAY))
    assert page.popular[0, 1] == pytest.approx(1.0) and page.popular[0, 2] == 3.0
    play(page, [3], 4, ts=NOW)
    assert page.popular[0, 3] == pytest.approx(1.0)
    assert page.popular[1].sum() == 0.0
    play(page, [3], 1, kids=True)
    assert page.popular[1, 3] == 1.0 and page.popular[0, 3] == pytest.approx(1.0)


def test_first_tags_say_most_of_a_title() -> None:
    page = Page()
    play(page, [2, 4], 1)
    assert page.popular[0, 2] == 1.0 and page.popular[0, 4] == 0.5


def test_browsing_is_bounded_and_fades() -> None:
    page = Page()
    count_browsing(page.tastes, 0, 3, 500.0, NOW)
    assert page.tastes["cat_minutes"][0, 0] == LONGEST_MINUTES
    page.consider(DWELL)
    assert page.parts[2, 3] == pytest.approx(LONGEST_MINUTES * PLAYS_A_MINUTE)
    page.consider(DWELL, ts=NOW + int(30 * DAY))
    assert page.parts[2, 3] == pytest.approx(LONGEST_MINUTES * PLAYS_A_MINUTE / 2)
    count_browsing(page.tastes, 0, 3, 1.0, NOW - int(30 * DAY))  # late: it has faded by now
    assert page.tastes["cat_minutes"][0, 0] == pytest.approx(LONGEST_MINUTES + 0.5)


def test_the_least_browsed_gives_way_to_more() -> None:
    page = Page()
    for tag in range(CATEGORIES):
        count_browsing(page.tastes, 0, tag, 2.0 + tag, NOW)
    count_browsing(page.tastes, 0, 10, 1.0, NOW)
    assert 11 not in page.tastes["cat_browsed"][0]
    count_browsing(page.tastes, 0, 11, 3.0, NOW)
    assert page.tastes["cat_browsed"][0].tolist() == [12, 2, 3, 4, 5, 6, 7, 8]


def test_a_decision_says_what_was_and_why() -> None:
    page = Page()
    play(page, [5], 6)
    first = page.decide(TASTE)
    assert first is not None and first[:3] == [TASTE, 1, 6] and first[BEFORE:WHY] == [0] * CATEGORIES
    assert page.decide(TASTE) is None
    page.tastes["taste"][0, 7] = 9.0
    page.tastes["taste_ts"] = NOW
    second = page.decide(TASTE)
    assert second is not None and second[:4] == [TASTE, 2, 8, 6]
    assert second[BEFORE:WHY] == first[BEST:BEFORE] and second[WHY:] == [1, 0, 0]
    assert page.decide(TASTE, margin=0.0) is None
    assert page.decide(TASTE, arm=3) is not None  # the same categories under another arm are told too


def test_nothing_personal_is_used_for_who_wants_none() -> None:
    page = Page()
    page.tastes["taste"][0, 7] = 9.0
    page.tastes["taste_ts"] = NOW
    page.tastes["plain"] = 1
    decided = page.decide(TASTE)
    assert decided is not None and decided[0] == POPULAR and decided[BEST] == 1
