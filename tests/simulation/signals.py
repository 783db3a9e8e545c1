"""The verdict on what the partitions wrote to each other: every good event of any partition is counted once by
the owner of its title, wherever that is."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zlib import crc32

from streams import topics
from streams.errors import RecoveryError
from streams.rekeyed.partitioner import partition_of
from tests.simulation import verdict
from tests.simulation.counting_engine import BAD, TALLY, TITLE, title_of

if TYPE_CHECKING:
    from tests.simulation.world import World


def signal_differences(world: World) -> Iterator[str]:
    """One line for everything that is not as the input logs of all partitions say.

    At least once may write an increment twice, but loses none, and the owner counts what stands in its log.
    """
    once = world.chances.exactly_once
    wanted: dict[bytes, Counter[str]] = defaultdict(Counter)
    sums: dict[bytes, dict[str, int]] = defaultdict(lambda: {"n": 0, "sum": 0})
    for topic, number in world.inputs:
        for slot in world.kafka.read((topic, number), 0, 1 << 30)[0]:
            title = title_of(slot.value or BAD)
            if title is not None:
                wanted[title][json.dumps([number, topic, slot.offset])] += 1
                tally = sums[TALLY + b"%s:%d" % (title, number)]
                tally["n"] += 1
                tally["sum"] += crc32(slot.value)
    for title in sorted(wanted):
        owner = partition_of(title, world.partitions)
        try:
            rows = verdict.rebuilt(world, owner).rows
        except RecoveryError:
            return  # the verdict on the changelogs says so
        log = [s for s in world.kafka.read((topics.TITLE_SIGNALS, owner), 0, 1 << 30)[0] if s.key == title]
        told = [json.loads(slot.value) for slot in log if slot.value is not None]
        found = Counter(json.dumps(record["source"]) for record in told)
        if found != wanted[title] and (once or found.keys() != wanted[title].keys()):
            yield f"signals of {title!r}: {found - wanted[title]} too many, {wanted[title] - found} missing"
        counted = {"n": len(told), "sum": sum(record["sum"] for record in told)}
        row = rows.get(TITLE + title, {})
        if {name: row.get(name) for name in counted} != counted:
            yield f"the owner of {title!r} has {row} instead of {counted}"
        yield from _stats_differences(world, title, owner, len(told))
        for key in [key for key in sums if key.startswith(TALLY + title + b":")]:
            if once and rows.get(key) != sums[key]:
                yield f"{key!r}: {rows.get(key)} instead of {sums[key]}"
    yield from _strays(world)


def _stats_differences(world: World, title: bytes, owner: int, n: int) -> Iterator[str]:
    log = world.kafka.read((topics.TITLE_STATS, owner), 0, 1 << 30)[0]
    versions: list[Any] = [
        json.loads(slot.value)["version"] for slot in log if slot.key == title and slot.value
    ]
    if not world.chances.exactly_once:
        versions = sorted(set(versions))
    if versions != list(range(1, n + 1)):
        yield f"title-stats of {title!r} has versions {versions} instead of 1 to {n}"


def _strays(world: World) -> Iterator[str]:
    for topic in (topics.TITLE_SIGNALS, world.settings.tallies_topic):
        for number in range(world.partitions):
            for slot in world.kafka.read((topic, number), 0, 1 << 30)[0]:
                if partition_of(slot.key or b"", world.partitions) != number:
                    yield f"{slot.key!r} went to {topic}-{number}"
