"""One run: the real engine and the simulated audience in one loop, without a broker.

Events go to the engine until a viewer is about to look; what has been decided by then is shown; then the look
goes on. A contender, if there is one, decides its surface in the engine's place when a viewer looks; all other
surfaces stay the engine's. Just before the first look at the page, every second visit, the truth says what was
decided for it is worth, and what the best would be. A trailer is judged when it is offered.
"""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.learning.contenders import TOPIC, Contender, Maker
from benchmarks.learning.measures import BUCKETS, SURFACES, Plan, Result, Worth
from streams import topics
from streams.audience import truth
from streams.audience.bots import Bot
from streams.audience.crowd import Audience
from streams.audience.habits import DAY
from streams.audience.making import simulated_catalog
from streams.audience.scenarios import STEADY, Scenario
from streams.audience.shown import DECIDED
from streams.audience.titles import Produced
from streams.audience.viewer import Viewer
from streams.pipeline import create_engine
from streams.settings import Settings, load
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch

START_MS = 1_760_000_000_000
GROUP = 1_000
"""Events that go to the engine at once, at most."""
CHURN_HORIZON_MS = 5 * DAY
"""Shorter than in production: labels must exist within a run."""
JUDGED_EVERY = 2
"""The truth takes as long as the visit itself: every second visit is judged."""
IMAGES_JUDGED = 6
"""Titles of a ranking whose images are judged: those on the first screen."""


class World:
    """The engine, the audience, and between them perhaps a contender for ``surface``."""

    def __init__(
        self,
        plan: Plan,
        seed: int,
        *,
        surface: str | None = None,
        contender: Maker | None = None,
        learning: bool = True,
        scenario: Scenario = STEADY,
        judged: tuple[str, ...] = SURFACES,
        surfaces: str | None = None,
    ) -> None:
        self._plan = plan
        self._end_ms = START_MS + plan.days * DAY
        turn_ms = START_MS + plan.days * DAY // 2
        catalog = simulated_catalog(
            seed, plan.titles, START_MS, premiere_ms=turn_ms if scenario.premiere else None, brief=True
        )
        self.audience = Audience(
            catalog,
            profiles=plan.viewers,
            seed=seed,
            start_ms=START_MS,
            scenario=scenario,
            turn_ms=turn_ms,
        )
        self.settings: Settings = load(
            {},
            seed=seed,
            learning=learning,
            sharing=False,
            partitions=1,
            churn_horizon_ms=CHURN_HORIZON_MS,
            surfaces=surfaces,
        )
        self._catalog = Catalog(self.settings)
        self.engine = create_engine(0, self.settings, self._catalog)
        self._offsets: dict[str, int] = {}
        self._surface = surface
        self._contender: Contender | None = contender(catalog, seed) if contender else None
        self._judged = judged
        self._judged_visit: dict[str, int] = {}
        self._versions = 0
        self.result = Result({name: Worth() for name in SURFACES}, 0, 0, 0, 0)
        for record in catalog.records(START_MS):
            self._catalog.put(record.topic, record.key, record.value)

    def run(self) -> Result:
        """The whole of it."""
        audience = self.audience
        while audience.next_ms <= self._end_ms:
            self._feed(audience.step(self._end_ms, limit=GROUP, to_look=True))
            looking = audience.looking
            if looking is not None and looking.at == "page":
                self._before_look(looking.viewer)
        result = self.result
        result.left = audience.left
        result.good_plays = audience.good_plays
        return result

    # --- events to the engine, decisions to the viewers

    def _feed(self, group: list[Produced]) -> None:
        if not group:
            return
        fetched: dict[str, list[PlainRecord]] = {}
        now_ms = self.audience.now_ms
        for record in group:
            if not record.event_id:
                self._catalog.put(record.topic, record.key, record.value)
                continue
            offset = self._offsets.get(record.topic, 0)
            self._offsets[record.topic] = offset + 1
            fetched.setdefault(record.topic, []).append(PlainRecord(offset, now_ms, record.key, record.value))
            if self._contender is not None:
                self._contender.see(orjson.loads(record.value))
            self.result.events += 1
        for topic in topics.INPUTS:
            records = fetched.get(topic)
            if records:
                batch = RecordBatch(topic, 0, records[0].offset, records[-1].offset + 1, records)
                self.engine.apply(batch, now_ms)
        writes = self.engine.drain()
        for topic in DECIDED:
            decided = writes.topics.get(topic)
            for value in decided.values if decided else ():
                if value is not None:
                    self._decided(topic, orjson.loads(value))

    def _decided(self, topic: str, decision: dict[str, Any]) -> None:
        viewer = self.audience.viewers.get(decision["profile_id"])
        if viewer is None:
            return
        contended = self._surface is not None and topic == TOPIC[self._surface]
        if not contended:
            viewer.shown.take(topic, decision)
        elif topic == topics.TRAILER_CHOICES and self._contender is not None:
            # The engine says when somebody is worth winning back; the contender says by what.
            title, teaser = self._contender.trailer(viewer)
            made = self.audience.catalog.titles[title]
            choice = {"title_id": made.title_id, "trailer_id": made.trailers[teaser].trailer_id}
            viewer.shown.take(topic, choice)
        if topic == topics.TRAILER_CHOICES and "trailers" in self._judged:
            best = truth.trailer_value(viewer, truth.best_offer(viewer))
            self._add("trailers", truth.trailer_value(viewer, viewer.shown.offer), best)

    # --- a look at the page

    def _before_look(self, viewer: Viewer) -> None:
        if isinstance(viewer, Bot):
            return
        if self._contender is not None:
            self._contend(viewer, self._contender)
        if self._judged_visit.get(viewer.profile_id) == viewer.visits:
            return
        self._judged_visit[viewer.profile_id] = viewer.visits
        self.result.visits += 1
        if viewer.visits % JUDGED_EVERY:
            return
        shown = viewer.shown
        if "rows" in self._judged:
            got, best, _ = truth.page_worth(viewer, shown.order())
            self._add("rows", got, best)
        if "titles" in self._judged:
            ranking = shown.ranking or viewer.shelves.titles["popular"]
            best = truth.ranking_value(viewer, truth.best_ranking(viewer))
            self._add("titles", truth.ranking_value(viewer, ranking), best)
        if "artwork" in self._judged:
            for title in (shown.ranking or viewer.shelves.titles["popular"])[:IMAGES_JUDGED]:
                got = truth.title_value(viewer, title, shown.artwork.get(title, 0))
                self._add("artwork", got, truth.title_value(viewer, title, truth.best_image(viewer, title)))
        if "categories" in self._judged:
            best = truth.categories_value(viewer, truth.best_categories(viewer))
            self._add("categories", truth.categories_value(viewer, shown.category_tags()), best)

    def _contend(self, viewer: Viewer, contender: Contender) -> None:
        shown, surface = viewer.shown, self._surface
        made = self.audience.catalog.titles
        self._versions += 1
        if surface == "rows":
            shown.take(topics.ROW_ORDER, {"rows": contender.rows(viewer), "version": self._versions})
        elif surface == "titles":
            ids = [made[title].title_id for title in contender.titles(viewer)]
            shown.take(topics.HOMEPAGE_RANKINGS, {"titles": ids})
        elif surface == "artwork":
            for title in (shown.ranking or viewer.shelves.titles["popular"])[: truth.RANKED // 2]:
                shown.artwork[title] = contender.image(viewer, title)
        elif surface == "categories":
            shown.take(topics.CATEGORY_CHOICES, {"categories": contender.categories(viewer)})

    def _add(self, surface: str, got: float, best: float) -> None:
        passed = self.audience.now_ms - START_MS
        bucket = min(BUCKETS - 1, BUCKETS * passed // (self._plan.days * DAY))
        self.result.worth[surface].add(bucket, got, best)
