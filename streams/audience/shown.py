"""What one viewer is shown: the last decision of every surface, and what the screen makes of it.

Decisions arrive as the contract's records. What a surface has not decided is as on a service without any: rows
and titles in the editors' order, a title's first image, the first categories, no trailer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from streams import topics
from streams.audience.habits import CATEGORIES_SHOWN, ITEMS_SHOWN
from streams.audience.shelves import Shelves
from streams.audience.titles import FOR_YOU, TAGS

DECIDED = (
    topics.ROW_ORDER,
    topics.HOMEPAGE_RANKINGS,
    topics.ARTWORK_CHOICES,
    topics.TRAILER_CHOICES,
    topics.CATEGORY_CHOICES,
)
"""Decisions that change what viewers see."""
GOLDEN = 0.6180339887


class Offer(NamedTuple):
    """A trailer that may win a viewer back: which of which title, both as indexes."""

    title: int
    teaser: int


class Shown:
    """The decisions that stand for one viewer. Titles, images and tags are indexes into the catalog's."""

    def __init__(self, shelves: Shelves) -> None:
        self._shelves = shelves
        self.rows: tuple[str, ...] = ()
        self.rows_version: int | None = None
        self.ranking: tuple[int, ...] = ()
        self.artwork: dict[int, int] = {}
        self.offer: Offer | None = None
        self.categories: tuple[str, ...] = ()

    def take(self, topic: str, decision: dict[str, Any]) -> None:
        """From the next look on, the viewer sees this. What the catalog does not know is left out."""
        index = self._shelves.catalog.index
        titles = self._shelves.catalog.titles
        if topic == topics.ROW_ORDER:
            self.rows = tuple(decision["rows"])
            self.rows_version = decision["version"]
        elif topic == topics.HOMEPAGE_RANKINGS:
            self.ranking = tuple(index[title] for title in decision["titles"] if title in index)
        elif topic == topics.ARTWORK_CHOICES:
            title = index.get(decision["title_id"], -1)
            images = [image.artwork_id for image in titles[title].images] if title >= 0 else []
            if decision["artwork_id"] in images:
                self.artwork[title] = images.index(decision["artwork_id"])
        elif topic == topics.TRAILER_CHOICES:
            title = index.get(decision["title_id"], -1)
            teasers = [teaser.trailer_id for teaser in titles[title].trailers] if title >= 0 else []
            if decision["trailer_id"] in teasers:
                self.offer = Offer(title, teasers.index(decision["trailer_id"]))
        elif topic == topics.CATEGORY_CHOICES:
            self.categories = tuple(decision["categories"][:CATEGORIES_SHOWN])

    def order(self) -> tuple[str, ...]:
        """The rows of the page, from the top."""
        return self.rows or tuple(self._shelves.titles)

    def category_tags(self) -> tuple[str, ...]:
        """The categories, first one first."""
        return self.categories or TAGS[:CATEGORIES_SHOWN]

    def window(self, row_id: str, turn: float, max_age: int) -> list[int]:
        """The titles of a row that are on the screen: ranked ones first, then a part of the others that
        ``turn`` (in [0, 1)) picks, rather from the row's beginning."""
        shelf = self._shelves.titles.get(row_id)
        if shelf is None:
            return []
        ranking = self.ranking
        if row_id == FOR_YOU:
            titles = self._fitting(ranking, max_age)
            if titles:
                return titles
            shelf = self._shelves.titles["popular"]
            ranking = ()
        members = self._shelves.members[row_id]
        ranked = self._fitting((title for title in ranking if title in members), max_age)
        room = ITEMS_SHOWN - len(ranked)
        if not room:
            return ranked
        others = [title for title in shelf if title not in ranked] if ranked else shelf
        if max_age < 18:
            titles_of = self._shelves.catalog.titles
            others = [title for title in others if titles_of[title].age <= max_age]
        spread = (turn + GOLDEN * len(row_id) + 0.1 * ord(row_id[0])) % 1.0
        start = int(spread * spread * max(1, len(others) - room + 1))
        return [*ranked, *others[start : start + room]]

    def _fitting(self, titles: Any, max_age: int) -> list[int]:
        """The first titles of an order that are there and that this viewer may see."""
        catalog, there = self._shelves.catalog, self._shelves.there
        fitting: list[int] = []
        for title in titles:
            if there[title] == 0.0 and catalog.titles[title].age <= max_age:
                fitting.append(title)
                if len(fitting) == ITEMS_SHOWN:
                    break
        return fitting
