"""Experiments on the stream: profiles join when a session begins, outcomes are joined to them as they
happen, and the partition's sums go to the experiment's owner. What an arm changes, the surface that it
concerns does.

One observation a profile: it is what was assigned, so it is what is analysed. A profile counts when its
window is over, also when it has fallen silent by then. One that is erased before leaves no observation, and
its exposure as a number; one whose arm was stopped is left out, with all of that arm. Kids and non-profiled
profiles never join, and leave when they become so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from streams.dealing.dealing import Dealing
from streams.dealing.parts import EXPERIMENTS as EXPERIMENTS_TURN
from streams.events.rekeyed import tally
from streams.events.schema import ProfileSettings
from streams.experiments.allocation import Allocation, allocation_of
from streams.experiments.assignment import arm_of, experiments_of
from streams.experiments.declaration import METRICS
from streams.experiments.judging import judge
from streams.experiments.outcomes import COUNTED, OBSERVED, STOPPED, join, leave
from streams.experiments.reading import load
from streams.experiments.totals import Totals, from_record
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.taste import EXPERIMENTS
from streams.surfaces.surface import Reaction, SurfaceContext


class Experiments:
    """Who of this partition is in which arm, and what came of it. Implements ``surface.Surface``."""

    name = "experiments"

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self.declaration = load(context.settings.experiments)
        self.allocations = {e.id: Allocation.declared(e) for e in self.declaration.experiments}
        self.totals = {e.id: Totals(e) for e in self.declaration.experiments}
        self._by_digest, self._by_id = self.declaration.by_digest(), self.declaration.by_id()
        self._told: dict[str, int] = {}
        """When the sums of each experiment were told."""
        self._changed: dict[str, None] = {}

    @property
    def compiled(self) -> tuple[int, ...]:
        """Outcomes are counted for all. A session is, too, unless somebody may join when it begins."""
        counted = (MomentKind.QUALITY, MomentKind.OVER)
        return counted if self.declaration.experiments else (MomentKind.SESSION, *counted)

    def lay_out(self, dealing: Dealing) -> None:
        """Outcomes are in the profile's second record."""

    def reactions(self) -> Mapping[int, Reaction]:
        if not self.declaration.experiments:
            return {}
        return {
            MomentKind.SESSION: self._on_session,
            MomentKind.SETTINGS: self._on_settings,
            MomentKind.TIME: self._on_time,
        }

    def fall_back(self, moment: Moment) -> None:
        """Nobody joins: the profile gets what everybody gets."""

    # --- moments -------------------------------------------------------------------------------------------

    def _on_session(self, moment: Moment) -> None:
        # Settings that come first may say that this is a kid: it joins at the next session, if it is none.
        if not isinstance(self.context.event(moment), ProfileSettings):
            self._join(moment)
        self.context.dealing.react(EXPERIMENTS_TURN)

    def _join(self, moment: Moment) -> None:
        """Leave what is over, notice what was stopped, join what is open: stored arms are kept."""
        tastes = self.context.state.tastes.records
        slot, ts = moment.slot, moment.ts
        record = tastes[slot]
        if record["kids"] or record["plain"]:
            return
        held = record["exp_id"].tolist()
        for place, digest in enumerate(held):
            if digest:
                experiment = self._by_digest.get(digest)
                state = int(record["exp_state"][place])
                if experiment is None or (state != OBSERVED and not experiment.enrols(ts)):
                    leave(tastes, slot, place)
                    held[place] = 0
                elif self.allocations[experiment.id].stopped[int(record["exp_arm"][place])]:
                    record["exp_state"][place] = STOPPED
        profile = self.context.profile(slot)
        for experiment in experiments_of(self.declaration, profile, ts):
            if held[experiment.place] or experiment.digest in held:  # layers may have been numbered anew
                continue
            shares = self.allocations[experiment.id].shares
            arm = arm_of(self.declaration.salt, experiment, profile, shares)
            until = ts + experiment.window_ms
            join(
                tastes, slot, experiment.place, experiment.digest, arm, shares[arm], ts, until,
                METRICS.index(experiment.metric),
            )  # fmt: skip
            self.totals[experiment.id].expose(arm, shares)
            self._changed[experiment.id] = None
            self.context.wake_at(self.name, slot, until)

    def _on_settings(self, moment: Moment) -> None:
        if moment.flag:
            tastes = self.context.state.tastes
            for place in range(EXPERIMENTS):
                leave(tastes.records, moment.slot, place)
            tastes.dirty[moment.slot] = 1

    def wake(self, slot: int, moment: Moment) -> None:
        """Windows may be over: their outcomes are known, and counted."""
        tastes = self.context.state.tastes
        record = tastes.records[slot]
        for place in np.flatnonzero(record["exp_state"] == OBSERVED).tolist():
            if moment.ts < record["exp_until"][place]:
                continue
            experiment = self._by_digest.get(int(record["exp_id"][place]))
            tastes.dirty[slot] = 1
            if experiment is None:
                leave(tastes.records, slot, place)
                continue
            arm = int(record["exp_arm"][place])
            if self.allocations[experiment.id].stopped[arm]:
                record["exp_state"][place] = STOPPED
                continue
            record["exp_state"][place] = COUNTED
            y, x = record["exp_y"][place].tolist(), float(record["exp_x"][place])
            self.totals[experiment.id].observe(experiment, arm, y, x, float(record["exp_share"][place]))
            self._changed[experiment.id] = None

    # --- to the owner, and back ----------------------------------------------------------------------------

    def _on_time(self, moment: Moment) -> None:
        interval = self.context.settings.tally_interval_ms
        for name in [name for name in self._changed if moment.ts - self._told.get(name, 0) >= interval]:
            del self._changed[name]
            self._told[name] = moment.ts
            totals = self.totals[name]
            record = tally("experiment", name, self.context.partition, moment.ts, totals.to_record())
            self.context.signal(self.context.settings.tallies_topic, name, record)
            if not self.context.settings.sharing:  # alone: by what this partition knows
                allocation = self.allocations[name]
                _, self.allocations[name] = judge(self._by_id[name], totals, allocation, moment.ts)

    def follow_shared(self) -> None:
        """The owners' shares and stops hold for everybody."""
        if not self.context.settings.sharing:
            return
        for experiment in self.declaration.experiments:
            told = self.context.shared.experiments.get(experiment.id)
            allocation = None if told is None else allocation_of(experiment, told)
            if allocation is not None:
                self.allocations[experiment.id] = allocation

    # --- erasure, checkpoint, recovery ---------------------------------------------------------------------

    def forget(self, slot: int) -> None:
        """All there is of a profile is in its record."""

    def restored(self) -> None:
        """Wait for every open window again."""
        tastes = self.context.state.tastes.records
        for slot, place in np.argwhere(tastes["exp_state"] == OBSERVED).tolist():
            self.context.wake_at(self.name, slot, int(tastes["exp_until"][slot, place]))

    def dump(self) -> Any:
        """Sums, allocations, and what has been told of them."""
        return {
            "totals": {name: totals.to_record() for name, totals in self.totals.items()},
            "allocations": self.allocations,
            "told": self._told,
            "changed": list(self._changed),
        }

    def load(self, dumped: Any) -> None:
        """Go on with the experiments that are still declared, as they were."""
        for experiment in self.declaration.experiments:
            name = experiment.id
            record = dumped["totals"].get(name)
            if record is None or record["digest"] != experiment.digest:
                continue
            self.totals[name] = from_record(experiment, record)
            self.allocations[name] = dumped["allocations"][name]
            if name in dumped["told"]:
                self._told[name] = dumped["told"][name]
            if name in dumped["changed"]:
                self._changed[name] = None
