"""Turns the bytes of a fetched batch into events, and says what is wrong with every record that is none.

Bad input is a value here, never an exception: whatever bytes a producer sends, the stream goes on. The way
of a good record is one decoder call and three comparisons; everything else is judged afterwards, outside of
the loop's way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from streams import topics
from streams.events.reasons import Reason
from streams.events.rekeyed import TALLY, TITLE_SIGNAL
from streams.events.schema import ROW, SUBSCRIPTION, TITLE, VIEWING, Event, Row, Title
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.transport.batch import Record

MAX_DETAIL_CHARACTERS = 300
"""A dead letter's ``detail`` header is for people; a long field value in it would only hide the point."""

_DECODE = {topics.VIEWING_EVENTS: VIEWING.decode, topics.SUBSCRIPTION_EVENTS: SUBSCRIPTION.decode}
_FAULTS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError)
"""What the decoder raises: TypeError for a null value, RecursionError for nesting beyond the interpreter's
limit.
"""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that is no event: its index in the batch, why, and what exactly for a person to read."""

    index: int
    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """The events of a batch in log order, the index of each one's record, and the rejects in log order."""

    events: list[Event]
    indexes: list[int]
    rejects: list[Reject]


def decode(topic: str, records: Sequence[Record], now_ms: int, settings: Settings) -> Decoded:
    """Decode and validate the records of one input topic.

    ``now_ms`` (milliseconds since the epoch) is what the clock of an event is judged by. Every record is
    either an event or a reject; nothing that a record holds makes this raise. ``KeyError`` for a topic that
    is no input.
    """
    decoder = _DECODE[topic]
    earliest = settings.earliest_ts_ms
    latest = now_ms + settings.future_tolerance_ms
    largest = settings.max_event_bytes
    events: list[Event] = []
    indexes: list[int] = []
    rejects: list[Reject] = []
    for index, record in enumerate(records):
        value = record.value
        try:
            event = decoder(value)  # type: ignore[arg-type]  # null raises TypeError, judged below
            if (
                event.profile_id.encode() == record.key
                and earliest <= event.ts <= latest
                and len(value) <= largest  # type: ignore[arg-type]  # null does not come this far
            ):
                events.append(event)
                indexes.append(index)
                continue
            fault = None
        except _FAULTS as error:
            event, fault = None, error
        reason, detail = _judge(value, largest, fault) or _judge_event(record.key, event, earliest, latest)
        rejects.append(Reject(index, reason, detail[:MAX_DETAIL_CHARACTERS]))
    return Decoded(events, indexes, rejects)


def decode_rekeyed(
    topic: str, records: Sequence[Record], now_ms: int, settings: Settings, partition: int
) -> Decoded:
    """Decode and validate records that partitions write to each other, as :func:`decode` does events.

    The events are ``TitleSignal`` (of ``title-signals``) or ``Tally``. A record that Kafka's default
    partitioner would have sent elsewhere is a reject: two owners of one key would each know half of it.
    """
    signals = topic == topics.TITLE_SIGNALS
    decoder: Any = TITLE_SIGNAL.decode if signals else TALLY.decode
    earliest, latest = settings.earliest_ts_ms, now_ms + settings.future_tolerance_ms
    largest, partitions = settings.max_event_bytes, settings.partitions
    events: list[Any] = []
    indexes: list[int] = []
    rejects: list[Reject] = []
    for index, record in enumerate(records):
        value, key = record.value, record.key
        try:
            event = decoder(value)
            if (
                key is not None
                and (event.title_id if signals else event.key).encode() == key
                and earliest <= event.ts <= latest
                and len(value) <= largest  # type: ignore[arg-type]  # null raises TypeError, judged below
                and partition_of(key, partitions) == partition
            ):
                events.append(event)
                indexes.append(index)
                continue
            fault = None
        except _FAULTS as error:
            event, fault = None, error
        judged = _judge(value, largest, fault)
        if judged is None:
            name = event.title_id if signals else event.key
            if name.encode() != key:
                judged = Reason.KEY_MISMATCH, f"key {(key or b'')[:100]!r} is not {name!r}"
            elif not earliest <= event.ts <= latest:
                judged = Reason.ABSURD_CLOCK, f"ts {event.ts} is not within {earliest} and {latest}"
            else:
                judged = Reason.KEY_MISMATCH, f"{name!r} belongs to another partition than {partition}"
        rejects.append(Reject(index, judged[0], judged[1][:MAX_DETAIL_CHARACTERS]))
    return Decoded(events, indexes, rejects)


def decode_catalog(topic: str, key: bytes | None, value: bytes, settings: Settings) -> Title | Row | Reject:
    """Decode one catalog record with a value; a wrong one comes back as a ``Reject`` of index 0."""
    fault: Exception | None = None
    entry: Title | Row | None = None
    try:
        entry = TITLE.decode(value) if topic == topics.TITLE_CATALOG else ROW.decode(value)
    except _FAULTS as error:
        fault = error
    judged = _judge(value, settings.max_event_bytes, fault)
    if judged is not None or entry is None:
        reason, detail = judged or (Reason.NOT_JSON, str(fault))
        return Reject(0, reason, detail[:MAX_DETAIL_CHARACTERS])
    name = entry.title_id if isinstance(entry, Title) else entry.row_id
    if name.encode() != key:
        return Reject(0, Reason.KEY_MISMATCH, f"key {key!r} is not the id {name!r}"[:MAX_DETAIL_CHARACTERS])
    return entry


def _judge(value: bytes | None, largest: int, fault: Exception | None) -> tuple[Reason, str] | None:
    """What is wrong with the bytes and their fields; ``None`` when they are a valid event."""
    if not value:
        return Reason.EMPTY, "the record has no value"
    if len(value) > largest:
        return Reason.TOO_LARGE, f"{len(value)} bytes, at most {largest} are taken"
    if fault is None:
        return None
    if isinstance(fault, msgspec.ValidationError):
        # The decoder stops at the first field that is wrong. Whether the rest is JSON at all comes first.
        try:
            msgspec.json.decode(value)
        except msgspec.ValidationError:
            pass  # JSON, with a number that no double can hold: the first judgement stands
        except _FAULTS as error:
            fault = error
    message = str(fault)
    if isinstance(fault, RecursionError):
        return Reason.TOO_DEEP, "nested too deep to be read"
    if not isinstance(fault, msgspec.ValidationError):
        return Reason.NOT_JSON, message
    return _judge_field(message), message


def _judge_field(message: str) -> Reason:
    """The reason behind a validation message of msgspec, whose forms the tests pin down."""
    if message.startswith("Object missing required field"):
        return Reason.MISSING_FIELD
    if message.startswith("Invalid value ") and message.endswith("`$.type`"):
        return Reason.UNKNOWN_EVENT_TYPE
    if message.startswith("Integer value out of range") and message.endswith("`$.ts`"):
        return Reason.ABSURD_CLOCK
    if message.startswith("Expected ") and (", got " in message or message.endswith("`$.type`")):
        return Reason.WRONG_TYPE
    return Reason.BAD_VALUE


def _judge_event(key: bytes | None, event: Event | None, earliest: int, latest: int) -> tuple[Reason, str]:
    """What is wrong with a valid event as a record of its partition."""
    assert event is not None  # an event that could not be decoded has been judged by its fault
    if key is None:
        return Reason.KEY_MISMATCH, f"no key; it must be the profile_id {event.profile_id!r}"
    if event.profile_id.encode() != key:
        return Reason.KEY_MISMATCH, f"key {key[:100]!r} is not the profile_id {event.profile_id!r}"
    if event.ts < earliest:
        return Reason.ABSURD_CLOCK, f"ts {event.ts} is before {earliest}"
    return Reason.ABSURD_CLOCK, f"ts {event.ts} is after {latest}"
