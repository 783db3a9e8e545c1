"""What a gateway knows, record by record: profiles' decisions, the catalog, experiments, demand. Pure.

A decision is kept as the bytes that Kafka held, once they have been found readable: a third of the memory of what
they decode to, and most are never asked for between two changes.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from streams import topics
from streams.events.rekeyed import TITLE_STATS
from streams.settings import DAY_MS, HOUR_MS, Settings
from streams.state.catalog import Catalog

log = logging.getLogger(__name__)

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
SLOW_HALF_LIFE_MS = 30 * DAY_MS
FAST_HALF_LIFE_MS = 6 * HOUR_MS
NEVER = float("-inf")

READ = (
    topics.ROW_CATALOG,
    topics.TITLE_CATALOG,
    topics.TITLE_STATS,
    topics.ROW_ORDER,
    topics.HOMEPAGE_RANKINGS,
    topics.ARTWORK_CHOICES,
    topics.CATEGORY_CHOICES,
    topics.TRAILER_CHOICES,
    topics.CHURN_SCORES,
    topics.EXPERIMENT_RESULTS,
    topics.AUDIENCE_DEMAND,
)
"""What a gateway reads whole."""


class Decided(Struct, frozen=True, gc=False):
    """What every decision has, and all that is needed of it while it is only kept."""

    ts: int
    version: int


class RowsDecided(Decided, frozen=True, gc=False):
    """A row order, as far as a page needs it. ``reasons`` stay as they came."""

    rows: list[str]
    reasons: msgspec.Raw
    profiled: bool = True


class TitlesDecided(Decided, frozen=True, gc=False):
    """A ranking, as far as a page needs it."""

    titles: list[str]
    reasons: msgspec.Raw
    profiled: bool = True


class CategoriesDecided(Decided, frozen=True, gc=False):
    """Categories, as far as a page needs them."""

    categories: msgspec.Raw


class TrailerDecided(Decided, frozen=True, gc=False):
    """An offered trailer; the page shows the record as it is."""

    trailer_id: str
    title_id: str


class ArtworkDecided(Decided, frozen=True, gc=False):
    """An image of a title for a profile."""

    title_id: str
    artwork_id: str


class ChurnDecided(Decided, frozen=True, gc=False):
    """A churn score; answered as it is."""

    probability: float


class ExperimentKept(Struct, frozen=True, gc=False):
    """An experiment's result; answered as it is."""

    experiment_id: str


class DemandKept(Struct, frozen=True, gc=False):
    """The demand for a tag in a region."""

    tag: str
    region: str
    demand: float
    ts: int


ROWS = msgspec.json.Decoder(RowsDecided)
TITLES = msgspec.json.Decoder(TitlesDecided)
CATEGORIES = msgspec.json.Decoder(CategoriesDecided)
TRAILER = msgspec.json.Decoder(TrailerDecided)
ARTWORK = msgspec.json.Decoder(ArtworkDecided)
CHURN = msgspec.json.Decoder(ChurnDecided)
EXPERIMENT = msgspec.json.Decoder(ExperimentKept)
DEMAND = msgspec.json.Decoder(DemandKept)

FIELDS: dict[str, tuple[str, msgspec.json.Decoder[Any]]] = {
    topics.ROW_ORDER: ("rows", ROWS),
    topics.HOMEPAGE_RANKINGS: ("titles", TITLES),
    topics.CATEGORY_CHOICES: ("categories", CATEGORIES),
    topics.TRAILER_CHOICES: ("trailer", TRAILER),
    topics.CHURN_SCORES: ("churn", CHURN),
}
"""Of each topic that is keyed by profile: the field of ``Profile`` that keeps its record, and what must be in it."""


class Profile:
    """What was decided for one profile, as JSON; ``artworks`` by title; ``None`` where nothing was."""

    __slots__ = ("artworks", "categories", "churn", "rows", "titles", "trailer")

    def __init__(self) -> None:
        self.rows: bytes | None = None
        self.titles: bytes | None = None
        self.categories: bytes | None = None
        self.trailer: bytes | None = None
        self.churn: bytes | None = None
        self.artworks: dict[str, str] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is left of it: it was erased."""
        return not (
            self.rows or self.titles or self.categories or self.trailer or self.churn or self.artworks
        )


class Known:
    """Everything that was read. ``changed(profile)`` is called when a profile's page is no longer what it was."""

    def __init__(self, settings: Settings, changed: Callable[[str], None] = lambda _: None) -> None:
        self.catalog = Catalog(settings)
        self.profiles: dict[str, Profile] = {}
        self.experiments: dict[str, bytes] = {}
        self.demand: dict[bytes, DemandKept] = {}
        self.wanted: dict[str, tuple[float, float]] = {}
        """Of a title that was played: what it is worth as popular and as trending. Only their order means something."""
        self.neighbours: dict[str, tuple[str, ...]] = {}
        """What those who watched a title had watched before, most first."""
        self.stats_version = 0
        self.skipped: dict[str, int] = dict.fromkeys(READ, 0)
        """Records that could not be read, by topic."""
        self._changed = changed

    def put(self, topic: str, key: bytes, value: bytes | None) -> int | None:
        """Take one record in; ``None`` removes. Returns the ``ts`` of a decision, else ``None``; a record that
        cannot be read is counted in ``skipped`` and leaves what was."""
        try:
            return self._put(topic, key, value)
        except UNREADABLE as error:
            self.skipped[topic] += 1
            log.debug("%s: a record cannot be read: %s", topic, error)
            return None

    def _put(self, topic: str, key: bytes, value: bytes | None) -> int | None:
        kept = FIELDS.get(topic)
        if kept is not None:
            field, decoder = kept
            ts = decoder.decode(value).ts if value is not None else None
            name = key.decode()
            profile = self._profile(name, value is not None)
            if profile is not None:
                setattr(profile, field, value)
                self._settle(name, profile)
            return ts
        if topic == topics.ARTWORK_CHOICES:
            return self._put_artwork(key, value)
        if topic == topics.TITLE_STATS:
            self._put_stats(key.decode(), value)
        elif topic == topics.EXPERIMENT_RESULTS:
            if value is None:
                self.experiments.pop(key.decode(), None)
            else:
                self.experiments[EXPERIMENT.decode(value).experiment_id] = value
        elif topic == topics.AUDIENCE_DEMAND:
            if value is None:
                self.demand.pop(key, None)
            else:
                self.demand[key] = DEMAND.decode(value)
        else:
            before = self.catalog.rejected
            self.catalog.put(topic, key, value)
            self.skipped[topic] += self.catalog.rejected - before
        return None

    def _put_artwork(self, key: bytes, value: bytes | None) -> int | None:
        decided = ARTWORK.decode(value) if value is not None else None
        name, title = topics.choice_of(key.decode())
        profile = self._profile(name, decided is not None)
        if profile is not None:
            if decided is None:
                if profile.artworks is not None:
                    profile.artworks.pop(title, None)
                    profile.artworks = profile.artworks or None
            else:
                if profile.artworks is None:
                    profile.artworks = {}
                profile.artworks[decided.title_id] = decided.artwork_id
            self._settle(name, profile)
        return decided.ts if decided is not None else None

    def _put_stats(self, title: str, value: bytes | None) -> None:
        self.stats_version += 1
        if value is None:
            self.wanted.pop(title, None)
            self.neighbours.pop(title, None)
            return
        stats = TITLE_STATS.decode(value)
        # All decay with the same half-life, so their order at any later moment is that of these, which stay.
        self.wanted[stats.title_id] = (
            _standing(stats.slow, stats.ts, SLOW_HALF_LIFE_MS),
            _standing(stats.fast, stats.ts, FAST_HALF_LIFE_MS),
        )
        self.neighbours[stats.title_id] = tuple(name for name, _ in stats.neighbours)

    def _profile(self, name: str, wanted: bool) -> Profile | None:
        profile = self.profiles.get(name)
        if profile is None and wanted:
            profile = self.profiles[name] = Profile()
        return profile

    def _settle(self, name: str, profile: Profile) -> None:
        if profile.empty:
            self.profiles.pop(name, None)
        self._changed(name)


def _standing(plays: float, ts: int, half_life_ms: int) -> float:
    return math.log2(plays) + ts / half_life_ms if plays > 0 else NEVER
