"""A seeded audience for the fault suite: every event type of the contract, repeats, late events, erasures,
bad records.

No model of taste (``streams.audience`` is that): what matters here is that every path of the engine is walked
and that the same seed gives the same inputs. Event time runs some hundred times faster than the flow, so that
sessions end, outcomes mature and silent profiles are visited within a scenario.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

from streams import topics
from streams.settings import HOUR_MS, Settings
from tests.broker.bad_records import bad_record
from tests.broker.log import Input

PROFILES = 400
ACTIVE = 60
"""Profiles in a session at a time; the others are silent."""
ROWS = 12
TITLES = 120
IMAGES = 3
"""Of each title."""
STEP_MS = 250
"""Event time between two events of the flow: 2,000 events a second are 500 s of event time."""
REPEAT_SHARE = 0.01
LATE_SHARE = 0.01
BAD_SHARE = 0.005

Fields = dict[str, Any]


def _record(topic: str, profile: str, fields: Fields, settings: Settings) -> Input:
    value = json.dumps({"profile_id": profile, **fields}).encode()
    return Input(topic, int(profile[1:]) % settings.partitions, profile.encode(), value)


def catalogs(settings: Settings) -> list[Input]:
    """Rows by tag, and titles with their tags, images and trailers."""
    records: list[Input] = []
    for row in range(ROWS):
        name = f"row-{row}"
        value = {"row_id": name, "name": f"Row {row}", "rule": "tag", "tag": f"tag-{row}"}
        records.append(Input(topics.ROW_CATALOG, 0, name.encode(), json.dumps(value).encode()))
    for title in range(TITLES):
        name = f"t{title}"
        tags = [f"tag-{title % ROWS}"]
        facts: Fields = {
            "title_id": name,
            "name": f"Title {title}",
            "kind": "film",
            "tags": tags,
            "duration_s": 600 + 60 * title,
            "maturity": str(title % 3 * 6),
            "artworks": [{"artwork_id": f"{name}-i{image}", "tags": tags} for image in range(IMAGES)],
            "trailers": [{"trailer_id": f"{name}-x", "tags": tags}],
        }
        records.append(
            Input(
                topics.TITLE_CATALOG, title % settings.partitions, name.encode(), json.dumps(facts).encode()
            )
        )
    return records


def subscriptions(rng: random.Random, settings: Settings, count: int = 1_000) -> list[Input]:
    """Subscription events, to be read before the first viewing event: two topics come in any order, so an
    oracle that compares every byte needs them apart."""
    begin = int(time.time() * 1_000) - 23 * HOUR_MS
    kinds = ["started", "renewed", "payment_failed", "plan_changed", "paused", "cancelled"]
    records = []
    for number in range(count):
        fields: Fields = {
            "event_id": f"s{number}",
            "type": f"subscription_{rng.choice(kinds)}",
            "ts": begin + number * 1_000,
            "plan": rng.choice(["basic", "family"]),
            "period_days": 30,
        }
        records.append(_record(topics.SUBSCRIPTION_EVENTS, f"p{rng.randrange(PROFILES)}", fields, settings))
    return records


class Viewer:
    """One profile in one session: what it does next."""

    def __init__(self, profile: str, rng: random.Random) -> None:
        self.profile = profile
        self.left = rng.randrange(10, 60)
        self._rng = rng
        self._playback: Fields | None = None
        self._position = 0.0
        self._plays = 0

    def act(self) -> Fields:
        """The fields of the next event, but for its id and time."""
        rng, self.left = self._rng, self.left - 1
        if self.left <= 0:
            return {"type": "session_end"}
        if self._playback is not None:
            return self._play_on()
        title = f"t{rng.randrange(TITLES)}"
        row, place = f"row-{rng.randrange(ROWS)}", rng.randrange(8)
        kind = rng.random()
        if kind < 0.45:
            items = [self._item(k) for k in range(3)]
            return {"type": "impression", "row_id": row, "row_position": place, "items": items}
        if kind < 0.70:
            self._plays += 1
            self._position = 0.0
            self._playback = {"playback_id": f"{self.profile}-{self.left}-{self._plays}", "title_id": title}
            start = {"duration_s": 600.0, "row_id": row, "row_position": place, "position": 1}
            return {"type": "playback_start", **self._playback, **start}
        others: list[Fields] = [
            {
                "type": "session_start",
                "device_id": f"d{rng.randrange(3)}",
                "device_type": rng.choice(["tv", "phone"]),
                "country": rng.choice(["DE", "FR"]),
            },
            {"type": "click", "title_id": title, "row_id": row, "row_position": place},
            {"type": "search", "query": "crime", "title_ids": [title]},
            {"type": "browse", "category_id": f"tag-{rng.randrange(ROWS)}", "dwell_s": 12.5},
            {"type": "profile_settings", "kids": rng.random() < 0.2, "profiled": rng.random() < 0.8},
            {"type": "rating", "title_id": title, "value": rng.choice([-1, 1, 2])},
            {"type": "list_add", "title_id": title},
            {"type": "list_remove", "title_id": title},
            {"type": "trailer_view", "trailer_id": f"{title}-x", "title_id": title, "watched_s": 20},
            {"type": "playback_skip", "title_id": title},
        ]
        return rng.choice(others)

    def _item(self, position: int) -> Fields:
        title = f"t{self._rng.randrange(TITLES)}"
        return {
            "title_id": title,
            "position": position,
            "artwork_id": f"{title}-i{self._rng.randrange(IMAGES)}",
        }

    def _play_on(self) -> Fields:
        assert self._playback is not None
        rng, playback = self._rng, self._playback
        at, kind = self._position, rng.random()
        self._position += rng.uniform(5.0, 60.0)
        if kind < 0.7:
            return {"type": "playback_progress", **playback, "position_s": self._position}
        if kind < 0.76:
            return {"type": "playback_pause", **playback, "position_s": at}
        if kind < 0.80:
            return {"type": "playback_resume", **playback, "position_s": at}
        if kind < 0.84:
            return {"type": "playback_seek", **playback, "from_s": at, "to_s": max(0.0, at - 90)}
        self._playback = None
        if kind < 0.92:
            return {"type": "playback_stop", **playback, "position_s": self._position}
        return {"type": "playback_complete", **playback}


def inputs(rng: random.Random, settings: Settings, bad_share: float = BAD_SHARE) -> Iterator[Input]:
    """Viewing events for ever, ``bad_share`` of them no events at all."""
    ts = int(time.time() * 1_000) - 22 * HOUR_MS
    viewers = [Viewer(f"p{rng.randrange(PROFILES)}", rng) for _ in range(ACTIVE)]
    number = 0
    while True:
        number += 1
        ts += STEP_MS
        if rng.random() < bad_share:
            yield bad_record(rng, settings, number, PROFILES)
            continue
        index = rng.randrange(ACTIVE)
        viewer = viewers[index]
        late = rng.randrange(1, 600_000) if rng.random() < LATE_SHARE else 0
        fields = viewer.act()
        if rng.random() < 0.0005:
            fields = {"type": "profile_deleted"}
        record = _record(
            topics.VIEWING_EVENTS,
            viewer.profile,
            {"event_id": f"e{number}", "ts": ts - late, **fields},
            settings,
        )
        yield record
        if rng.random() < REPEAT_SHARE:
            yield record
        if viewer.left <= 0:
            viewers[index] = Viewer(f"p{rng.randrange(PROFILES)}", rng)
