"""Experiments on an audience that watches more or less by arm: what is concluded, and where the traffic goes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from streams import topics
from streams.experiments.assignment import arm_of, experiments_of
from streams.experiments.outcomes import STOPPED
from streams.experiments.reading import load
from streams.rekeyed.partitioner import partition_of
from tests.streams.journeys import START_MS
from tests.surfaces.small_service import Service, declared

DAY = 86_400
TWO = """
[[experiments]]
id = "x"
window_days = 2
minimum = 20
arms = [{ name = "control", policy = "popular" }, { name = "new", policy = "dwell" }]
"""
GUARDED = TWO + 'guardrails = [{ metric = "watched_hours", margin = 0.02 }]\n'


def service(folder: Path, text: str = TWO, **changes: Any) -> Service:
    return Service(experiments=declared(folder, text), **changes)


def run(subject: Service, profiles: int, effect: float, seed: int, days: int = 4) -> None:
    """Profiles come over some days, have their own way of watching, and in the arm ``new`` watch ``effect``
    times as much from the next day on. Each joins at its first visit and comes back twice within its
    window."""
    draw, declaration = random.Random(seed), load(subject.settings.experiments)
    for day in range(days):
        events = []
        for n in range(profiles // days):
            name = f"p{seed}-{day}-{n}"
            at = day * DAY + draw.random() * DAY / 2
            events += subject.visit(at, name, plays=1)
            taste = draw.choice([1, 2, 3])
            joined = experiments_of(declaration, name, START_MS)
            arm = subject_arm(subject, name) if joined else 0
            for later in (0.6, 1.2):
                plays = sum(draw.random() < (effect if arm else 1.0) * 0.3 for _ in range(2 * taste))
                events += subject.visit(at + later * DAY, name, plays=plays)
        subject.send(events)
    subject.pass_time((days + 3) * DAY)
    subject.pass_time((days + 3) * DAY + 200)


def subject_arm(subject: Service, name: str) -> int:
    """The arm the profile will get, by the shares as they are now."""
    number = partition_of(name.encode(), len(subject.engines))
    surface: Any = subject.engines[number].surfaces.surfaces["experiments"]
    surface.follow_shared()
    experiment = surface.declaration.experiments[0]
    return arm_of(surface.declaration.salt, experiment, name, surface.allocations[experiment.id].shares)


def test_an_a_a_test_through_two_partitions_finds_nothing(tmp_path: Path) -> None:
    subject = service(tmp_path, GUARDED, partitions=2)
    run(subject, 240, effect=1.0, seed=1)
    results = subject.records(topics.EXPERIMENT_RESULTS, "x")
    assert {record["verdict"] for record in results} == {"running"}
    last = results[-1]
    assert last["sources"] == 2
    assert (
        sum(arm["observed"] for arm in last["arms"]) == sum(arm["exposures"] for arm in last["arms"]) == 240
    )
    assert last["arms"][1]["low"] < 0 < last["arms"][1]["high"]
    assert last["sample_ratio_p"] > 0.01


def test_a_harmful_arm_is_stopped_everywhere(tmp_path: Path) -> None:
    subject = service(tmp_path, GUARDED, partitions=2)
    run(subject, 480, effect=0.2, seed=2, days=6)
    last = subject.records(topics.EXPERIMENT_RESULTS, "x")[-1]
    assert last["arms"][1]["stopped"] and last["arms"][1]["share"] == 0.0
    assert (last["verdict"], last["winner"]) == ("winner", "control")
    # Nobody joins it any more, and who is in it gets what everybody gets.
    exposed = last["arms"][1]["exposures"]
    for n in range(40):
        subject.send(subject.visit(20 * DAY + n, f"late{n}"))
    subject.pass_time(21 * DAY)
    after = subject.records(topics.EXPERIMENT_RESULTS, "x")[-1]
    assert (
        after["arms"][1]["exposures"] == exposed
        and after["arms"][0]["exposures"] == last["arms"][0]["exposures"] + 40
    )
    inside = next(
        name for number in (0, 1) for name, slot in subject.engines[number].state.profiles.slots.items()
        if name.startswith("p2") and subject.engines[number].state.tastes.records["exp_arm"][slot, 0] == 1
    )  # fmt: skip
    subject.send(subject.visit(22 * DAY, inside))
    assert subject.taste(inside)["exp_state"][0] == STOPPED
    assert "experiment" not in subject.records(topics.CATEGORY_CHOICES, inside)[-1]


def test_a_bandit_moves_traffic_to_the_better_arm(tmp_path: Path) -> None:
    subject = service(
        tmp_path, TWO.replace("window_days = 2", 'window_days = 2\nmode = "bandit"'), partitions=2
    )
    run(subject, 800, effect=1.8, seed=4, days=10)
    last = subject.records(topics.EXPERIMENT_RESULTS, "x")[-1]
    assert last["allocation"]["version"] >= 2 and last["allocation"]["shares"][1] > 0.8
    new, control = last["arms"][1]["exposures"], last["arms"][0]["exposures"]
    assert new > 1.3 * control and new + control == 800
    assert last["verdict"] != "broken_split" and last["sample_ratio_valid_p"] > 0.05
    assert last["arms"][1]["low"] < last["arms"][1]["lift"] < last["arms"][1]["high"]


def test_alone_a_partition_stops_a_harmful_arm_by_what_it_knows(tmp_path: Path) -> None:
    subject = service(tmp_path, GUARDED, sharing=False)
    run(subject, 300, effect=0.1, seed=3, days=3)
    surface: Any = subject.engines[0].surfaces.surfaces["experiments"]
    assert surface.allocations["x"].stopped == (False, True)
