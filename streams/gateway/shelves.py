"""Which titles stand on a row, most wanted first: the catalog's tags and rules, ordered by what everybody plays.

Rows of a rule that only the viewer's own history fills (``continue``, ``list``, ``search``) stay empty here: the
player knows what was left half-way, and no topic that a gateway reads does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from streams.events.schema import Row
from streams.gateway.known import NEVER, Known

ROW_TITLES = 12
"""Titles of a row on a page, at most."""
RANKED = 20
"""Titles of a ranking."""
SHELF = ROW_TITLES + RANKED
"""Kept of a row: as many as a page shows when every ranked title was taken out before."""

NOTHING = (NEVER, NEVER)


class Shelves:
    """The titles of every row. ``version`` counts changes of what stands anywhere."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._seen = (-1, -1)
        self._by_tag: dict[str, list[str]] = {}
        self.titles: dict[str, tuple[str, ...]] = {}
        """At most ``SHELF`` titles of each row."""
        self.popular: tuple[str, ...] = ()
        self.rows: tuple[Row, ...] = ()
        """The rows of the catalog in its order: pinned places first, then by id."""
        self.version = 0

    @property
    def due(self) -> bool:
        """Whether anything came in since they were put up."""
        return self._seen != (self._known.catalog.version, self._known.stats_version)

    def put_up(self) -> Iterator[None]:
        """Put all rows up anew, in small steps: the caller goes on between them."""
        known, catalog = self._known, self._known.catalog
        catalog_seen = catalog.version
        seen = (catalog_seen, known.stats_version)
        changed = catalog_seen != self._seen[0]
        if changed:
            by_tag: dict[str, list[str]] = {}
            for name in sorted(catalog.titles):
                for tag in catalog.titles[name].tags:
                    by_tag.setdefault(tag, []).append(name)
            self._by_tag = by_tag
            rows = catalog.rows.values()
            self.rows = tuple(sorted(rows, key=lambda row: (_place(row), row.row_id)))
            yield
        everything = list(catalog.titles)
        popular = self._most(everything, 0)
        yield
        titles: dict[str, tuple[str, ...]] = {}
        for row in self.rows:
            titles[row.row_id] = self._of(row, everything, popular)
            yield
        if changed or titles != self.titles or popular != self.popular:
            self.titles, self.popular = titles, popular
            self.version += 1
        self._seen = seen

    def put_up_now(self) -> None:
        """The same in one step."""
        for _ in self.put_up():
            pass

    def _of(self, row: Row, everything: list[str], popular: tuple[str, ...]) -> tuple[str, ...]:
        if row.rule == "tag":
            return self._most(self._by_tag.get(row.tag or "", []), 0)
        if row.rule == "trending":
            return self._most(everything, 1)
        if row.rule == "new":
            facts = self._known.catalog.titles
            newest = heapq.nlargest(SHELF, everything, key=lambda name: facts[name].released)
            return tuple(newest)
        return popular if row.rule == "popular" else ()

    def _most(self, names: list[str], which: int) -> tuple[str, ...]:
        wanted = self._known.wanted
        return tuple(heapq.nlargest(SHELF, names, key=lambda name: wanted.get(name, NOTHING)[which]))


def _place(row: Row) -> float:
    return float("inf") if row.pinned_position is None else row.pinned_position
