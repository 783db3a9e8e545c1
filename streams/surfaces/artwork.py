"""Artwork: by which image a profile sees a title, learned from the quality plays that views of it led to.

An image is chosen when a title enters the best of a profile's ranking, and stands until enough views of it led to
nothing, or another image is clearly better; at most once a day, so that credit stays clean. Records go to
``artwork-choices``; what a partition counted goes to the title's owner, twenty views a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from streams import topics
from streams.decisions.artwork import ART, CHILD, PERSONAL, PLAIN, POLICIES, choose, new_art
from streams.decisions.artwork_choices import CHOOSE_AMONG, find_due, make_room
from streams.decisions.ordering import chance
from streams.errors import ConfigurationError
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.surfaces.artwork_places import ArtworkPlaces, image_hash
from streams.surfaces.artwork_views import ArtworkViews
from streams.surfaces.surface import Reaction, SurfaceContext

DRAWS = 0xA27
"""Added to the seed, so that images are drawn apart from rows."""
MODEL, PLAIN_MODEL, FALLBACK_MODEL = "artwork", "popular", "fallback"


def choice_key(profile: str, title: str) -> str:
    """The key of an ``artwork-choices`` record: both ids with ``|`` between; ``%`` and ``|`` within an id are
    percent-encoded, so that no two pairs share a key.

    >>> choice_key("p|1", "50%")
    'p%7C1|50%25'
    """
    return f"{_encoded(profile)}|{_encoded(title)}"


def _encoded(text: str) -> str:
    return text.replace("%", "%25").replace("|", "%7C")


def whom(record: Any) -> int:
    """For whom is chosen: a profile's second record says."""
    return PLAIN if record["plain"] else CHILD if record["kids"] else PERSONAL


class Artwork:
    """The images that the profiles of one partition see. Implements ``surface.Surface``."""

    name = "artwork"

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
        self.views = ArtworkViews(context, self.places, self.art)
        self._due = np.zeros(CHOOSE_AMONG, np.int64)

    def reactions(self) -> Mapping[int, Reaction]:
        reviewed = (
            MomentKind.SESSION,
            MomentKind.SEARCHED,
            MomentKind.RATED,
            MomentKind.LISTED,
        )
        return {
            **dict.fromkeys(map(int, reviewed), self.review),
            int(MomentKind.SHOWN): self.views.note_views,
            int(MomentKind.STARTED): self.views.note_start,
            int(MomentKind.QUALITY): self.note_outcome,
            int(MomentKind.OVER): self.note_outcome,
            int(MomentKind.SETTINGS): self.change_settings,
        }

    # --- choosing ------------------------------------------------------------------------------------------

    def review(self, moment: Moment) -> None:
        """Choose an image for every title of the ranking that needs one."""
        state = self.context.state
        self.places.follow_catalog()
        self.views.note_device(moment)
        self.views.resolve_late(moment)
        due = find_due(
            state.tastes.records, moment.slot, state.title_tastes.records, self.art, moment.ts, self._due
        )
        for title in self._due[:due].tolist():
            self._choose(moment, title)

    def note_outcome(self, moment: Moment) -> None:
        """A playback became a quality play, or ended: the ranking may have changed with it."""
        self.views.note_outcome(moment)
        self.review(moment)

    def _choose(self, moment: Moment, title: int) -> None:
        state, slot, settings = self.context.state, moment.slot, self.context.settings
        ids = self.places.ids(title)
        if sum(known is not None for known in ids) < 2:
            return
        tastes = state.tastes.records
        entry, previous = self._make_room(moment, title)
        record = tastes[slot]
        page = whom(record)
        record["art_whom"] = 1 + page
        draws = int(record["art_draws"])
        views, plays = self.places.counts(title)
        live, other = self.context.policies.roles[self.name]
        shadow = POLICIES.index(other) if other else -1
        place = choose(
            tastes, slot, entry, state.title_tastes.records, title, views, plays, self.places.first(title),
            self.art, moment.ts, POLICIES.index(live), shadow, settings.artwork_uniform, page,
            chance(state.profiles.records["key_hash"][slot], draws, settings.seed + DRAWS),
        )  # fmt: skip
        record["art_draws"] = draws + 1
        explores, place = place < 0, place if place >= 0 else -1 - place
        self._emit(
            moment, title, ids[place], previous, PLAIN_MODEL if page == PLAIN else MODEL,
            int(self.art["learned"][0]), explores, float(record["art_propensity"][entry]),
        )  # fmt: skip

    def _make_room(self, moment: Moment, title: int) -> tuple[int, str | None]:
        """A place for a choice of ``title``, and the image that stood there for it before. A choice for another
        title that has to go leaves a tombstone."""
        state, slot = self.context.state, moment.slot
        entry = make_room(state.tastes.records, slot, title)
        record = state.tastes.records[slot]
        other = int(record["art_title"][entry]) - 1
        if other == title:
            return entry, self.places.id_of(title, int(record["art_image"][entry]))
        if other >= 0:
            if record["art_waiting"][entry]:
                self.views.give_up(moment, entry)
            self._withdraw(slot, other)
        return entry, None

    def _emit(
        self,
        moment: Moment,
        title: int,
        artwork: str | None,
        previous: str | None,
        model: str,
        version: int,
        explores: bool = False,
        propensity: float = 1.0,
    ) -> None:
        """Write the choice out, unless it is what was chosen before."""
        tastes = self.context.state.tastes
        tastes.dirty[moment.slot] = 1
        if artwork == previous:
            return
        record = tastes.records[moment.slot]
        record["art_version"] += 1
        title_id = self.context.title(title)
        self.context.decide(
            topics.ARTWORK_CHOICES,
            moment,
            version=int(record["art_version"]),
            model=model,
            model_version=version,
            explore=explores,
            propensity=propensity,
            key=choice_key(self.context.profile(moment.slot), title_id),
            title_id=title_id,
            artwork_id=artwork,
            previous=previous,
        )

    def _withdraw(self, slot: int, title: int) -> None:
        key = choice_key(self.context.profile(slot), self.context.title(title))
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
        self.review(moment)

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
            entry, previous = self._make_room(moment, title)
            place = self.places.first(title)
            record["art_title"][entry] = 1 + title
            record["art_image"][entry] = image_hash(ids[place] or "")
            record["art_chosen_s"][entry] = moment.ts // 1_000
            for field in ("art_views", "art_waiting", "art_policy", "art_x"):
                record[field][entry] = 0
            record["art_propensity"][entry] = 1.0
            self._emit(moment, title, ids[place], previous, FALLBACK_MODEL, 0)

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
        return {"art": {name: self.art[name][0] for name in ART.names or ()}}

    def load(self, dumped: dict[str, Any]) -> None:
        fresh = new_art()
        for name, value in dumped["art"].items():
            if name in (ART.names or ()):
                fresh[name][0] = value
        fresh["frozen"] = not self.context.settings.learning
        self.art[:] = fresh
