"""Who may decide one surface in the engine's place, and what all of them know.

A contender sees the event log (and the catalog), like the engine, and is asked when a viewer is about to look.
Only ``Best`` knows the truth.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from benchmarks.learning.outcomes import Outcome, Outcomes
from streams import topics
from streams.audience.titles import SimulatedCatalog
from streams.audience.viewer import Viewer

TOPIC = {
    "rows": topics.ROW_ORDER,
    "titles": topics.HOMEPAGE_RANKINGS,
    "artwork": topics.ARTWORK_CHOICES,
    "trailers": topics.TRAILER_CHOICES,
    "categories": topics.CATEGORY_CHOICES,
}


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
        """Every row; the catalog's topic has no order, so that nobody profits from one."""
        return sorted(asked.shelves.rules)


Maker = Callable[[SimulatedCatalog, int], Contender]
