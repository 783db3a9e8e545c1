"""Thousands of seeded runs of the real assignment, partition, checkpoint and recovery against a broker in
memory.

A failure prints its seed. ``SIMULATION_SEED=17`` runs just that one, ``SIMULATION_SEEDS=100000`` many more.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator

import pytest

from tests.simulation.chances import Counts
from tests.simulation.world import simulate

SEEDS = int(os.environ.get("SIMULATION_SEEDS", 600))
ONLY = os.environ.get("SIMULATION_SEED")
CALM = {"events": 8, "faults": 0, "lost_batch": 0.1, "repeated_batch": 0.1, "overlapping_batch": 0.1}


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Thousands of simulated workers would fill the log with their ends."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def seeds(part: int, parts: int) -> Iterable[int]:
    """One of ``parts`` shares of the seeds, so that test processes divide them."""
    return [int(ONLY)] if ONLY else range(part, SEEDS, parts)


def total_of(all_counts: Iterable[Counts]) -> Counts:
    total = Counts()
    for counts in all_counts:
        for name in Counts.__dataclass_fields__:
            setattr(total, name, getattr(total, name) + getattr(counts, name))
    return total


@pytest.mark.parametrize("part", range(4))
def test_exactly_once_whatever_happens(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    total = total_of(simulate(seed, monkeypatch).counts for seed in seeds(part, 4))
    print(total)
    if not ONLY:  # the runs were as bad as they should be
        assert min(total.crashes, total.freezes, total.seeks, total.dropped, total.fenced, total.failed) > 0


@pytest.mark.parametrize("part", range(2))
def test_at_least_once_loses_nothing_and_counts_nothing_twice(
    part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = total_of(simulate(seed, monkeypatch, exactly_once=False).counts for seed in seeds(part, 4))
    assert ONLY or min(total.crashes, total.seeks, total.dropped) > 0


@pytest.mark.parametrize("exactly_once", [True, False])
def test_a_crash_at_every_step(exactly_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request of a worker, from fencing to its last commit: dead before it takes effect, or after."""
    for seed in range(2):
        steps = simulate(seed, monkeypatch, exactly_once=exactly_once, **CALM).counts.steps_of_first
        assert steps > 20
        for step in range(1, steps + 1):
            for moment in ("before", "after"):
                world = simulate(
                    seed, monkeypatch, exactly_once=exactly_once, crash_at=(step, moment), **CALM
                )
                assert world.counts.crashes == 1


def test_the_same_seed_is_the_same_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(20):
        one, two = simulate(seed, monkeypatch), simulate(seed, monkeypatch)
        assert one.kafka.logs == two.kafka.logs
        assert one.counts == two.counts
