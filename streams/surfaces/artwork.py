"""Artwork: by which image a profile sees a title, learned from the quality plays that views of it led to.

An image is chosen when a title enters the best of a profile's ranking, and stands until enough views of it led to
nothing, or another image is clearly better; at most once a day, so that credit stays clean. Records go to
``artwork-choices``; what a partition counted goes to the title's owner, twenty views a record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from streams import topics
from streams.dealing.dealing import Dealing
from streams.dealing.parts import TELL
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
from streams.decisions.artwork_choices import CHOOSE_AMONG, make_room
from streams.emit.heads import Heads
from streams.emit.names import texts
from streams.emit.records import PLAIN_MODEL, encode_image
from streams.emit.text import made
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
MODELS = texts(map(orjson.dumps, (MODEL, PLAIN_MODEL)))
ENDS = 16_384
"""Ends of records that are kept, 100 bytes each."""


def whom(record: Any) -> int:
    """For whom is chosen: a profile's second record says."""
    return PLAIN if record["plain"] else CHILD if record["kids"] else PERSONAL


class Artwork:
    """The images that the profiles of one partition see. Implements ``surface.Surface``."""

    name = "artwork"
    compiled = (
        MomentKind.SESSION,
        MomentKind.SEARCHED,
        MomentKind.RATED,
        MomentKind.SHOWN,
        MomentKind.STARTED,
        MomentKind.QUALITY,
        MomentKind.OVER,
    )

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        settings = context.settings
        for policy in (settings.artwork_policy, settings.artwork_shadow):
            if policy and policy not in POLICIES:
                raise ConfigurationError(
                    f"artwork policy {policy!r} is unknown: choose among {', '.join(POLICIES)}"
                )
        desk = context.dealing.desk
        desk["art_uniform"], desk["art_seed"] = settings.artwork_uniform, settings.seed + DRAWS
        self._roles: tuple[str, str] | None = None
        """The policy at work, and the shadow, as the desk has them."""
        self.art: Array = desk["art"][0]
        self.art["frozen"] = not settings.learning
        self.places = ArtworkPlaces(context.state)
        self.weights = BanditWeights("artwork_weights", self.art, FEATURES, START, PRECISION, context.sharing)
        self._ends: dict[tuple[int, int, int], bytes] = {}
        self.views = ArtworkViews(context, self.places, self.weights)

    def reactions(self) -> Mapping[int, Reaction]:
        return {
            int(MomentKind.SHOWN): self.views.note_view,
            int(MomentKind.SETTINGS): self.change_settings,
        }

    def lay_out(self, dealing: Dealing) -> Array:
        """What images are chosen with: views and plays of all partitions."""
        if self.places.follow_catalog():
            self._ends.clear()
        roles = self.context.policies.roles[self.name]
        if roles is not self._roles:
            self._roles, (live, other) = roles, roles
            dealing.desk["art_live"] = POLICIES.index(live)
            dealing.desk["art_shadow"] = POLICIES.index(other) if other else -1
        return self.places.shared

    # --- choosing ------------------------------------------------------------------------------------------

    def tell(self, moment: Moment) -> None:
        """Views were resolved in compiled code."""
        self.views.tell(moment.ts)

    # --- records -------------------------------------------------------------------------------------------

    def answer(self, images: Array, heads: Heads) -> None:
        """Make records of ``images`` (of ``dealing.parts.IMAGE``)."""
        keys: list[bytes] = []
        values: list[bytes | None] = []
        for title, withdrawn, place, before, how, (profile, head) in zip(
            *(images[field].tolist() for field in ("title", "withdrawn", "place", "before")),
            made(images, MODELS),
            heads.of(images),
            strict=True,
        ):
            keys.append(topics.choice_key(profile, self.context.title(title)).encode())
            values.append(None if withdrawn else head + how + self._image(title, place, before))
        heads.add(topics.ARTWORK_CHOICES, images["at"], keys, values)

    def _image(self, title: int, place: int, before: int) -> bytes:
        """How a record ends that chooses the image at ``place`` of a title, where ``before`` was (its hash, 0 is none).
        The same few come again and again, until the catalog changes."""
        known = self._ends.get((title, place, before))
        if known is None:
            if len(self._ends) >= ENDS:
                self._ends.clear()
            previous = self.places.id_of(title, before) if before else None
            known = encode_image(self.context.title(title), self.places.ids(title)[place], previous)
            self._ends[title, place, before] = known
        return known

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
        if self.context.dealing.review(CHOOSE_AMONG) == TELL:
            self.tell(moment)

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
            name = self.context.title(title)
            self.context.decide(
                topics.ARTWORK_CHOICES,
                moment,
                key=topics.choice_key(self.context.profile(moment.slot), name),
                version=int(record["art_version"]),
                model=FALLBACK_MODEL,
                title_id=name,
                artwork_id=ids[place],
                previous=None,
            )

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
