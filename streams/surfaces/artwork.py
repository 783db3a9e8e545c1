"""Artwork: by which image a profile sees a title, learned from the quality plays that views of it led to.

An image is chosen when a title enters the best of a profile's ranking, and stands until enough views of it led to
nothing, or another image is clearly better; at most once a day, so that credit stays clean. Records go to
``artwork-choices``; what a partition counted goes to the title's owner, twenty views a record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from streams import topics
from streams.decisions.artwork import (
    ART,
    CHILD,
    FEATURES,
    PERSONAL,
    PLAIN,
    POLICIES,
    PRECISION,
    START,
    new_art,
)  # fmt: skip
from streams.decisions.artwork_choices import CHOOSE_AMONG, CHOOSE_WITHIN, make_room
from streams.decisions.artwork_pages import MADE, choose_due
from streams.emit.records import PLAIN_MODEL, encode_image_choice
from streams.errors import ConfigurationError
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.surfaces.artwork_places import ArtworkPlaces, image_hash
from streams.surfaces.artwork_views import ArtworkViews
from streams.surfaces.bandit_weights import BanditWeights
from streams.surfaces.surface import Reaction, SurfaceContext

DRAWS = 0xA27
"""Added to the seed, so that images are drawn apart from rows."""
MODEL, FALLBACK_MODEL = "artwork", "fallback"
Change = tuple[str, str | None, str | None, bool, float]
"""The title's id, the id of its image now and before (``None``: none), whether it explores, and its propensity."""


def whom(record: Any) -> int:
    """For whom is chosen: a profile's second record says."""
    return PLAIN if record["plain"] else CHILD if record["kids"] else PERSONAL


class Artwork:
    """The images that the profiles of one partition see. Implements ``surface.Surface``."""

    name = "artwork"
    quiet_kinds = (MomentKind.SHOWN, MomentKind.STARTED)

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        settings = context.settings
        for policy in (settings.artwork_policy, settings.artwork_shadow):
            if policy and policy not in POLICIES:
                raise ConfigurationError(
                    f"artwork policy {policy!r} is unknown: choose among {', '.join(POLICIES)}"
                )
        self.art: Array = new_art()
        self.art["frozen"] = not settings.learning
        self.places = ArtworkPlaces(context.state)
        self.weights = BanditWeights("artwork_weights", self.art, FEATURES, START, PRECISION, context.sharing)
        self.views = ArtworkViews(context, self.places, self.art, self.weights)
        self._due = np.zeros(CHOOSE_AMONG, np.int64)
        self._made = np.zeros(CHOOSE_AMONG, MADE)

    def reactions(self) -> Mapping[int, Reaction]:
        return {
            int(MomentKind.SESSION): self.begin_visit,
            int(MomentKind.SEARCHED): self.change_ranking,
            int(MomentKind.RATED): self.change_ranking,
            int(MomentKind.QUALITY): self.note_outcome,
            int(MomentKind.OVER): self.note_outcome,
            int(MomentKind.SHOWN): self.views.note_view,
            int(MomentKind.STARTED): self.views.note_start,
            int(MomentKind.SETTINGS): self.change_settings,
        }

    # --- choosing ------------------------------------------------------------------------------------------

    def begin_visit(self, moment: Moment) -> None:
        """A visit begins: choose an image for every title of the ranking that needs one."""
        self.views.note_device(moment)
        self.views.resolve_late(moment)
        first = not self.context.state.tastes.records["art_draws"][moment.slot]
        self._review(moment, CHOOSE_WITHIN if first else CHOOSE_AMONG)

    def change_ranking(self, moment: Moment) -> None:
        """The ranking may have changed: its first titles need an image now."""
        self.views.note_device(moment)
        self._review(moment, CHOOSE_WITHIN)

    def note_outcome(self, moment: Moment) -> None:
        """A playback became a quality play, or ended. The ranking may have changed with it: what came up gets its
        image when the next visit begins, for most of it is gone by then."""
        self.views.note_outcome(moment)

    def _review(self, moment: Moment, among: int) -> None:
        state, slot, settings = self.context.state, moment.slot, self.context.settings
        self.places.follow_catalog()
        live, other = self.context.policies.roles[self.name]
        made = choose_due(
            state.tastes.records, slot, state.title_tastes.records, state.title_tastes.dirty, self.art,
            self.places.shared, moment.ts, among, POLICIES.index(live), POLICIES.index(other) if other else -1,
            settings.artwork_uniform, state.profiles.records["key_hash"], settings.seed + DRAWS,
            self._due, self._made, self.views.resolved,
        )  # fmt: skip
        if not made:
            return
        state.tastes.dirty[slot] = 1
        version, page = int(state.tastes.records["art_version"][slot]), self._made["whom"][0]
        model, learned = PLAIN_MODEL if page == PLAIN else MODEL, int(self.art["learned"][0])
        chosen = self._made[:made].tolist()
        changes: list[Change] = []
        for k, (_, _, _, _, _, gone, resolved, _) in enumerate(chosen):
            if resolved:
                self.views.tell(moment.ts, k, k + 1)
            if gone:
                self._withdraw(slot, gone - 1)
        for title, place, explores, propensity, before, _, _, _ in chosen:
            artwork = self.places.ids(title)[place]
            previous = self.places.id_of(title, before) if before else None
            if artwork != previous:
                changes.append((self.context.title(title), artwork, previous, explores == 1, propensity))
        if changes:
            self._emit(moment, changes, model, version, learned)

    def _emit(
        self, moment: Moment, changes: Sequence[Change], model: str, version: int, learned: int = 0
    ) -> None:
        """``version`` is that of the last of the changes."""
        profile = self.context.profile(moment.slot)
        first = version + 1 - len(changes)
        self.context.decide_encoded(
            topics.ARTWORK_CHOICES,
            moment,
            [topics.choice_key(profile, title).encode() for title, *_ in changes],
            [
                encode_image_choice(first + k, model, learned, explores, propensity, title, artwork, previous)
                for k, (title, artwork, previous, explores, propensity) in enumerate(changes)
            ],
        )

    def _withdraw(self, slot: int, title: int) -> None:
        key = topics.choice_key(self.context.profile(slot), self.context.title(title))
        self.context.tombstone(topics.ARTWORK_CHOICES, key)

    # --- settings, faults, erasure -------------------------------------------------------------------------

    def change_settings(self, moment: Moment) -> None:
        """Choices made for another kind of page hold no longer: all are made anew."""
        record = self.context.state.tastes.records[moment.slot]
        if record["art_whom"] not in (0, 1 + whom(record)):
            self.forget(moment.slot)
            record["art_title"] = 0
            record["art_waiting"] = 0
            self.context.state.tastes.dirty[moment.slot] = 1
        self._review(moment, CHOOSE_AMONG)

    def fall_back(self, moment: Moment) -> None:
        """Without a model: the catalog's first image for titles that have none yet."""
        if moment.kind in (MomentKind.SHOWN, MomentKind.STARTED):
            return
        record = self.context.state.tastes.records[moment.slot]
        for title in (record["top_titles"][:CHOOSE_AMONG] - 1).tolist():
            if title < 0 or 1 + title in record["art_title"]:
                continue
            ids = self.places.ids(title)
            if sum(known is not None for known in ids) < 2:
                continue
            place = self.places.first(title)
            entry = make_room(self.context.state.tastes.records, moment.slot, title)
            if record["art_title"][entry]:
                self._withdraw(moment.slot, int(record["art_title"][entry]) - 1)
            record["art_title"][entry] = 1 + title
            record["art_image"][entry] = image_hash(ids[place] or "")
            record["art_chosen_s"][entry] = moment.ts // 1_000
            for field in ("art_views", "art_waiting", "art_policy", "art_x"):
                record[field][entry] = 0
            record["art_propensity"][entry] = 1.0
            record["art_version"] += 1
            self.context.state.tastes.dirty[moment.slot] = 1
            change = self.context.title(title), ids[place], None, False, 1.0
            self._emit(moment, [change], FALLBACK_MODEL, int(record["art_version"]))

    def wake(self, slot: int, moment: Moment) -> None:
        """Nothing waits for a time of its own: an outcome is settled at the profile's next view."""

    def forget(self, slot: int) -> None:
        for title in self.context.state.tastes.records["art_title"][slot].tolist():
            if title:
                self._withdraw(slot, title - 1)

    def follow_shared(self) -> None:
        self.places.follow(self.context.shared.titles)

    # --- checkpoint ----------------------------------------------------------------------------------------

    def restored(self) -> None:
        self.places.forget()

    def dump(self) -> dict[str, Any]:
        return {"art": {name: self.art[name][0] for name in ART.names or ()}, "mixed": self.weights.dump()}

    def load(self, dumped: dict[str, Any]) -> None:
        fresh = new_art()
        for name, value in dumped["art"].items():
            if name in (ART.names or ()):
                fresh[name][0] = value
        fresh["frozen"] = not self.context.settings.learning
        self.art[:] = fresh
        self.weights.load(dumped["mixed"])
