"""From the sums of an experiment to what is told of it: intervals, verdict, stopped arms, shares.

Every bound holds at any time, so a verdict, a stop or a move of shares may follow the moment it is seen. All
comparisons are with the control (the first arm); the chance of any false alarm among them is at most
``alpha``, by Bonferroni: each of the k - 1 intervals is at level 1 - alpha / (k - 1). Holm's step-down
would win some power for verdicts, but has no intervals that hold together. Guardrails have an ``alpha`` of
their own, divided likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arm_sums import N, mean
from models.sample_ratio import always_valid_p, chi_square_p
from models.sequential import Lift, compare
from streams.experiments.allocation import Allocation, move
from streams.experiments.declaration import Experiment
from streams.experiments.totals import Totals
from streams.settings import DAY_MS

BROKEN_BELOW = 0.01
"""A split with a smaller always-valid p is called broken: one right split in a hundred, however long one
looks."""
DIGITS = 6


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm beside the control: the lift of the metric and of each guardrail, and whether both have
    enough."""

    lift: Lift
    guarded: tuple[Lift, ...]
    ready: bool


def judge(
    experiment: Experiment, totals: Totals, allocation: Allocation, ts: int
) -> tuple[dict[str, Any], Allocation]:
    """The ``experiment-results`` record of these totals as of ``ts``, and the allocation from then on."""
    comparisons = _compare(experiment, totals)
    alpha = experiment.alpha / len(comparisons)
    valid_p = always_valid_p(totals.strata())
    broken = valid_p < BROKEN_BELOW
    harmed = [_harmed(experiment, comparison, alpha) for comparison in comparisons]
    if not broken:
        allocation = move(experiment, totals, allocation, harmed, ts)
    verdict, winner = "broken_split", None
    if not broken:
        verdict, winner = _verdict(experiment, comparisons, allocation, alpha, ts)
    lifts = [None, *(comparison.lift for comparison in comparisons)]
    plain = [compare(totals.sums[0, 0], arm[0], adjust=False) for arm in totals.sums[1:]]
    record = {
        "experiment_id": experiment.id,
        "digest": experiment.digest,
        "ts": ts,
        "arms": [
            _arm(experiment, totals, allocation, arm, exposures, lifts[arm], alpha)
            for arm, exposures in enumerate(totals.exposed())
        ],
        "sample_ratio_p": _rounded(chi_square_p(totals.strata())),
        "sample_ratio_valid_p": _rounded(valid_p),
        "verdict": verdict,
        "winner": winner,
        "mode": "bandit" if experiment.bandit else "fixed",
        "metric": experiment.metric,
        "window_days": experiment.window_ms / DAY_MS,
        "alpha": experiment.alpha,
        "correction": "bonferroni",
        "cuped": [
            {"arm": arm.name, "theta": _number(lift.theta), "error": _number(lift.error),
             "unadjusted_error": _number(before.error)}
            for arm, lift, before in zip(experiment.arms[1:], (c.lift for c in comparisons), plain,
            strict=True)
        ],
        "guardrails": _guardrails(experiment, comparisons, harmed),
        "allocation": {
            "version": allocation.version,
            "shares": list(allocation.shares),
            "stopped": [arm.name for arm, out in zip(experiment.arms, allocation.stopped, strict=True) if
            out], "moved_ts": allocation.moved_ts,
        },
    }  # fmt: skip
    return record, allocation


def _compare(experiment: Experiment, totals: Totals) -> list[Comparison]:
    control = totals.sums[0]
    guarded = [experiment.metrics.index(guardrail.metric) for guardrail in experiment.guardrails]
    return [
        Comparison(
            compare(control[0], arm[0]),
            tuple(compare(control[m], arm[m], adjust=m == 0) for m in guarded),
            bool(min(control[0, N], arm[0, N]) >= experiment.minimum),
        )
        for arm in totals.sums[1:]
    ]


def _harmed(experiment: Experiment, comparison: Comparison, alpha: float) -> list[bool]:
    """Whether the arm has surely hurt each guardrail by more than its margin."""
    if not comparison.ready:
        return [False] * len(experiment.guardrails)
    return [
        bool(_upward(lift, guardrail.up).harm_beyond(guardrail.margin, alpha / len(experiment.guardrails)))
        for lift, guardrail in zip(comparison.guarded, experiment.guardrails, strict=True)
    ]


def _upward(lift: Lift, up: bool) -> Lift:
    return lift if up else Lift(-lift.value, lift.error, lift.n, lift.theta)


def _verdict(
    experiment: Experiment, comparisons: list[Comparison], allocation: Allocation, alpha: float, ts: int
) -> tuple[str, str | None]:
    """A winner: an arm that is better than the control, or the control when every other arm is worse or was
    stopped. No difference: every interval lies within the indifference, or all is observed."""
    better: list[tuple[float, str]] = []
    worse = alike = 0
    for arm, comparison, stopped in zip(
        experiment.arms[1:], comparisons, allocation.stopped[1:], strict=True
    ):
        low, high = comparison.lift.interval(alpha) if comparison.ready else (-np.inf, np.inf)
        if stopped or high < -experiment.indifference:
            worse += 1
        elif low > experiment.indifference:
            better.append((float(comparison.lift.value), arm.name))
        elif -experiment.indifference <= low and high <= experiment.indifference:
            alike += 1
    if better:
        return "winner", max(better)[1]
    if worse == len(comparisons):
        return "winner", experiment.arms[0].name
    over = ts > experiment.ends_ms + experiment.window_ms
    return ("no_difference" if over or worse + alike == len(comparisons) else "running"), None


def _arm(
    experiment: Experiment,
    totals: Totals,
    allocation: Allocation,
    arm: int,
    exposures: int,
    lift: Lift | None,
    alpha: float,
) -> dict[str, Any]:
    low, high = (0.0, 0.0) if lift is None else lift.interval(alpha)
    return {
        "arm": experiment.arms[arm].name,
        "exposures": exposures,
        "observed": int(totals.sums[arm, 0, N]),
        "mean": _rounded(float(mean(totals.sums[arm, 0]))),
        "lift": 0.0 if lift is None else _rounded(float(lift.value)),
        "low": _number(low),
        "high": _number(high),
        "share": allocation.shares[arm],
        "stopped": allocation.stopped[arm],
    }


def _guardrails(
    experiment: Experiment, comparisons: list[Comparison], harmed: list[list[bool]]
) -> list[dict[str, Any]]:
    return [
        {
            "arm": arm.name,
            "metric": guardrail.metric,
            "direction": "up" if guardrail.up else "down",
            "margin": guardrail.margin,
            "lift": _rounded(float(lift.value)),
            "harmed": hurt,
        }
        for arm, comparison, hurts in zip(experiment.arms[1:], comparisons, harmed, strict=True)
        for guardrail, lift, hurt in zip(experiment.guardrails, comparison.guarded, hurts, strict=True)
    ]


def _number(value: Any) -> float | None:
    """``None`` for what is not known yet (an endless interval): JSON has no infinity."""
    return _rounded(float(value)) if np.isfinite(value) else None


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
