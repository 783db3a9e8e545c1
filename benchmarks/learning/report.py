"""From runs to figures, and from figures to words: reward and regret by surface and policy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.learning.measures import BUCKETS, SURFACES, Result, Spread, Worth, mean, recovery, spread
from benchmarks.learning.runs import FROZEN, OURS, POLICIES, RIVALS, Run
from benchmarks.learning.simple_contenders import Best
from streams.audience.scenarios import STEADY

LATE = BUCKETS // 2
"""Rewards of the second half say what was learned; those of all say what learning cost, too."""
RECOVERED = 0.95
"""Recovered: this share of what was got of the best before the turn."""
UNIT = {
    "rows": "chance of a good play, a look at the page",
    "titles": "chance of a good play, a look at the first screen of the ranking",
    "artwork": "chance of a good play, a title seen alone",
    "trailers": "chance to win a leaving viewer back, an offered trailer",
    "categories": "chance of a good play, a look along the categories",
}

Results = Mapping[Run, Result]


def figures(results: Results, days: int) -> dict[str, Any]:
    """All figures, as they are written: means and standard errors over seeds."""
    seeds = sorted({run.seed for run in results})
    return {
        "seeds": seeds,
        "days": days,
        "events": sum(result.events for result in results.values()),
        "surfaces": {surface: _surface(results, surface, seeds) for surface in SURFACES},
        "drift": {surface: _drift(results, surface, seeds, days) for surface in SURFACES},
        "bots": {surface: _bots(results, surface, seeds) for surface in SURFACES},
        "plays_per_visit": {
            policy: spread([results[Run(policy, "", STEADY.name, seed)].plays_per_visit for seed in seeds])
            for policy in (OURS, FROZEN)
        },
    }


def _worths(results: Results, policy: str, surface: str, scenario: str, seeds: Sequence[int]) -> list[Worth]:
    whose = "" if policy in (OURS, FROZEN) else surface
    return [results[Run(policy, whose, scenario, seed)].worth[surface] for seed in seeds]


def _surface(results: Results, surface: str, seeds: Sequence[int]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    rewards: dict[str, list[float]] = {}
    for policy in POLICIES:
        worths = _worths(results, policy, surface, STEADY.name, seeds)
        rewards[policy] = [worth.reward() for worth in worths]
        said[policy] = {
            "decisions": sum(float(worth.n.sum()) for worth in worths),
            "reward": spread(rewards[policy]),
            "regret": spread([worth.regret() for worth in worths]),
            "share": spread([worth.share() for worth in worths]),
            "late": spread([worth.reward(LATE) for worth in worths]),
            "curve": [spread([worth.share(b, b + 1) for worth in worths]).mean for b in range(BUCKETS)],
        }
    rival = max(RIVALS, key=lambda policy: _or_least(said[policy]["reward"].mean))
    gains = [ours - theirs for ours, theirs in zip(rewards[OURS], rewards[rival], strict=True)]
    return {"policies": said, "best_rival": rival, "gain": spread(gains)}


def _or_least(reward: float) -> float:
    return -math.inf if math.isnan(reward) else reward


def _drift(results: Results, surface: str, seeds: Sequence[int], days: int) -> dict[str, Any]:
    worths = _worths(results, OURS, surface, "taste_drift", seeds)
    curve = [spread([worth.share(b, b + 1) for worth in worths]).mean for b in range(BUCKETS)]
    before, after = curve[BUCKETS // 4 : LATE], curve[LATE:]
    buckets = recovery(before, after, RECOVERED)
    return {
        "curve": curve,
        "before": mean(before),
        "lowest": min((share for share in after if not math.isnan(share)), default=math.nan),
        "recovery_days": None if buckets is None else buckets * days / BUCKETS,
    }


def _bots(results: Results, surface: str, seeds: Sequence[int]) -> dict[str, Any]:
    without = _worths(results, OURS, surface, STEADY.name, seeds)
    among = _worths(results, OURS, surface, "bots", seeds)
    return {
        "without": spread([worth.share() for worth in without]),
        "among": spread([worth.share() for worth in among]),
    }


# --- in words


def verdict(said: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The surfaces on which ours is the best of the non-oracle, and those on which it is not."""
    best: list[str] = []
    beaten: list[str] = []
    for surface in SURFACES:
        (best if said["surfaces"][surface]["gain"].mean > 0 else beaten).append(surface)
    return best, beaten


def in_words(said: Mapping[str, Any]) -> Group:
    """The report for a terminal."""
    return Group(*_parts(said))


def _parts(said: Mapping[str, Any]) -> Iterator[Any]:
    for surface in SURFACES:
        yield _table(surface, said["surfaces"][surface])
    table = Table(title="a change of every taste, and bots", title_justify="left")
    for heading in ("surface", "of the best before", "lowest", "recovered after", "among bots", "without"):
        table.add_column(heading)
    for surface in SURFACES:
        drift, bots = said["drift"][surface], said["bots"][surface]
        days = drift["recovery_days"]
        table.add_row(
            surface,
            f"{drift['before']:.1%}",
            f"{drift['lowest']:.1%}",
            "not in this run" if days is None else f"{days:.1f} days",
            _percent(bots["among"]),
            _percent(bots["without"]),
        )
    yield table
    learned, frozen = said["plays_per_visit"][OURS], said["plays_per_visit"][FROZEN]
    yield Text(f"good plays a visit: {_number(learned)} learning, {_number(frozen)} with learning off")
    best, beaten = verdict(said)
    yield Text(f"Flywheel is the best of the non-oracle on: {', '.join(best) or 'nothing'}", style="green")
    if beaten:
        yield Text(f"and is NOT on: {', '.join(beaten)}", style="red")


def _table(surface: str, said: Mapping[str, Any]) -> Table:
    table = Table(title=f"{surface}: {UNIT[surface]}", title_justify="left")
    for heading in ("policy", "reward", "regret", "of the best", "second half", "decisions"):
        table.add_column(heading, justify="left" if heading == "policy" else "right")
    for policy in POLICIES:
        one = said["policies"][policy]
        table.add_row(
            policy,
            _number(one["reward"]),
            _number(one["regret"]),
            _percent(one["share"]),
            _number(one["late"]),
            f"{one['decisions']:,.0f}",
            style="bold" if policy == OURS else "dim" if policy == Best.name else None,
        )
    gain = said["gain"]
    table.caption = f"ours over {said['best_rival']}: {gain.mean:+.4f} ± {gain.error:.4f}"
    return table


def _number(value: Spread) -> str:
    return f"{value.mean:.4f} ± {value.error:.4f}" if value.error else f"{value.mean:.4f}"


def _percent(value: Spread) -> str:
    return f"{value.mean:.1%}"
