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
from streams.decisions.ordering import chance
from streams.decisions.title_candidates import age_limit, new_bench
from streams.decisions.title_counts import (
    CO_DECAY,
    CO_WATCHED,
    add_taste,
    count_title_play,
    count_title_quality,
    forget_unfinished,
    mark_had,
    note_unfinished,
)
from streams.decisions.title_known import (
    N_FRESH,
    N_LEARNED,
    N_POPULAR,
    N_SINCE,
    TITLE_TERMS,
    Known,
    new_known,
)
from streams.decisions.title_lists import make_lists
from streams.decisions.titles import decide_titles, learn_title
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import MAX_TAGS, RECENT_TITLES, TOP_TITLES
from streams.surfaces.surface import Reaction, SurfaceContext
from streams.surfaces.title_searches import TitleSearches
from streams.surfaces.title_stats import take_over

MODEL, PLAIN_MODEL, FALLBACK_MODEL = "titles", "popular", "fallback"
CONTINUE = "continue"
REASONS = 5
"""Titles of a page whose strongest term is told."""
LISTS_EVERY, LISTS_SHARE = 64, 64
"""The lists of competitors are made anew after so many quality plays, or a quality play for every so many titles."""
LIKE, LIST, OPENED = 0.5, 0.5, 0.5
"""Interest in a title's tags that a thumb, the viewer's list, or an opened search result is worth, in quality
plays."""
CONTINUE_FROM, CONTINUE_TO, CONTINUE_LENGTH_S = 0.05, 0.9, 300.0
"""What was left between these shares of its length is to be continued; nobody goes on with a clip."""
DRAWS = 0x717
"""Added to the seed, so that new titles are drawn apart from rows and images."""


class Titles:
    """The homepage rankings of the profiles of one partition. Implements ``surface.Surface``."""

    name = "titles"

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self.known: Known = new_known()
        self._bench = new_bench(1)
        self._bench.fixed[:] = not context.settings.learning
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
        record = state.tastes.records[moment.slot]
        explored = 0
        fresh = int(self.known.n[N_FRESH])
        if fresh and settings.explore_share > 0 and not record["kids"] and not record["plain"]:
            key, draws = state.profiles.records["key_hash"][moment.slot], int(record["title_draws"])
            record["title_draws"] = draws + 1
            if chance(key, 2 * draws, settings.seed + DRAWS) < settings.explore_share:
                pick = int(chance(key, 2 * draws + 1, settings.seed + DRAWS) * fresh)
                explored = 1 + int(self.known.fresh[pick])
        record["title_explored"] = explored
        self.rank(moment)

    def end_session(self, moment: Moment) -> None:
        """The new title has had its chance."""
        tastes = self.context.state.tastes
        if tastes.records["title_explored"][moment.slot]:
            tastes.records["title_explored"][moment.slot] = 0
            tastes.dirty[moment.slot] = 1

    def note_quality(self, moment: Moment) -> None:
        """A quality play: learned with what was known before, then counted."""
        state, title = self.context.state, moment.title
        if title <= 0:
            return
        self._follow(moment)
        tastes, titles = state.tastes, state.title_tastes
        record = tastes.records[moment.slot]
        if self.context.settings.learning:
            learn_title(record, titles.records, titles.dirty, self.known, self._bench, title, moment.ts)
        self._signal(moment, 1.0)
        known = self.known
        count_title_play(record, titles.records, titles.dirty, known, title, moment.ts)
        count_title_quality(record, titles.records, titles.dirty, known, title, moment.ts)
        mark_had(record, titles.records, title)
        tastes.dirty[moment.slot] = 1
        self.rank(moment)

    def note_over(self, moment: Moment) -> None:
        """A play ended: what was left in the middle is to be continued, what was not is had."""
        state, title = self.context.state, moment.title
        if title <= 0:
            return
        tastes, titles = state.tastes, state.title_tastes
        record = tastes.records[moment.slot]
        changed = False
        stopped, length = moment.b, moment.c
        if length >= CONTINUE_LENGTH_S and CONTINUE_FROM * length <= stopped <= CONTINUE_TO * length:
            note_unfinished(record, title, stopped, moment.ts)
            changed = True
        else:
            changed = forget_unfinished(record, title)
        if not moment.flag:
            count_title_play(record, titles.records, titles.dirty, self.known, title, moment.ts)
            self._signal(moment, 0.0)
            mark_had(record, titles.records, title)
            changed = True
        tastes.dirty[moment.slot] = 1
        if changed:
            self.rank(moment)

    def note_search(self, moment: Moment) -> None:
        """A search moves the page at once."""
        state = self.context.state
        event = self.context.event(moment)
        tastes = state.tastes
        record = tastes.records[moment.slot]
        self._searches.note(record, event, moment.ts)
        if moment.title > 0:
            add_taste(record, state.title_tastes.records, moment.title, OPENED, moment.ts)
        tastes.dirty[moment.slot] = 1
        self.rank(moment)

    def note_rating(self, moment: Moment) -> None:
        """What is rated is known to the viewer, and says what is liked."""
        state = self.context.state
        if moment.title <= 0:
            return
        record = state.tastes.records[moment.slot]
        add_taste(record, state.title_tastes.records, moment.title, LIKE * moment.a, moment.ts)
        mark_had(record, state.title_tastes.records, moment.title)
        state.tastes.dirty[moment.slot] = 1
        self.rank(moment)

    def note_list(self, moment: Moment) -> None:
        """The viewer's list says what is liked; the page can wait for the next outcome."""
        state = self.context.state
        if moment.title > 0:
            record = state.tastes.records[moment.slot]
            add_taste(record, state.title_tastes.records, moment.title, LIST * moment.a, moment.ts)
            state.tastes.dirty[moment.slot] = 1

    # --- the page ------------------------------------------------------------------------------------------

    def rank(self, moment: Moment) -> None:
        """Make the ranking anew, and emit it when it changes."""
        self._follow(moment)
        state = self.context.state
        tastes, titles = state.tastes, state.title_tastes.records
        if len(self._bench.stamp) < len(titles):
            fixed = self._bench.fixed
            self._bench = new_bench(len(titles))
            self._bench.fixed[:] = fixed
        length = decide_titles(
            tastes.records, moment.slot, titles, self.known, self._bench, moment.ts,
            self.context.settings.titles_margin, self._features, self._parts,
        )  # fmt: skip
        tastes.dirty[moment.slot] = 1
        if length == 0:
            return
        record = tastes.records[moment.slot]
        names = state.titles.names
        ids = [names[slot - 1] for slot in record["top_titles"][: abs(length)].tolist()]
        reasons = []
        unfinished = set(record["title_unfinished"].tolist())
        for k, (feature, part) in enumerate(zip(self._features.tolist(), self._parts.tolist(), strict=True)):
            if k < len(ids) and feature >= 0:
                told = TITLE_TERMS[feature]
                reasons.append({"title_id": ids[k], "feature": told, "contribution": round(part, 4)})
            elif k < len(ids) and int(record["top_titles"][k]) in unfinished:
                reasons.append({"title_id": ids[k], "feature": CONTINUE, "contribution": 0.0})
        self._emit(moment, ids, reasons, PLAIN_MODEL if record["plain"] else MODEL, length < 0)

    def _emit(
        self, moment: Moment, ids: list[Any], reasons: list[dict[str, Any]], model: str, explores: bool
    ) -> None:
        record = self.context.state.tastes.records[moment.slot]
        record["title_version"] += 1
        share, fresh = self.context.settings.explore_share, int(self.known.n[N_FRESH])
        if explores:
            propensity = share / fresh
        elif model == MODEL and fresh and not record["kids"]:
            propensity = 1.0 - share
        else:
            propensity = 1.0
        scores = record["top_scores"][: len(ids)].astype(np.float64).round(4).tolist()
        self.context.decide(
            topics.HOMEPAGE_RANKINGS,
            moment,
            version=int(record["title_version"]),
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
        self._emit(moment, [self.context.title(t) for t in chosen], [], FALLBACK_MODEL, False)

    # --- other partitions ----------------------------------------------------------------------------------

    def _signal(self, moment: Moment, quality: float) -> None:
        """Tell the title's owner of a play that is resolved, and of what was watched before a good one."""
        context = self.context
        if not context.settings.sharing:
            return
        name = context.title(moment.title)
        record: dict[str, Any] = {
            "title_id": name, "ts": moment.ts, "quality": quality, "played": 1.0, "source": context.partition,
        }  # fmt: skip
        if quality:
            taste = context.state.tastes.records[moment.slot]
            n, recent = int(taste["title_recent_n"]), taste["title_recent"].tolist()
            record["with"] = [
                (context.title(recent[(n - 1 - back) % RECENT_TITLES] - 1), round(CO_DECAY**back, 3))
                for back in range(min(CO_WATCHED, n))
            ]
        context.signal(topics.TITLE_SIGNALS, name, record)

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
        for name in Known._fields:
            target, value = getattr(fresh, name), dumped[name]
            if name in ("weights", "gradients"):  # by the names of the terms
                for k, term in enumerate(TITLE_TERMS):
                    if term in dumped["terms"]:
                        target[k] = value[dumped["terms"].index(term)]
            else:
                target[...] = value
        self.known = fresh
