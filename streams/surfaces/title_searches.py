"""Titles: what a search was for. The result that was opened, else those that were shown, else what the query names:
a title by its whole name, or tags by any of its words."""

from __future__ import annotations

import itertools
from typing import Any

from streams.events.schema import Search
from streams.state.partition_state import PartitionState


class TitleSearches:
    """Notes searches in profiles' records; knows the catalog's names, as of its version."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._version = -1
        self._titles: dict[str, str] = {}
        self._tags: dict[str, int] = {}

    def note(self, record: Any, event: Search, ts: int) -> None:
        """Put what ``event`` searched into a profile's ``title_search`` fields."""
        self._follow_catalog()
        slots = self._state.titles.slots
        found: list[int] = []
        for name in (event.clicked_title_id, *(event.title_ids or ()), self._titles.get(_plain(event.query))):
            slot = slots.get(name or "", 0)
            if slot > 0 and 1 + slot not in found:
                found.append(1 + slot)
        # Place 0 is that of the opened result: it counts for more.
        if event.clicked_title_id is None and event.title_ids:
            found.insert(0, 0)
        tags = sorted({1 + self._tags[word] for word in _words(event.query) if word in self._tags})
        places, tag_places = len(record["title_search"]), len(record["title_search_tag"])
        record["title_search"] = (found + [0] * places)[:places]
        record["title_search_tag"] = (tags + [0] * tag_places)[:tag_places]
        record["title_search_ts"] = ts

    def _follow_catalog(self) -> None:
        if self._version == self._state.catalog.version:
            return
        self._version = self._state.catalog.version
        self._titles = {}
        for title in sorted(self._state.catalog.titles):  # of several with one name, the first id
            self._titles.setdefault(_plain(self._state.catalog.titles[title].name), title)
        self._tags = {_plain(tag): index for tag, index in self._state.tags.items()}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _words(query: str) -> list[str]:
    """The query as a whole, each of its words, and each two that stand together."""
    words = _plain(query).split()
    return [" ".join(words), *words, *(f"{a} {b}" for a, b in itertools.pairwise(words))]
