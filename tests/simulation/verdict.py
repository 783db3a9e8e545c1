"""The verdict on a simulated run: committed output, state and positions against the input logs alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from zlib import crc32

from streams import topics
from streams.errors import RecoveryError
from tests.simulation.counting_engine import BAD, MODEL, OWN_SUM, TALLY, TITLE, CountingEngine, rows_of
from tests.simulation.signals import signal_differences

if TYPE_CHECKING:
    from tests.simulation.world import World


def differences(world: World) -> Iterator[str]:
    """One line for everything that is not as the input logs say."""
    for number in range(world.partitions):
        events = [
            (topic, slot.offset, slot.key, slot.value)
            for topic in topics.INPUTS
            for slot in _committed(world, topic, number)
        ]
        for topic in topics.owned(world.settings):
            if world.kafka.offsets.get((topic, number)) != world.kafka.end((topic, number)):
                yield f"{topic}-{number} is committed at {world.kafka.offsets.get((topic, number))}"
        rows = rows_of(events)
        yield from (f"{log} ends in a transaction that is open" for log in world.kafka.open_logs())
        yield from _state_differences(world, number, rows, events)
        yield from _output_differences(world, number, rows, events)
        yield from _dead_letter_differences(world, number, events)
    yield from signal_differences(world)


def _committed(world: World, topic: str, number: int) -> list[Any]:
    return world.kafka.read((topic, number), 0, 1 << 30)[0]


def rebuilt(world: World, number: int) -> CountingEngine:
    """The engine that a recovery would rebuild. Raises ``RecoveryError``."""
    engine = world.new_engine(number)
    changelog = _committed(world, world.settings.state_topic, number)
    engine.restore([slot.key for slot in changelog], [slot.value for slot in changelog])
    return engine


def _state_differences(world: World, number: int, rows: dict[bytes, Any], events: list[Any]) -> Iterator[str]:
    # What recovery would rebuild is what counts, so the engine itself reads the changelog.
    try:
        engine = rebuilt(world, number)
    except RecoveryError as error:
        yield f"the changelog of partition {number} cannot be read: {error}"
        return
    profiles = {key for key in engine.rows if not key.startswith((TITLE, OWN_SUM, TALLY))}
    for key in rows.keys() | profiles:
        if rows.get(key) != engine.rows.get(key):
            yield f"state of {key!r}: {engine.rows.get(key)} instead of {rows.get(key)}"
    good = [value for *_, value in events if value != BAD]
    learned = {"n": len(good), "sum": sum(map(crc32, good))}
    if world.chances.exactly_once and engine.model != learned:
        yield f"{MODEL!r} of partition {number}: {engine.model} instead of {learned}"


def _output_differences(
    world: World, number: int, rows: dict[bytes, Any], events: list[Any]
) -> Iterator[str]:
    wanted: dict[bytes, list[tuple[str, int]]] = {key: [] for key in rows}
    for topic, offset, key, value in events:
        if value != BAD:
            wanted[key].append((topic, offset))
    outputs: dict[bytes, list[Any]] = {key: [] for key in rows}
    for slot in _committed(world, topics.ROW_ORDER, number):
        outputs.setdefault(slot.key, []).append(json.loads(slot.value))
    for key, found in outputs.items():
        versions, causes = [o["version"] for o in found], [(o["topic"], o["offset"]) for o in found]
        if not world.chances.exactly_once:
            # A repeat has the version of before; its cause may differ, as two topics come in any order.
            versions, causes = sorted(set(versions)), sorted(set(causes))
        if versions != list(range(1, rows[key]["n"] + 1)):
            yield f"{key!r} has versions {versions} instead of 1 to {rows[key]['n']}"
        elif (last := max(found, key=lambda o: o["version"]))["chains"] != rows[key]["chains"]:
            yield f"the last output of {key!r} is {last} instead of {rows[key]}"
        if sorted(causes) != sorted(wanted[key]):
            yield f"{key!r}: causes of the outputs are not the input"


def _dead_letter_differences(world: World, number: int, events: list[Any]) -> Iterator[str]:
    wanted = sorted(b"%d" % offset for _, offset, _, value in events if value == BAD)
    found = sorted(slot.headers[0][1] for slot in _committed(world, topics.DEAD_LETTERS, number))
    if not world.chances.exactly_once:
        wanted, found = sorted(set(wanted)), sorted(set(found))
    if wanted != found:
        yield f"dead letters of partition {number}: {found} instead of {wanted}"
