"""The tags of the catalog as categories: their names, how many titles each has, and which fit an age."""

from __future__ import annotations

import numpy as np
import orjson

from streams.emit.names import Names
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS
from streams.state.partition_state import PartitionState

FITTING_SHARE = 0.5
"""A category is for an age when at least this share of its titles is: of unknown ratings, none is."""


MAX_LIMIT = 255
"""An age is a byte; the last one is an unknown one (``state.catalog.UNKNOWN_AGE``)."""
LISTS = 4_096
"""Encoded lists that are kept, 100 bytes each."""


class KnownTags:
    """What the categories surface knows of tags; anew when the catalog changed."""

    def __init__(self, state: PartitionState) -> None:
        self.names: list[str] = []
        """Names of tags by index."""
        self.texts = Names()
        """These names as they stand in records."""
        self.base: Floats = np.zeros(MAX_TAGS)
        """The share of the catalog that each tag has."""
        self.fitting: Array = np.zeros((MAX_LIMIT + 1, MAX_TAGS), np.uint8)
        """By age limit (0: none), 1 for each tag that may be shown. The last tag is shared by many when there are
        too many: it has no name."""
        self._state = state
        self._version = -1
        self._indexes: dict[tuple[str, ...], Array] = {(): np.zeros(0, np.int64)}
        self._lists: dict[bytes, orjson.Fragment] = {}

    def follow_catalog(self) -> bool:
        """Take over what changed in the catalog; true when anything did."""
        if self._version == self._state.catalog.version:
            return False
        self._version = self._state.catalog.version
        names: dict[int, str] = {}
        for name, index in self._state.tags.items():
            names.setdefault(index, name)
        self.names = [names[index] for index in range(len(names))]
        self.texts.follow(self.names)
        self._indexes = {(): self._indexes[()]}
        self._lists = {}
        records = self._state.title_tastes.records
        active = records[records["active"] == 1]
        titles = np.zeros((MAX_LIMIT + 1, MAX_TAGS + 1))  # by age and 1 + tag
        ages = np.repeat(active["age"], active["tags"].shape[1])
        np.add.at(titles, (ages, active["tags"].ravel()), 1.0)
        by_limit = np.cumsum(titles, axis=0)[:, 1:]
        total = by_limit[-1]
        self.base = total / max(1.0, float(total.sum()))
        self.fitting = ((total > 0) & (by_limit >= FITTING_SHARE * total)).astype(np.uint8)
        self.fitting[0] = total > 0
        if len(self._state.tags) > MAX_TAGS:
            self.fitting[:, MAX_TAGS - 1] = 0
        return True

    def tag_of(self, category: str) -> int | None:
        """The tag behind a category: it is one, or a row that is filled by one."""
        row = self._state.catalog.rows.get(category)
        return self._state.tags.get(category if row is None or row.tag is None else row.tag)

    def indexes(self, categories: tuple[str, ...]) -> Array:
        """Indexes of categories by name; those that the catalog does not know are left out."""
        indexes = self._indexes.get(categories)
        if indexes is None:
            tags = self._state.tags
            known = [tags[name] for name in categories if name in tags]
            indexes = self._indexes[categories] = np.array(known, np.int64)
        return indexes

    def listed(self, tags: Array) -> orjson.Fragment:
        """The names of ``tags`` (1 + tag, 0 is none), encoded: newcomers share a few lists, so they are kept."""
        key = tags.tobytes()
        names = self._lists.get(key)
        if names is None:
            if len(self._lists) >= LISTS:
                self._lists = {}
            known = [self.names[tag - 1] for tag in tags.tolist() if 0 < tag <= len(self.names)]
            names = self._lists[key] = orjson.Fragment(orjson.dumps(known))
        return names
