"""Which share of new profiles each arm gets now, and what changes that: a harm, or in a bandit a better
arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.allocation import thompson
from models.arm_sums import N, spread
from models.sequential import compare
from streams.experiments.declaration import Experiment
from streams.experiments.totals import Totals
from streams.settings import DAY_MS

MOVE_EVERY_MS = DAY_MS
"""A bandit's shares move at most once a day of event time: an audience of one hour is not that of the
next."""
SHARE_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Allocation:
    """The shares of new profiles that the arms get now; ``version`` counts the changes."""

    version: int
    shares: tuple[float, ...]
    stopped: tuple[bool, ...]
    moved_ts: int

    @classmethod
    def declared(cls, experiment: Experiment) -> Allocation:
        """As the experiment begins."""
        return cls(0, experiment.shares, (False,) * len(experiment.arms), 0)


def allocation_of(experiment: Experiment, record: dict[str, Any]) -> Allocation | None:
    """The allocation in an ``experiment-results`` record; ``None`` when it is not of this declaration, as while
    workers are updated one after the other."""
    if record.get("digest") != experiment.digest:
        return None
    told = record["allocation"]
    stopped = tuple(arm.name in told["stopped"] for arm in experiment.arms)
    return Allocation(int(told["version"]), tuple(map(float, told["shares"])), stopped, int(told["moved_ts"]))


def move(
    experiment: Experiment, totals: Totals, allocation: Allocation, harmed: list[list[bool]], ts: int
) -> Allocation:
    """Stop what harms, at once and for good; give better arms of a bandit more, once a day."""
    harms = zip(allocation.stopped[1:], harmed, strict=True)
    stopped = (False, *(out or any(now) for out, now in harms))
    running = ~np.array(stopped)
    declared = np.array(experiment.shares)
    enough = totals.sums[running, 0, N].min() >= experiment.minimum
    if experiment.bandit and enough and (ts - allocation.moved_ts >= MOVE_EVERY_MS):
        shares = thompson(*_posterior(totals), running)
    elif stopped != allocation.stopped:
        shares = np.where(running, np.array(allocation.shares), 0.0)
        shares = shares / shares.sum() if shares.sum() > 0 else np.where(running, declared, 0.0)
    else:
        return allocation
    rounded = np.round(shares, SHARE_DIGITS)
    rounded[int(rounded.argmax())] += 1.0 - rounded.sum()
    new = tuple(float(share) for share in np.round(rounded, SHARE_DIGITS))
    if new == allocation.shares and stopped == allocation.stopped:
        return Allocation(allocation.version, new, stopped, ts)
    return Allocation(allocation.version + 1, new, stopped, ts)


def _posterior(totals: Totals) -> tuple[Any, Any]:
    """Means and standard errors of the arms' metric: what each has, adjusted for its profiles' past."""
    control = totals.sums[0, 0]
    lifts = [compare(control, arm[0]) for arm in totals.sums[1:]]
    means = [0.0, *(float(lift.value) for lift in lifts)]
    errors = [float(np.sqrt(spread(control, np.mean([lift.theta for lift in lifts]))))]
    errors += [
        float(np.sqrt(spread(arm[0], lift.theta))) for arm, lift in zip(totals.sums[1:], lifts, strict=True)
    ]
    return np.array(means), np.array(errors)
