"""What is on every row of the service at a moment, and what everybody wants just now: waves of interest.

The same for all viewers; what a viewer's own ranking and history make of it is in ``person``.
"""

from __future__ import annotations

import random

import numpy as np

from streams.audience.habits import DAY, HOUR
from streams.audience.titles import Floats, SimulatedCatalog

WAVE_HALF_LIFE_MS = 1.5 * DAY
WAVES_A_DAY = 2
"""Titles of any age that everybody suddenly talks about, each day."""
WAVE_RANGE = (0.8, 2.2)
FORGOTTEN_DAYS = 12
"""After eight half-lives a wave is no more."""
SHELF = 20
"""Titles on a row that time fills."""


class Shelves:
    """The rows of a catalog as time goes on. ``titles[row_id]`` are its titles, in order, as of the last
    call of ``at``; ``wave[title]`` what everybody's interest adds, in log-odds."""

    def __init__(self, catalog: SimulatedCatalog) -> None:
        self.catalog = catalog
        self.titles: dict[str, tuple[int, ...]] = {}
        self.members: dict[str, frozenset[int]] = {}
        self.wave: Floats = np.zeros(len(catalog.titles))
        self.arrived: list[int] = []
        self.there: Floats = np.zeros(len(catalog.titles))
        """0 for titles that are there, minus infinity for those that are not yet."""
        self.rules = {row.row_id: row.rule for row in catalog.rows}
        self._standing = np.array([title.standing for title in catalog.titles])
        self._hour = -1
        self._waves: dict[int, list[tuple[int, int, float]]] = {}

    def at(self, now_ms: int) -> None:
        """Put up what is there at ``now_ms`` (to the hour)."""
        hour = now_ms // HOUR
        if hour == self._hour:
            return
        self._hour = hour
        catalog = self.catalog
        there = catalog.arrives_ms <= hour * HOUR
        self.there = np.where(there, 0.0, -np.inf)
        self.wave = self._wave_at(hour * HOUR)
        self.arrived = np.flatnonzero(there).tolist()
        by_rule = {
            "popular": _top(self._standing + self.there),
            "new": _top(catalog.arrives_ms.astype(np.float64) + self.there),
            "trending": _top(self.wave + 0.3 * self._standing + self.there),
        }
        shown = set(self.arrived)
        for row in catalog.rows:
            titles = by_rule.get(row.rule, tuple(title for title in row.titles if title in shown))
            self.titles[row.row_id] = titles
            self.members[row.row_id] = frozenset(titles)

    def _wave_at(self, now_ms: int) -> Floats:
        wave = np.zeros(len(self.catalog.titles))
        today = now_ms // DAY
        for number, title in enumerate(self.catalog.titles):
            if 0 <= now_ms - title.arrives_ms < FORGOTTEN_DAYS * DAY:
                wave[number] += title.wave * 0.5 ** ((now_ms - title.arrives_ms) / WAVE_HALF_LIFE_MS)
        for day in range(today - FORGOTTEN_DAYS, today + 1):
            for number, began_ms, strength in self._waves_of(day):
                if began_ms <= now_ms and self.catalog.titles[number].arrives_ms <= began_ms:
                    wave[number] += strength * 0.5 ** ((now_ms - began_ms) / WAVE_HALF_LIFE_MS)
        return wave

    def _waves_of(self, day: int) -> list[tuple[int, int, float]]:
        waves = self._waves.get(day)
        if waves is None:
            chance = random.Random(f"waves-{self.catalog.seed}-{day}")
            waves = self._waves[day] = [
                (
                    chance.randrange(len(self.catalog.titles)),
                    day * DAY + int(chance.random() * DAY),
                    chance.uniform(*WAVE_RANGE),
                )
                for _ in range(WAVES_A_DAY)
            ]
        return waves


def _top(scores: Floats) -> tuple[int, ...]:
    best = np.argsort(-scores, kind="stable")[:SHELF]
    return tuple(int(title) for title in best if np.isfinite(scores[title]))
