"""What an operator may write, and what is said when it does not fit."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from streams.errors import ConfigurationError
from streams.experiments import reading
from streams.experiments.declaration import NOBODY, Arm, Declaration, Guardrail
from streams.experiments.reading import declare, load
from streams.settings import DAY_MS

TWO = 'arms = [{ name = "a", policy = "taste" }, { name = "b", policy = "dwell", weight = 3 }]'


def told(text: str) -> Declaration:
    return declare(tomllib.loads(text))


def experiment(name: str = "x", more: str = "", arms: str = TWO) -> str:
    return f'[[experiments]]\nid = "{name}"\n{arms}\n{more}\n'


def test_everything_that_can_be_said() -> None:
    declaration = told(
        'holdout = 0.1\nsalt = "s"\n'
        + experiment(
            more='layer = "l"\nshare = 0.25\nmode = "bandit"\nmetric = "watched_hours"\nwindow_days = 2\n'
            "starts = 2026-01-01T00:00:00Z\nends = 2026-02-01\nminimum = 20\nalpha = 0.01\nindifference = 0.1\n"
            'guardrails = [{ metric = "returned", direction = "down", margin = 0.2 }]'
        )
        + experiment("y", 'layer = "l"\nshare = 0.5')
    )
    first, second = declaration.experiments
    assert (declaration.holdout, declaration.salt) == (0.1, "s")
    assert first.arms[1] == Arm("b", 3.0, "dwell") and first.shares == (0.25, 0.75)
    assert (first.low, first.high, second.low, second.high) == (0, 2_500, 2_500, 7_500)
    assert (
        first.bandit
        and first.window_ms == 2 * DAY_MS
        and first.guardrails == (Guardrail("returned", False, 0.2),)
    )
    assert first.metrics == ("watched_hours", "returned") and second.metrics == ("quality_plays",)
    assert first.enrols(1_768_000_000_000) and not first.enrols(1_771_000_000_000) and second.enrols(0)
    assert first.digest != second.digest


def test_the_example_in_the_documentation_is_one() -> None:
    text = (reading.__doc__ or "").split("\n\n", 1)[1]
    assert [e.id for e in told(text).experiments] == ["categories-by-dwell"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("holdouts = 1", "holdouts is not known"),
        ("holdout = 1.5", "set it to a number from 0 to 0.9"),
        ('[[experiments]]\nid = ""', "give it a name"),
        ('[[experiments]]\nid = "a|b"', "without |"),
        (experiment() + experiment(), "rename one"),
        (experiment(more="shares = 1"), "shares is not known"),
        (experiment(more="share = 0.6") + experiment("y", "share = 0.6"), "add up to 1 at most"),
        (experiment(more='mode = "auto"'), "fixed, bandit"),
        (experiment(more='metric = "clicks"'), "quality_plays, watched_hours, returned"),
        (experiment(more="window_days = true"), "window_days is True"),
        (experiment(more="starts = 2026-02-01\nends = 2026-01-01"), "ends before it starts"),
        (experiment(more='starts = "soon"'), "write it as 2026-12-01T00:00:00Z"),
        (experiment(arms='arms = [{ name = "a" }]'), "2 to 8"),
        (experiment(arms='arms = [{ name = "a" }, { name = "a" }]'), "different names"),
        (experiment(arms='arms = [{ name = "a", policy = "fixed" }, { name = "b" }]'), "go together"),
        (experiment(arms='arms = [{ weight = 1 }, { name = "b" }]'), "an arm has no name"),
        (experiment(more='guardrails = [{ metric = "x" }]'), "a guardrail: metric is 'x'"),
        (experiment(more='layer = "l"') + experiment("y", 'layer = "m"'), "put it into that layer"),
    ],
)
def test_what_does_not_fit_is_said_with_what_to_change(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says.replace("|", r"\|")):
        told(text)


def test_a_fifth_layer_is_one_too_many() -> None:
    arms = 'arms = [{ name = "a" }, { name = "b" }]'
    four = "".join(experiment(f"x{n}", f'layer = "l{n}"', arms) for n in range(4))
    assert len(told(four).experiments) == 4
    with pytest.raises(ConfigurationError, match="4 are supported"):
        told(four + experiment("x4", 'layer = "l4"', arms))


def test_another_window_or_set_of_arms_is_another_experiment() -> None:
    digests = {
        told(experiment(more=more, arms=arms)).experiments[0].digest
        for more, arms in (
            ("", TWO), ("window_days = 3", TWO), ('metric = "returned"', TWO),
            ("", 'arms = [{ name = "a" }, { name = "c" }]'),
        )
    }  # fmt: skip
    assert len(digests) == 4
    weighed = told(experiment(arms=TWO.replace("weight = 3", "weight = 2"))).experiments[0]
    assert weighed.digest in digests  # shares may be changed by hand


def test_files(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(experiment())
    bad.write_text("= 1")
    assert load("") is NOBODY
    assert load(str(good)).experiments[0].id == "x"
    for path, says in ((bad, "is no TOML"), (tmp_path / "none.toml", "cannot be read")):
        with pytest.raises(ConfigurationError, match=says) as caught:
            load(str(path))
        assert str(path) in str(caught.value)


def test_nothing_else_is_accepted_as_a_number() -> None:
    entry: dict[str, Any] = {"id": "x", "arms": [{"name": "a"}, {"name": "b"}], "window_days": "7"}
    with pytest.raises(ConfigurationError, match="window_days is '7'"):
        declare({"experiments": [entry]})
