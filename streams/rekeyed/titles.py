"""The owner of titles: adds up what all partitions signal of a title, and tells it as ``title-stats``.

Sums fade by forward decay, so that late and disordered signals count as they should and nothing is multiplied
when time passes. Neighbours are bounded: a title's list is cut back to the largest when it is full, as in
lossy counting. Nothing here knows a profile: an erased profile's plays stay in the sums, as numbers.
"""

from __future__ import annotations

import heapq

import msgspec
import orjson
from msgspec import Struct

from streams import topics
from streams.errors import RecoveryError
from streams.events.rekeyed import TitleSignal
from streams.rekeyed.owner import Pace, Put
from streams.settings import DAY_MS, HOUR_MS, Settings

FAST_HALF_LIFE_MS = 6 * HOUR_MS
"""What is watched now: on KuaiRand's days recent popularity ranks best with 6 hours."""
SLOW_HALF_LIFE_MS = 30 * DAY_MS
"""Taste changes more slowly than fashion."""
NEIGHBOURS_TOLD = 40
NEIGHBOURS_KEPT = 60
NEIGHBOURS_MOST = 85
"""A full list is cut back to ``NEIGHBOURS_KEPT``: a newcomer has the next 25 in which to be seen again. 85
because a dict of more would take the next size; a title with a full list takes 7 KB."""
ARTWORKS_MOST = 32
"""Artworks counted per title; the least viewed leave first."""
FORGOTTEN_AFTER_MS = 12 * SLOW_HALF_LIFE_MS
"""Without a signal for so long, 0.02 % of a title's sums are left: it is forgotten."""
CHANGELOG_VERSION = 1
DIGITS = 4
"""Of a told sum, behind the point: half a byte a digit in every worker's mail."""


class OwnedTitle(Struct, array_like=True):
    """What is kept of one title: a changelog record, behind its version. Times are event times in ms.

    ``fast`` and ``slow`` stand as of ``ts``. Neighbours and artworks are as of ``born``: a count made at t
    weighs ``2 ** ((t - born) / half-life)`` (forward decay; in doubles that lasts 80 years).
    """

    version: int
    offset: int
    """Of the last signal counted, in the partition's log: one that comes again is known by it."""
    born: int
    ts: int
    """Of the latest event counted."""
    fast: float = 0.0
    slow: float = 0.0
    quality: float = 0.0
    plays: float = 0.0
    neighbours: dict[str, float] = msgspec.field(default_factory=dict)
    artworks: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    told_ts: int = 0
    """When it was told last; 0: never."""
    held: bool = False
    """It has changed since."""


_DECODER = msgspec.msgpack.Decoder(OwnedTitle)
_encode = msgspec.msgpack.Encoder().encode


class TitleOwner:
    """The statistics of the titles of one partition. Implements ``owner.Owner``.

    Sources: forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009); bounded
    item-item counts that are pruned as they grow (Huang et al.: "TencentRec", SIGMOD 2015; Manku, Motwani:
    "Approximate frequency counts over data streams", VLDB 2002).
    """

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
        if ts > title.ts:
            passed = title.ts - ts
            title.fast *= 2.0 ** (passed / FAST_HALF_LIFE_MS)
            title.slow *= 2.0 ** (passed / SLOW_HALF_LIFE_MS)
            title.ts = ts
            title.fast += record.quality
            title.slow += record.quality
        else:
            age = ts - title.ts
            title.fast += record.quality * 2.0 ** (age / FAST_HALF_LIFE_MS)
            title.slow += record.quality * 2.0 ** (age / SLOW_HALF_LIFE_MS)
        title.quality += record.quality
        title.plays += record.played
        if record.with_ or record.artworks:
            _count_parts(title, record, 2.0 ** ((ts - title.born) / SLOW_HALF_LIFE_MS))
        self._changed[name] = None
        self._pace.note(name, title.told_ts)
        self._pace.reach(ts)
        self._tell_due()

    def let_time_pass(self, elapsed_ms: int) -> None:
        """No signal came for so long."""
        self._pace.let_time_pass(elapsed_ms)
        self._tell_due()

    def _tell_due(self) -> None:
        for name in self._pace.due():
            title = self.titles[name]
            title.told_ts = self._pace.ts
            self._changed[name] = None
            self._put(topics.TITLE_STATS, name.encode(), encode_stats(name, title))
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
                self._pace.note(name, title.told_ts)
        self._idle = [(title.ts + FORGOTTEN_AFTER_MS, name) for name, title in self.titles.items()]
        heapq.heapify(self._idle)
        self._changed = {}


def _count_parts(title: OwnedTitle, record: TitleSignal, weight: float) -> None:
    neighbours = title.neighbours
    for other, count in record.with_:
        if other != record.title_id:
            neighbours[other] = neighbours.get(other, 0.0) + count * weight
    if len(neighbours) > NEIGHBOURS_MOST:
        title.neighbours = dict(_largest(neighbours, NEIGHBOURS_KEPT))
    for artwork, views, plays in record.artworks:
        seen, played = title.artworks.get(artwork, (0.0, 0.0))
        title.artworks[artwork] = (seen + views * weight, played + plays * weight)
    if len(title.artworks) > ARTWORKS_MOST:
        least = min(title.artworks, key=lambda artwork: (title.artworks[artwork][0], artwork))
        del title.artworks[least]


def _largest(counts: dict[str, float], n: int) -> list[tuple[str, float]]:
    """The ``n`` largest, first the largest; of equal ones the smaller id, so that no order of arrival shows."""
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:n]


def encode_stats(name: str, title: OwnedTitle) -> bytes:
    """The ``title-stats`` record of a title."""
    today = 2.0 ** ((title.born - title.ts) / SLOW_HALF_LIFE_MS)
    return orjson.dumps(
        {
            "title_id": name,
            "ts": title.ts,
            "fast": round(title.fast, DIGITS),
            "slow": round(title.slow, DIGITS),
            "quality": round(title.quality, DIGITS),
            "plays": round(title.plays, DIGITS),
            "neighbours": [
                (other, round(count * today, DIGITS))
                for other, count in _largest(title.neighbours, NEIGHBOURS_TOLD)
            ],
            "artworks": [
                (artwork, round(views * today, DIGITS), round(plays * today, DIGITS))
                for artwork, (views, plays) in sorted(title.artworks.items())
            ],
        }
    )
