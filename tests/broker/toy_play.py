"""The toy engine's play: numbered events of some profiles in both input topics, and the oracle that adds them
up.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from streams import topics
from streams.rekeyed.owners import CHANGELOG_KEY
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from tests.broker.log import Input
from tests.broker.scenario import Logs, Play
from tests.broker.toy_engine import title_of

PROFILES = 500
SUBSCRIPTION_SHARE = 0.1


def inputs(rng: random.Random, settings: Settings) -> Iterator[Input]:
    """Events for ever; a profile has its partition, as a producer's partitioner would choose it."""
    number = 0
    while True:
        number += 1
        profile = rng.randrange(PROFILES)
        topic = topics.SUBSCRIPTION_EVENTS if rng.random() < SUBSCRIPTION_SHARE else topics.VIEWING_EVENTS
        yield Input(topic, profile % settings.partitions, b"p%d" % profile, b'{"n":%d}' % number)


class ToyOracle:
    """Every input record once, versions 1 to N, and the sum in the state."""

    def topics(self, settings: Settings) -> Sequence[str]:
        return [topics.ROW_ORDER, settings.state_topic, topics.TITLE_SIGNALS, topics.TITLE_STATS]

    def differences(self, logs: Logs) -> Iterator[str]:
        wanted: dict[bytes, list[int]] = defaultdict(list)
        applied: dict[bytes, dict[str, int]] = defaultdict(dict)
        for topic in topics.INPUTS:
            for entry in logs.topics[topic]:
                wanted[entry.key or b""].append(entry.offset)
                applied[entry.key or b""][topic] = entry.offset
        state = {
            entry.key: json.loads(entry.value or b"")
            for entry in logs.topics[logs.settings.state_topic]
            if entry.key is None or not entry.key.startswith(CHANGELOG_KEY)
        }
        outputs = defaultdict(list)
        for entry in logs.topics[topics.ROW_ORDER]:
            outputs[entry.key].append(json.loads(entry.value or b""))
        for profile, offsets in wanted.items():
            row = {"version": len(offsets), "sum": sum(offsets), "applied": applied[profile]}
            if state.get(profile) != row:
                yield f"state of {profile!r}: {state.get(profile)} instead of {row}"
            versions = [output["version"] for output in outputs[profile]]
            if versions != list(range(1, len(offsets) + 1)):
                yield f"versions of {profile!r}: {_runs(versions)} instead of 1 to {len(offsets)}"
            if sorted(output["offset"] for output in outputs[profile]) != sorted(offsets):
                yield f"outputs of {profile!r} come from other records than the input's"
        for profile in (state.keys() | outputs.keys()) - wanted.keys():
            yield f"{profile!r} was never in the input"
        yield from _title_differences(logs)


def _title_differences(logs: Logs) -> Iterator[str]:
    """Every event that adds to a title was signalled once, and counted once: told as 1, 2, ... to the last."""
    wanted: Counter[tuple[str, int]] = Counter()
    for topic in topics.INPUTS:
        for entry in logs.topics[topic]:
            title = title_of(json.loads(entry.value or b"{}").get("n", 1))
            if title is not None:
                wanted[title, entry.partition] += 1
    signals = [json.loads(entry.value or b"") for entry in logs.topics[topics.TITLE_SIGNALS]]
    found = Counter((signal["title_id"], signal["source"]) for signal in signals)
    if found != wanted:
        yield f"signals by title and source: {found - wanted} too many, {wanted - found} missing"
    told: dict[str, list[int]] = defaultdict(list)
    for entry in logs.topics[topics.TITLE_STATS]:
        stats = json.loads(entry.value or b"")
        told[stats["title_id"]].append(stats["quality"])
        if entry.partition != partition_of(entry.key or b"", logs.settings.partitions):
            yield f"{entry.key!r} was told in partition {entry.partition}"
    for title in sorted({title for title, _ in wanted}):
        total = sum(count for (name, _), count in wanted.items() if name == title)
        if told[title] != list(range(1, total + 1)):
            yield f"title-stats of {title}: {_runs(told[title])} instead of 1 to {total}"


def _runs(numbers: list[int]) -> str:
    """``1-5, 4-9``: consecutive runs, so that a gap or a repeat is seen."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(f"{first}-{last}" for first, last in runs)


def play() -> Play:
    """The toy worker as a subprocess."""
    command = [sys.executable, str(Path(__file__).with_name("toy_worker.py"))]
    environ = {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "FLYWHEEL_TITLE_STATS_INTERVAL_MS": "0",  # every count is told
    }
    return Play("toy", command, inputs, ToyOracle(), environ=environ)
