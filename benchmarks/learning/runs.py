"""Which runs there are, and how they are spread over processes: the same viewers and seeds for every policy."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from benchmarks.learning.contenders import Maker
from benchmarks.learning.measures import SURFACES, Plan, Result
from benchmarks.learning.river_contenders import River
from benchmarks.learning.simple_contenders import Best, Popularity, Random
from benchmarks.learning.world import World
from streams.audience.scenarios import STEADY, scenario_named

OURS, FROZEN = "Flywheel", "learning off"
MAKERS: dict[str, Maker] = {maker.name: maker for maker in (Random, Popularity, River, Best)}
RIVALS = tuple(name for name in MAKERS if name != Best.name)
"""Whom ours must beat on every surface."""
POLICIES = (*RIVALS, FROZEN, OURS, Best.name)
"""In the order in which they are listed."""
SCENARIOS_RUN = ("taste_drift", "bots")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: a policy for one surface (all of them for ours, and with learning off), a scenario, a seed."""

    policy: str
    surface: str
    scenario: str
    seed: int


def all_runs(seeds: Iterable[int]) -> list[Run]:
    """Every run that the report needs; ``surface`` is empty where the engine decides them all."""
    runs = []
    for seed in seeds:
        runs += [Run(OURS, "", STEADY.name, seed), Run(FROZEN, "", STEADY.name, seed)]
        runs += [Run(OURS, "", scenario, seed) for scenario in SCENARIOS_RUN]
        runs += [Run(policy, surface, STEADY.name, seed) for surface in SURFACES for policy in MAKERS]
    return runs


def perform(run: Run, plan: Plan, surfaces: str | None) -> Result:
    """One run, in this process."""
    logging.getLogger("streams").setLevel(logging.ERROR)
    return World(
        plan,
        run.seed,
        surface=run.surface or None,
        contender=MAKERS.get(run.policy),
        learning=run.policy != FROZEN,
        scenario=scenario_named(run.scenario),
        judged=(run.surface,) if run.surface else SURFACES,
        surfaces=surfaces,
    ).run()


def perform_all(
    runs: list[Run], plan: Plan, processes: int, surfaces: str | None
) -> Iterator[tuple[Run, Result]]:
    """Every run and what it came to, as they end. The first is done alone: it compiles the engine for all."""
    yield runs[0], perform(runs[0], plan, surfaces)
    if processes <= 1:
        yield from ((run, perform(run, plan, surfaces)) for run in runs[1:])
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        going = {pool.submit(perform, run, plan, surfaces): run for run in runs[1:]}
        for done in as_completed(going):
            yield going[done], done.result()
