"""All that is kept of one partition: profiles, titles, what is known of everybody, the models, and the
names of rows."""

from __future__ import annotations

import logging
from typing import Any, Protocol

import numpy as np
from xxhash import xxh3_64_intdigest

from models.hazard import FEATURES as CHURN_FEATURES
from models.quality import FEATURES as QUALITY_FEATURES
from streams.decisions.demand import START_WEIGHTS
from streams.decisions.learner import Learner
from streams.decisions.seen_rows import START, start_covariance
from streams.profiles.audience_cells import CELL
from streams.profiles.layout import MAX_ROWS, OTHER_ROW, PARTITION, PROFILE, TITLE
from streams.profiles.parameters import Models, Pages, Tables
from streams.profiles.store import Companion, Store
from streams.profiles.taste import ARTWORKS, MAX_TAGS, TASTE, TITLE_FACTS, TITLE_TAGS, TITLE_TASTE
from streams.settings import Settings
from streams.state.catalog import Catalog

log = logging.getLogger(__name__)

MAX_TITLES = 500_000
"""Titles with statistics of their own per partition (16 bytes each and their name); later ones share
one."""
OTHER_TITLES = ""
"""The name under which they share it; no title can have it."""


NOTHING = np.dtype([("nothing", "u8")])
"""In place of second records where there are none: one word, as packing counts in words."""


class Surfaces(Protocol):
    """What the state knows of the surfaces (``surfaces.running.Surfaces``)."""

    @property
    def listening(self) -> bool: ...
    def dump(self) -> dict[str, Any]: ...
    def load(self, dumped: dict[str, Any]) -> None: ...


class PartitionState:
    """State of one partition. ``pages`` are the rows as the catalog has them; they are no state."""

    def __init__(self, settings: Settings, catalog: Catalog) -> None:
        self.catalog = catalog
        self.profiles = Store(PROFILE)
        self.titles = Store(TITLE)
        self.titles.add(OTHER_TITLES)
        # Without surfaces nobody has use for second records, and they take no memory.
        self.tastes = Companion(self.profiles, TASTE if settings.surfaces_on else NOTHING)
        self.title_tastes = Companion(self.titles, TITLE_TASTE if settings.surfaces_on else NOTHING)
        self.cells = Store(CELL)
        """What is watched where, by ``tag|region``."""
        self.tags: dict[str, int] = {}
        """Index of every tag that the catalog has named; a tag keeps it for ever."""
        self.surfaces: Surfaces | None = None
        """Whose small state is saved with the models."""
        self.saved_surfaces: dict[str, Any] = {}
        self.new_titles: list[str] = []
        """Titles whose name the changelog does not have yet."""
        self.table = np.zeros(1, PARTITION)
        self.table["demand_weight"][0] = START_WEIGHTS
        self.table["demand_gradient"][0] = 1.0
        self.table["seen_weight"][0] = START
        self.table["seen_covariance"][0] = start_covariance()
        self.rows: list[str] = []
        """Row ids by index. A row keeps its index for ever."""
        batch, learning = settings.learn_batch, settings.learning
        self.quality = Learner(
            "quality", settings.quality_model, QUALITY_FEATURES, batch, learning, settings.quality_shadow
        )
        self.churn = Learner(
            "hazard", settings.churn_model, CHURN_FEATURES, batch, learning, settings.churn_shadow
        )
        self.saved_models: bytes | None = None
        """The last model record read from a changelog, until recovery is finished."""
        self.changed = False
        """The table or the models differ from what the changelog has."""
        self.pages = Pages(0, 0, np.zeros(MAX_ROWS, np.uint8), np.full(MAX_ROWS, -1, np.int8))
        self._row_index: dict[str, int] = {}
        self._catalog_version = -1

    # --- names to numbers
    # ----------------------------------------------------------------------------------------

    def profile_slot(self, profile: str) -> int:
        """The slot of a profile, a new one when it has none."""
        slot = self.profiles.slots.get(profile)
        if slot is None:
            slot = self.profiles.add(profile)
            self.profiles.records["key_hash"][slot] = xxh3_64_intdigest(profile.encode())
        return slot

    def title_slot(self, title: str) -> int:
        """The slot of a title, a new one when it has none."""
        slot = self.titles.slots.get(title)
        if slot is None:
            if len(self.titles) >= MAX_TITLES:
                return 0
            slot = self.titles.add(title)
            self.new_titles.append(title)
            self._place_title(title, slot)
        return slot

    def row_index(self, row: str) -> int:
        """The index of a row; ``OTHER_ROW`` when the catalog does not know it."""
        return self._row_index.get(row, OTHER_ROW)

    # --- the catalog
    # ---------------------------------------------------------------------------------------------

    def follow_catalog(self) -> bool:
        """Take over what changed in the catalogs; true when something did."""
        if self._catalog_version == self.catalog.version:
            return False
        self._catalog_version = self.catalog.version
        known = set(self.rows)
        for row in sorted(self.catalog.rows):
            if row in known:
                continue
            if len(self.rows) == OTHER_ROW:
                log.error("row %r is not ordered: more than %d rows are not supported", row, OTHER_ROW)
                continue
            self.rows.append(row)
        active = np.zeros(MAX_ROWS, np.uint8)
        pins = np.full(MAX_ROWS, -1, np.int8)
        for index, row in enumerate(self.rows):
            entry = self.catalog.rows.get(row)
            if entry is not None:
                active[index] = 1
                if entry.pinned_position is not None and entry.pinned_position < MAX_ROWS:
                    pins[index] = entry.pinned_position
        self.pages = Pages(len(self.rows), int(active.sum()), active, pins)
        self._row_index = {row: index for index, row in enumerate(self.rows)}
        if self.tastes_used:
            for title in sorted(self.catalog.titles.keys() - self.titles.slots.keys()):
                self.title_slot(title)  # a title may be recommended before anybody has seen it
        for title, slot in self.titles.slots.items():
            self._place_title(title, slot)
        return True

    @property
    def tastes_used(self) -> bool:
        """Whether second records are kept: a surface beside rows and churn is on."""
        return self.surfaces is not None and self.surfaces.listening

    def forget_catalog(self) -> None:
        """The rows were replaced by a changelog's: look at the catalog again before the next batch."""
        self._catalog_version = -1

    def _place_title(self, title: str, slot: int) -> None:
        row = self.catalog.row_of(title)
        facts = self.catalog.titles.get(title)
        record = self.titles.records[slot]
        record["row"] = 0 if row is None else 1 + self._row_index.get(row, -1)
        record["duration_s"] = facts.duration_s if facts else 0.0
        if not self.tastes_used:
            return
        taste = self.title_tastes.records[slot]
        before = taste.tobytes()
        for name in TITLE_FACTS:
            taste[name] = 0
        if facts is not None:
            taste["active"] = 1
            for place, tag in enumerate(facts.tags[:TITLE_TAGS]):
                taste["tags"][place] = 1 + self.tag_index(tag)
            taste["age"] = facts.age
            taste["artworks"] = min(len(facts.artworks), ARTWORKS)
            taste["trailers"] = min(len(facts.trailers), 255)
            taste["released"] = facts.released
            taste["again"] = facts.kind in ("series", "live")
        if taste.tobytes() != before:
            self.title_tastes.dirty[slot] = 1
            self.changed = True

    def tag_index(self, tag: str) -> int:
        """The index of a tag, a new one when it has none; the last one is shared by all that came too
        late."""
        index = self.tags.get(tag)
        if index is None:
            index = min(len(self.tags), MAX_TAGS - 1)
            self.tags[tag] = index
        return index

    # --- for the loop
    # --------------------------------------------------------------------------------------------

    def tables(self) -> Tables:
        """The arrays as they are now (they move when a store grows)."""
        return Tables(
            self.profiles.records, self.titles.records, self.table, self.profiles.dirty, self.titles.dirty
        )

    def models(self) -> Models:
        """The models as they are now."""
        quality, churn = self.quality, self.churn
        return Models(
            quality_version=quality.version,
            quality_linear=int(quality.folded is not None),
            quality_weights=quality.weights,
            quality_intercept=quality.intercept,
            churn_version=churn.version,
            churn_linear=int(churn.folded is not None),
            churn_weights=churn.weights,
            churn_intercept=churn.intercept,
            churn_centre=churn.centre,
        )

    @property
    def bytes(self) -> int:
        """Bytes of the columns in use."""
        second = self.tastes.bytes + self.title_tastes.bytes if self.tastes_used else 0
        return self.profiles.bytes + self.titles.bytes + self.table.nbytes + second
