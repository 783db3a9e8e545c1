"""Random but honest viewing histories for engine tests: sessions of several profiles, interleaved, with
everything a client may send."""

from __future__ import annotations

import random
from typing import Any

import orjson

from streams.settings import Settings
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch

START_MS = 1_700_000_000_000
ROWS = 12
TITLES = 60
KINDS = ["impression"] * 5 + ["start"] * 4
KINDS += ["session_start", "session_end", "search", "browse", "rating"]
KINDS += ["list_add", "list_remove", "trailer_view", "click", "profile_settings"]


def catalog(settings: Settings) -> Catalog:
    """Rows by tag (one of them pinned on top) and titles of an hour, five to a row."""
    known = Catalog(settings)
    for r in range(ROWS):
        row: dict[str, Any] = {"row_id": f"row-{r:02d}", "name": f"Row {r}", "rule": "tag", "tag": f"tag-{r}"}
        if r == 3:
            row["pinned_position"] = 0
        known.put("row-catalog", row["row_id"].encode(), orjson.dumps(row))
    for t in range(TITLES):
        title = {
            "title_id": f"t{t}",
            "name": f"T{t}",
            "kind": "film",
            "tags": [f"tag-{t % ROWS}", f"mood-{t % 5}"],
            "duration_s": 3600,
            "released": f"2023-0{1 + t % 9}-01",
            "maturity": ("6", "12", "16", "18")[t % 4],
            "artworks": [{"artwork_id": f"t{t}-a{n}", "tags": [f"mood-{(t + n) % 5}"]} for n in range(t % 4)],
            "trailers": [{"trailer_id": f"t{t}-v", "tags": [f"tag-{t % ROWS}"]}] * (t % 3 > 0),
        }
        known.put("title-catalog", title["title_id"].encode(), orjson.dumps(title))
    return known


class Journeys:
    """Events of ``profiles`` profiles in log order; the same seed gives the same bytes."""

    def __init__(self, seed: int, profiles: int = 8, deletions: bool = True) -> None:
        self._random = random.Random(seed)
        self._profiles = [f"profile-{n}" for n in range(profiles)]
        self._deletions = deletions
        self._clock = dict.fromkeys(self._profiles, START_MS)
        self._playing: dict[str, tuple[str, str, float]] = {}
        self._count = 0
        self._sent: list[dict[str, Any]] = []

    def event(self) -> dict[str, Any]:
        """The next event of a random profile."""
        draw = self._random
        if self._sent and draw.random() < 0.05:
            return draw.choice(self._sent[-30:])  # a producer sends it again
        profile = draw.choice(self._profiles)
        pause = draw.choice([1_000, 5_000, 20_000, 20_000, 60_000, 40 * 60_000, 26 * 3_600_000])
        late = draw.random() < 0.03
        self._clock[profile] += 0 if late else pause
        self._count += 1
        event: dict[str, Any] = {
            "event_id": f"e{self._count}",
            "profile_id": profile,
            "ts": self._clock[profile] - (90_000 if late else 0),
            "device_type": draw.choice(["tv", "phone", "tv", "tv"]),
            "country": draw.choice(["DE", "DE", "FR"]),
        }
        event |= self._action(profile, pause / 1000)
        self._sent.append(event)
        return event

    def _action(self, profile: str, elapsed_s: float) -> dict[str, Any]:
        draw = self._random
        title, row = f"t{draw.randrange(TITLES)}", f"row-{draw.randrange(ROWS + 1):02d}"
        if profile in self._playing and draw.random() < 0.7:
            playback, title, position = self._playing[profile]
            position = min(3600.0, position + elapsed_s * draw.choice([0, 0.5, 1, 1]))
            self._playing[profile] = (playback, title, position)
            kind = draw.choice(
                ["progress", "progress", "progress", "pause", "resume", "stop", "seek", "skip", "complete"]
            )
            told: dict[str, Any] = {"type": f"playback_{kind}", "playback_id": playback, "title_id": title}
            if kind == "seek":
                to = draw.uniform(0, 3600)
                told |= {"from_s": position, "to_s": to}
                self._playing[profile] = (playback, title, to)
            elif kind != "complete":
                told["position_s"] = position
            if kind in ("stop", "skip", "complete"):
                del self._playing[profile]
            return told
        kind = draw.choice(KINDS + ["profile_deleted"] * self._deletions)
        if kind == "impression":
            items: list[dict[str, Any]] = []
            for n in range(draw.randrange(4)):
                t = draw.randrange(TITLES)
                items.append({"title_id": f"t{t}", "position": n})
                if t % 4:
                    items[-1]["artwork_id"] = f"t{t}-a{draw.randrange(t % 4)}"
            return {"type": kind, "row_id": row, "row_position": draw.randrange(20), "items": items}
        if kind == "start":
            playback = f"play-{self._count}"
            self._playing[profile] = (playback, title, 0.0)
            told = {
                "type": "playback_start",
                "playback_id": playback,
                "title_id": title,
                "duration_s": 3600.0,
            }
            return told | ({"row_id": row, "row_position": 2} if draw.random() < 0.8 else {})
        if kind == "search":
            return {
                "type": kind,
                "query": draw.choice(["x", f"tag-{draw.randrange(ROWS)}", title.upper()]),
                "title_ids": [title],
                "clicked_title_id": title if draw.random() < 0.5 else None,
            }
        if kind == "browse":
            category = draw.choice(["c", f"tag-{draw.randrange(ROWS)}", row])
            return {"type": kind, "category_id": category, "dwell_s": draw.choice([3.0, 40.0])}
        if kind == "rating":
            return {"type": kind, "title_id": title, "value": draw.choice([-1, 1, 2])}
        if kind == "trailer_view":
            trailer = draw.choice(["x", f"{title}-v"])
            return {
                "type": kind,
                "trailer_id": trailer,
                "title_id": title,
                "watched_s": draw.choice([2.0, 60.0]),
            }
        if kind == "profile_settings":
            chosen = {
                "profiled": draw.random() < 0.7,
                "kids": draw.random() < 0.2,
                "max_age": draw.choice([0, 0, 12]),
            }
            return {"type": kind} | dict(draw.sample(sorted(chosen.items()), draw.randrange(4)))
        return {"type": kind} | ({"title_id": title} if kind in ("click", "list_add", "list_remove") else {})

    def records(self, n: int, first: int = 0) -> list[PlainRecord]:
        """``n`` records of viewing-events from offset ``first``, a few of them malformed."""
        records = []
        for offset in range(first, first + n):
            event = self.event()
            value = orjson.dumps(event)
            if self._random.random() < 0.02:
                value = value[: self._random.randrange(len(value))]
            records.append(PlainRecord(offset, event["ts"] + 50, event["profile_id"].encode(), value))
        return records


def batches(records: list[PlainRecord], size: int, topic: str = "viewing-events") -> list[RecordBatch]:
    """The records cut into batches of ``size``."""
    cut = [records[at : at + size] for at in range(0, len(records), size)]
    return [RecordBatch(topic, 0, part[0].offset, part[-1].offset + 1, part) for part in cut]
