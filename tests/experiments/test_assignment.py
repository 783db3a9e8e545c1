"""Who is in which experiment and arm."""

from __future__ import annotations

import tomllib
from collections import Counter

import pytest

from models.sample_ratio import always_valid_p
from streams.experiments.assignment import arm_of, bucket, experiments_of, held_out
from streams.experiments.declaration import Declaration
from streams.experiments.reading import declare

PROFILES = [f"profile-{n}" for n in range(6_000)]
ARMS = 'arms = [{ name = "a" }, { name = "b" }, { name = "c", weight = 2 }]'


def told(text: str) -> Declaration:
    return declare(tomllib.loads(text))


LAYERS = told(
    "holdout = 0.1\n"
    + "".join(
        f'[[experiments]]\nid = "{name}"\nlayer = "{layer}"\nshare = {share}\n{ARMS}\n'
        for name, layer, share in (("x", "one", 0.5), ("y", "one", 0.3), ("z", "two", 1.0))
    )
)


def members(declaration: Declaration) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {experiment.id: set() for experiment in declaration.experiments}
    for profile in PROFILES:
        for experiment in experiments_of(declaration, profile, 0):
            found[experiment.id].add(profile)
    return found


def test_the_same_profile_is_always_in_the_same_place() -> None:
    assert members(LAYERS) == members(LAYERS)
    x = LAYERS.experiments[0]
    arms = [[arm_of("", x, profile, x.shares) for profile in PROFILES[:200]] for _ in range(2)]
    assert arms[0] == arms[1]
    # Numbers that must never change: profiles would change their arms.
    assert [bucket("layer", f"p{n}") for n in range(3)] == [5638, 7855, 7066]


def test_experiments_of_a_layer_exclude_each_other_and_have_their_shares() -> None:
    found = members(LAYERS)
    assert found["x"].isdisjoint(found["y"])
    for name, share in (("x", 0.45), ("y", 0.27), ("z", 0.9)):
        assert len(found[name]) / len(PROFILES) == pytest.approx(share, abs=0.02)


def test_layers_are_independent() -> None:
    found, z = members(LAYERS), LAYERS.experiments[2]
    in_x = Counter(arm_of("", z, profile, z.shares) for profile in sorted(found["x"] & found["z"]))
    assert always_valid_p([([in_x[arm] for arm in range(3)], z.shares)]) > 0.05


def test_the_holdout_is_in_nothing() -> None:
    out = {profile for profile in PROFILES if held_out(LAYERS, profile)}
    assert len(out) / len(PROFILES) == pytest.approx(0.1, abs=0.015)
    assert all(not experiments_of(LAYERS, profile, 0) for profile in out)


def test_arms_have_their_shares_and_a_stopped_one_nobody() -> None:
    x = LAYERS.experiments[0]
    counts = Counter(arm_of("", x, profile, x.shares) for profile in PROFILES)
    assert always_valid_p([([counts[arm] for arm in range(3)], x.shares)]) > 0.05
    stopped = Counter(arm_of("", x, profile, (0.4, 0.0, 0.6)) for profile in PROFILES)
    assert stopped[1] == 0 and stopped[0] / len(PROFILES) == pytest.approx(0.4, abs=0.03)


def test_a_salt_shuffles_anew() -> None:
    salted = Declaration(LAYERS.experiments, LAYERS.holdout, "again")
    both = members(LAYERS)["x"] & members(salted)["x"]
    assert len(both) / len(members(LAYERS)["x"]) == pytest.approx(0.45, abs=0.04)


def test_only_while_it_runs() -> None:
    dated = told(f'[[experiments]]\nid = "x"\nstarts = 2026-01-01\nends = 2026-02-01\n{ARMS}')
    assert [len(experiments_of(dated, "p", ts)) for ts in (0, 1_768_000_000_000, 1_771_000_000_000)] == [
        0,
        1,
        0,
    ]
