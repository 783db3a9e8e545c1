"""Who a simulated viewer is: the hidden taste and what it makes of a title, an image, a trailer, a category at
a moment; and how what they do becomes an event.

Nothing of this reaches Flywheel but through the events.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np

from streams import topics
from streams.audience import habits
from streams.audience.habits import HOUR, MOODS, ON_DEVICE, SECOND, SIZE_OF
from streams.audience.shelves import Shelves
from streams.audience.shown import Shown
from streams.audience.titles import TAGS, Floats

Fields = dict[str, Any]
Happening = tuple[int, str, Fields]
"""Time (ms since the epoch), topic, and the event's fields; an empty topic is a moment at which only the viewer
looks at the clock."""
LENGTH_MEMORY = 40
"""Titles of which a viewer remembers having seen them."""

_MOOD = np.array([[MOODS.get(tag, (0.0,) * 4)[quarter] for tag in TAGS] for quarter in range(4)])
_DEVICE = np.array([[ON_DEVICE.get(tag, (0.0,) * 3)[size] for tag in TAGS] for size in range(3)])


class Person:
    """A viewer named ``profile_id`` whose every choice comes from ``seed``; ``shown`` is what Flywheel last
    decided for them.

    ``run`` makes event ids unique among runs of the same seed. Time is this person's own, in ms since the
    epoch. All appeals are log-odds.
    """

    def __init__(self, profile_id: str, seed: str, shelves: Shelves, run: str) -> None:
        self.profile_id = profile_id
        self.shown = Shown(shelves)
        self.gone = False
        self.visits = 0
        self.chance = chance = random.Random(seed)
        self.shelves = shelves
        self.catalog = shelves.catalog
        self._run = run
        self._count = 0
        self.contentment = 0.7
        self.unfinished: deque[int] = deque(maxlen=8)
        self.seen: deque[int] = deque(maxlen=LENGTH_MEMORY)
        self.kids = chance.random() < habits.KIDS_SHARE
        self.plain = not self.kids and chance.random() < habits.PLAIN_SHARE
        self.max_age = habits.KIDS_AGE if self.kids else 99
        self.taste = self._new_taste()
        self.troubled = chance.random() < habits.TROUBLED_SHARE
        self._country, self._region = chance.choice(habits.PLACES)
        self._devices = [
            (f"{profile_id}-d{number}", chance.choice(habits.DEVICES))
            for number in range(chance.choice((1, 2, 2, 3)))
        ]
        self._device = self._devices[0]
        self._session = ""
        self._now = 0
        self._craved = -1
        self._craves_until = 0
        self.tired: dict[int, float] = {}
        self.row_tired: dict[str, float] = {}
        self.pull: list[float] = [0.0] * len(TAGS)
        self.appeals: list[float] = []
        self.turn = 0.5
        """Which part of a long row is on the screen at this look (see ``Shown.window``)."""

    # --- what pleases

    def _new_taste(self) -> Floats:
        taste = np.array([self.chance.gauss(0.0, habits.TASTE_SPREAD) for _ in TAGS])
        if self.kids:
            for tag, gain in habits.KIDS_TASTE.items():
                taste[TAGS.index(tag)] += gain
        return taste

    def feel(self) -> None:
        """Know what this viewer wants at this visit: taste, mood by time and device, waves, fatigue."""
        hour = self._now // HOUR % 24
        quarter = (hour + 2) // 6 % 4  # night from 22, morning from 4, afternoon from 10, evening from 16
        size = SIZE_OF[self._device[1]]
        pull = self.taste + _MOOD[quarter] + _DEVICE[size]
        if self._craved >= 0:
            pull[self._craved] += habits.CRAVING
        self.pull = pull.tolist()
        catalog = self.catalog
        self.shelves.at(self._now)
        appeals = (
            catalog.weights @ pull
            + habits.QUALITY_WEIGHT * catalog.quality
            + habits.SHORT_GAINS[size] * catalog.short
            + habits.FILM_GAINS[size] * catalog.film
            + self.shelves.wave
        ).tolist()
        for title in set(self.seen):
            appeals[title] -= 0.0 if title in self.unfinished else habits.SEEN_COST
        kept = {}
        for title, times in self.tired.items():
            appeals[title] -= habits.TITLE_FATIGUE * times
            if times > 0.3:
                kept[title] = times * habits.FORGETS
        self.tired = kept
        self.row_tired = {row: times * habits.FORGETS for row, times in self.row_tired.items() if times > 0.3}
        self.appeals = appeals

    def image_charm(self, title: int) -> float:
        """What the image that stands for a title now adds to a click, for this viewer."""
        return self.charm_of(title, self.shown.artwork.get(title, 0))

    def charm_of(self, title: int, image: int) -> float:
        """What one image of a title adds."""
        shown = self.catalog.titles[title].images[image]
        return habits.IMAGE_TASTE * self.pull[shown.tag] + shown.quality

    def liking(self, title: int, teaser: int) -> float:
        """How much a trailer pleases, whatever the mood: taste for its title, and for what it shows."""
        made = self.catalog.titles[title]
        liking = float(self.catalog.weights[title] @ self.taste) + habits.QUALITY_WEIGHT * made.quality
        liking += habits.TEASER_TASTE * float(self.taste[made.trailers[teaser].tag])
        return liking - (habits.SEEN_COST if title in self.seen else 0.0)

    # --- what becomes an event

    def _seek(self, about: Fields, before: float, after: float) -> Happening:
        return self._happening(
            "playback_seek", {**about, "from_s": round(before, 1), "to_s": round(after, 1)}
        )

    def _pass(self, seconds: float) -> None:
        self._now += int(seconds * SECOND)

    def _moment(self, about: str) -> Happening:
        """Nothing happens yet; what this viewer does next depends on what is decided by now, ``about`` their
        ``page``, a ``message``, or ``nothing``."""
        return self._now, "", {"type": about}

    def _happening(self, kind: str, fields: Fields) -> Happening:
        event = self._base(kind)
        if self._session:
            event["session_id"] = self._session
        event["device_id"], event["device_type"] = self._device
        event.update(fields)
        return self._now, topics.VIEWING_EVENTS, event

    def _paid(self, kind: str, **fields: Any) -> Happening:
        event = self._base(kind)
        event.update(fields)
        return self._now, topics.SUBSCRIPTION_EVENTS, event

    def _base(self, kind: str) -> Fields:
        self._count += 1
        return {
            "event_id": f"{self._run}-{self.profile_id}-{self._count}",
            "type": kind,
            "profile_id": self.profile_id,
            "ts": self._now,
            "country": self._country,
            "region": self._region,
        }
