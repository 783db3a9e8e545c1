"""What a profile does after it was exposed, and what it did before: its outcomes and covariates. Compiled.

Both are kept from the moments of the profile itself, never from the loop's counters, which may be ahead.
"""

from __future__ import annotations

from models.compiled import compiled
from streams.profiles.clock import MONTH_MS, remaining
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import EXPERIMENTS

NONE, OBSERVED, COUNTED, STOPPED = range(4)
"""States of a profile in an experiment: its window is open; it is in the sums; its arm was stopped, so it
is left out of them and gets what everybody gets."""
QUALITY_PLAYS, WATCHED_HOURS, VISITS = range(3)
"""Places in ``exp_before`` and ``exp_y``, in the order of ``declaration.METRICS``."""


@compiled
def bring_before(p: Fields, ts: int) -> None:
    """Let the profile's past fade to ``ts``."""
    if ts > p.exp_before_ts:
        left = remaining(float(ts - p.exp_before_ts), MONTH_MS)
        for what in range(3):
            p.exp_before[what] *= left
        p.exp_before_ts = ts


@compiled
def count_outcome(tastes: Array, slot: int, ts: int, what: int, amount: float) -> None:
    """The profile in ``slot`` did ``amount`` of ``what`` at ``ts``: an outcome in every window that is open
    then.

    A visit counts as having come back when it is in the second half of the window.
    """
    p = tastes[slot]
    bring_before(p, ts)
    p.exp_before[what] += amount * remaining(float(p.exp_before_ts - ts), MONTH_MS)
    for k in range(EXPERIMENTS):
        if p.exp_state[k] == OBSERVED and p.exp_ts[k] <= ts and ts < p.exp_until[k]:
            if what != VISITS:
                p.exp_y[k, what] += amount
            elif 2 * ts >= p.exp_ts[k] + p.exp_until[k]:
                p.exp_y[k, VISITS] = 1.0


@compiled
def join(
    tastes: Array,
    slot: int,
    place: int,
    digest: int,
    arm: int,
    share: float,
    ts: int,
    until: int,
    metric: int,
) -> None:
    """Put the profile in ``slot`` into an arm at ``ts``; its past of ``metric`` is the covariate."""
    p = tastes[slot]
    bring_before(p, ts)
    leave(tastes, slot, place)
    p.exp_id[place] = digest
    p.exp_arm[place] = arm
    p.exp_state[place] = OBSERVED
    p.exp_share[place] = share
    p.exp_ts[place] = ts
    p.exp_until[place] = until
    p.exp_x[place] = p.exp_before[metric]


@compiled
def leave(tastes: Array, slot: int, place: int) -> None:
    """The profile in ``slot`` is in no experiment of this layer."""
    p = tastes[slot]
    p.exp_id[place] = 0
    p.exp_arm[place] = 0
    p.exp_state[place] = NONE
    p.exp_share[place] = 0.0
    p.exp_ts[place] = 0
    p.exp_until[place] = 0
    p.exp_x[place] = 0.0
    for what in range(3):
        p.exp_y[place, what] = 0.0
