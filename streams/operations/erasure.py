"""Erases a profile and proves it: the event, the wait, the search for what is left, the receipt.

1. A ``profile_deleted`` event goes to ``viewing-events``, in the profile's partition. Everything of the profile that
   stands before it in that log is what the erasure answers for.
2. Wait until the worker's committed position is behind it: outputs, state and positions are one checkpoint, so the
   tombstones are there by then.
3. Read every compacted topic whole and look for the profile: as a key (of its own, with a title, or in the state
   topic), and as ``profile_id`` in any value. The last record of each of its keys must be a tombstone.
4. Topics that are kept by time are not searched: they hold raw events, and expire. The receipt says by when.

A receipt names the profile by a hash only, and carries the SHA-256 of itself, so it can be filed and checked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson

from streams import admin, topics
from streams.errors import BrokerError, ConfigurationError
from streams.operations import clients, standing
from streams.operations.reading import read_to_end
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.state.codec import PROFILE_KEY, TASTE_KEY

POLL_S = 0.1
DEFAULT_SEGMENT_MS = 7 * 24 * 3_600_000
"""Kafka's: a log is deleted by whole segments, so a record stays until its segment was closed and has expired."""


@dataclass(slots=True)
class Found:
    """What a search found: per topic, records whose last word for a key is not a tombstone, and tombstones."""

    left: dict[str, int] = field(default_factory=dict)
    tombstones: dict[str, int] = field(default_factory=dict)
    searched: dict[str, int] = field(default_factory=dict)


def fingerprint(profile: str) -> str:
    """What a receipt calls the profile: SHA-256 of its id."""
    return hashlib.sha256(profile.encode()).hexdigest()


def compacted_names(settings: Settings) -> list[str]:
    """Every compacted topic of the contract and the internal ones: what does not expire by itself."""
    return [topic.name for topic in topics.catalogue(settings) if topic.compacted]


def is_key_of(topic: str, key: bytes, profile: str, settings: Settings) -> bool:
    """Whether a record's key names the profile."""
    if topic == topics.ARTWORK_CHOICES:
        return key.startswith(topics.choice_key(profile, "").encode())
    if topic == settings.state_topic:
        return key[:1] in (PROFILE_KEY, TASTE_KEY) and key[1:] == profile.encode()
    return topic in topics.KEYED_BY_PROFILE and key == profile.encode()


async def erase(settings: Settings, profile: str, deadline_s: float) -> dict[str, Any]:
    """Erase ``profile``; returns the receipt, whose ``complete`` says whether nothing is left.

    Raises ``BrokerError`` when no worker has taken the event within ``deadline_s``, ``ConfigurationError`` when the
    partitions are not as set.
    """
    await standing.require_partitions(settings)
    place, offset, asked_ms = await _ask(settings, profile)
    await _taken(settings, place, offset, deadline_s)
    return await receipt_of(settings, profile, (place, offset), asked_ms)


async def receipt_of(
    settings: Settings, profile: str, event: tuple[standing.Place, int] | None, asked_ms: int
) -> dict[str, Any]:
    """Search, and write the receipt down. ``event`` is the erasure's place and offset; ``None``: nothing was
    asked for, only searched."""
    found = await search(settings, profile)
    expiry, doubts = await _expiry(settings, asked_ms)
    receipt: dict[str, Any] = {
        "what": "erasure of a profile",
        "profile_sha256": fingerprint(profile),
        "app_id": settings.app_id,
        "asked_ms": asked_ms,
        "searched_ms": _now_ms(),
        "event": None
        if event is None
        else {"topic": event[0][0], "partition": event[0][1], "offset": event[1]},
        "searched": found.searched,
        "tombstones": found.tombstones,
        "left": found.left,
        "expires": expiry,
        "not_known": doubts,
        "not_taken_back": "what the profile taught models, title statistics and sums over many profiles",
        "complete": not found.left and all(entry["by_ms"] is not None for entry in expiry.values()),
    }
    return signed(receipt)


def signed(receipt: dict[str, Any]) -> dict[str, Any]:
    """The receipt with the SHA-256 of its canonical JSON (sorted keys, no spaces)."""
    body = {key: value for key, value in receipt.items() if key != "sha256"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return {**body, "sha256": hashlib.sha256(text.encode()).hexdigest()}


async def search(settings: Settings, profile: str) -> Found:
    """Look for the profile in every compacted topic that there is."""
    async with clients.admin(settings) as client:
        there = set(await client.list_topics())
    names = [name for name in compacted_names(settings) if name in there]
    last: dict[tuple[str, int, bytes], bool] = {}
    found = Found(searched=dict.fromkeys(names, 0))
    named = b'"profile_id":' + orjson.dumps(profile)

    def take(record: Any) -> None:
        found.searched[record.topic] += 1
        if record.key is None:
            return
        place = (record.topic, record.partition, record.key)
        if is_key_of(record.topic, record.key, profile, settings):
            last[place] = record.value is not None
        elif record.value is not None and named in record.value:
            last[place] = True
        elif place in last:  # it named the profile once, and does not any more
            last[place] = False

    await read_to_end(settings, names, take)
    for (topic, _, _), holds in last.items():
        count = found.left if holds else found.tombstones
        count[topic] = count.get(topic, 0) + 1
    return found


async def _ask(settings: Settings, profile: str) -> tuple[standing.Place, int, int]:
    key = profile.encode()
    number, now = partition_of(key, settings.partitions), _now_ms()
    event = {
        "event_id": f"erase-{uuid.uuid4()}", "type": "profile_deleted", "profile_id": profile, "ts": now
    }  # fmt: skip
    async with clients.plain_producer(settings) as producer:
        written = await producer.send_and_wait(
            topics.VIEWING_EVENTS, orjson.dumps(event), key=key, partition=number
        )
    return (topics.VIEWING_EVENTS, number), int(written.offset), now


async def _taken(settings: Settings, place: standing.Place, offset: int, deadline_s: float) -> None:
    deadline = asyncio.get_running_loop().time() + deadline_s
    while True:
        there = (await standing.standings(settings, [place[0]]))[place]
        if there.position is not None and there.position > offset:
            return
        if asyncio.get_running_loop().time() > deadline:
            at = "nowhere yet" if there.position is None else f"at {there.position}"
            raise BrokerError(
                f"NOT ERASED YET: the event stands at {place[0]}-{place[1]} offset {offset}, the workers of "
                f"{settings.app_id} {at} after {deadline_s:g} s. It will be obeyed when they get there; look at their "
                "lag, then run this again"
            )
        await asyncio.sleep(POLL_S)


async def _expiry(settings: Settings, asked_ms: int) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Until when topics kept by time may hold raw records of the profile, and what the broker does not tell."""
    inspection = await asyncio.to_thread(admin.check_topics, settings)
    expiry: dict[str, dict[str, Any]] = {}
    doubts: list[str] = []
    for topic in inspection.expected:
        found = inspection.found[topic.name]
        if topic.compacted or found is None:
            continue
        if found.configs is None:
            doubts.append(f"{topic.name}: the broker does not tell how long it keeps records")
            continue
        retention = int(found.configs.get("retention.ms", DEFAULT_SEGMENT_MS))
        segment = int(found.configs.get("segment.ms", DEFAULT_SEGMENT_MS))
        expiry[topic.name] = {
            "retention_ms": retention,
            "segment_ms": segment,
            "by_ms": None if retention < 0 else asked_ms + retention + segment,
        }
    return expiry, doubts


def lines_of(receipt: dict[str, Any]) -> list[str]:
    """What is wrong with a receipt, in words; nothing when it is complete."""
    lines = [f"LEFT: {count} records in {topic}" for topic, count in receipt["left"].items()]
    lines += [
        f"LEFT: {topic} keeps raw events for ever: set its retention.ms, or delete them with kafka-delete-records.sh"
        for topic, entry in receipt["expires"].items()
        if entry["by_ms"] is None
    ]
    if receipt["left"]:
        lines.append(
            "events of the profile came after its erasure, or a worker of another app wrote: stop its devices, and run "
            "this again"
        )
    return lines


def _now_ms() -> int:
    return int(time.time() * 1000)


def check_receipt(receipt: dict[str, Any]) -> None:
    """Raise ``ConfigurationError`` when a receipt was changed after it was written."""
    if signed(receipt)["sha256"] != receipt.get("sha256"):
        raise ConfigurationError("the receipt's sha256 does not fit what it says: it was changed")
