"""The catalogs as the engine knows them: rows a page may show, titles with their tags and length.

One catalog is shared by all partitions of a worker; ``version`` counts its changes, so that a partition
notices them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from streams import topics
from streams.events.decode import Reject, decode_catalog
from streams.events.schema import Row, Title
from streams.settings import Settings

log = logging.getLogger(__name__)


UNKNOWN_AGE = 255
LETTERS = {
    "ALL": 0, "G": 0, "U": 0, "TV-Y": 0, "TV-G": 0, "L": 0, "PG": 8, "TV-PG": 8, "R": 17, "M": 17, "TV-MA": 17,
    "X": 18, "NC": 17,
}  # fmt: skip
"""Ratings without a number, as the boards of the US, the UK and Brazil write them."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An artwork or a trailer: its id, its tags, and a trailer's length in seconds (0 is unknown)."""

    id: str
    tags: tuple[str, ...]
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """What the engine keeps of a title: tags in the catalog's order, length in seconds (0 is unknown), the age
    from which on it is for (``UNKNOWN_AGE``), its release (days since the epoch, 0 is unknown)."""

    tags: tuple[str, ...]
    duration_s: float
    name: str = ""
    kind: str = ""
    age: int = UNKNOWN_AGE
    released: int = 0
    artworks: tuple[Picture, ...] = ()
    trailers: tuple[Picture, ...] = ()


def age_of(maturity: str | None) -> int:
    """The age in years that a maturity rating stands for; ``UNKNOWN_AGE`` for one that is not known.

    A number in the text is that age (``16``, ``FSK 12``, ``TV-14``, ``PG-13``); else the usual letters.
    """
    if maturity is None:
        return UNKNOWN_AGE
    number = re.search(r"\d+", maturity)
    if number is not None:
        return min(int(number.group()), UNKNOWN_AGE)
    return LETTERS.get(maturity.strip().upper(), UNKNOWN_AGE)


class Catalog:
    """Titles and rows by id. Fed by the catalog topics."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.rows: dict[str, Row] = {}
        self.titles: dict[str, TitleFacts] = {}
        self.version = 0
        self.rejected = 0
        self._row_of_tag: dict[str, str] = {}

    def put(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Take one record of a catalog topic; ``None`` removes. A record that cannot be read is logged,
        counted and leaves what was."""
        self.version += 1
        if value is None:
            name = key.decode(errors="replace")
            (self.titles if topic == topics.TITLE_CATALOG else self.rows).pop(name, None)
        else:
            entry = decode_catalog(topic, key, value, self._settings)
            if isinstance(entry, Reject):
                self.rejected += 1
                log.warning(
                    "%s: record of key %r is not taken: %s (%s)", topic, key[:100], entry.reason, entry.detail
                )
                return
            if isinstance(entry, Row):
                self.rows[entry.row_id] = entry
            else:
                self.titles[entry.title_id] = _facts(entry)
        if topic == topics.ROW_CATALOG:
            rows = sorted(self.rows.values(), key=lambda row: row.row_id)
            self._row_of_tag = {row.tag: row.row_id for row in reversed(rows) if row.tag is not None}

    def sizes(self) -> Mapping[str, int]:
        """Entries by catalog topic."""
        return {topics.TITLE_CATALOG: len(self.titles), topics.ROW_CATALOG: len(self.rows)}

    def row_of(self, title: str) -> str | None:
        """The row that a title belongs to by its tags: the first tag that has a row."""
        facts = self.titles.get(title)
        if facts is not None:
            for tag in facts.tags:
                row = self._row_of_tag.get(tag)
                if row is not None:
                    return row
        return None


def _facts(entry: Title) -> TitleFacts:
    try:
        released = (date.fromisoformat(entry.released) - date(1970, 1, 1)).days if entry.released else 0
    except ValueError:  # the form of a date, and no such day: as good as not said
        released = 0
    return TitleFacts(
        tuple(entry.tags),
        entry.duration_s or 0.0,
        entry.name,
        entry.kind,
        age_of(entry.maturity),
        released,
        tuple(Picture(artwork.artwork_id, tuple(artwork.tags)) for artwork in entry.artworks or ()),
        tuple(
            Picture(trailer.trailer_id, tuple(trailer.tags), trailer.duration_s or 0.0)
            for trailer in entry.trailers or ()
        ),
    )
