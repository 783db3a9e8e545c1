"""Deals the loop's moments out to the surfaces, in log order, and keeps a fault in one from all the others.

At one moment every surface that reacts to its kind does so, in the order of ``SURFACES``, before the next moment
is looked at: so a surface may rely on what those before it have just written, and batching changes nothing. Compiled
code (``streams.dealing``) goes from moment to moment and from surface to surface, as far as it needs no Python.
"""

from __future__ import annotations

import heapq
import importlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from streams.dealing.dealing import Dealing
from streams.dealing.parts import ARTWORK, ASK, DONE, FULL, OWN, TELL, TURNS
from streams.emit.outgoing import Outgoing, Stretch
from streams.errors import ConfigurationError
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.settings import Settings
from streams.state.partition_state import PartitionState
from streams.state.shared import Shared
from streams.state.sharing import ModelSharing
from streams.stats import EngineStats
from streams.surfaces.policies import Policies
from streams.surfaces.surface import Reaction, Surface, SurfaceContext

log = logging.getLogger(__name__)

SURFACES = {
    "titles": "streams.surfaces.titles:Titles",
    "artwork": "streams.surfaces.artwork:Artwork",
    "trailers": "streams.surfaces.trailers:Trailers",
    "experiments": "streams.surfaces.experiments:Experiments",
    "categories": "streams.surfaces.categories:Categories",
    "demand": "streams.surfaces.demand:Demand",
    "credit": "streams.surfaces.credit:Credit",
}
"""Every surface by name, in the order in which they react: the first's turn is 1 (``dealing.parts``)."""
assert len(SURFACES) + 1 == TURNS
TIME, SETTINGS = int(MomentKind.TIME), int(MomentKind.SETTINGS)
LOGGED_FAULTS = 5
"""Faults of one surface that are logged with their traceback; the metric counts all."""


class Saved(Protocol):
    """What a checkpoint keeps beside profiles and titles."""

    def dump(self) -> Any: ...
    def load(self, dumped: Any) -> None: ...


class Surfaces:
    """The surfaces of one partition that are switched on."""

    def __init__(
        self,
        settings: Settings,
        state: PartitionState,
        outgoing: Outgoing,
        stats: EngineStats,
        shared: Shared,
        partition: int,
    ) -> None:
        self.sharing = ModelSharing(partition, settings, state, shared, outgoing.put)
        """The partition's models among those of all."""
        self.policies = Policies(partition, settings, shared, outgoing.put)
        """What other policies would have earned."""
        self.dealing = Dealing(settings, state, outgoing)
        self.context = SurfaceContext(
            settings, state, outgoing, stats, shared, partition, self.sharing, self.policies, self.dealing
        )
        self.context.policy_listeners.append(self.policies.add)
        self.surfaces: dict[str, Surface] = {}
        for name in settings.surfaces_on:
            if name not in SURFACES:
                raise ConfigurationError(
                    f"surfaces names {name!r}: set FLYWHEEL_SURFACES to some of {', '.join(SURFACES)}"
                )
        for name, place in SURFACES.items():
            if name in settings.surfaces_on:
                module, _, kind = place.partition(":")
                self.surfaces[name] = getattr(importlib.import_module(module), kind)(self.context)
        state.surfaces = self
        self._turns: dict[int, Surface] = {
            turn: self.surfaces[name] for turn, name in enumerate(SURFACES, OWN + 1) if name in self.surfaces
        }
        self.dealing.place(self.surfaces, self._count)
        self._reactions: dict[tuple[int, int], Reaction] = {
            (int(SETTINGS), OWN): self._note_settings,
            (int(TIME), OWN): self._wake,
        }
        """What Python does, by kind of moment and turn."""
        for turn, surface in self._turns.items():
            for asked, reaction in surface.reactions().items():
                self._reactions[int(asked), turn] = reaction
                self.dealing.open(turn, asked, compiled=False)
            for counted in getattr(surface, "compiled", ()):
                self.dealing.open(turn, counted, compiled=True)
        if self.surfaces:
            self.dealing.open(OWN, SETTINGS, compiled=False)
            self.dealing.open(OWN, TIME, compiled=False)

    def one_by_one(self, around: Callable[[Surface, Reaction], Reaction]) -> None:
        """Have Python call every reaction, compiled ones, too, each wrapped by ``around``: to measure them, or to see
        what happens when one raises."""
        for turn, surface in self._turns.items():
            for kind in MomentKind:
                reaction = self._reactions.get((kind, turn))
                if kind in getattr(surface, "compiled", ()):
                    reaction = partial(self._react_compiled, turn, surface, reaction)
                if reaction is not None:
                    self._reactions[kind, turn] = around(surface, reaction)
                    self.dealing.open(turn, kind, compiled=False)

    def _react_compiled(self, turn: int, surface: Any, asked: Reaction | None, moment: Moment) -> None:
        said = self.dealing.react(turn)
        if said == TELL:
            surface.tell(moment)
        elif said == ASK and asked is not None:
            asked(moment)

    @property
    def listening(self) -> bool:
        """Whether the loop has to note moments at all."""
        return bool(self.surfaces)

    @property
    def kinds(self) -> list[int]:
        """The kinds of moments that somebody reacts to: the loop notes no others."""
        return [kind for kind in MomentKind if self.dealing.reacts(kind)]

    def follow(self, moments: Array, stretch: Stretch) -> None:
        """React to ``moments`` (records of ``MOMENT``), which belong to ``stretch``."""
        if not len(moments):
            return
        self.context.stretch = stretch
        dealing, at, turn = self.dealing, 0, OWN
        dealing.begin(moments, stretch)
        while True:
            try:
                said = dealing.go(at, turn)
            except Exception as fault:  # noqa: BLE001 - whatever a model raises, the others go on
                at, turn = dealing.where
                self._fall_back(self._turns[turn], dealing.moment(at), fault)
                turn += 1
                continue
            at, turn = dealing.where
            if said == DONE:
                break
            if said == FULL:
                dealing.answer()
                continue
            self._react(turn, dealing.moment(at), tell=said == TELL)
            turn += 1
        dealing.end()
        self.context.stretch = None

    def _react(self, turn: int, moment: Moment, tell: bool) -> None:
        """In Python: react, or ``tell`` what the compiled reaction has resolved."""
        if turn == OWN:
            self._reactions[moment.kind, OWN](moment)
            return
        surface: Any = self._turns[turn]
        judged = self.policies.taken
        try:
            if tell:
                surface.tell(moment)
            else:
                self._reactions[moment.kind, turn](moment)
        except Exception as fault:  # noqa: BLE001 - as above
            self._fall_back(surface, moment, fault)
        if turn == ARTWORK and self.policies.taken != judged:
            self.dealing.lay_anew("credit")  # it goes by what views of images have told

    def _note_settings(self, moment: Moment) -> None:
        """The profile's own record may be ahead: surfaces go by what was set as of their moment."""
        tastes = self.context.state.tastes
        record = tastes.records[moment.slot]
        record["plain"], record["kids"], record["max_age"] = moment.flag & 1, moment.flag >> 1, int(moment.a)
        tastes.dirty[moment.slot] = 1

    def _wake(self, now: Moment) -> None:
        waking, state = self.context.waking, self.context.state
        while waking and waking[0][0] <= now.ts:
            _, slot, name = heapq.heappop(waking)
            surface = self.surfaces.get(name)
            if surface is None:
                continue  # switched off since
            since = int(state.tastes.records["wake_offset"][slot])
            moment = now._replace(slot=slot, topic=0, offset=since)
            try:
                surface.wake(slot, moment)
            except Exception as fault:  # noqa: BLE001 - as above
                self._fall_back(surface, moment, fault)

    def _fall_back(self, surface: Surface, moment: Moment, fault: Exception) -> None:
        """Count and tell the fault, and let the surface do what is sane without its model."""
        self._count(surface, fault)
        try:
            surface.fall_back(moment)
        except Exception as second:  # noqa: BLE001 - a fallback that fails decides nothing, and stops nothing
            self._count(surface, second)

    def _count(self, surface: Surface, fault: Exception) -> None:
        faults = self.context.stats.faults
        faults[surface.name] += 1
        if faults[surface.name] <= LOGGED_FAULTS:
            log.error("surface %s: %r", surface.name, fault, exc_info=fault)

    def follow_shared(self) -> None:
        """A batch is about to begin: take over what other partitions have told."""
        self.sharing.follow()
        self.policies.follow()
        for surface in self.surfaces.values():
            try:
                surface.follow_shared()
            except Exception as fault:  # noqa: BLE001 - what others tell must not stop this partition
                self._count(surface, fault)

    # --- erasure, checkpoint, recovery ---------------------------------------------------------------------

    def forget(self, slot: int) -> None:
        """The profile in ``slot`` is erased."""
        context = self.context
        # At once, not when they are due: by then the slot may be another's, sooner or later as batches fall.
        if any(entry[1] == slot for entry in context.waking):
            context.waking = [entry for entry in context.waking if entry[1] != slot]
            heapq.heapify(context.waking)
        for surface in self.surfaces.values():
            try:
                surface.forget(slot)
            except Exception as fault:  # noqa: BLE001 - the record is zeroed in any case
                self._count(surface, fault)

    def restored(self) -> None:
        """State has been rebuilt."""
        for surface in self.surfaces.values():
            surface.restored()

    def dump(self) -> dict[str, Any]:
        """The small state of every surface, and of what they have in common."""
        small = {name: surface.dump() for name, surface in self.surfaces.items()}
        for name, common in (("sharing", self.sharing), ("policies", self.policies)):
            dumped = common.dump()
            if dumped is not None:
                small[name] = dumped
        return small

    def load(self, dumped: dict[str, Any]) -> None:
        """Go on from a checkpoint; what does not fit starts anew, and says so."""
        parts: dict[str, Saved] = {**self.surfaces, "sharing": self.sharing, "policies": self.policies}
        for name, surface in parts.items():
            if name not in dumped:
                continue
            try:
                surface.load(dumped[name])
            except Exception as error:  # noqa: BLE001 - a surface must not keep the others from coming back
                log.warning("surface %s starts anew: its saved state does not fit (%r)", name, error)
