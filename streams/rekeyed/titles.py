"""The owner of titles: adds up what all partitions signal of a title, and tells it as ``title-stats``.

Nothing here knows a profile: an erased profile's plays stay in the sums, as numbers.
"""

from __future__ import annotations

import heapq

import msgspec

from streams import topics
from streams.errors import RecoveryError
from streams.events.rekeyed import TitleSignal
from streams.rekeyed.owned_title import SLOW_HALF_LIFE_MS, OwnedTitle
from streams.rekeyed.owner import Pace, Put
from streams.settings import Settings

FORGOTTEN_AFTER_MS = 12 * SLOW_HALF_LIFE_MS
"""Without a signal for so long, 0.02 % of a title's sums are left: it is forgotten."""
PATIENCE = 180
"""What says little new of a title is told so many intervals after it was told last: usually half an hour."""
CHANGELOG_VERSION = 1

_DECODER = msgspec.msgpack.Decoder(OwnedTitle)
_encode = msgspec.msgpack.Encoder().encode


class TitleOwner:
    """The statistics of the titles of one partition. Implements ``owner.Owner``."""

    kind = b"t"

    def __init__(self, settings: Settings, put: Put) -> None:
        self.titles: dict[str, OwnedTitle] = {}
        self._put = put
        self._pace = Pace(settings.title_stats_interval_ms)
        self._changed: dict[str, None] = {}
        self._idle: list[tuple[int, str]] = []
        """When to see whether a title can be forgotten; one entry a title."""

    def apply(self, record: TitleSignal, offset: int) -> None:
        """Add one signal to its title."""
        name, ts = record.title_id, record.ts
        title = self.titles.get(name)
        if title is None:
            title = self.titles[name] = OwnedTitle(CHANGELOG_VERSION, -1, ts, ts)
            heapq.heappush(self._idle, (ts + FORGOTTEN_AFTER_MS, name))
        if offset <= title.offset:
            return
        title.offset = offset
        title.add(record)
        self._changed[name] = None
        self._note(name, title)
        self._pace.reach(ts)
        self._tell_due()

    def let_time_pass(self, elapsed_ms: int) -> None:
        """No signal came for so long."""
        self._pace.let_time_pass(elapsed_ms)
        self._tell_due()

    def _note(self, name: str, title: OwnedTitle) -> None:
        """As soon as it may be when the quality plays that are new are no fewer than chance makes of those told (the
        square root); else there is time. A title that has just come out is told at every play, an old one some times
        an hour, for every worker has to take in what is told."""
        telling = title.news * title.news >= title.fast - title.news
        self._pace.note(name, title.told_ts, 1 if telling else PATIENCE)

    def _tell_due(self) -> None:
        for name in self._pace.due():
            title = self.titles[name]
            title.told_ts, title.news = self._pace.ts, 0
            self._changed[name] = None
            self._put(topics.TITLE_STATS, name.encode(), title.stats(name))
        while self._idle and self._idle[0][0] <= self._pace.ts:
            _, name = heapq.heappop(self._idle)
            forgotten_at = self.titles[name].ts + FORGOTTEN_AFTER_MS
            if forgotten_at > self._pace.ts:
                heapq.heappush(self._idle, (forgotten_at, name))
                continue
            del self.titles[name]
            self._pace.drop(name)
            self._changed[name] = None
            self._put(topics.TITLE_STATS, name.encode(), None)

    def pending(self) -> int:
        """Changelog records to be written."""
        return len(self._changed)

    def take_changes(self) -> tuple[list[bytes], list[bytes | None]]:
        """The titles that changed since the last call; a forgotten one is a tombstone."""
        values: list[bytes | None] = []
        for name in self._changed:
            title = self.titles.get(name)
            if title is not None:
                title.held = self._pace.holds(name)
            values.append(None if title is None else _encode(title))
        keys = [name.encode() for name in self._changed]
        self._changed = {}
        return keys, values

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one title of the changelog in."""
        name = key.decode()
        if value is None:
            self.titles.pop(name, None)
            return
        try:
            title = _DECODER.decode(value)
        except msgspec.MsgspecError as error:
            raise RecoveryError(f"the changelog record of title {name!r} cannot be read: {error}") from error
        if title.version != CHANGELOG_VERSION:
            raise RecoveryError(
                f"the changelog record of title {name!r} has version {title.version}, this program reads "
                f"{CHANGELOG_VERSION}"
            )
        self.titles[name] = title

    def restored(self) -> None:
        """Event time goes on where the latest signal was, and what was held back is so again."""
        for name, title in self.titles.items():
            self._pace.reach(max(title.ts, title.told_ts))
            if title.held:
                self._note(name, title)
        self._idle = [(title.ts + FORGOTTEN_AFTER_MS, name) for name, title in self.titles.items()]
        heapq.heapify(self._idle)
        self._changed = {}
