"""All viewers of a simulated audience, merged into one stream of events in the order of their time.

Pure: time comes in, records come out, and the same seed and the same pages give the same records. Who
leaves is replaced by somebody new, so the crowd stays as large as it was.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence

import orjson

from streams.audience.habits import HOUR
from streams.audience.person import Happening
from streams.audience.titles import Produced, SimulatedCatalog
from streams.audience.viewer import Viewer

FAR_MS = 1 << 60
"""No event is ever later than this."""
ARRIVALS_MS = HOUR // 3
"""All viewers of an audience open the service within this time of its beginning."""
SPAN_SAMPLE = 50_000
"""Enough events to estimate a speed from, in half a second."""

Waiting = tuple[int, int, Viewer, Iterator[Happening], Happening]


class Audience:
    """``profiles`` viewers, beginning within minutes of ``start_ms`` (ms since the epoch)."""

    def __init__(self, catalog: SimulatedCatalog, *, profiles: int, seed: int, start_ms: int) -> None:
        self.catalog = catalog
        self.now_ms = start_ms
        self.left = 0
        self.viewers: dict[str, Viewer] = {}
        self.click_places: list[int] = []
        """Where on the page (0 = top) each thing that was clicked stood, in the order of time."""
        self._seed = seed
        self._run = f"{start_ms:x}"
        self._born = 0
        self._waiting: list[Waiting] = []
        arrivals = random.Random(f"arrivals-{seed}")
        for _ in range(profiles):
            self._welcome(start_ms + int(arrivals.random() * ARRIVALS_MS))

    @property
    def next_ms(self) -> int:
        """When the next event happens."""
        return self._waiting[0][0]

    def step(self, now_ms: int, limit: int | None = None) -> list[Produced]:
        """The records (topic, key, value) of everything up to ``now_ms`` that has not been handed out, in
        the order of time; at most ``limit`` of them."""
        produced: list[Produced] = []
        waiting = self._waiting
        while waiting[0][0] <= now_ms and (limit is None or len(produced) < limit):
            at, order, viewer, life, (_, topic, fields) = waiting[0]
            self.now_ms = at
            if fields["type"] == "click":
                self.click_places.append(fields["row_position"])
            key = viewer.profile_id.encode()
            produced.append(Produced(topic, key, orjson.dumps(fields), fields["event_id"]))
            following = next(life, None)
            if following is not None:
                heapq.heapreplace(waiting, (following[0], order, viewer, life, following))
            else:
                heapq.heappop(waiting)
                del self.viewers[viewer.profile_id]
                self.left += 1
                self._welcome(at + HOUR)
        return produced

    def show(self, profile_id: str, rows: Sequence[str], version: int) -> None:
        """From their next look on, the viewer sees ``rows`` in this order: the ``version``-th decision
        about them.
        """
        viewer = self.viewers.get(profile_id)
        if viewer is not None:
            viewer.page = tuple(rows)
            viewer.page_version = version

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
        name = f"p{self._born:05d}"
        viewer = Viewer(name, f"{self._seed}-{self._born}", self.catalog, self._run)
        life = viewer.life(at_ms)
        self.viewers[name] = viewer
        heapq.heappush(self._waiting, (at_ms, self._born, viewer, life, next(life)))
        self._born += 1
