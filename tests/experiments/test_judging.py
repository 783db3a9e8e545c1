"""From sums to verdicts."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from streams.events.reports import ExperimentResult
from streams.experiments.allocation import Allocation, allocation_of
from streams.experiments.declaration import METRICS, Experiment
from streams.experiments.judging import judge
from streams.experiments.reading import declare
from streams.experiments.totals import Totals, from_record, merged
from streams.settings import DAY_MS

ARMS = 'arms = [{ name = "control" }, { name = "new" }]'


def experiment(more: str = "", arms: str = ARMS) -> Experiment:
    text = f'[[experiments]]\nid = "x"\nwindow_days = 1\nminimum = 20\n{arms}\n{more}'
    return declare(tomllib.loads(text)).experiments[0]


def counted(
    subject: Experiment, effects: list[float], n: int = 1_500, seed: int = 1, lost: float = 0.0
) -> Totals:
    """Totals of ``n`` profiles whose quality plays lift by ``effects`` an arm, and hours by a tenth of
    that; arms behind the control lose a part of their profiles."""
    rng = np.random.default_rng(seed)
    totals = Totals(subject)
    for _ in range(n):
        arm = int(rng.choice(len(effects), p=subject.shares))
        if arm and rng.random() < lost:
            continue
        past = float(rng.standard_normal())
        plays = 3.0 + past + float(rng.standard_normal()) + effects[arm]
        y = {"quality_plays": plays, "watched_hours": plays / 10, "returned": float(rng.random() < 0.5)}
        totals.expose(arm, subject.shares)
        totals.observe(subject, arm, [y[metric] for metric in METRICS], past, subject.shares[arm])
    return totals


def verdict(subject: Experiment, totals: Totals, ts: int = 0) -> tuple[dict[str, Any], Allocation]:
    record, allocation = judge(subject, totals, Allocation.declared(subject), ts)
    msgspec.json.decode(orjson.dumps(record), type=ExperimentResult)
    return record, allocation


def test_an_arm_that_is_better_wins() -> None:
    record, allocation = verdict(experiment(), counted(experiment(), [0.0, 0.5]))
    arm = record["arms"][1]
    assert (record["verdict"], record["winner"]) == ("winner", "new")
    assert 0 < arm["low"] < 0.5 < arm["high"] and arm["lift"] == pytest.approx(0.5, abs=0.15)
    assert arm["exposures"] == arm["observed"] and record["arms"][0]["lift"] == 0.0
    assert record["sample_ratio_p"] > 0.01
    assert record["cuped"][0]["error"] < 0.8 * record["cuped"][0]["unadjusted_error"]
    assert allocation == Allocation.declared(experiment())  # a fixed experiment only says so


def test_an_arm_that_is_worse_loses_to_the_control() -> None:
    record, _ = verdict(experiment(), counted(experiment(), [0.0, -0.5]))
    assert (record["verdict"], record["winner"]) == ("winner", "control")


def test_nothing_is_said_too_early() -> None:
    record, _ = verdict(experiment(), counted(experiment(), [0.0, 5.0], n=30))
    assert record["verdict"] == "running" and record["winner"] is None
    empty, _ = verdict(experiment(), Totals(experiment()))
    assert (
        empty["verdict"] == "running" and empty["arms"][1]["low"] is None and empty["sample_ratio_p"] == 1.0
    )


def test_no_difference_within_the_indifference_or_at_the_end() -> None:
    same = counted(experiment(), [0.0, 0.0])
    assert verdict(experiment(), same)[0]["verdict"] == "running"
    assert verdict(experiment("indifference = 0.4"), same)[0]["verdict"] == "no_difference"
    ended = experiment("ends = 2026-01-01")
    late = ended.ends_ms + 2 * DAY_MS
    assert verdict(ended, same, late)[0]["verdict"] == "no_difference"
    assert verdict(ended, same, late - DAY_MS)[0]["verdict"] == "running"


def test_a_broken_split_is_all_that_is_said() -> None:
    record, _ = verdict(experiment(), counted(experiment(), [0.0, 0.5], lost=0.3))
    assert (record["verdict"], record["winner"]) == ("broken_split", None)
    assert record["sample_ratio_p"] < 0.01 and record["sample_ratio_valid_p"] < 0.01


GUARDED = 'guardrails = [{ metric = "watched_hours", margin = 0.05 }]'


def test_a_harmful_arm_is_stopped_for_good() -> None:
    subject = experiment(GUARDED)
    record, allocation = verdict(subject, counted(subject, [0.0, -2.0]), ts=7)
    assert allocation == Allocation(1, (1.0, 0.0), (False, True), 7)
    assert record["arms"][1]["stopped"] and record["guardrails"][0]["harmed"]
    assert record["allocation"]["stopped"] == ["new"] and record["winner"] == "control"
    assert allocation_of(subject, record) == allocation
    # Better sums later (its profiles left it) do not start it again.
    again, still = judge(subject, counted(subject, [0.0, 0.0]), allocation, 8)
    assert still == allocation and again["arms"][1]["stopped"]


def test_a_harm_within_the_margin_and_another_direction_are_borne() -> None:
    harmed = [0.0, -0.2]
    assert not verdict(experiment(GUARDED), counted(experiment(GUARDED), harmed))[1].stopped[1]
    down = experiment(GUARDED.replace("margin", 'direction = "down", margin'))
    assert not verdict(down, counted(down, [0.0, -2.0]))[1].stopped[1]
    assert verdict(down, counted(down, [0.0, 2.0]))[1].stopped[1]


def test_other_arms_share_what_a_stopped_one_had() -> None:
    arms = 'arms = [{ name = "control" }, { name = "bad" }, { name = "good", weight = 2 }]'
    subject = experiment(GUARDED, arms)
    _, allocation = verdict(subject, counted(subject, [0.0, -2.0, 0.1], n=3_000))
    assert allocation.shares == pytest.approx((1 / 3, 0.0, 2 / 3), abs=1e-4) and sum(allocation.shares) == 1.0


def test_the_allocation_of_another_declaration_is_not_followed() -> None:
    record, allocation = verdict(experiment(), counted(experiment(), [0.0, 0.5]))
    assert allocation_of(experiment(), record) == allocation
    assert allocation_of(experiment('metric = "returned"'), record) is None


def test_a_bandit_gives_the_better_arm_more_once_a_day() -> None:
    subject = experiment('mode = "bandit"')
    _, moved = verdict(subject, counted(subject, [0.0, 0.3]), ts=2 * DAY_MS)
    assert moved.version == 1 and moved.shares[1] > 0.8 and moved.shares[0] >= 0.1
    worse = counted(subject, [0.3, 0.0])
    _, same = judge(subject, worse, moved, 2 * DAY_MS + 1)
    assert same == moved
    _, later = judge(subject, worse, moved, 3 * DAY_MS)
    assert later.version == 2 and later.shares[0] > 0.8
    fixed, _ = verdict(experiment(), counted(experiment(), [0.0, 0.3]), ts=2 * DAY_MS)
    assert fixed["allocation"]["shares"] == [0.5, 0.5]


def test_looking_at_a_running_a_a_test_over_and_over_is_no_error() -> None:
    subject, alarms, naive = experiment(), 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        totals, named, z = Totals(subject), False, False
        for n in range(1_200):
            arm = int(rng.random() < 0.5)
            y = [float(rng.poisson(2.0)), 0.0, 0.0]
            totals.expose(arm, subject.shares)
            totals.observe(subject, arm, y, 0.0, 0.5)
            if n % 40 == 39:
                record, _ = judge(subject, totals, Allocation.declared(subject), 0)
                named |= record["verdict"] != "running"
                cuped = record["cuped"][0]
                z |= abs(record["arms"][1]["lift"]) > 1.96 * (cuped["error"] or np.inf)
        alarms += named
        naive += z
    assert alarms <= 2 and naive > 8


def test_more_arms_need_more_evidence() -> None:
    two = counted(experiment(), [0.0, 0.2])
    arms = ARMS.replace("]", "".join(f', {{ name = "n{k}" }}' for k in range(4)) + "]")
    many = experiment(arms=arms)
    totals = Totals(many)
    totals.sums[:2] = two.sums
    width = [
        record["arms"][1]["high"] - record["arms"][1]["low"]
        for record in (verdict(experiment(), two)[0], verdict(many, totals)[0])
    ]
    assert width[1] > 1.1 * width[0]


def test_totals_travel_and_merge() -> None:
    subject = experiment(GUARDED)
    parts = [counted(subject, [0.0, 0.1], n=50, seed=seed) for seed in (1, 2)]
    parts[1].exposures = {(0.25, 0.75): [3, 4]}
    there = [from_record(subject, orjson.loads(orjson.dumps(part.to_record()))) for part in parts]
    whole = merged(subject, there)
    assert whole.sums.tolist() == (parts[0].sums + parts[1].sums).tolist()
    assert len(whole.exposures) == 2 and sum(whole.exposed()) == 57
    assert [shares for _, shares in whole.strata()] == [[0.25, 0.75], [0.5, 0.5]]


@pytest.mark.parametrize("wrong", [{"digest": 1}, {"sums": [1.0]}, {"exposures": [[[1.0], [1]]]}])
def test_totals_of_something_else_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_record(experiment(), Totals(experiment()).to_record() | wrong)
