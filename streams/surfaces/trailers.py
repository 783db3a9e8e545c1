"""Trailers: the answer to a rising churn score. A trailer of a title that this profile would like and has not had,
which it has not seen; at most so many a week; learned from whether it was watched and whether the profile came back.

An offer's outcome is settled a week later, not before: an early return is known early, but learning it at once would
teach the model from returns only. Records go to ``trailer-choices``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from streams import topics
from streams.dealing.dealing import Dealing
from streams.decisions.ordering import chance
from streams.decisions.trailers import (
    FEATURES,
    OFFERED,
    OFFERS,
    POLICIES,
    PRECISION,
    START,
    WEEK_MS,
    choose_trailer,
    had_among,
    new_offers,
    rises,
)  # fmt: skip
from streams.errors import ConfigurationError
from streams.profiles.layout import Subscription
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import TOP_TITLES, TRAILER_OFFERS
from streams.settings import DAY_MS
from streams.state.catalog import Picture
from streams.surfaces.bandit_weights import BanditWeights
from streams.surfaces.surface import Reaction, SurfaceContext
from streams.surfaces.trailer_outcomes import TRAILERS, TrailerOutcomes, trailer_hash

DRAWS = 0x7A1
"""Added to the seed, so that trailers are drawn apart from rows."""
STAND_MS = DAY_MS
"""An offer stands for a day at least, however the score climbs."""
TITLE_TRAILERS = 4
"""Trailers of one title that are looked at."""
POPULAR = 20
"""Popular titles that stand in for a ranking."""
KIDS_AGE = 12
MODEL, FALLBACK_MODEL = "trailers", "fallback"


class Arm(NamedTuple):
    """A trailer that could be offered; ``rank`` is 1 for the top title, 0 for an unranked one."""

    title: int
    trailer: Picture
    rank: float


class Trailers:
    """The trailers offered to the profiles of one partition. Implements ``surface.Surface``."""

    name = TRAILERS
    compiled = (MomentKind.SCORED, MomentKind.QUALITY)

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        settings = context.settings
        for policy in (settings.trailer_policy, settings.trailer_shadow):
            if policy and policy not in POLICIES:
                raise ConfigurationError(
                    f"trailer policy {policy!r} is unknown: choose among {', '.join(POLICIES)}"
                )
        if not 0 <= settings.trailers_per_week <= TRAILER_OFFERS:
            raise ConfigurationError(
                f"trailers_per_week is {settings.trailers_per_week}: set it to 0 to {TRAILER_OFFERS}"
            )
        context.dealing.desk["trailer_hazard"] = settings.trailer_hazard
        self.offers: Array = new_offers()
        self.offers["frozen"] = not settings.learning
        self.weights = BanditWeights(
            "trailer_weights", self.offers, FEATURES, START, PRECISION, context.sharing
        )
        self.outcomes = TrailerOutcomes(context, self.offers, self.weights)

    def reactions(self) -> Mapping[int, Reaction]:
        return {
            int(MomentKind.SCORED): self.answer,
            int(MomentKind.TRAILER): self.outcomes.note_view,
            int(MomentKind.SUBSCRIPTION): self.note_subscription,
            int(MomentKind.SETTINGS): self.change_settings,
        }

    def lay_out(self, dealing: Dealing) -> None:
        """Trailers go by the profile's second record alone."""

    # --- offering ------------------------------------------------------------------------------------------

    def answer(self, moment: Moment) -> None:
        """A churn score has risen: offer a trailer, unless the profile would be nagged by it."""
        if not self._may_offer(moment):
            return
        arms = self._arms(moment.slot)
        if not arms:
            return
        context, settings, state = self.context, self.context.settings, self.context.state
        live, shadow = context.policies.roles[self.name]
        place = self._place(moment)
        tags = np.array([self.outcomes.tags(arm.trailer) for arm in arms], np.int8)
        record = state.tastes.records[moment.slot]
        draws = int(record["trailer_draws"])
        index = choose_trailer(
            state.tastes.records, moment.slot, place, state.title_tastes.records,
            np.array([arm.title for arm in arms], np.int64), tags, np.array([arm.rank for arm in arms]),
            self.offers, moment.ts, moment.a, POLICIES.index(live), POLICIES.index(shadow) if shadow else -1,
            settings.trailer_uniform,
            bool(record["kids"]),
            chance(state.profiles.records["key_hash"][moment.slot], draws, settings.seed + DRAWS),
        )  # fmt: skip
        record["trailer_draws"] = draws + 1
        explores, index = index < 0, index if index >= 0 else -1 - index
        context.wake_at(self.name, moment.slot, moment.ts + WEEK_MS, moment)
        self._offer(moment, place, arms[index], MODEL, int(self.offers["learned"][0]), explores)

    def _may_offer(self, moment: Moment) -> bool:
        record = self.context.state.tastes.records[moment.slot]
        if record["plain"] or record["trailer_lost"]:
            return False
        since = [abs(moment.ts - ts) for ts in record["trailer_ts"].tolist() if ts]
        if since and min(since) < STAND_MS:
            return False
        return sum(passed < WEEK_MS for passed in since) < self.context.settings.trailers_per_week

    def _arms(self, slot: int) -> list[Arm]:
        """The trailers of the profile's best titles, else of popular ones, that it may see, has not seen, and was not
        offered last."""
        state = self.context.state
        record = state.tastes.records[slot]
        limit = int(record["max_age"]) or (KIDS_AGE if record["kids"] else 0)
        passed = {*record["trailer_seen"].tolist(), *record["trailer_id"].tolist()}

        def arms_of(titles: list[int], ranks: list[float]) -> list[Arm]:
            arms: list[Arm] = []
            had = had_among(state.tastes.records, slot, np.array(titles, np.int64)).tolist()
            for title, rank, known in zip(titles, ranks, had, strict=True):
                facts = state.catalog.titles.get(self.context.title(title))
                if facts is None or (limit and facts.age > limit) or known:
                    continue
                arms += [
                    Arm(title, trailer, rank)
                    for trailer in facts.trailers[:TITLE_TRAILERS]
                    if trailer_hash(trailer.id) not in passed
                ]
            return arms

        ranked = [known - 1 for known in record["top_titles"].tolist() if known]
        ranks = [1.0 - at / TOP_TITLES for at in range(len(ranked))]
        arms = arms_of(ranked, ranks)
        if arms:
            return arms
        popular = self._popular()
        return arms_of(popular, [0.0] * len(popular))

    def _popular(self) -> list[int]:
        """Popular titles with trailers, for a profile without a ranking."""
        state = self.context.state
        titles = state.title_tastes.records[: len(state.titles.names)]
        having = np.flatnonzero((titles["trailers"] > 0) & (titles["active"] > 0))
        best = having[np.argsort(-titles["slow"][having], kind="stable")]
        return list(best[:POPULAR].tolist())

    def _place(self, moment: Moment) -> int:
        """Where the next offer is kept. What stood there is older than a week; should nobody have settled it yet,
        it is settled now."""
        record = self.context.state.tastes.records[moment.slot]
        place = int(record["trailer_n"]) % TRAILER_OFFERS
        if record["trailer_state"][place]:
            self.outcomes.settle(moment.slot, place)
        return place

    def _offer(self, moment: Moment, place: int, arm: Arm, model: str, version: int, explores: bool) -> None:
        tastes = self.context.state.tastes
        record = tastes.records[moment.slot]
        previous = self._last(record)
        record["trailer_version"] += 1
        record["trailer_n"] += 1
        record["trailer_title"][place] = 1 + arm.title
        record["trailer_id"][place] = trailer_hash(arm.trailer.id)
        record["trailer_state"][place] = OFFERED
        record["trailer_ts"][place] = moment.ts
        tastes.dirty[moment.slot] = 1
        self.context.decide(
            topics.TRAILER_CHOICES,
            moment,
            version=int(record["trailer_version"]),
            model=model,
            model_version=version,
            explore=explores,
            propensity=float(record["trailer_propensity"][place]),
            trailer_id=arm.trailer.id,
            title_id=self.context.title(arm.title),
            previous=previous,
            churn_probability=round(moment.a, 4),
        )

    def _last(self, record: Any) -> str | None:
        """The trailer offered before, unless the catalog has it no longer."""
        if not record["trailer_n"]:
            return None
        trailer = self.outcomes.trailer(record, (int(record["trailer_n"]) - 1) % TRAILER_OFFERS)
        return trailer.id if trailer is not None else None

    def wake(self, slot: int, moment: Moment) -> None:
        self.outcomes.settle_due(slot, moment)

    # --- settings, faults, erasure -------------------------------------------------------------------------

    def note_subscription(self, moment: Moment) -> None:
        """Who has cancelled is not courted; who comes back may be again."""
        tastes = self.context.state.tastes
        lost = moment.flag == Subscription.CANCELLED
        if bool(tastes.records["trailer_lost"][moment.slot]) != lost:
            tastes.records["trailer_lost"][moment.slot] = lost
            tastes.dirty[moment.slot] = 1

    def change_settings(self, moment: Moment) -> None:
        """A plain page shows no trailer that was chosen for the profile, and what it was is not learned from."""
        tastes = self.context.state.tastes
        record = tastes.records[moment.slot]
        if record["plain"] and record["trailer_n"]:
            self.context.tombstone(topics.TRAILER_CHOICES, self.context.profile(moment.slot))
            record["trailer_n"] = 0
            for field in ("trailer_title", "trailer_id", "trailer_state", "trailer_ts", "trailer_x"):
                record[field] = 0
            tastes.dirty[moment.slot] = 1

    def fall_back(self, moment: Moment) -> None:
        """Without a model: the first trailer that could be offered."""
        hazard = self.context.settings.trailer_hazard
        if moment.kind != MomentKind.SCORED or not rises(moment.a, moment.b, moment.band, hazard):
            return
        if not self._may_offer(moment):
            return
        arms = self._arms(moment.slot)
        if not arms:
            return
        record = self.context.state.tastes.records[moment.slot]
        place = int(record["trailer_n"]) % TRAILER_OFFERS
        for field in ("trailer_policy", "trailer_x"):
            record[field][place] = 0
        record["trailer_propensity"][place] = 1.0
        self.context.wake_at(self.name, moment.slot, moment.ts + WEEK_MS, moment)
        self._offer(moment, place, arms[0], FALLBACK_MODEL, 0, explores=False)

    def forget(self, slot: int) -> None:
        """Its one key is the profile's, which gets its tombstone with the other topics'."""

    def follow_shared(self) -> None:
        """Weights are mixed by ``state.sharing``; offers are too rare to be told title by title."""

    # --- checkpoint ----------------------------------------------------------------------------------------

    def restored(self) -> None:
        state = self.context.state
        records = state.tastes.records[: len(state.profiles.names)]
        for slot in np.flatnonzero((records["trailer_state"] != 0).any(axis=1)).tolist():
            for place, open_offer in enumerate(records["trailer_state"][slot].tolist()):
                if open_offer:
                    self.context.wake_at(self.name, slot, int(records["trailer_ts"][slot, place]) + WEEK_MS)

    def dump(self) -> dict[str, Any]:
        return {
            "offers": {name: self.offers[name][0] for name in OFFERS.names or ()}, "mixed": self.weights.dump(),
        }  # fmt: skip

    def load(self, dumped: dict[str, Any]) -> None:
        fresh = new_offers()
        for name, value in dumped["offers"].items():
            if name in (OFFERS.names or ()):
                fresh[name][0] = value
        fresh["frozen"] = not self.context.settings.learning
        self.offers[:] = fresh
        self.weights.load(dumped["mixed"])
