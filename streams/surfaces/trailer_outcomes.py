"""What became of the trailers that were offered: who watched one, who came back, and what that teaches."""

from __future__ import annotations

from typing import Any

import numpy as np
from xxhash import xxh32_intdigest

from streams.decisions import trailers as kernels
from streams.decisions.trailers import POLICIES, VIEWED, WEEK_MS
from streams.profiles.moments import Moment
from streams.profiles.parameters import Array
from streams.profiles.taste import ARTWORK_TAGS, TRAILERS_SEEN
from streams.state.catalog import Picture
from streams.surfaces.bandit_weights import BanditWeights
from streams.surfaces.surface import SurfaceContext

TRAILERS = "trailers"
WATCHED_S = 20.0
"""A trailer was watched when it ran for this long, or half its length."""


def trailer_hash(trailer_id: str) -> int:
    """The number, never 0, by which state knows a trailer. Among 32 viewed ones two share one in 8 million cases."""
    return xxh32_intdigest(trailer_id.encode()) or 1


class TrailerOutcomes:
    """The trailers surface's eyes: it settles offers and teaches ``offers`` (the partition's record of them)."""

    def __init__(self, context: SurfaceContext, offers: Array, weights: BanditWeights) -> None:
        self._context = context
        self._offers = offers
        self._weights = weights
        self._outcome = np.zeros(1, kernels.OUTCOME)

    def note_view(self, moment: Moment) -> None:
        """A trailer was viewed: it is not offered again; a view long enough counts for the offer it answers."""
        tastes = self._context.state.tastes
        record = tastes.records[moment.slot]
        viewed = trailer_hash(self._context.event(moment).trailer_id)
        if viewed not in record["trailer_seen"]:
            record["trailer_seen"][int(record["trailer_seen_n"]) % TRAILERS_SEEN] = viewed
            record["trailer_seen_n"] += 1
        for place, state in enumerate(record["trailer_state"].tolist()):
            since = moment.ts - int(record["trailer_ts"][place])
            if state and record["trailer_id"][place] == viewed and 0 <= since <= WEEK_MS:
                trailer = self.trailer(record, place)
                length = trailer.duration_s if trailer is not None else 0.0
                if moment.a >= min(WATCHED_S, 0.5 * length if length else WATCHED_S):
                    record["trailer_state"][place] |= VIEWED
        tastes.dirty[moment.slot] = 1

    def settle_due(self, slot: int, moment: Moment) -> None:
        """A week has passed since an offer: its outcome is known."""
        record = self._context.state.tastes.records[slot]
        for place, state in enumerate(record["trailer_state"].tolist()):
            if state and moment.ts >= int(record["trailer_ts"][place]) + WEEK_MS:
                self.settle(slot, place)

    def settle(self, slot: int, place: int) -> None:
        """The outcome of the offer at ``place`` is known: learn from it."""
        state, outcome = self._context.state, self._outcome[0]
        record = state.tastes.records[slot]
        kernels.resolve_offer(
            state.tastes.records, slot, place, state.title_tastes.records, state.title_tastes.dirty,
            np.array(self.tags(self.trailer(record, place)), np.int8), self._offers, self._outcome,
        )  # fmt: skip
        state.tastes.dirty[slot] = 1
        self._weights.learned()
        if outcome["ours"]:
            shadow = POLICIES[int(outcome["policy"]) - 1] if outcome["policy"] else ""
            asked = shadow and shadow == self._context.policies.roles[TRAILERS][1]
            self._context.off_policy(
                TRAILERS, float(outcome["propensity"]), float(outcome["reward"]),
                {shadow: float(outcome["shadow"])} if asked else {}, float(outcome["q"]),
                {shadow: float(outcome["shadow_q"])} if asked else None,
            )  # fmt: skip

    def trailer(self, record: Any, place: int) -> Picture | None:
        """The trailer of an offer, as the catalog has it."""
        facts = self._context.state.catalog.titles.get(
            self._context.title(int(record["trailer_title"][place]) - 1)
        )
        for trailer in facts.trailers if facts is not None else ():
            if trailer_hash(trailer.id) == record["trailer_id"][place]:
                return trailer
        return None

    def tags(self, trailer: Picture | None) -> list[int]:
        """1 + tag of a trailer's first tags, 0 where there is none."""
        tags = (
            [1 + self._context.state.tag_index(tag) for tag in trailer.tags[:ARTWORK_TAGS]] if trailer else []
        )
        return tags + [0] * (ARTWORK_TAGS - len(tags))
