"""Compiles the engine's loops into the cache folder of an image, by taking a few events through an engine."""

from __future__ import annotations

import time

import orjson

from streams import pipeline, topics
from streams.settings import Settings
from streams.state.catalog import Catalog
from streams.transport.batch import RecordBatch


class Event:
    """A record as the consumer hands it over."""

    def __init__(self, offset: int, now_ms: int, **fields: object) -> None:
        told = {"event_id": f"e{offset}", "profile_id": "p", "ts": now_ms + offset, **fields}
        self.offset = offset
        self.timestamp = now_ms
        self.key: bytes | None = b"p"
        self.value: bytes | None = orjson.dumps(told)


def main() -> None:
    """One visit, one tick, one checkpoint: every compiled function has been called."""
    settings = Settings(partitions=1, learn_batch=1)
    catalog = Catalog(settings)
    for row in ("drama", "crime"):
        shown = {"row_id": row, "name": row, "rule": "tag", "tag": row}
        catalog.put(topics.ROW_CATALOG, row.encode(), orjson.dumps(shown))
    now = int(time.time() * 1_000)
    play = {"playback_id": "b", "title_id": "t"}
    told: list[dict[str, object]] = [
        {"type": "session_start"},
        {
            "type": "impression",
            "row_id": "drama",
            "row_position": 0,
            "items": [{"title_id": "t", "position": 0}],
        },
        {"type": "impression", "row_id": "crime", "row_position": 1, "items": []},
        {"type": "playback_start", **play, "duration_s": 100.0, "row_id": "drama"},
        {"type": "playback_progress", **play, "position_s": 60.0},
        {"type": "playback_complete", **play},
        {"type": "session_end"},
    ]
    events = [Event(offset, now, **fields) for offset, fields in enumerate(told)]
    engine = pipeline.create_engine(0, settings, catalog)
    engine.apply(RecordBatch(topics.VIEWING_EVENTS, 0, 0, len(events), events), now)
    engine.tick(now + 120_000)
    writes = engine.drain()
    assert topics.DEAD_LETTERS not in writes.topics, "the events of this file do not keep to the contract"
    assert topics.ROW_ORDER in writes.topics, "no decision was made: the loops were not all called"


if __name__ == "__main__":
    main()
