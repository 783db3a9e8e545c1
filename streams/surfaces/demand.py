"""What the audience of this partition watches where: hours by tag and region, told to each cell's owner.

Everybody counts, also kids and profiles without personal data: nothing in a cell or its tally says whose
hours they are, and the owner tells nothing of fewer than a handful of profiles. A title's hours count for
each of its tags.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from streams.dealing.dealing import Dealing
from streams.dealing.parts import DEMAND, NO_MOMENTS, Cells
from streams.events.rekeyed import tally
from streams.profiles.audience_cells import profiles_in
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import MAX_TAGS
from streams.settings import DAY_MS
from streams.surfaces.surface import Reaction, SurfaceContext

UNKNOWN, OTHER = "unknown", "other"
FORGOTTEN_BELOW = 0.01
"""Hours: a cell with less (half a minute) is forgotten; the owner forgets it too."""


class Demand:
    """Hours watched by tag and region. Implements ``surface.Surface``."""

    name = "demand"
    compiled = (MomentKind.SESSION, MomentKind.OVER)

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self.regions: dict[str, int] = {OTHER: 0, UNKNOWN: 1}
        """Index of every region with cells of its own; a region keeps it for ever."""
        self._region_names = [OTHER, UNKNOWN]
        self._half_life_ms = context.settings.demand_half_life_days * DAY_MS
        self._tag_names: list[str] = []
        self._swept_ts = 0
        self._slots = self._new_slots()
        """1 + slot of the cell of each region and tag that was met since; 0: ask the store."""
        self._moments = NO_MOMENTS
        """Those whose sessions' regions are known."""
        context.dealing.desk["half_life_ms"] = self._half_life_ms

    def _new_slots(self) -> Array:
        regions = max(len(self.regions), self.context.settings.demand_regions)
        return np.zeros((regions, MAX_TAGS), np.int32)

    def lay_out(self, dealing: Dealing) -> Cells:
        """The cells, and the regions of sessions."""
        if dealing.moments is not self._moments:
            self._moments = dealing.moments
            self._find_regions(dealing.regions)
        cells = self.context.state.cells
        return Cells(cells.records, cells.dirty, self._slots)

    def _find_regions(self, regions: Array) -> None:
        assert self.context.stretch is not None
        moments, events = self._moments, self.context.stretch.events
        for at in np.flatnonzero(moments["kind"] == MomentKind.SESSION).tolist():
            event = events[moments["event"][at]]
            named = event.country is not None
            regions[at] = 1 + self._region(event.country, event.region) if named else 0

    def reactions(self) -> Mapping[int, Reaction]:
        """A cell that is new, and when to tell."""
        return {MomentKind.OVER: self._on_over, MomentKind.TIME: self._on_time}

    def fall_back(self, moment: Moment) -> None:
        """What could not be counted is missing."""

    # --- counting ------------------------------------------------------------------------------------------

    def _region(self, country: str, region: str | None) -> int:
        name = country if region is None else f"{country}-{region}"
        index = self.regions.get(name)
        if index is None:
            if len(self.regions) >= self.context.settings.demand_regions:
                return self.regions[OTHER]
            index = self.regions[name] = len(self.regions)
            self._region_names.append(name)
        return index

    def _on_over(self, moment: Moment) -> None:
        """A play ended that counts in a cell that is not known yet: find its cells, and count it."""
        state, cells = self.context.state, self.context.state.cells
        said = int(state.tastes.records["demand_region"][moment.slot])
        region = said - 1 if said else self.regions[UNKNOWN]
        for tag in state.title_tastes.records["tags"][moment.title].tolist():
            if tag:
                name = f"{self._tag_name(tag - 1)}|{self._region_names[region]}"
                self._slots[region, tag - 1] = 1 + cells.slot(name)
        self.context.dealing.lay_anew(self.name)
        self.context.dealing.react(DEMAND)

    def _tag_name(self, index: int) -> str:
        if index >= len(self._tag_names):
            names: dict[int, str] = {}
            for name, number in self.context.state.tags.items():
                names.setdefault(number, name)
            self._tag_names = [names[number] for number in range(len(names))]
            if len(self.context.state.tags) > MAX_TAGS:
                self._tag_names[MAX_TAGS - 1] = OTHER
        return self._tag_names[index]

    # --- to the owners -------------------------------------------------------------------------------------

    def _on_time(self, moment: Moment) -> None:
        """Tell what has moved, at most once per interval a cell; forget what has faded."""
        interval, now = self.context.settings.tally_interval_ms, moment.ts
        if now - self._swept_ts < interval:
            return
        self._swept_ts = now
        cells = self.context.state.cells
        records = cells.records[: len(cells.names)]
        fading = -np.maximum(0, now - records["ts"]) / self._half_life_ms
        hours = records["hours"] * np.exp2(fading)
        moved = np.abs(hours - records["told"]) >= self.context.settings.demand_step * records["told"]
        held = records["held"] == 1
        for slot in np.flatnonzero(held).tolist():
            profiles = profiles_in(cells.records, slot, now)
            if moved[slot] or profiles != records["told_profiles"][slot]:
                self._tell(cells.names[slot] or "", slot, float(hours[slot]), profiles, now)
        for slot in np.flatnonzero(~held & (hours < FORGOTTEN_BELOW)).tolist():
            name = cells.names[slot]
            if name is not None:
                cells.remove(name)
                self._slots[self._slots == 1 + slot] = 0

    def _tell(self, name: str, slot: int, hours: float, profiles: int, now: int) -> None:
        cells = self.context.state.cells
        record = cells.records[slot]
        record["told"], record["told_ts"], record["told_profiles"], record["held"] = hours, now, profiles, 0
        cells.dirty[slot] = 1
        sums = {"hours": round(hours, 6), "profiles": profiles}
        told = tally("demand", name, self.context.partition, now, sums)
        self.context.signal(self.context.settings.tallies_topic, name, told)

    # --- erasure, checkpoint, recovery ---------------------------------------------------------------------

    def wake(self, slot: int, moment: Moment) -> None:
        """Never asked for."""

    def follow_shared(self) -> None:
        """Demand is told, not read."""

    def forget(self, slot: int) -> None:
        """No cell remembers the profile; the hours stay, as numbers."""
        cells = self.context.state.cells
        who = (self.context.key_hash(slot) & 0xFFFFFFFF) or 1
        for cell, place in np.argwhere(cells.records["who"][: len(cells.names)] == who).tolist():
            cells.records["who"][cell, place] = 0
            cells.records["day"][cell, place] = 0
            cells.dirty[cell] = 1

    def restored(self) -> None:
        """The cells came with the changelog."""
        self._slots = self._new_slots()

    def dump(self) -> Any:
        """The names of regions, in order."""
        return {"regions": self._region_names, "swept": self._swept_ts}

    def load(self, dumped: Any) -> None:
        """Go on with the regions as they were."""
        self._region_names = list(dumped["regions"])
        self.regions = {name: index for index, name in enumerate(self._region_names)}
        self._swept_ts = int(dumped["swept"])
        self._slots = self._new_slots()
