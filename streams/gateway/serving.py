"""What stands behind the routes: everything known, kept current by the reader, and the feed of what is new."""

from __future__ import annotations

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Sequence

import orjson

from streams import topics
from streams.gateway import catalogue
from streams.gateway.answers import Refusal
from streams.gateway.figures import Figures
from streams.gateway.judging import Posted, Refused
from streams.gateway.known import FIELDS, Known
from streams.gateway.live import Feed
from streams.gateway.openapi import document
from streams.gateway.pages import Pages
from streams.gateway.producing import EventProducer
from streams.gateway.pulse import Pulse
from streams.gateway.reading import Reader
from streams.gateway.search import Search
from streams.gateway.shelves import Shelves
from streams.settings import Settings

BEAT_S = 1.0
SHELVES_PAUSE_S = 2.0
"""Shelves are put up anew at most this often: every page is made anew after it."""


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return int(time.time() * 1000)


class Serving:
    """One gateway without its HTTP."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock_ms = wall_clock_ms
        self.known = Known(settings, self._changed)
        self.shelves = Shelves(self.known)
        self.pages = Pages(self.known, self.shelves, settings.gateway_page_cache_mb << 20)
        self.search = Search(self.known)
        self.reader = Reader(settings, self.take, self.clock_ms)
        self.feed = Feed(self.clock_ms)
        self.pulse = Pulse()
        self.producer = EventProducer(settings)
        self.figures = Figures(self._look)
        self.document = orjson.dumps(document())
        self._produced: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._untaken = 0

    def ready(self) -> Known:
        """What is known. Raises a ``Refusal`` (503) until everything that was there at the start is."""
        progress = self.reader.progress
        if progress.ready:
            return self.known
        raise Refusal(
            503,
            "reading",
            f"the gateway is still reading: {progress.share:.0%} of what was there when it started",
            retry_s=1,
            read=round(progress.share, 4),
        )

    def page(self, profile_id: str, max_age: int | None) -> bytes:
        """A profile's page as JSON, with how far reading is."""
        self.ready()
        page = self.pages.page(profile_id, max_age)
        stale_ms = self.reader.stale_ms()
        return b'%b,"as_of_ts":%d,"stale_ms":%d}' % (page, self.reader.progress.as_of_ms, stale_ms)

    def take(self, topic: str, key: bytes, value: bytes | None, news: bool) -> None:
        """Take in a record that was read; tell the listeners when it is news."""
        skipped = self.known.skipped[topic]
        ts = self.known.put(topic, key, value)
        if not news or self.known.skipped[topic] != skipped:
            return
        delay_ms = None
        if ts is not None:
            waited_ms = self.clock_ms() - ts
            delay_ms = max(0, waited_ms) if waited_ms < LATE_EVENT_MS else None
            self.pulse.decision(topic, delay_ms)
        elif topic not in _TOLD:
            return
        if len(self.feed):
            name = key.decode(errors="replace")
            self.feed.decided(topic, name, topics.profile_of(topic, name), value, delay_ms)

    async def keep_shelves(self) -> None:
        """Put the shelves up anew whenever titles or what they are worth have changed."""
        while True:
            await asyncio.sleep(SHELVES_PAUSE_S)
            if self.reader.progress.ready and self.shelves.due:
                for _ in self.shelves.put_up():
                    await asyncio.sleep(0)

    async def beat(self) -> None:
        """Tell every listener each second how things stand."""
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(BEAT_S)
            now = loop.time()
            figures = self.pulse.beat(
                now - last,
                profiles=len(self.known.profiles),
                stale_ms=self.reader.stale_ms(),
                watching=self.settings.gateway_watch_inputs,
            )
            last = now
            self.feed.pulse(figures)

    def settle(self) -> None:
        """All that was there is read: put up the shelves, and spare the collector what will stay."""
        self.shelves.put_up_now()
        gc.collect()
        gc.freeze()  # else it walks over every profile now and then, 0.1 s for 100,000

    def count_refused(self, refused: Sequence[Refused]) -> None:
        """Posted events that were wrong."""
        self._rejected.update(each.reason for each in refused)

    def count_taken(self, posted: Sequence[Posted]) -> None:
        """Posted events that Kafka has."""
        self._produced.update(each.topic for each in posted)

    def count_untaken(self, events: int) -> None:
        """Right events that Kafka did not take in time."""
        self._untaken += events

    def _changed(self, profile_id: str) -> None:
        self.pages.forget(profile_id)

    def _look(self) -> None:
        figures, reader = self.figures, self.reader
        instruments = figures.instruments
        instruments.set(catalogue.STALE, reader.stale_ms() / 1000)
        instruments.set(catalogue.READ_SHARE, reader.progress.share)
        instruments.set(catalogue.PROFILES, len(self.known.profiles))
        instruments.set(catalogue.PAGE_BYTES, self.pages.kept_bytes)
        instruments.set(catalogue.STREAMS, len(self.feed) / self.settings.gateway_streams)
        figures.reach(catalogue.PAGES_MADE, self.pages.made)
        figures.reach(catalogue.LOST, self.feed.lost)
        figures.reach(catalogue.RETRIES, reader.retries)
        figures.reach(catalogue.UNTAKEN, self._untaken)
        figures.reach_all(catalogue.RECORDS, reader.records)
        figures.reach_all(catalogue.SKIPPED, self.known.skipped)
        figures.reach_all(catalogue.PRODUCED, self._produced)
        figures.reach_all(catalogue.REJECTED, self._rejected)


LATE_EVENT_MS = 3_600_000
"""A decision about an event this old says nothing of freshness: the event came late, or its viewer is simulated and
lives in another time."""
_TOLD = frozenset((topics.EXPERIMENT_RESULTS, topics.AUDIENCE_DEMAND, topics.ARTWORK_CHOICES, *FIELDS))
"""What listeners hear of although it has no ``ts`` of a decision: reports, and tombstones."""
