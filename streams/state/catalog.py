"""The catalogs as the engine knows them: rows a page may show, titles with their tags and length.

One catalog is shared by all partitions of a worker; ``version`` counts its changes, so that a partition
notices them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from streams import topics
from streams.events.decode import Reject, decode_catalog
from streams.events.schema import Row
from streams.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """What the engine keeps of a title: tags in the catalog's order, length in seconds (0 is unknown)."""

    tags: tuple[str, ...]
    duration_s: float


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
                self.titles[entry.title_id] = TitleFacts(tuple(entry.tags), entry.duration_s or 0.0)
        if topic == topics.ROW_CATALOG:
            rows = sorted(self.rows.values(), key=lambda row: row.row_id)
            self._row_of_tag = {row.tag: row.row_id for row in reversed(rows) if row.tag is not None}

    def row_of(self, title: str) -> str | None:
        """The row that a title belongs to by its tags: the first tag that has a row."""
        facts = self.titles.get(title)
        if facts is not None:
            for tag in facts.tags:
                row = self._row_of_tag.get(tag)
                if row is not None:
                    return row
        return None
