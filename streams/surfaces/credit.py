"""Credit: each quality play is split over row, place, image and trailer (``models.credit``); the rest is organic.

What led to a play is read off its moment (the row, its place, whether it was explored, the model's prediction)
and off what the other surfaces keep of the profile (the image chosen for the title, the trailer offered and
viewed). This surface decides nothing; it counts shares (``flywheel_credit_plays_total``) and, when
``settings.log_credits`` is on, writes each split to ``<app_id>-credits``, keyed by title and without the profile.

- *row*, *place*: ``decisions.credit``.
- *image*: the image's rate over the mean of the title's images, both shrunk to the title's; calibrated by what
  the logged propensities say of choosing alike among all (``surfaces.policies``, policy ``uniform``).
- *trailer*: only when an offered trailer of this very title was viewed within the week.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.off_policy import TINY_SAMPLE
from streams.dealing.dealing import Dealing
from streams.dealing.parts import CREDITS
from streams.decisions.credit import (
    CREDIT,
    OFFER_COUNTED,
    PLAY_COUNTED,
    VIEW_COUNTED,
)
from streams.decisions.trailers import OFFERED, VIEWED
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import TRAILER_OFFERS
from streams.surfaces.policies import UNIFORM
from streams.surfaces.surface import Reaction, SurfaceContext

PARTS = ("row", "position", "artwork", "trailer", "organic")
"""To whom a play is owed, in the order of the shares."""
ARTWORK = "artwork"


class Credit:
    """The credit of one partition. Implements ``surface.Surface``."""

    name = "credit"

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self._desk = context.dealing.desk
        self.counts: Array = self._desk["credit"][0]

    @property
    def compiled(self) -> tuple[int, ...]:
        """A split that is logged is Python's."""
        counted = (MomentKind.SHOWN, MomentKind.SCORED)
        return counted if self.context.settings.log_credits else (*counted, MomentKind.QUALITY)

    def lay_out(self, dealing: Dealing) -> None:
        """What plays are split by."""
        self._desk["rows"] = self.context.state.pages.active_n
        self._desk["image_worth"] = self._image_worth()

    def settle(self) -> None:
        """Plays were split in compiled code: count what is owed to whom."""
        if self._desk["owed"].any():
            credits = self.context.stats.credits
            for part, share in zip(PARTS, self._desk["owed"][0].tolist(), strict=True):
                credits[part] = credits.get(part, 0.0) + share
            self._desk["owed"] = 0.0

    def reactions(self) -> Mapping[int, Reaction]:
        return {
            int(MomentKind.SCORED): self.note_offers,
            int(MomentKind.TRAILER): self.note_offers,
            int(MomentKind.QUALITY): self.log_play,
        }

    # --- counting ------------------------------------------------------------------------------------------

    def note_offers(self, moment: Moment) -> None:
        """A trailer may have been offered, or viewed, just now: count each once."""
        record = self.context.state.tastes.records[moment.slot]
        if not record["trailer_n"]:
            return
        for place in range(TRAILER_OFFERS):
            state = int(record["trailer_state"][place])
            noted = int(record["credit_offers"][place])
            offered_s = int(record["trailer_ts"][place]) // 1_000
            if state & OFFERED and (not noted or record["credit_offer_s"][place] != offered_s):
                self._note(moment.slot, place, OFFER_COUNTED)
                record["credit_offer_s"][place] = offered_s
                self.counts["offers"][0, 0] += 1
                noted = OFFER_COUNTED
            if state & VIEWED and noted & OFFER_COUNTED and not noted & VIEW_COUNTED:
                self._note(moment.slot, place, noted | VIEW_COUNTED)
                self.counts["offers"][0] += (-1, 1)
                if (
                    noted & PLAY_COUNTED
                ):  # it was played before the trailer was viewed: not the trailer's doing
                    self.counts["offer_plays"][0, 0] -= 1

    def _note(self, slot: int, place: int, noted: int) -> None:
        tastes = self.context.state.tastes
        tastes.records["credit_offers"][slot, place] = noted
        tastes.dirty[slot] = 1

    # --- splitting -----------------------------------------------------------------------------------------

    def log_play(self, moment: Moment) -> None:
        """A quality play: to whom is it owed?"""
        self.context.dealing.react(CREDITS)
        if self.context.settings.log_credits:
            self._log(moment, self._desk["shares"][0].tolist())

    def _image_worth(self) -> float:
        """What the logged propensities say of the images' lifts: their measured worth over chance, 0: too few."""
        values = self.context.policies.values.get(ARTWORK, {})
        if UNIFORM in values and values[UNIFORM].effective >= TINY_SAMPLE:
            return values[UNIFORM].logged_over_this()
        return 0.0

    def _log(self, moment: Moment, shares: list[float]) -> None:
        context = self.context
        rows = context.state.rows
        title = context.title(moment.title)
        record: dict[str, Any] = {
            "title_id": title,
            "ts": moment.ts,
            "row_id": rows[moment.row] if 0 <= moment.row < len(rows) else None,
            "row_position": moment.position if moment.position >= 0 else None,
            "explore": bool(moment.flag),
            "shares": {part: round(share, 6) for part, share in zip(PARTS, shares, strict=True)},
        }
        context.signal(context.settings.credits_topic, title, record)

    # --- the rest of a surface -----------------------------------------------------------------------------

    def fall_back(self, moment: Moment) -> None:
        """Without a split, the play is nobody's."""
        if moment.kind == MomentKind.QUALITY:
            credits = self.context.stats.credits
            credits["organic"] = credits.get("organic", 0.0) + 1.0

    def follow_shared(self) -> None:
        """Credit is each partition's own."""

    def wake(self, slot: int, moment: Moment) -> None:
        """It never asks to be woken."""

    def forget(self, slot: int) -> None:
        """What it knows of a profile is in the second record, which is zeroed."""

    def restored(self) -> None:
        """Nothing waits."""

    def dump(self) -> bytes:
        return self.counts.tobytes()

    def load(self, dumped: bytes) -> None:
        counts = np.frombuffer(dumped, CREDIT)
        if len(counts) != 1:
            raise ValueError("not one record")
        self.counts[:] = counts
