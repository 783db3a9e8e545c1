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
import orjson

from streams import topics
from streams.dealing.dealing import Dealing
from streams.dealing.parts import NO_MARKS
from streams.decisions.title_candidates import age_limit
from streams.decisions.title_known import KNOWN, N_LEARNED, N_POPULAR, POPULAR, TITLE_TERMS, Known, new_known
from streams.decisions.title_reactions import show_interest
from streams.emit.heads import Heads
from streams.emit.names import Names, texts
from streams.emit.records import PLAIN_MODEL
from streams.emit.signals import plays_told
from streams.emit.text import rankings_behind
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import MAX_TAGS, TOP_TITLES
from streams.surfaces.surface import Reaction, SurfaceContext
from streams.surfaces.title_searches import TitleSearches
from streams.surfaces.title_stats import take_over

MODEL, FALLBACK_MODEL = "titles", "fallback"
MODELS = texts(map(orjson.dumps, (MODEL, PLAIN_MODEL)))
REASON_NAMES = (*TITLE_TERMS, "continue")
"""What a reason can be, as records name it."""
FEATURES = texts(map(orjson.dumps, REASON_NAMES))
OPENED = 0.5
"""Interest in a title's tags that an opened search result is worth, in quality plays."""
DRAWS = 0x717
"""Added to the seed, so that new titles are drawn apart from rows and images."""


class Titles:
    """The homepage rankings of the profiles of one partition. Implements ``surface.Surface``."""

    name = "titles"
    compiled = (
        MomentKind.SESSION,
        MomentKind.SESSION_OVER,
        MomentKind.QUALITY,
        MomentKind.OVER,
        MomentKind.RATED,
        MomentKind.LISTED,
    )

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        settings, desk = context.settings, context.dealing.desk
        desk["explore_share"], desk["titles_margin"] = settings.explore_share, settings.titles_margin
        desk["titles_seed"] = settings.seed + DRAWS
        self._record: Array = desk["known"][0]
        self.known: Known = Known(*(self._record[name][0] for name in Known._fields))
        self._marks: Array = NO_MARKS
        self._names = Names()
        self._searches = TitleSearches(context.state)
        self._catalog_version = -1
        self._shared_version = 0

    def reactions(self) -> Mapping[int, Reaction]:
        return {
            MomentKind.SEARCHED: self.note_search,
            MomentKind.SETTINGS: self.rank,
        }

    def lay_out(self, dealing: Dealing) -> Array:
        """What titles are ranked with: a mark for each."""
        state, desk = self.context.state, dealing.desk
        desk["titles"], desk["tags"] = len(state.titles.names), min(len(state.tags), MAX_TAGS)
        if self._catalog_version != state.catalog.version:
            self._catalog_version = state.catalog.version
            desk["titles_stale"] = 1
        capacity = len(state.title_tastes.records)
        if len(self._marks) < capacity:
            self._marks = np.zeros(capacity, np.int32)
        return self._marks

    # --- what happened -------------------------------------------------------------------------------------

    def note_search(self, moment: Moment) -> None:
        """A search moves the page at once."""
        record = self.context.state.tastes.records[moment.slot]
        self._searches.note(record, self.context.event(moment), moment.ts)
        if moment.title > 0:
            tastes, titles = self.context.state.tastes, self.context.state.title_tastes.records
            show_interest(tastes.records, moment.slot, titles, moment.title, OPENED, moment.ts, False)
        self.rank(moment)

    def rank(self, moment: Moment) -> None:
        """Make the ranking anew, and answer with it when it changes."""
        self.context.dealing.rank()

    # --- records -------------------------------------------------------------------------------------------

    def answer(self, rankings: Array, heads: Heads) -> None:
        """Make records of ``rankings`` (of ``dealing.parts.RANKING``)."""
        self._names.follow(self.context.state.titles.names)
        rests = rankings_behind(rankings, self._names, FEATURES, MODELS)
        heads.add_behind(topics.HOMEPAGE_RANKINGS, rankings, rests)

    def signals(self, signals: Array, moments: Array) -> list[tuple[bytes, bytes]]:
        """What titles' owners are told of plays, under the titles' ids: ``signals`` (of ``dealing.parts.SIGNAL``) at
        ``moments``."""
        names = self.context.state.titles.names
        self._names.follow(names)
        told = plays_told(signals, moments["ts"][signals["at"]], self.context.partition, self._names)
        keys = [(names[title] or "").encode() for title in signals["title"].tolist()]
        return list(zip(keys, told, strict=True))

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
        self.context.decide(
            topics.HOMEPAGE_RANKINGS,
            moment,
            version=int(record["title_version"]),
            model=FALLBACK_MODEL,
            model_version=int(self.known.n[N_LEARNED]),
            titles=[self.context.title(t) for t in chosen],
            scores=[0.0] * len(chosen),
            reasons=[],
        )

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
            elif name in ("popular", "lately"):  # a program before had longer ones
                target[: len(value)] = value[: len(target)]
            else:
                target[...] = value
        fresh["n"][0, N_POPULAR] = min(int(fresh["n"][0, N_POPULAR]), POPULAR)
        self._record[:] = fresh
