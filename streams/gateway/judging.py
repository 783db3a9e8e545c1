"""Posted events: which are right and where they go, and what is wrong with the others. Pure.

They are judged by the worker's own decoder, so what a gateway takes no worker will send to ``dead-letters``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from streams import topics
from streams.events.decode import decode
from streams.events.schema import SubscriptionEvents, type_name
from streams.settings import Settings
from streams.transport.batch import PlainRecord

ONE, LINES = "application/json", "application/x-ndjson"
"""Content types: one event or an array of them; one event a line."""
SUBSCRIPTION_TYPES = frozenset(type_name(kind) for kind in SubscriptionEvents.__args__)
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class UnreadableError(ValueError):
    """The body as a whole is not what its content type says."""


class Envelope(Struct, frozen=True, gc=False):
    """What decides where an event goes; whether it is right is judged afterwards."""

    type: Any = None
    profile_id: Any = None


ENVELOPE = msgspec.json.Decoder(Envelope)
MANY = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class Posted:
    """An event that is right: where it goes, whose it is, its bytes as they came."""

    index: int
    topic: str
    profile_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that is not: its place in the request (from 0), why, and what exactly."""

    index: int
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A whole request, both in the order in which they came."""

    posted: list[Posted]
    refused: list[Refused]


def parts(body: bytes, content_type: str) -> list[bytes]:
    """The events of a request body, each as its bytes. Raises ``UnreadableError`` when it cannot be taken apart."""
    if content_type == LINES:
        return [line for line in body.splitlines() if line.strip()]
    if not body.lstrip().startswith(b"["):
        return [body] if body.strip() else []
    try:
        return [bytes(part) for part in MANY.decode(body)]
    except _FAULTS as error:
        raise UnreadableError(f"the body is no JSON array: {error}") from error


def judge(events: Sequence[bytes], now_ms: int, settings: Settings) -> Judged:
    """Judge every event; ``now_ms`` (milliseconds since the epoch) is what its clock is judged by."""
    by_topic: dict[str, list[tuple[int, PlainRecord]]] = {}
    for index, value in enumerate(events):
        try:
            envelope = ENVELOPE.decode(value)
        except _FAULTS:
            envelope = Envelope()
        known = isinstance(envelope.type, str) and envelope.type in SUBSCRIPTION_TYPES
        topic = topics.SUBSCRIPTION_EVENTS if known else topics.VIEWING_EVENTS
        profile = envelope.profile_id
        # A key for anything that has one: of the rest the decoder says what is wrong before it looks at keys.
        key = profile.encode(errors="replace") if isinstance(profile, str) else b""
        by_topic.setdefault(topic, []).append((index, PlainRecord(index, now_ms, key, value)))
    posted: list[Posted] = []
    refused: list[Refused] = []
    for topic, records in by_topic.items():
        decoded = decode(topic, [record for _, record in records], now_ms, settings)
        for at, event in zip(decoded.indexes, decoded.events, strict=True):
            index, record = records[at]
            assert record.value is not None, "made above from bytes"
            posted.append(Posted(index, topic, event.profile_id, record.value))
        for reject in decoded.rejects:
            refused.append(Refused(records[reject.index][0], str(reject.reason), reject.detail))
    posted.sort(key=lambda each: each.index)
    refused.sort(key=lambda each: each.index)
    return Judged(posted, refused)
