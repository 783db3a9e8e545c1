"""The tags of the catalog as categories: their names, how many titles each has, and which fit an age."""

from __future__ import annotations

import numpy as np

from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS
from streams.state.partition_state import PartitionState

FITTING_SHARE = 0.5
"""A category is for an age when at least this share of its titles is: of unknown ratings, none is."""


class KnownTags:
    """What the categories surface knows of tags; anew when the catalog changed."""

    def __init__(self, state: PartitionState) -> None:
        self.names: list[str] = []
        """Names of tags by index."""
        self.base: Floats = np.zeros(MAX_TAGS)
        """The share of the catalog that each tag has."""
        self._state = state
        self._version = -1
        self._fitting: dict[int, Array] = {}
        self._indexes: dict[tuple[str, ...], Array] = {}

    def follow_catalog(self) -> None:
        """Take over what changed in the catalog."""
        if self._version == self._state.catalog.version:
            return
        self._version = self._state.catalog.version
        names: dict[int, str] = {}
        for name, index in self._state.tags.items():
            names.setdefault(index, name)
        self.names = [names[index] for index in range(len(names))]
        self._fitting, self._indexes = {}, {}
        titles = self._titles(0)
        self.base = titles / max(1.0, float(titles.sum()))

    def fitting(self, limit: int) -> Array:
        """1 for each tag that may be shown under an age limit (0: none). The last tag is shared by many when
        there are too many: it has no name."""
        allowed = self._fitting.get(limit)
        if allowed is None:
            titles = self._titles(0)
            fit = (titles > 0) & (self._titles(limit) >= FITTING_SHARE * titles)
            if len(self._state.tags) > MAX_TAGS:
                fit[MAX_TAGS - 1] = False
            allowed = self._fitting[limit] = fit.astype(np.uint8)
        return allowed

    def indexes(self, categories: tuple[str, ...]) -> Array:
        """Indexes of categories by name; those that the catalog does not know are left out."""
        indexes = self._indexes.get(categories)
        if indexes is None:
            tags = self._state.tags
            known = [tags[name] for name in categories if name in tags]
            indexes = self._indexes[categories] = np.array(known, np.int64)
        return indexes

    def _titles(self, limit: int) -> Floats:
        """How many titles of the catalog, for viewers of ``limit`` years (0: all), have each tag."""
        titles = self._state.title_tastes.records
        active = titles["active"] == 1
        if limit:
            active &= titles["age"] <= limit
        counts = np.bincount(titles["tags"][active].ravel(), minlength=MAX_TAGS + 1)
        return counts[1 : MAX_TAGS + 1].astype(np.float64)
