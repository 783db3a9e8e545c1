"""The command line: it teaches, it fails in one line, and it ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields

import jsonschema
import pytest

from streams.admin import create_topics
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.loopback import free_port
from streams.cli import FAILED, WRONG_USE, cli, main
from streams.commands.options import explained_settings
from streams.settings import ENV_PREFIX, Settings

COMMANDS = (
    "acls", "audience", "backup", "broker", "demo", "diff", "erase", "gateway", "models", "repartition", "replay",
    "replay-window", "reset", "restore", "schema", "topics", "watch", "worker",
)  # fmt: skip


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_group_has_its_commands_and_each_teaches_with_examples(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tuple(sorted(cli.commands)) == COMMANDS
    for name in COMMANDS:
        assert run(name, "--help") == 0
        printed = capsys.readouterr().out
        assert "Examples:" in printed
        assert f"flywheel {name}" in printed


def test_help_is_quick_because_it_imports_no_engine_and_no_client() -> None:
    heavy = ("faust", "aiokafka", "river", "numba", "numpy")
    program = f"import sys, streams.cli; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == "[]"


def test_worker_help_explains_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    explained = explained_settings()
    assert [name for name, _, _ in explained] == [f"{ENV_PREFIX}{f.name.upper()}" for f in fields(Settings)]
    assert all(meaning for _, _, meaning in explained)
    assert run("worker", "--help") == 0
    printed = capsys.readouterr().out
    for name, _, _ in explained:
        assert name in printed


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.startswith("flywheel 0.")


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", "--topic", "row-order") == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))
    assert run("schema") == 0
    assert "churn-scores" in json.loads(capsys.readouterr().out)
    assert run("schema", "--asyncapi", "--partitions", "7") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["asyncapi"].startswith("3.")
    assert document["channels"]["row-order"]["bindings"]["kafka"]["partitions"] == 7


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("schema", "--topic", "nonsense"), "no topic of the contract"),
        (("schema", "--topic", "row-order", "--asyncapi"), "choose one"),
        (("nonsense",), "No such command"),
        (("demo", "--seconds", "0"), "--seconds"),
        (("topics", "check", "--partitions", "0"), "--partitions"),
    ],
)
def test_wrong_use_is_exit_code_2(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == WRONG_USE
    assert says in capsys.readouterr().err


def test_an_unknown_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLYWHEEL_PARTITION", "4")
    assert run("topics", "check") == WRONG_USE
    assert capsys.readouterr().err.splitlines() == [
        "flywheel: FLYWHEEL_PARTITION is no setting of Flywheel: see `flywheel worker --help`"
    ]


@pytest.mark.parametrize(
    "command", [("topics", "check"), ("topics", "create"), ("audience",), ("watch", "p1")]
)
def test_no_broker_is_one_line_and_exit_code_1(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command, "--brokers", f"127.0.0.1:{free_port()}") == FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("flywheel: no answer from the broker at 127.0.0.1")


@pytest.mark.embedded
def test_topics_are_created_and_checked(embedded: EmbeddedBroker, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--brokers", embedded.address)
    assert run("topics", "check", *where) == FAILED
    assert "viewing-events is missing." in capsys.readouterr().out
    assert run("topics", "create", *where, "--partitions", "2", "--keep-events") == 0
    printed = capsys.readouterr().out
    assert "created viewing-events" in printed
    assert "for ever" in printed
    assert run("topics", "check", *where, "--partitions", "2") == 0
    assert run("topics", "check", *where, "--partitions", "3") == FAILED
    assert "FLYWHEEL_PARTITIONS=2" in capsys.readouterr().out


@pytest.mark.embedded
def test_an_audience_without_topics_says_what_to_run(
    embedded: EmbeddedBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("audience", "--brokers", embedded.address) == WRONG_USE
    assert "flywheel topics create" in capsys.readouterr().err


@pytest.mark.embedded
def test_ctrl_c_ends_an_audience_cleanly(embedded: EmbeddedBroker) -> None:
    create_topics(Settings(brokers=embedded.address))
    command = [sys.executable, "-m", "streams", "audience", "--brokers", embedded.address, "--profiles", "20"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    assert "20 viewers" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert printed.splitlines()[-1].startswith("done: ")
    assert errors == ""
