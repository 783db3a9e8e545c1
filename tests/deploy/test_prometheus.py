"""Rules and alerts: promtool checks them, series make each fire or leave it silent, and each has a runbook entry."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from streams.gateway import catalogue as gateway_catalogue
from streams.metrics import catalogue

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
NO_PROMETHEUS = "Prometheus (Debian's package has promtool): NEITHER RULES NOR DASHBOARDS WERE TESTED"


def tool(name: str) -> str:
    """The path of ``promtool`` or ``prometheus``; without it the test is skipped, in CI it fails."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(NO_PROMETHEUS)
        pytest.skip(NO_PROMETHEUS)
    return found


def promtool(*arguments: str) -> str:
    command = [tool("promtool"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROMETHEUS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules(name: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules" / name).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = rules("alerts.yml")


def test_configuration_and_rules_are_right() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")
    promtool("check", "rules", "rules/recording.yml", "rules/alerts.yml")


def test_every_alert_fires_when_it_must_and_is_silent_when_it_should() -> None:
    tests = sorted(str(path.relative_to(PROMETHEUS)) for path in (PROMETHEUS / "tests").glob("*.yml"))
    assert promtool("test", "rules", *tests).count("SUCCESS") == len(tests) > 0


def test_every_alert_is_tested_both_ways() -> None:
    files = [yaml.safe_load(path.read_text()) for path in (PROMETHEUS / "tests").glob("*.yml")]
    tests = {test["name"] for file in files for test in file["tests"]}
    names = {rule["alert"] for rule in ALERTS}
    assert tests == {f"{name} fires" for name in names} | {f"{name} is silent" for name in names}


def test_every_alert_says_how_bad_it_is_and_has_a_runbook_entry() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    entries = re.findall(r"^## (\w+)$", runbook, re.MULTILINE)
    assert entries == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def commands(page: str) -> list[list[str]]:
    """The words of every ``flywheel ...`` in a page: within a line, and in blocks."""
    blocks = "\n".join(re.findall(r"^ *```\w*\n(.*?)^ *```", page, re.MULTILINE | re.DOTALL))
    within = re.findall(
        r"`(flywheel [^`]+)`", re.sub(r"^ *```.*?^ *```", "", page, flags=re.MULTILINE | re.DOTALL)
    )
    return [shlex.split(line)[1:] for line in [*blocks.splitlines(), *within] if line.startswith("flywheel ")]


def test_every_command_of_the_runbook_is_one(parse: Callable[[list[str]], click.Command]) -> None:
    found = commands((ROOT / "docs" / "runbook.md").read_text())
    assert ["models", "rollback", "quality"] in [words[:3] for words in found]
    assert len(found) >= 6
    for words in found:
        parse(words)
    with pytest.raises(click.UsageError):
        parse(["models", "rollback", "quality", "--no-such-option"])


def known_series() -> set[str]:
    """Every name that a query may use: metrics as scraped, and what is recorded."""
    names = {rule["record"] for rule in rules("recording.yml")}
    metrics = [value for value in vars(catalogue).values() if isinstance(value, catalogue.Metric)]
    metrics += [value for value in vars(gateway_catalogue).values() if isinstance(value, catalogue.Metric)]
    for metric in metrics:
        names.add(metric.name)
        if metric.kind == "histogram":
            names |= {f"{metric.name}_{part}" for part in ("bucket", "count", "sum")}
    return names


def test_rules_and_dashboards_ask_for_metrics_that_exist() -> None:
    texts = [rule["expr"] for rule in [*ALERTS, *rules("recording.yml")]]
    texts += [path.read_text() for path in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")]
    asked = {name for text in texts for name in re.findall(r"\b(?:job\w*:)?flywheel_\w+(?::\w+)?", text)}
    assert not asked - known_series()
