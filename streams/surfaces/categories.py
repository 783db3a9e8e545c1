"""Tailored categories: a few tags for a profile to browse, in order, as the policy of its arm chooses them.

Decided when a session begins, after browsing, after a quality play and when settings change; a new set must
be worth ``margin`` more than the one shown. Whose page uses nothing personal sees what is popular; kids see
what is popular among kids and fits their age. Neither is experimented on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from streams import topics
from streams.dealing.dealing import Dealing
from streams.dealing.parts import CATEGORIES as CATEGORIES_TURN
from streams.decisions.categories import (
    BEFORE,
    BEST,
    FIXED,
    OUT,
    POPULAR,
    REASONS,
    TASTE,
    WHY,
    decide_categories,
)
from streams.decisions.category_counts import count_browsing, count_play
from streams.emit.heads import Heads
from streams.emit.names import texts
from streams.emit.text import choices_behind
from streams.events.schema import ProfileSettings
from streams.experiments.declaration import POLICIES, Experiment
from streams.experiments.outcomes import COUNTED, OBSERVED
from streams.experiments.reading import SETS, load
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import CATEGORIES
from streams.surfaces.known_tags import KnownTags
from streams.surfaces.surface import Reaction, SurfaceContext

MARGIN = 0.05
"""A new set must be worth this share more: categories that jump about are not found again."""
PARTS = ("popular", "taste", "browsed")
"""What a score is made of."""
FEATURES, MODELS = texts(map(orjson.dumps, PARTS)), texts(map(orjson.dumps, POLICIES))
Arms = dict[int, tuple[Experiment, int, float]]


class Categories:
    """What categories each profile sees. Implements ``surface.Surface``."""

    name = "categories"

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self._desk = context.dealing.desk
        self.popular: Array = self._desk["popular"][0]
        """Decayed quality plays by group and tag; with learning off nothing is counted, and only this is used."""
        self._desk["category_margin"] = MARGIN
        self._desk["category_policy"] = self._usual = TASTE if context.settings.learning else POPULAR
        experiments = load(context.settings.experiments).experiments
        self._shaping = {
            e.digest: e
            for e in experiments
            if any(getattr(arm, s) is not None for arm in e.arms for s in SETS)
        }
        self._known = KnownTags(context.state)
        self._out, self._reasons = np.zeros(OUT, np.int64), np.zeros(REASONS)

    @property
    def compiled(self) -> tuple[int, ...]:
        """Without experiments on categories all are chosen alike."""
        return () if self._shaping else (MomentKind.SESSION, MomentKind.QUALITY)

    def lay_out(self, dealing: Dealing) -> None:
        """What categories are chosen with."""
        known, desk = self._known, self._desk
        if known.follow_catalog():
            desk["base"], desk["fitting"], desk["categories"] = known.base, known.fitting, len(known.names)

    def reactions(self) -> Mapping[int, Reaction]:
        """When to look at a profile's categories again."""
        reactions: dict[int, Reaction] = {
            MomentKind.SETTINGS: self._decide,
            MomentKind.BROWSED: self._on_browsed,
        }
        if self._shaping:
            reactions |= {MomentKind.SESSION: self._on_session, MomentKind.QUALITY: self._on_quality}
        return reactions

    def fall_back(self, moment: Moment) -> None:
        """What is popular."""
        self._choose(moment, POPULAR, (), CATEGORIES, 0.0, {})

    # --- moments -------------------------------------------------------------------------------------------

    def _on_session(self, moment: Moment) -> None:
        if not isinstance(self.context.event(moment), ProfileSettings):  # their own moment is next
            self._decide(moment)

    def _on_quality(self, moment: Moment) -> None:
        state = self.context.state
        if moment.title >= 0 and self.context.settings.learning:
            count_play(
                self.popular, self._desk["popular_ts"][0], state.tastes.records, moment.slot,
                state.title_tastes.records, moment.title, moment.ts,
            )  # fmt: skip
            self._desk["category_plays"] += 1
        self._decide(moment)

    def _on_browsed(self, moment: Moment) -> None:
        state = self.context.state
        tag = self._known.tag_of(self.context.event(moment).category_id)
        if tag is not None and self.context.settings.learning:
            count_browsing(state.tastes.records, moment.slot, tag, moment.a / 60.0, moment.ts)
            state.tastes.dirty[moment.slot] = 1
            self._decide(moment)

    # --- deciding ------------------------------------------------------------------------------------------

    def _decide(self, moment: Moment) -> None:
        """Choose as the profile's arms say."""
        if self._shaping:
            self._decide_by_arms(moment)
        else:
            self.context.dealing.react(CATEGORIES_TURN)

    def _decide_by_arms(self, moment: Moment) -> None:
        policy, count, margin = self._usual, CATEGORIES, MARGIN
        categories: tuple[str, ...] = ()
        arms = self._arms(moment.slot)
        for experiment, arm, _ in arms.values():
            told = experiment.arms[arm]
            if told.policy is not None:
                policy, categories = POLICIES.index(told.policy), told.categories
            count = count if told.count is None else told.count
            margin = margin if told.margin is None else told.margin
        self._choose(moment, policy, categories, count, margin, arms)

    def _arms(self, slot: int) -> Arms:
        """By layer: the experiment on categories that the profile is in, its arm, and the chance of that arm."""
        record = self.context.state.tastes.records[slot]
        arms: Arms = {}
        for place, digest in enumerate(record["exp_id"].tolist()):
            experiment = self._shaping.get(digest)
            if experiment is not None and record["exp_state"][place] in (OBSERVED, COUNTED):
                share = round(float(record["exp_share"][place]), 6)
                arms[place] = (experiment, int(record["exp_arm"][place]), share)
        return arms

    def _choose(
        self, moment: Moment, policy: int, categories: tuple[str, ...], count: int, margin: float, arms: Arms
    ) -> None:
        """Emit the profile's categories when they are to change, or when it came under another arm."""
        known, tastes, desk = self._known, self.context.state.tastes, self._desk
        arm = sum((e.digest * 31 + arm + 1 for e, arm, _ in arms.values())) % 2**32 if arms else 0
        if not decide_categories(
            tastes.records, moment.slot, policy, moment.ts, self.popular, known.base, known.indexes(categories),
            known.fitting, len(known.names), count, margin, arm, desk["category_parts"][0],
            desk["category_scores"][0], self._out, self._reasons,
        ):  # fmt: skip
            return
        tastes.dirty[moment.slot] = 1
        propensity, experiment = 1.0, None
        for shaping, number, share in arms.values():
            propensity *= share
            if experiment is None:
                experiment = {"id": shaping.id, "arm": shaping.arms[number].name}
        policy, version = self._out[:BEST].tolist()
        self.context.decide(
            topics.CATEGORY_CHOICES,
            moment,
            version=version,
            model=POLICIES[policy],
            model_version=int(desk["category_plays"][0]),
            explore=propensity < 1.0,
            propensity=propensity,
            experiment=experiment,
            **self._told(policy, version, self._out, self._reasons.tolist()),
        )

    def answer(self, choices: Array, heads: Heads) -> None:
        """Make records of ``choices`` (of ``dealing.parts.CHOICE``)."""
        rests = choices_behind(choices, self._known.texts, FEATURES, MODELS)
        heads.add_behind(topics.CATEGORY_CHOICES, choices, rests)

    def _told(self, policy: int, version: int, out: Array, reasons: list[float]) -> dict[str, Any]:
        """What a record says of the categories that ``decide_categories`` chose: these, those before, and why the first
        few are there."""
        names = self._known.names
        why = zip(out[BEST : BEST + REASONS].tolist(), out[WHY:].tolist(), reasons, strict=True)
        return {
            "categories": self._known.listed(out[BEST:BEFORE]),
            "previous": self._known.listed(out[BEFORE:WHY]) if version > 1 else None,
            "reasons": [
                {"category": names[tag - 1], "feature": PARTS[part], "contribution": round(weight, 4)}
                for tag, part, weight in why
                if tag and policy != FIXED
            ],
        }

    # --- erasure, checkpoint, recovery ---------------------------------------------------------------------

    def wake(self, slot: int, moment: Moment) -> None:
        """Never asked for."""

    def follow_shared(self) -> None:
        """What is popular is counted here; arms are the experiments' own business."""

    def forget(self, slot: int) -> None:
        """The topic's tombstone is written with all others keyed by the profile."""

    def restored(self) -> None:
        """Nothing waits."""

    def dump(self) -> Any:
        """What is popular."""
        desk = self._desk
        return {
            "popular": self.popular.copy(), "ts": desk["popular_ts"][0].copy(), "plays": int(desk["category_plays"][0])
        }  # fmt: skip

    def load(self, dumped: Any) -> None:
        """Go on from there."""
        if dumped["popular"].shape != self.popular.shape:
            raise ValueError(f"popularity of {dumped['popular'].shape}")
        self.popular[:] = dumped["popular"]
        self._desk["popular_ts"], self._desk["category_plays"] = dumped["ts"], dumped["plays"]
