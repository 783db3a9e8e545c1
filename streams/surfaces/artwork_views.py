"""Views of chosen images: which impression showed which, what came of it, and who is told."""

from __future__ import annotations

import numpy as np

from streams.decisions import artwork_outcomes as outcomes
from streams.decisions.artwork import POLICIES
from streams.errors import InvariantError
from streams.profiles.moments import Moment
from streams.profiles.parameters import Array
from streams.profiles.taste import ART_CHOICES
from streams.surfaces.artwork_places import ArtworkPlaces, image_hash
from streams.surfaces.bandit_weights import BanditWeights
from streams.surfaces.policies import UNIFORM
from streams.surfaces.surface import SurfaceContext

ARTWORK = "artwork"


class ArtworkViews:
    """The artwork surface's eyes: it resolves views and teaches ``art`` (the partition's record of images)."""

    def __init__(self, context: SurfaceContext, places: ArtworkPlaces, weights: BanditWeights) -> None:
        self._context = context
        self._places = places
        self._art: Array = context.dealing.desk["art"][0]
        self._weights = weights
        self._found = np.zeros((ART_CHOICES, 2), np.int64)
        self._resolved: Array = context.dealing.desk["resolved"][0]
        """Views whose outcome has just become known..."""
        self._to_tell: Array = context.dealing.desk["to_tell"]
        """... bit k: the one at place k."""

    def note_view(self, moment: Moment) -> None:
        """An impression: the images it showed wait for their outcome."""
        if self._context.stretch is None:
            raise InvariantError("an impression is dealt out without its events")
        columns = self._context.stretch.columns
        self.tell(moment.ts)
        state, context = self._context.state, self._context
        tastes, slot = state.tastes.records, moment.slot
        found = outcomes.find_views(
            tastes, slot, moment.event, columns.items, columns.items_from, columns.items_to, self._found
        )
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
                self._to_tell[0] = 1
                self.tell(moment.ts)

    def tell(self, ts: int) -> None:
        """What was resolved goes to off-policy evaluation and, when enough has gathered, to the titles' owners."""
        which = int(self._to_tell[0])
        if not which:
            return
        self._weights.learned()
        for k, (title, label, policy, ours, tell, images, propensity, shadow, q, shadow_q) in enumerate(
            self._resolved[: which.bit_length()].tolist()
        ):
            if not which >> k & 1:
                continue
            if ours:
                name = POLICIES[policy - 1] if policy else ""
                chances, expected = {UNIFORM: 1.0 / max(1, images)}, {}
                if policy and name == self._context.policies.roles[ARTWORK][1]:
                    chances[name], expected[name] = shadow, shadow_q
                self._context.off_policy(ARTWORK, propensity, float(label), chances, q, expected)
            if tell:
                counted = self._places.untold(title)
                if counted and self._context.settings.sharing:
                    title_id = self._context.title(title)
                    self._context.dealing.tell_owner(
                        title_id,
                        {
                            "title_id": title_id,
                            "ts": ts,
                            "artworks": counted,
                            "source": self._context.partition,
                        },
                    )
