"""What the README shows must work: its code compiles, its records fit the contract, its commands exist."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import msgspec
import orjson
import pytest
from click.testing import CliRunner

from streams.cli import cli
from streams.events.schema import VIEWING, PlaybackStart, RowOrder
from streams.experiments.reading import declare

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", TEXT, re.DOTALL)


def blocks(language: str) -> list[str]:
    return [code for name, code in BLOCKS if name == language]


def test_python_compiles_and_its_event_fits_the_contract() -> None:
    events = []
    for code in blocks("python"):
        tree = ast.parse(code)
        compile(tree, "README.md", "exec")
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict) and any(
                isinstance(key, ast.Constant) and key.value == "event_id" for key in node.keys
            ):
                values = [v.value if isinstance(v, ast.Constant) else 1_764_000_000_000 for v in node.values]
                names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                events.append(VIEWING.decode(orjson.dumps(dict(zip(names, values, strict=True)))))
    assert [type(event) for event in events] == [PlaybackStart]


def test_the_decision_shown_is_one() -> None:
    (shown,) = blocks("json")
    decision = msgspec.json.decode(shown, type=RowOrder)
    assert decision.version == 17
    assert decision.reasons[0].row_id == decision.rows[0]


def test_the_experiment_shown_can_be_declared() -> None:
    (shown,) = blocks("toml")
    (experiment,) = declare(tomllib.loads(shown)).experiments
    assert [arm.name for arm in experiment.arms] == ["control", "taste", "browsed"]


@pytest.mark.parametrize("command", sorted(set(re.findall(r"flywheel (\w+)", TEXT))))
def test_commands_exist(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0, result.output


def test_files_named_exist() -> None:
    for path in re.findall(r"\]\(([^)#:]+)\)|`((?:streams|models|tests|deploy)/[\w/.]+)`", TEXT):
        name = path[0] or path[1]
        assert (ROOT / name).exists(), name
