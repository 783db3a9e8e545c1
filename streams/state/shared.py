"""What this worker knows from the compacted topics by which partitions learn from each other.

One is shared by all engines of a worker. The reader of those topics puts records in (``put``) between batches;
engines look in between batches and change nothing. Each part counts its versions, so that an engine sees
cheaply whether there is news since it looked last.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from streams import topics
from streams.events.rekeyed import TITLE_STATS, TitleStats
from streams.profiles.parameters import Array
from streams.settings import Settings
from streams.state.shared_models import SharedModels

log = logging.getLogger(__name__)

RECENT_TITLES = 5_000
"""Statistics kept decoded: more than change between two looks of an engine, at most 30 MB."""


class Told(NamedTuple):
    """What all partitions know of a title; ``counts`` (``float32[n]``) belong to the ids ``neighbours``. Made once for
    all engines of a worker."""

    stats: TitleStats
    neighbours: list[str]
    counts: Array


def _read(value: bytes) -> Told:
    stats = TITLE_STATS.decode(value)
    counts = np.array([count for _, count in stats.neighbours], np.float32)
    return Told(stats, [neighbour for neighbour, _ in stats.neighbours], counts)


class SharedTitles:
    """``title-stats`` of all partitions: the latest of every title, in the order in which they changed.

    Kept as they came, 1 KB a title at most; as objects they would take six times as much.

    >>> titles = SharedTitles()
    >>> titles.put("a", b'{"title_id":"a","ts":1,"fast":1,"slow":1,"quality":1,"plays":1}')
    >>> seen = titles.version
    >>> titles.put("b", b'{"title_id":"b","ts":2,"fast":1,"slow":1,"quality":1,"plays":1}')
    >>> list(titles.changed_since(seen))
    ['b']
    """

    def __init__(self) -> None:
        self.version = 0
        """Counts the changes."""
        self._records: dict[str, tuple[int, bytes | None]] = {}
        self._recent: dict[str, Told] = {}
        """What was read lately, so that a change is decoded once for all engines."""

    def get(self, title: str) -> Told | None:
        """The statistics of a title, ``None`` when nobody has told any (or it was forgotten)."""
        told = self._recent.get(title)
        if told is None:
            _, value = self._records.get(title, (0, None))
            if value is not None:
                told = _read(value)
        return told

    def changed_since(self, version: int) -> Iterator[str]:
        """The titles that changed after ``version``, the latest first; costs as much as they are many."""
        for title in reversed(self._records):
            if self._records[title][0] <= version:
                return
            yield title

    def put(self, title: str, value: bytes | None) -> None:
        """Take one record in. Raises msgspec's errors."""
        told = None if value is None else _read(value)
        self.version += 1
        self._records.pop(title, None)  # to its new place: the dict's order is the order of changes
        self._records[title] = (self.version, value)
        self._recent.pop(title, None)
        if told is not None:
            self._recent[title] = told
            if len(self._recent) > RECENT_TITLES:
                del self._recent[next(iter(self._recent))]

    def __len__(self) -> int:
        return sum(value is not None for _, value in self._records.values())


class Shared:
    """Everything shared, by the topic it comes from."""

    def __init__(self, settings: Settings) -> None:
        self.titles = SharedTitles()
        self.models = SharedModels()
        self.experiments: dict[str, dict[str, Any]] = {}
        """The last ``experiment-results`` record of every experiment."""
        self.rejected = 0
        """Records that could not be read: logged, counted, and what was known before stays."""
        self._settings = settings

    def put(self, topic: str, key: bytes, value: bytes | None) -> None:
        """Take one record of a shared topic; ``None`` removes. Nothing that it holds makes this raise."""
        try:
            if topic == topics.TITLE_STATS:
                self.titles.put(key.decode(), value)
            elif topic == self._settings.models_topic:
                self.models.put(key.decode(), value)
            elif topic == topics.EXPERIMENT_RESULTS:
                if value is None:
                    self.experiments.pop(key.decode(), None)
                else:
                    self.experiments[key.decode()] = dict(msgspec.json.decode(value))
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, ValueError, TypeError) as error:
            self.rejected += 1
            log.warning("%s: record of key %r is not taken: %s", topic, key[:100], error)
