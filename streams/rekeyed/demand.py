"""The owner of demand: the hours of all partitions by tag and region, told as ``audience-demand``.

A tally replaces what its source told before. Demand fades while nobody tells anything, so time alone makes
it move, and in the end forgets it. Fewer than ``MIN_PROFILES`` are nobody's business: nothing is told of
them, and what was told is taken back when their number falls below it (k-anonymity, Sweeney 2002).
"""

from __future__ import annotations

import math

import msgspec
import orjson
from msgspec import Struct

from streams import topics
from streams.errors import RecoveryError
from streams.events.rekeyed import Tally
from streams.profiles.audience_cells import WITNESS_DAYS
from streams.rekeyed.owner import Put
from streams.settings import DAY_MS, HOUR_MS, Settings

CHANGELOG_VERSION = 1
MIN_PROFILES = 5
FORGOTTEN_BELOW = 0.01
"""Hours. Less is forgotten, after it was told as gone."""
LOOK_EVERY_MS = HOUR_MS
"""How often (event time) all keys are looked at for what has faded."""
DIGITS = 3


class OwnedDemand(Struct, array_like=True):
    """What is kept of one tag in one region: a changelog record. By source: when it told, hours as of then,
    and profiles."""

    version: int
    told: float
    parts: dict[int, tuple[int, float, int]]


_DECODER = msgspec.msgpack.Decoder(OwnedDemand)
_encode = msgspec.msgpack.Encoder().encode


class DemandOwner:
    """The demand cells of one partition. Implements ``owner.Owner``."""

    kind = b"d"

    def __init__(self, settings: Settings, put: Put) -> None:
        self.cells: dict[str, OwnedDemand] = {}
        self.rejected = 0
        """Tallies without hours and profiles."""
        self._half_life_ms = settings.demand_half_life_days * DAY_MS
        self._step = settings.demand_step
        self._put = put
        self._ts = 0
        self._looked_ts = 0
        self._changed: dict[str, None] = {}

    def apply(self, record: Tally, offset: int) -> None:
        """Replace what its source told before; tell when it moved."""
        hours, profiles = record.sums.get("hours"), record.sums.get("profiles")
        if not isinstance(hours, float | int) or not isinstance(profiles, int) or not 0 <= hours < math.inf:
            self.rejected += 1
            return
        cell = self.cells.setdefault(record.key, OwnedDemand(CHANGELOG_VERSION, 0.0, {}))
        known = cell.parts.get(record.source)
        if known is not None and record.seq <= known[0]:
            return
        cell.parts[record.source] = (record.seq, float(hours), profiles)
        self._changed[record.key] = None
        self._reach(max(self._ts, record.ts))
        if record.key in self.cells:  # not forgotten at once
            self._tell(record.key)

    def let_time_pass(self, elapsed_ms: int) -> None:
        """Demand fades."""
        if self._ts:
            self._reach(self._ts + elapsed_ms)

    def _reach(self, ts: int) -> None:
        self._ts = ts
        if ts - self._looked_ts >= LOOK_EVERY_MS:
            self._looked_ts = ts
            for key in sorted(self.cells):
                self._tell(key)

    def _tell(self, key: str) -> None:
        """Tell the demand of ``key`` as of now, when it moved or may not be told any more."""
        cell = self.cells[key]
        demand, profiles = 0.0, 0
        for source in sorted(cell.parts):
            ts, hours, seen = cell.parts[source]
            demand += hours * 2.0 ** (-max(0, self._ts - ts) / self._half_life_ms)
            profiles += seen if self._ts - ts < WITNESS_DAYS * DAY_MS else 0
        demand = round(demand, DIGITS)
        if profiles < MIN_PROFILES or demand < FORGOTTEN_BELOW:
            if cell.told > 0.0:
                self._put(topics.AUDIENCE_DEMAND, key.encode(), None)
                cell.told = 0.0
                self._changed[key] = None
            if demand < FORGOTTEN_BELOW:
                del self.cells[key]
                self._changed[key] = None
        elif abs(demand - cell.told) >= self._step * cell.told:
            tag, _, region = key.rpartition("|")
            cell.told = demand
            self._changed[key] = None
            record = {"tag": tag, "region": region, "demand": demand, "ts": self._ts}
            self._put(topics.AUDIENCE_DEMAND, key.encode(), orjson.dumps(record))

    # --- checkpoint and recovery ---------------------------------------------------------------------------

    def pending(self) -> int:
        """Changelog records to be written."""
        return len(self._changed)

    def take_changes(self) -> tuple[list[bytes], list[bytes | None]]:
        """The cells that changed since the last call; a forgotten one is a tombstone."""
        values = [_encode(self.cells[key]) if key in self.cells else None for key in self._changed]
        keys = [key.encode() for key in self._changed]
        self._changed = {}
        return keys, values

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one cell of the changelog in."""
        name = key.decode()
        if value is None:
            self.cells.pop(name, None)
            return
        try:
            cell = _DECODER.decode(value)
        except msgspec.MsgspecError as error:
            raise RecoveryError(f"the changelog record of demand {name!r} cannot be read: {error}") from error
        if cell.version != CHANGELOG_VERSION:
            raise RecoveryError(f"the changelog record of demand {name!r} has version {cell.version}")
        self.cells[name] = cell

    def restored(self) -> None:
        """Event time goes on where the latest tally was."""
        told = [part[0] for cell in self.cells.values() for part in cell.parts.values()]
        self._ts = max(told, default=0)
        self._looked_ts = self._ts
        self._changed = {}
