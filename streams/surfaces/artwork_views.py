"""Views of chosen images: which impression showed which, what came of it, and who is told."""

from __future__ import annotations

import numpy as np

from streams import topics
from streams.decisions import artwork_outcomes as outcomes
from streams.decisions.artwork import POLICIES
from streams.errors import InvariantError
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import ART_CHOICES
from streams.surfaces.artwork_places import ArtworkPlaces, image_hash
from streams.surfaces.surface import SurfaceContext

ARTWORK = "artwork"
QUALITY = int(MomentKind.QUALITY)


class ArtworkViews:
    """The artwork surface's eyes: it resolves views and teaches ``art`` (the partition's record of images)."""

    def __init__(self, context: SurfaceContext, places: ArtworkPlaces, art: Array) -> None:
        self._context = context
        self._places = places
        self._art = art
        self._found = np.zeros((ART_CHOICES, 2), np.int64)
        self._resolved = np.zeros(ART_CHOICES, outcomes.RESOLVED)

    def note_views(self, moment: Moment) -> None:
        """An impression: the images it showed wait for their outcome."""
        state, context = self._context.state, self._context
        if context.stretch is None:
            raise InvariantError("an impression is dealt out without its events")
        columns = context.stretch.columns
        tastes, slot = state.tastes.records, moment.slot
        self._places.follow_catalog()
        self.note_device(moment)
        found = outcomes.find_shown(
            tastes, slot, columns.items, columns.items_from[moment.event], columns.items_to[moment.event],
            self._found,
        )  # fmt: skip
        self.resolve_late(moment)
        if not found:
            return
        items = context.event(moment).items
        for at, entry in self._found[:found].tolist():
            artwork = items[at].artwork_id
            if artwork is None:
                continue
            resolved = outcomes.note_view(
                tastes, slot, entry, image_hash(artwork), moment.ts, state.title_tastes.records,
                state.title_tastes.dirty, self._art, self._resolved,
            )  # fmt: skip
            state.tastes.dirty[slot] = 1
            if resolved:
                self._tell(moment.ts, resolved)

    def note_start(self, moment: Moment) -> None:
        """A playback began: did a view lead to it?"""
        tastes = self._context.state.tastes
        window = self._context.settings.outcome_window_ms
        if outcomes.note_start(tastes.records, moment.slot, moment.title, moment.ts, window):
            tastes.dirty[moment.slot] = 1

    def note_outcome(self, moment: Moment) -> None:
        """A playback became a quality play, or ended: the view that led to it has its outcome."""
        state = self._context.state
        self.note_device(moment)
        resolved = outcomes.note_outcome(
            state.tastes.records, moment.slot, moment.title, int(moment.kind == QUALITY),
            state.title_tastes.records, state.title_tastes.dirty, self._art, self._resolved,
        )  # fmt: skip
        if resolved:
            state.tastes.dirty[moment.slot] = 1
            self._tell(moment.ts, resolved)

    def resolve_late(self, moment: Moment) -> None:
        """Views whose window is over led to nothing."""
        state = self._context.state
        late = outcomes.resolve_late(
            state.tastes.records, moment.slot, moment.ts, self._context.settings.outcome_window_ms,
            state.title_tastes.records, state.title_tastes.dirty, self._art, self._resolved,
        )  # fmt: skip
        if late:
            state.tastes.dirty[moment.slot] = 1
            self._tell(moment.ts, late)

    def give_up(self, moment: Moment, entry: int) -> None:
        """The choice at ``entry`` has to go while a view of it waits: the view led to nothing."""
        state = self._context.state
        outcomes.resolve_view(
            state.tastes.records, moment.slot, entry, 0, state.title_tastes.records,
            state.title_tastes.dirty, self._art, self._resolved[0],
        )  # fmt: skip
        self._tell(moment.ts, 1)

    def _tell(self, ts: int, n: int) -> None:
        """Outcomes go to off-policy evaluation and, when enough have gathered, to the title's owner."""
        for title, label, policy, ours, tell, propensity, shadow, q, shadow_q in self._resolved[:n].tolist():
            if ours:
                name = POLICIES[policy - 1] if policy else ""
                asked = policy and name == self._context.policies.roles[ARTWORK][1]
                self._context.off_policy(
                    ARTWORK, propensity, float(label), {name: shadow} if asked else {}, q,
                    {name: shadow_q} if asked else None,
                )  # fmt: skip
            if tell:
                counted = self._places.untold(title)
                if counted and self._context.settings.sharing:
                    title_id = self._context.title(title)
                    self._context.signal(
                        topics.TITLE_SIGNALS,
                        title_id,
                        {
                            "title_id": title_id,
                            "ts": ts,
                            "artworks": counted,
                            "source": self._context.partition,
                        },
                    )

    def note_device(self, moment: Moment) -> None:
        device = self._context.device(moment)
        tastes = self._context.state.tastes
        if device and tastes.records["art_device"][moment.slot] != device:
            tastes.records["art_device"][moment.slot] = device
            tastes.dirty[moment.slot] = 1
