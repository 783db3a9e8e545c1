"""Titles: the homepage ranking of every profile, changed by what it watches, searches, rates and leaves unfinished.

A ranking is made anew when a session begins, after each outcome, search, rating and change of settings; it leaves
(``homepage-rankings``) when it is worth more than the one that stands, or that one shows what may not come any more.
The best twenty stay in the profile's record (``top_titles``): artwork and trailers go by them.

What a title's quality plays say goes to the title's owner, too (``title-signals``), and comes back from all
partitions as ``title-stats``: the larger of the own count and the told one is taken. The own count is part of the
told one, and both fade alike, so that never counts a play twice; with one partition there is nothing to take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from streams import topics
from streams.decisions.title_candidates import BENCH, MARKS, age_limit
from streams.decisions.title_known import (
    KNOWN,
    N_FRESH,
    N_LEARNED,
    N_POPULAR,
    N_SINCE,
    TITLE_TERMS,
    Known,
    new_known,
)
from streams.decisions.title_lists import make_lists
from streams.decisions.title_reactions import draw_new_title, end_play, play_well, show_interest
from streams.decisions.titles import decide_titles
from streams.emit.records import PLAIN_MODEL
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS, TOP_TITLES
from streams.surfaces.surface import Reaction, SurfaceContext
from streams.surfaces.title_searches import TitleSearches
from streams.surfaces.title_stats import signal_play, take_over

MODEL, FALLBACK_MODEL = "titles", "fallback"
REASON_NAMES = (*TITLE_TERMS, "continue")
REASONS = 3
"""Titles of a page whose strongest term is told."""
LISTS_EVERY, LISTS_SHARE = 64, 64
"""The lists of competitors are made anew after so many quality plays, or a quality play for every so many titles."""
LIKE, LIST, OPENED = 0.5, 0.5, 0.5
"""Interest in a title's tags that a thumb, the viewer's list, or an opened search result is worth, in quality
plays."""
DRAWS = 0x717
"""Added to the seed, so that new titles are drawn apart from rows and images."""


class Titles:
    """The homepage rankings of the profiles of one partition. Implements ``surface.Surface``."""

    name = "titles"
    quiet_kinds = (MomentKind.SESSION_OVER,)

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self._record: Array = new_known()
        self.known: Known = Known(*(self._record[name][0] for name in Known._fields))
        self._bench, self._marks = np.zeros(1, BENCH), np.zeros(1, MARKS)
        self._features: Array = np.zeros(REASONS, np.int8)
        self._parts: Floats = np.zeros(REASONS)
        self._searches = TitleSearches(context.state)
        self._catalog_version = -1
        self._shared_version = 0

    def reactions(self) -> Mapping[int, Reaction]:
        return {
            MomentKind.SESSION: self.begin_session,
            MomentKind.SESSION_OVER: self.end_session,
            MomentKind.QUALITY: self.note_quality,
            MomentKind.OVER: self.note_over,
            MomentKind.SEARCHED: self.note_search,
            MomentKind.RATED: self.note_rating,
            MomentKind.LISTED: self.note_list,
            MomentKind.SETTINGS: self.rank,
        }

    # --- what happened -------------------------------------------------------------------------------------

    def begin_session(self, moment: Moment) -> None:
        """A session begins: some show a new title higher than it earned, so that it is seen at all."""
        state, settings = self.context.state, self.context.settings
        self._follow(moment)
        draw_new_title(
            state.tastes.records, moment.slot, state.profiles.records["key_hash"], self._record,
            settings.explore_share, settings.seed + DRAWS,
        )  # fmt: skip
        self.rank(moment)

    def end_session(self, moment: Moment) -> None:
        """The new title has had its chance."""
        tastes = self.context.state.tastes
        if tastes.records["title_explored"][moment.slot]:
            tastes.records["title_explored"][moment.slot] = 0
            tastes.dirty[moment.slot] = 1

    def note_quality(self, moment: Moment) -> None:
        """A quality play: learned with what was known before, then counted. The page can wait until the viewer
        looks at it again: when the play is over."""
        context, title = self.context, moment.title
        if title <= 0:
            return
        self._follow(moment)
        signal_play(context, moment, 1.0)
        titles = context.state.title_tastes
        play_well(
            context.state.tastes.records, moment.slot, titles.records, titles.dirty, self._record,
            self._room(), self._bench, title, moment.ts, context.settings.learning,
        )  # fmt: skip
        context.state.tastes.dirty[moment.slot] = 1

    def note_over(self, moment: Moment) -> None:
        """A play ended: what was left in the middle is to be continued, what was not is had."""
        context, title = self.context, moment.title
        if title <= 0:
            return
        if not moment.flag:
            signal_play(context, moment, 0.0)
        tastes, titles = context.state.tastes, context.state.title_tastes
        tastes.dirty[moment.slot] = 1
        end_play(
            tastes.records, moment.slot, titles.records, titles.dirty, self._record, title, moment.ts,
            moment.flag == 1, moment.b, moment.c,
        )  # fmt: skip
        self.rank(moment)

    def note_search(self, moment: Moment) -> None:
        """A search moves the page at once."""
        record = self.context.state.tastes.records[moment.slot]
        self._searches.note(record, self.context.event(moment), moment.ts)
        if moment.title > 0:
            self._show_interest(moment, OPENED)
        self.rank(moment)

    def note_rating(self, moment: Moment) -> None:
        """What is rated is known to the viewer, and says what is liked."""
        if moment.title > 0:
            self._show_interest(moment, LIKE * moment.a, known_to_viewer=True)
            self.rank(moment)

    def note_list(self, moment: Moment) -> None:
        """The viewer's list says what is liked; the page can wait for the next outcome."""
        if moment.title > 0:
            self._show_interest(moment, LIST * moment.a)

    def _show_interest(self, moment: Moment, amount: float, known_to_viewer: bool = False) -> None:
        tastes, titles = self.context.state.tastes, self.context.state.title_tastes.records
        show_interest(tastes.records, moment.slot, titles, moment.title, amount, moment.ts, known_to_viewer)
        tastes.dirty[moment.slot] = 1

    # --- the page ------------------------------------------------------------------------------------------

    def rank(self, moment: Moment) -> None:
        """Make the ranking anew, and emit it when it changes."""
        self._follow(moment)
        state = self.context.state
        tastes = state.tastes
        length = decide_titles(
            tastes.records, moment.slot, state.title_tastes.records, self._record, self._room(), self._bench,
            moment.ts, self.context.settings.titles_margin, self._features, self._parts,
        )  # fmt: skip
        tastes.dirty[moment.slot] = 1
        if length == 0:
            return
        names = state.titles.names
        version, plain, kids, *slots = self._bench["told"][0].tolist()
        ids = [names[slot - 1] for slot in slots[: abs(length)]]
        reasons = []
        for name, feature, part in zip(ids, self._features.tolist(), self._parts.tolist(), strict=False):
            if feature >= 0:
                reasons.append({"title_id": name, "feature": REASON_NAMES[feature], "contribution": part})
        share, fresh = self.context.settings.explore_share, int(self.known.n[N_FRESH])
        if length < 0:
            propensity = share / max(fresh, 1)  # 0: the lists were made anew since the session began
        elif fresh and not plain and not kids:
            propensity = 1.0 - share
        else:
            propensity = 1.0
        scores = self._bench["told_scores"][0].tolist()[: len(ids)]
        model = PLAIN_MODEL if plain else MODEL
        self._emit(moment, version, ids, scores, reasons, model, length < 0, propensity)

    def _room(self) -> Array:
        """Memory for scoring among as many titles as there are."""
        capacity = len(self.context.state.title_tastes.records)
        if len(self._marks) < capacity:
            self._marks = np.zeros(capacity, MARKS)
        return self._marks

    def _emit(
        self,
        moment: Moment,
        version: int,
        ids: list[Any],
        scores: list[float],
        reasons: list[dict[str, Any]],
        model: str,
        explores: bool = False,
        propensity: float = 1.0,
    ) -> None:
        self.context.decide(
            topics.HOMEPAGE_RANKINGS,
            moment,
            version=version,
            model=model,
            model_version=int(self.known.n[N_LEARNED]),
            explore=explores,
            propensity=propensity,
            titles=ids,
            scores=scores,
            reasons=reasons,
        )

    def _follow(self, moment: Moment) -> None:
        """Make the lists anew when enough was played since, or the catalog has changed."""
        state = self.context.state
        used = len(state.titles.names)
        if (
            self._catalog_version != state.catalog.version
            or self.known.n[N_SINCE] >= LISTS_EVERY + used // LISTS_SHARE
        ):
            self._catalog_version = state.catalog.version
            ts = max(moment.ts, int(self.known.ts[0]))
            make_lists(state.title_tastes.records, used, self.known, ts, min(len(state.tags), MAX_TAGS))

    def fall_back(self, moment: Moment) -> None:
        """Without a model: what everybody watches, or else the catalog as it comes."""
        state = self.context.state
        record = state.tastes.records[moment.slot]
        titles = state.title_tastes.records
        limit = age_limit(record)
        popular = self.known.popular[: self.known.n[N_POPULAR]].tolist()
        chosen = [t for t in popular if titles["active"][t] and titles["age"][t] <= limit]
        if not chosen:
            chosen = np.flatnonzero((titles["active"] == 1) & (titles["age"] <= limit)).tolist()
        chosen = chosen[:TOP_TITLES]
        page = [1 + t for t in chosen] + [0] * (TOP_TITLES - len(chosen))
        if not chosen or record["top_titles"].tolist() == page:
            return
        record["top_titles"], record["top_scores"] = page, 0.0
        state.tastes.dirty[moment.slot] = 1
        record["title_version"] += 1
        ids, scores = [self.context.title(t) for t in chosen], [0.0] * len(chosen)
        self._emit(moment, int(record["title_version"]), ids, scores, [], FALLBACK_MODEL)

    # --- other partitions ----------------------------------------------------------------------------------

    def follow_shared(self) -> None:
        """Take over what all partitions know of titles that changed."""
        if self.context.settings.partitions > 1:
            self._shared_version = take_over(
                self.context.shared.titles, self._shared_version, self.context.state
            )

    def wake(self, slot: int, moment: Moment) -> None:
        """Nothing waits for a time of its own."""

    def forget(self, slot: int) -> None:
        """All that is known of a profile is in its record."""

    # --- checkpoint ----------------------------------------------------------------------------------------

    def restored(self) -> None:
        """The lists came back as they were; what the catalog changed since is seen at the next pass."""
        if self.known.n[N_POPULAR]:
            self._catalog_version = self.context.state.catalog.version

    def dump(self) -> dict[str, Any]:
        return {"terms": TITLE_TERMS, **{name: getattr(self.known, name) for name in Known._fields}}

    def load(self, dumped: dict[str, Any]) -> None:
        fresh = new_known()
        for name in KNOWN.names or ():
            target, value = fresh[name][0], dumped[name]
            if name in ("weights", "gradients"):  # by the names of the terms
                for k, term in enumerate(TITLE_TERMS):
                    if term in dumped["terms"]:
                        target[k] = value[dumped["terms"].index(term)]
            else:
                target[...] = value
        self._record[:] = fresh
