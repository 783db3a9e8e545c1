"""What broken producers send: a good record, spoiled in one of the ways that ``dead-letters`` has a reason
for.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import orjson

from streams.audience.titles import Produced

TOO_LARGE_BYTES = 70_000
"""Above the 65,536 of ``max_event_bytes``."""


def malformed(chance: random.Random, good: Produced) -> Produced:
    """A record that no consumer can take for ``good``: spoiled in one way, drawn from ``chance``."""
    spoil = chance.choice(WAYS)
    event = orjson.loads(good.value)
    event["event_id"] = spoiled_id = f"bad-{event['event_id']}"
    return spoil(good._replace(event_id=spoiled_id), event)


def _changed(good: Produced, **fields: object) -> Produced:
    return good._replace(
        value=orjson.dumps({**orjson.loads(good.value), "event_id": good.event_id, **fields})
    )


def _less(good: Produced, event: dict[str, object], field: str) -> Produced:
    del event[field]
    return good._replace(value=orjson.dumps(event))


WAYS: tuple[Callable[[Produced, dict[str, object]], Produced], ...] = (
    lambda good, event: good._replace(value=b"not json at all"),
    lambda good, event: good._replace(value=orjson.dumps(event)[:-5]),
    lambda good, event: good._replace(value=b""),
    lambda good, event: good._replace(value=orjson.dumps([event])),
    lambda good, event: good._replace(key=b"somebody-else", value=orjson.dumps(event)),
    lambda good, event: _less(good, event, "profile_id"),
    lambda good, event: _less(good, event, "ts"),
    lambda good, event: _changed(good, ts="yesterday"),
    lambda good, event: _changed(good, ts=12),
    lambda good, event: _changed(good, type="telepathy"),
    lambda good, event: _changed(good, profile_id=""),
    lambda good, event: _changed(good, padding="x" * TOO_LARGE_BYTES),
)
