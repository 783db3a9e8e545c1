"""Which place an image of a title has, and how often it was seen and played from: here, and by all partitions.

State knows images by place (``TITLE_TASTE``), the catalog by id. An image keeps its place, and its counts, as long as
the catalog has it; a place that is free again begins with nothing.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from xxhash import xxh32_intdigest

from streams.profiles.parameters import Array
from streams.profiles.taste import ARTWORK_TAGS, ARTWORKS
from streams.state.catalog import Picture
from streams.state.partition_state import PartitionState
from streams.state.shared import SharedTitles

Ids = list[str | None]
"""Artwork ids by place."""


@lru_cache(65_536)
def image_hash(artwork_id: str) -> int:
    """The number, never 0, by which state knows an image. 4 bytes do: it is only compared within a title."""
    return xxh32_intdigest(artwork_id.encode()) or 1


class ArtworkPlaces:
    """The images of a partition's titles."""

    def __init__(self, state: PartitionState) -> None:
        self._state = state
        self._known: dict[int, tuple[tuple[Picture, ...], Ids, int]] = {}
        """By title slot: what the catalog said when it was looked at last, ids by place, place of the first."""
        self.shared: Array = np.zeros((0, 2, ARTWORKS), np.float32)
        """Views and plays of all partitions, by title slot and place; zeros where nobody told any."""
        self._seen = 0
        self._catalog = -1
        self._nothing: tuple[tuple[Picture, ...], Ids, int] = ((), [None] * ARTWORKS, -1)

    def forget(self) -> None:
        """State has been rebuilt: look at everything anew."""
        self._known.clear()
        self.shared[:] = 0
        self._seen, self._catalog = 0, -1

    def follow_catalog(self) -> bool:
        """The catalog may have changed (true): an image that it has no longer must not stand."""
        if self._catalog == self._state.catalog.version:
            return False
        self._catalog = self._state.catalog.version
        records = self._state.title_tastes.records
        with_images = (records["artworks"] >= 2) | (records["art_id"][:, 0] != 0)
        for title in np.flatnonzero(with_images[: len(self._state.titles.names)]).tolist():
            self._at(title)
        return True

    def ids(self, title: int) -> Ids:
        """The ids of a title's images by place, ``None`` where there is none; brought up to the catalog."""
        return self._at(title)[1]

    def first(self, title: int) -> int:
        """The place of the image that the catalog names first."""
        return self._at(title)[2]

    def id_of(self, title: int, image: int) -> str | None:
        """The id behind an image's hash; ``None`` when the title has no such image any more."""
        places = self._state.title_tastes.records["art_id"][title].tolist()
        return self._at(title)[1][places.index(image)] if image in places else None

    def untold(self, title: int) -> list[list[object]]:
        """What the title's owner has not been told: id, views and plays of each image; from now on it has."""
        record = self._state.title_tastes.records[title]
        views, plays = record["art_untold_views"].tolist(), record["art_untold_plays"].tolist()
        record["art_untold_views"] = 0
        record["art_untold_plays"] = 0
        self._state.title_tastes.dirty[title] = 1
        return [
            [known, views[place], plays[place]]
            for place, known in enumerate(self.ids(title))
            if known is not None and views[place]
        ]

    def follow(self, shared: SharedTitles) -> None:
        """Take over what all partitions have counted."""
        if shared.version == self._seen:
            return
        slots = self._state.titles.slots
        for name in shared.changed_since(self._seen):
            title, told = slots.get(name), shared.get(name)
            if title is None:
                continue
            if title >= len(self.shared):
                grown = np.zeros((len(self._state.titles.records), 2, ARTWORKS), np.float32)
                grown[: len(self.shared)] = self.shared
                self.shared = grown
            ids, views, plays = self.ids(title), [0.0] * ARTWORKS, [0.0] * ARTWORKS
            for known, seen, played in () if told is None else told.stats.artworks:
                if known in ids:
                    place = ids.index(known)
                    views[place], plays[place] = seen, played
            self.shared[title] = views, plays
        self._seen = shared.version

    def _at(self, title: int) -> tuple[tuple[Picture, ...], Ids, int]:
        name = self._state.titles.names[title]
        facts = self._state.catalog.titles.get(name or "")
        artworks = facts.artworks if facts is not None else ()
        known = self._known.get(title, self._nothing)
        if known[0] is not artworks and known[0] != artworks:
            known = self._known[title] = self._place(title, artworks)
        return known

    def _place(self, title: int, artworks: tuple[Picture, ...]) -> tuple[tuple[Picture, ...], Ids, int]:
        """Give the catalog's images their places; they lose them when the catalog has them no longer."""
        record = self._state.title_tastes.records[title]
        wanted = {image_hash(artwork.id): artwork for artwork in artworks[:ARTWORKS]}
        places = record["art_id"].tolist()
        ids: Ids = [None] * ARTWORKS
        for place, image in enumerate(places):
            if image and image not in wanted:
                places[place] = 0
                for field in ("art_views", "art_plays", "art_untold_views", "art_untold_plays"):
                    record[field][place] = 0
        for image in wanted:
            if image not in places:
                places[places.index(0)] = image
        tags = np.zeros((ARTWORKS, ARTWORK_TAGS), np.int8)
        first = -1
        for place, image in enumerate(places):
            if not image:
                continue
            artwork = wanted[image]
            ids[place] = artwork.id
            if artwork is artworks[0]:
                first = place
            for number, tag in enumerate(artwork.tags[:ARTWORK_TAGS]):
                tags[place, number] = 1 + self._state.tag_index(tag)
        if (
            record["art_id"].tolist() != places
            or (record["art_tags"] != tags).any()
            or record["art_first"] != 1 + first
        ):
            record["art_id"] = places
            record["art_first"] = 1 + first
            record["art_tags"] = tags
            self._state.title_tastes.dirty[title] = 1
        if title < len(self.shared):
            self.shared[title] = 0  # until it is told anew
        return artworks, ids, first
