"""The simplest contenders: at random, by popularity; and the best possible, who knows the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from benchmarks.learning.contenders import Learner
from benchmarks.learning.outcomes import Outcome
from streams.audience import truth
from streams.audience.habits import CATEGORIES_SHOWN, DAY
from streams.audience.titles import TAGS, SimulatedCatalog
from streams.audience.truth import RANKED
from streams.audience.viewer import Viewer

POPULAR_HALF_LIFE_MS = 2 * DAY
"""The half-life of popularity: waves of interest here last about as long."""


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
