"""All viewers of a simulated audience, merged into one stream of events in the order in which they arrive.

Pure: time comes in, records come out, and the same seed and the same decisions give the same records. Who
leaves is replaced by somebody new, so the crowd stays as large as it was. Titles that are new in the catalog
are among the records, too.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from streams import topics
from streams.audience.bots import Bot
from streams.audience.habits import HOUR
from streams.audience.person import Happening
from streams.audience.scenarios import STEADY, Scenario
from streams.audience.shelves import Shelves
from streams.audience.titles import Produced, SimulatedCatalog
from streams.audience.viewer import Viewer

FAR_MS = 1 << 60
"""No event is ever later than this."""
ARRIVALS_MS = HOUR // 3
"""All viewers of an audience open the service within this time of its beginning."""
SPAN_SAMPLE = 50_000
"""Enough events to estimate a speed from, in a second."""
LATEST_MS = 20 * HOUR
"""A device that was offline sends what happened at most this much later."""
Waiting = tuple[int, int, Viewer, Iterator[Happening], Happening]


class Looking(NamedTuple):
    """A viewer who is about to look ``at`` their ``page`` or a ``message``."""

    viewer: Viewer
    at: str


class Audience:
    """``profiles`` viewers, beginning within minutes of ``start_ms`` (ms since the epoch). The scenario turns
    at ``turn_ms``.
    """

    def __init__(
        self,
        catalog: SimulatedCatalog,
        *,
        profiles: int,
        seed: int,
        start_ms: int,
        scenario: Scenario = STEADY,
        turn_ms: int = FAR_MS,
    ) -> None:
        self.catalog = catalog
        self.shelves = Shelves(catalog)
        self.shelves.at(start_ms)
        self.start_ms = self.now_ms = start_ms
        self.left = 0
        self.viewers: dict[str, Viewer] = {}
        self._plays_of_the_left = 0
        self.click_places: list[int] = []
        """Where on the page (0 = top) each thing that was clicked stood, in the order of time."""
        self.looking: Looking | None = None
        """Who is about to look, after a step ``to_look``."""
        self._scenario = scenario
        self._turn_ms = turn_ms
        self._seed = seed
        self._run = f"{start_ms:x}"
        self._born = 0
        self._waiting: list[Waiting] = []
        self._delays = random.Random(f"delays-{seed}")
        self._offline: dict[str, int] = {}
        """Until when a viewer's device has no connection; what happens until then is in ``_held``."""
        self._held: list[tuple[int, int, Produced]] = [
            (title.arrives_ms, number, title.record())
            for number, title in enumerate(catalog.titles)
            if title.arrives_ms > start_ms
        ]
        heapq.heapify(self._held)
        self._holds = len(catalog.titles)
        arrivals = random.Random(f"arrivals-{seed}")
        for _ in range(profiles):
            self._welcome(start_ms + int(arrivals.random() * ARRIVALS_MS))
        bots = max(1, round(profiles * scenario.bot_share)) if scenario.bot_share else 0
        for number in range(bots):
            bot = Bot(f"bot{number:03d}", f"bot-{seed}-{number}", self.shelves, self._run)
            self._add(bot, bot.life(start_ms + number * HOUR // 10))

    @property
    def next_ms(self) -> int:
        """When the next record is due."""
        held = self._held[0][0] if self._held else FAR_MS
        return min(held, self._waiting[0][0])

    @property
    def good_plays(self) -> int:
        """Plays that were watched on, so far."""
        return self._plays_of_the_left + sum(viewer.good_plays for viewer in self.viewers.values())

    def step(self, now_ms: int, limit: int | None = None, *, to_look: bool = False) -> list[Produced]:
        """The records (topic, key, value) of everything up to ``now_ms`` that has not been handed out, in
        the order of arrival; at most ``limit`` of them. With ``to_look``, only until a viewer is about to look
        (``looking``): what is decided before the next step is what they will see.
        """
        passed, self.looking = self.looking, None
        produced: list[Produced] = []
        waiting = self._waiting
        while limit is None or len(produced) < limit:
            at, order, viewer, life, (_, topic, fields) = waiting[0]
            if self._held and self._held[0][0] <= min(at, now_ms):
                self.now_ms, _, late = heapq.heappop(self._held)
                produced.append(late)
                continue
            if at > now_ms:
                break
            self.now_ms = at
            if to_look and not topic and fields["type"] != "nothing" and passed is None:
                self.looking = Looking(viewer, fields["type"])
                break
            passed = None
            if topic:
                record = Produced(topic, viewer.profile_id.encode(), orjson.dumps(fields), fields["event_id"])
                if fields["type"] == "click":
                    self.click_places.append(fields["row_position"])
                if not viewer.offline_share or not self._hold(at, viewer, fields["type"], record):
                    produced.append(record)
            following = next(life, None)
            if following is not None:
                heapq.heapreplace(waiting, (following[0], order, viewer, life, following))
            else:
                heapq.heappop(waiting)
                del self.viewers[viewer.profile_id]
                self.left += 1
                self._plays_of_the_left += viewer.good_plays
                self._welcome(at + HOUR)
        return produced

    def take(self, topic: str, decision: dict[str, Any]) -> None:
        """A decision record of the contract: from their next look on, its viewer sees it."""
        viewer = self.viewers.get(decision["profile_id"])
        if viewer is not None:
            viewer.shown.take(topic, decision)

    def show(self, profile_id: str, rows: Sequence[str], version: int) -> None:
        """From their next look on, the viewer sees ``rows`` in this order: the ``version``-th decision
        about them.
        """
        self.take(topics.ROW_ORDER, {"profile_id": profile_id, "rows": rows, "version": version})

    def span_ms(self, events: int) -> int:
        """How much of the audience's time the next ``events`` events take, about. Uses this audience up."""
        start = self.now_ms
        half = min(events, SPAN_SAMPLE) // 2
        self.step(FAR_MS, limit=half)
        middle = self.now_ms
        self.step(FAR_MS, limit=half)
        # All viewers come within the first minutes and spread out later: the second half tells what follows.
        later = (self.now_ms - middle) * (events - 2 * half) // max(1, half)
        return self.now_ms - start + later

    def _welcome(self, at_ms: int) -> None:
        viewer = Viewer(
            f"p{self._born:05d}",
            f"{self._seed}-{self._born}",
            self.shelves,
            self._run,
            self._scenario,
            self._turn_ms,
        )
        self._add(viewer, viewer.life(at_ms))

    def _add(self, viewer: Viewer, life: Iterator[Happening]) -> None:
        first = next(life)
        self.viewers[viewer.profile_id] = viewer
        heapq.heappush(self._waiting, (first[0], self._born, viewer, life, first))
        self._born += 1

    def _hold(self, at_ms: int, viewer: Viewer, kind: str, record: Produced) -> bool:
        """Whether this event is held back, because its viewer's device is offline for this visit."""
        name = viewer.profile_id
        if kind == "session_start":
            self._offline.pop(name, None)
            if self._delays.random() < viewer.offline_share:
                self._offline[name] = at_ms + int(self._delays.uniform(0.2, 1.0) * LATEST_MS)
        until = self._offline.get(name)
        if until is None or record.topic != topics.VIEWING_EVENTS:
            return False
        self._holds += 1
        heapq.heappush(self._held, (max(until, at_ms), self._holds, record))
        if self._delays.random() < self._scenario.repeated_share:
            self._holds += 1
            heapq.heappush(self._held, (max(until, at_ms) + 1_000, self._holds, record))
        return True
