"""Records that must become dead letters, for the fault suite."""

from __future__ import annotations

import json
import random
import time

from streams import topics
from streams.settings import Settings
from tests.broker.log import Input


def bad_record(rng: random.Random, settings: Settings, number: int, profiles: int) -> Input:
    """A record that must become a dead letter, of every kind there is."""
    profile = f"p{rng.randrange(profiles)}"
    good = {
        "event_id": f"b{number}",
        "type": "search",
        "profile_id": profile,
        "ts": int(time.time() * 1_000),
        "query": "q",
    }
    key: bytes | None = profile.encode()
    values: list[bytes | None] = [
        b"\xff\xfe not JSON",
        b"[1, 2",
        b"",
        None,
        json.dumps({**good, "ts": "yesterday"}).encode(),
        json.dumps({**good, "ts": 12}).encode(),
        json.dumps({**good, "ts": 32_503_680_000_000}).encode(),
        json.dumps({**good, "type": "levitate"}).encode(),
        json.dumps({**good, "profile_id": "somebody-else"}).encode(),
        json.dumps({name: value for name, value in good.items() if name != "query"}).encode(),
        json.dumps({**good, "query": "x" * (settings.max_event_bytes + 1)}).encode(),
        b"[" * 5_000,
    ]
    if rng.random() < 0.05:
        key = None
    return Input(topics.VIEWING_EVENTS, int(profile[1:]) % settings.partitions, key, rng.choice(values))
