"""Experiments in the engine: who joins, and what counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams import topics
from streams.experiments.assignment import held_out
from streams.experiments.outcomes import COUNTED, OBSERVED
from streams.experiments.reading import load
from tests.surfaces.small_service import Service, declared

HOUR, DAY = 3_600, 86_400
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


def sums(subject: Service, name: str = "x") -> Any:
    return subject.engines[0].surfaces.surfaces["experiments"].totals[name]  # type: ignore[attr-defined]


def test_a_profile_is_exposed_once_and_counted_when_its_window_is_over(tmp_path: Path) -> None:
    subject = service(tmp_path)
    subject.send(subject.visit(0, "p") + subject.visit(DAY, "p", plays=2) + subject.visit(1.5 * DAY, "p"))
    assert sums(subject).exposed() in ([1, 0], [0, 1])
    record = subject.taste("p")
    assert record["exp_state"][0] == OBSERVED
    assert record["exp_y"][0].tolist() == pytest.approx([4.0, 4 / 6, 1.0])
    assert sums(subject).sums[:, 0, 0].sum() == 0
    subject.send(subject.visit(3 * DAY, "p", plays=3))  # too late to count
    assert subject.taste("p")["exp_state"][0] == COUNTED
    total = sums(subject).sums[:, 0].sum(axis=0)
    assert (total[0], total[3]) == (1.0, pytest.approx(2 * 4.0))  # weighed by one over the share of a half
    assert sums(subject).exposed() in ([1, 0], [0, 1])


def test_silent_profiles_count_too(tmp_path: Path) -> None:
    subject = service(tmp_path)
    subject.send(subject.visit(0, "p"))
    subject.pass_time(2 * DAY + 120)
    assert subject.taste("p")["exp_state"][0] == COUNTED
    assert subject.records(subject.settings.tallies_topic) or subject.records(topics.EXPERIMENT_RESULTS)


def test_the_past_is_the_covariate(tmp_path: Path) -> None:
    subject = service(tmp_path, TWO + "starts = 2023-11-24T22:13:20Z\n")  # ten days after the log begins
    subject.send(subject.visit(0, "p", plays=3) + subject.visit(10 * DAY + HOUR, "p"))
    assert subject.taste("p")["exp_x"][0] == pytest.approx(3 * 2 ** (-10 / 30), rel=0.01)
    assert subject.taste("p")["exp_y"][0][0] == 1.0


def test_kids_non_profiled_and_the_holdout_are_never_experimented_on(tmp_path: Path) -> None:
    subject = service(tmp_path, "holdout = 0.5\n" + TWO)
    declaration = load(subject.settings.experiments)
    names = [f"p{n}" for n in range(30)]
    events = []
    for name in names[:10]:
        events.append(subject.event("profile_settings", 0, name, kids=True))
    for name in names[10:20]:
        events.append(subject.event("profile_settings", 0, name, profiled=False))
    for name in names:
        events += subject.visit(100, name)
    subject.send(events)
    inside = {name for name in names if subject.taste(name)["exp_id"][0]}
    assert inside == {name for name in names[20:] if not held_out(declaration, name)}
    for name, record in ((r["profile_id"], r) for r in subject.records(topics.CATEGORY_CHOICES)):
        assert ("experiment" in record) == (name in inside)
        assert (record["propensity"] == 0.5) == (name in inside)


def test_who_becomes_a_kid_leaves(tmp_path: Path) -> None:
    subject = service(tmp_path)
    subject.send(subject.visit(0, "p"))
    assert subject.records(topics.CATEGORY_CHOICES)[0]["experiment"]["id"] == "x"
    subject.send([subject.event("profile_settings", HOUR, "p", kids=True), *subject.visit(2 * HOUR, "p")])
    assert not subject.taste("p")["exp_id"].any()
    subject.pass_time(3 * DAY)
    assert sums(subject).sums[:, 0, 0].sum() == 0
    assert "experiment" not in subject.records(topics.CATEGORY_CHOICES)[-1]


def test_an_erased_profile_leaves_no_observation_and_its_slot_is_clean(tmp_path: Path) -> None:
    subject = service(tmp_path)
    subject.send([*subject.visit(0, "p"), subject.event("profile_deleted", HOUR, "p")])
    subject.send(subject.visit(DAY, "q", plays=2))
    subject.pass_time(2 * DAY + 120)  # p's window would be over, and its slot is q's
    assert sums(subject).sums[:, 0, 0].sum() == 0
    subject.pass_time(3 * DAY + 120)
    assert sums(subject).sums[:, 0].sum(axis=0)[3] == pytest.approx(2 * 2.0)
    assert subject.told[topics.CATEGORY_CHOICES][-1][1] is None or "p" in {
        key for key, record in subject.told[topics.CATEGORY_CHOICES] if record is None
    }


def test_arms_are_kept_when_shares_move(tmp_path: Path) -> None:
    subject = service(tmp_path)
    names = [f"p{n}" for n in range(20)]
    for name in names:
        subject.send(subject.visit(0, name))
    arms = [int(subject.taste(name)["exp_arm"][0]) for name in names]
    shares = [1.0, 0.0] if arms[0] else [0.0, 1.0]
    surface: Any = subject.engines[0].surfaces.surfaces["experiments"]
    allocation = surface.allocations["x"]
    surface.allocations["x"] = type(allocation)(1, tuple(shares), (False, False), 0)
    for name in names:
        subject.send(subject.visit(DAY, name))
    assert [int(subject.taste(name)["exp_arm"][0]) for name in names] == arms
    assert set(arms) == {0, 1}


def test_a_declaration_that_changes_keeps_who_is_in(tmp_path: Path) -> None:
    """The first of two layers is taken out of the file: the other's experiment is another place now."""
    two = TWO + TWO.replace('id = "x"', 'id = "y"\nlayer = "y"').replace(
        'policy = "popular"', "count = 3"
    ).replace('policy = "dwell"', "count = 4")
    subject = service(tmp_path, two)
    subject.send(subject.visit(0, "p"))
    before = subject.taste("p").copy()
    assert before["exp_id"][:2].all()
    parts = two.split("[[experiments]]")
    later = service(tmp_path, "[[experiments]]" + parts[2])
    subject.hand_over(later)
    later.send(later.visit(HOUR, "p"))
    after = later.taste("p")
    assert after["exp_id"].tolist() == [0, int(before["exp_id"][1]), 0, 0]
    assert after["exp_arm"][1] == before["exp_arm"][1] and sums(later, "y").exposed() in ([1, 0], [0, 1])


def history(subject: Service, size: int, crash: bool) -> Service:
    """Two stretches of visits, browsing and an erasure, in batches of ``size``, with silence behind each."""
    for part in (1, 2):
        events = []
        for n in range(12):
            at, name = (part * 12 + n) * 1_700, f"p{(n * part) % 9}"
            events += subject.visit(at, name, plays=n % 3, title=f"r0{n % 6}-0", country="DE")
            events.append(subject.event("browse", at + 50, name, category_id="r02", dwell_s=90.0))
        events.append(subject.event("profile_deleted", part * 30_000, "p3"))
        subject.send(events, size)
        if crash:
            subject.reopen()
        subject.pass_time(part * 3 * DAY)
    return subject


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_batches_and_crashes_change_nothing(tmp_path: Path, size: int) -> None:
    whole = history(service(tmp_path, GUARDED, sharing=False), 10_000, crash=False)
    parts = history(service(tmp_path, GUARDED, sharing=False), size, crash=True)
    assert parts.told == whole.told and len(whole.records(topics.CATEGORY_CHOICES)) > 10
    mine, theirs = whole.engines[0].state, parts.engines[0].state
    assert mine.profiles.slots == theirs.profiles.slots
    for name, slot in mine.profiles.slots.items():
        assert mine.tastes.records[slot].tobytes() == theirs.tastes.records[slot].tobytes(), name
    assert mine.cells.slots == theirs.cells.slots
    n = len(mine.cells.names)
    assert mine.cells.records[:n].tobytes() == theirs.cells.records[:n].tobytes() and n
    dumps = [state.surfaces.dump()["experiments"] for state in (mine, theirs) if state.surfaces]
    assert dumps[0] == dumps[1]
