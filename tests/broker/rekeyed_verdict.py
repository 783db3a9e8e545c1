"""The verdict on what the real engines write to each other: every signal once, and counted once by its owner."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from streams import topics
from streams.rekeyed.owners import Owners
from streams.rekeyed.partitioner import partition_of
from streams.transport.batch import RecordBatch
from tests.broker.scenario import Logs

Sent = tuple[bytes | None, bytes | None]


def rekeyed(logs: Logs) -> list[str]:
    """The topics that partitions write to each other."""
    return [topic for topic in topics.owned(logs.settings) if topic not in topics.INPUTS]


def is_play(value: bytes | None) -> bool:
    """Whether a record is a title signal of plays: what was played does not depend on what was decided."""
    return b'"played"' in (value or b"")


def signal_differences(
    logs: Logs, wanted: Mapping[tuple[str, int, int], list[Sent]], *, plays_only: bool
) -> Iterator[str]:
    """Every record as its source would have written it undisturbed, in its source's order.

    ``wanted`` has (key, value) by topic, partition written to, and source. ``plays_only``: no other records
    than :func:`is_play`.
    """
    found: dict[tuple[str, int, int], list[Sent]] = defaultdict(list)
    for topic in rekeyed(logs):
        for entry in logs.topics[topic]:
            source = json.loads(entry.value or b"")["source"]
            found[topic, entry.partition, source].append((entry.key, entry.value))
            if partition_of(entry.key or b"", logs.settings.partitions) != entry.partition:
                yield f"{entry.key!r} went to {topic}-{entry.partition}"
    for log in sorted(found.keys() | wanted.keys()):
        seen, right = (
            [sent for sent in side.get(log, []) if not plays_only or is_play(sent[1])]
            for side in (found, wanted)
        )
        if seen != right:
            pairs = zip_longest(seen, right)
            at, (here, there) = next((i, pair) for i, pair in enumerate(pairs) if pair[0] != pair[1])
            yield (
                f"{log[0]}-{log[1]} from {log[2]} has {len(seen)} records instead of {len(right)}, and differs "
                f"first at {at}:\n  found   {here}\n  instead {there}"
            )


def owner_differences(logs: Logs, number: int, rebuilt: Owners) -> Iterator[str]:
    """What the owners of a partition would know after a recovery, against their logs read in one go."""
    settings = logs.settings
    owners = Owners(number, settings, lambda *_: None, lambda *_: None)
    for topic in rekeyed(logs):
        entries = logs.of(topic, number)
        if entries:
            batch = RecordBatch(topic, number, entries[0].offset, entries[-1].offset + 1, entries)
            owners.apply(batch, max(entry.timestamp for entry in entries))
    owners.take_changes()  # notes what is held back, as a checkpoint does
    yield from _each(f"title of {number}", rebuilt.titles.titles, owners.titles.titles)
    parts, right = (_parts(each, "experiment") for each in (rebuilt, owners))
    yield from _each(f"experiment of {number}", parts, right)
    told: dict[str, Any] = {}
    for entry in logs.of(topics.TITLE_STATS, number):
        told[(entry.key or b"").decode()] = json.loads(entry.value or b"")
    for name, title in owners.titles.titles.items():
        if not title.held and (told.get(name) or {}).get("quality") != title.quality:
            yield f"title-stats of {name!r} says {told.get(name)} instead of {title}"


def _parts(owners: Owners, kind: str) -> dict[str, Any]:
    return dict(getattr(owners.tallied[kind], "parts", {}))


def _each(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            yield f"{what} {name!r}: {found.get(name)} instead of {wanted.get(name)}"
