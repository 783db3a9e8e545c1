"""Who decides one surface in the engine's place: at random, by popularity, or as the best possible.

A contender sees the event log (and the catalog), like the engine, and is asked when a viewer is about to look.
What it answers has the form of the contract's record, so viewers take it as they take the engine's. Only
``Best`` knows the truth.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from benchmarks.learning.outcomes import Outcome, Outcomes
from streams import topics
from streams.audience import truth
from streams.audience.habits import CATEGORIES_SHOWN, DAY
from streams.audience.titles import TAGS, SimulatedCatalog
from streams.audience.truth import RANKED
from streams.audience.viewer import Viewer

TOPIC = {
    "rows": topics.ROW_ORDER,
    "titles": topics.HOMEPAGE_RANKINGS,
    "artwork": topics.ARTWORK_CHOICES,
    "trailers": topics.TRAILER_CHOICES,
    "categories": topics.CATEGORY_CHOICES,
}
POPULAR_HALF_LIFE_MS = 2 * DAY
"""The half-life of popularity: of half a day to eight, the one that ranks titles best here."""
DEVICES = ("tv", "console", "phone", "tablet", "web", "other")

Decision = dict[str, Any]


class Contender(Protocol):
    """Decides one surface."""

    name: str

    def see(self, event: dict[str, Any]) -> None:
        """One event of the log."""

    def rows(self, asked: Viewer) -> Sequence[str]:
        """The rows, best first."""

    def titles(self, asked: Viewer) -> Sequence[int]:
        """A ranking of titles (indexes), best first."""

    def image(self, asked: Viewer, title: int) -> int:
        """Which image (index) stands for a title."""

    def trailer(self, asked: Viewer) -> tuple[int, int]:
        """A title and which of its trailers (indexes)."""

    def categories(self, asked: Viewer) -> Sequence[str]:
        """Categories, first one first."""


class Learner:
    """A contender that knows what was shown, played and watched, and what is in the catalog. Of ``asked`` it may
    use the profile's id, the titles that the catalog has by now, and the age limit that the profile has set."""

    name = ""

    def __init__(self, catalog: SimulatedCatalog, seed: int) -> None:
        self.catalog = catalog
        self.chance = random.Random(f"{self.name}-{seed}")
        self.had: dict[str, set[int]] = defaultdict(set)
        """Titles that a profile has played, well or not."""
        self.trailers_seen: dict[str, set[tuple[int, int]]] = defaultdict(set)
        self.context: dict[str, tuple[int, str]] = {}
        """Hour of day and device of the last event of a profile."""
        self._outcomes = Outcomes()

    def see(self, event: dict[str, Any]) -> None:
        """One event of the log."""
        profile, kind = event["profile_id"], event["type"]
        if "device_type" in event:
            self.context[profile] = (event["ts"] // 3_600_000 % 24, event["device_type"])
        if kind == "playback_start":
            self.had[profile].add(self.catalog.index[event["title_id"]])
        elif kind == "trailer_view":
            title = self.catalog.index[event["title_id"]]
            teasers = [teaser.trailer_id for teaser in self.catalog.titles[title].trailers]
            self.trailers_seen[profile].add((title, teasers.index(event["trailer_id"])))
        elif kind == "browse":
            self.browsed(profile, event["category_id"], event["dwell_s"])
        for outcome in self._outcomes.follow(event):
            self.learn(outcome)

    def learn(self, outcome: Outcome) -> None:
        """Learn from one outcome."""

    def browsed(self, profile: str, category: str, dwell_s: float) -> None:
        """Learn from a category that was entered."""

    def candidates(self, asked: Viewer) -> list[int]:
        """Titles that this profile may see and has not had."""
        titles, had = self.catalog.titles, self.had[asked.profile_id]
        return [t for t in asked.shelves.arrived if t not in had and titles[t].age <= asked.max_age]

    def rows_there(self, asked: Viewer) -> list[str]:
        """Every row."""
        return list(asked.shelves.rules)


class Random(Learner):
    """Anything, each time anew."""

    name = "random"

    def rows(self, asked: Viewer) -> Sequence[str]:
        """Every order alike."""
        rows = self.rows_there(asked)
        self.chance.shuffle(rows)
        return rows

    def titles(self, asked: Viewer) -> Sequence[int]:
        """Any titles."""
        candidates = self.candidates(asked)
        return self.chance.sample(candidates, min(RANKED, len(candidates)))

    def image(self, asked: Viewer, title: int) -> int:
        """Any image."""
        return self.chance.randrange(len(self.catalog.titles[title].images))

    def trailer(self, asked: Viewer) -> tuple[int, int]:
        """Any trailer."""
        title = self.chance.choice(self.candidates(asked) or asked.shelves.arrived)
        return title, self.chance.randrange(len(self.catalog.titles[title].trailers))

    def categories(self, asked: Viewer) -> Sequence[str]:
        """Any categories."""
        return self.chance.sample(TAGS, CATEGORIES_SHOWN)


class Popularity(Learner):
    """What everybody plays well just now; what a profile has had already is left out."""

    name = "popularity"

    def __init__(self, catalog: SimulatedCatalog, seed: int) -> None:
        super().__init__(catalog, seed)
        self.row_plays: dict[str, float] = defaultdict(float)
        self.tag_plays: dict[str, float] = defaultdict(float)
        self.image_seen: dict[str, float] = defaultdict(float)
        self.image_plays: dict[str, float] = defaultdict(float)
        self._plays: dict[int, tuple[float, int]] = {}
        self._now = 0

    def learn(self, outcome: Outcome) -> None:
        """Count."""
        self._now = max(self._now, outcome.ts)
        if outcome.artwork:
            self.image_seen[outcome.artwork] += 1.0
            self.image_plays[outcome.artwork] += outcome.good
        if not outcome.good:
            return
        title = self.catalog.index[outcome.title]
        self._plays[title] = (self.plays(title) + 1.0, self._now)
        if outcome.row:
            self.row_plays[outcome.row] += 1.0
        for tag in self.catalog.titles[title].tags:
            self.tag_plays[TAGS[tag]] += 1.0

    def plays(self, title: int) -> float:
        """Decayed good plays of a title."""
        count, ts = self._plays.get(title, (0.0, self._now))
        return float(count * 0.5 ** ((self._now - ts) / POPULAR_HALF_LIFE_MS))

    def rows(self, asked: Viewer) -> Sequence[str]:
        """By good plays."""
        return sorted(self.rows_there(asked), key=lambda row: -self.row_plays[row])

    def titles(self, asked: Viewer) -> Sequence[int]:
        """By decayed good plays."""
        return sorted(self.candidates(asked), key=lambda title: -self.plays(title))[:RANKED]

    def image(self, asked: Viewer, title: int) -> int:
        """The image with the best rate so far, smoothed by a prior of two views in a hundred."""
        names = [image.artwork_id for image in self.catalog.titles[title].images]
        rates = [(self.image_plays[name] + 1.0) / (self.image_seen[name] + 50.0) for name in names]
        return rates.index(max(rates))

    def trailer(self, asked: Viewer) -> tuple[int, int]:
        """A trailer of the most popular title of which none was seen."""
        seen = {title for title, _ in self.trailers_seen[asked.profile_id]}
        unseen = [title for title in self.candidates(asked) if title not in seen]
        return max(unseen or asked.shelves.arrived, key=self.plays), 0

    def categories(self, asked: Viewer) -> Sequence[str]:
        """By good plays."""
        return sorted(TAGS, key=lambda tag: -self.tag_plays[tag])[:CATEGORIES_SHOWN]


class Best(Learner):
    """The truth itself."""

    name = "best possible"

    def rows(self, asked: Viewer) -> Sequence[str]:
        """The best order."""
        return truth.best_page(asked)

    def titles(self, asked: Viewer) -> Sequence[int]:
        """The best titles."""
        return truth.best_ranking(asked)

    def image(self, asked: Viewer, title: int) -> int:
        """The best image."""
        return truth.best_image(asked, title)

    def trailer(self, asked: Viewer) -> tuple[int, int]:
        """The best trailer."""
        return truth.best_offer(asked)

    def categories(self, asked: Viewer) -> Sequence[str]:
        """The best categories."""
        return truth.best_categories(asked)


Maker = Callable[[SimulatedCatalog, int], Contender]
