"""Who a simulated viewer is: the hidden taste, the devices, the memory, and how what they do becomes an
event.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

from streams import topics
from streams.audience.habits import DEVICES, ITEMS_SHOWN, PLACES, SECOND, TASTE_SPREAD
from streams.audience.titles import TAGS, SimulatedCatalog

Fields = dict[str, Any]
Happening = tuple[int, str, Fields]
"""Time (ms since the epoch), topic, and the event's fields."""


class Person:
    """A viewer named ``profile_id`` whose every choice comes from ``seed``. ``page`` is the order of rows
    shown next.

    ``run`` makes event ids unique among runs of the same seed. Time is this person's own, in ms since the
    epoch.
    """

    def __init__(self, profile_id: str, seed: str, catalog: SimulatedCatalog, run: str) -> None:
        self.profile_id = profile_id
        self.page: tuple[str, ...] = ()
        self.page_version: int | None = None
        self.gone = False
        self._chance = random.Random(seed)
        self._catalog = catalog
        self._rows = {row.row_id: row for row in catalog.rows}
        self._run = run
        self._count = 0
        self._contentment = 0.7
        self._unfinished: deque[int] = deque(maxlen=8)
        self._seen: deque[int] = deque(maxlen=40)
        chance = self._chance
        self.taste = [chance.gauss(0.0, TASTE_SPREAD) for _ in TAGS]
        self._country, self._region = chance.choice(PLACES)
        self._devices = [
            (f"{profile_id}-d{number}", chance.choice(DEVICES))
            for number in range(chance.choice((1, 2, 2, 3)))
        ]
        self._device = self._devices[0]
        self._session = ""
        self._now = 0
        self._pull = [0.0] * len(TAGS)

    def _appeal(self, title: int) -> float:
        """Log-odds with which this viewer wants this title now; what was just seen is stale."""
        shown = self._catalog.titles[title]
        tags = shown.tags
        pull = self._pull[tags[0]]
        if len(tags) > 1:
            pull = 0.7 * pull + 0.3 * max(self._pull[tag] for tag in tags[1:])
        return pull + 0.5 * shown.quality - (2.0 if title in self._seen else 0.0)

    def _window(self, titles: tuple[int, ...]) -> list[int]:
        """The titles of a row that are on the screen: rather its best, and not always the same."""
        start = int(self._chance.random() ** 2 * max(1, len(titles) - ITEMS_SHOWN + 1))
        return list(titles[start : start + ITEMS_SHOWN])

    def _artwork(self, title: int) -> str:
        artworks = self._catalog.titles[title].artworks
        return artworks[len(self.profile_id) % len(artworks)]

    def _seek(self, about: Fields, before: float, after: float) -> Happening:
        return self._happening(
            "playback_seek", {**about, "from_s": round(before, 1), "to_s": round(after, 1)}
        )

    def _pass(self, seconds: float) -> None:
        self._now += int(seconds * SECOND)

    def _happening(self, kind: str, fields: Fields) -> Happening:
        event = self._base(kind)
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
