"""The demo, as a new user runs it: a process of its own, on the embedded broker and on Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from streams.brokers.apache_kafka import ApacheKafka

DEADLINE_S = 900
"""The first demo of a checkout compiles the engine on whatever else this machine is doing."""


def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streams", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environ},
    )


def summary_of(process: subprocess.Popen[str], path: Path) -> dict[str, Any]:
    printed, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, printed + errors
    assert "what happened" in printed
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def everything_was_decided(summary: dict[str, Any]) -> None:
    assert summary["events"] > 500
    assert summary["applied"] == summary["events"]
    assert summary["lag"] == 0
    assert summary["malformed"] > 0
    assert summary["rejects"] == summary["malformed"] == sum(summary["rejects_by_reason"].values())
    assert summary["changes"]["row-order"] > 0
    assert summary["changes"]["churn-scores"] > 0
    assert summary["decisions"] >= sum(summary["changes"].values())
    assert 0 < summary["p50_ms"] <= summary["p99_ms"]


@pytest.mark.embedded
def test_the_demo_ends_by_itself_and_tells_what_happened(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    arguments = ("--seconds", "8", "--summary", str(path), "--malformed", "0.02", "--partitions", "2")
    summary = summary_of(start(*arguments), path)
    assert summary["guarantee"] == "at_least_once"
    everything_was_decided(summary)


@pytest.mark.embedded
def test_ctrl_c_ends_the_demo_with_its_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    process = start("--summary", str(path), "--partitions", "1")
    assert process.stdout is not None
    while "events/s" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    summary = summary_of(process, path)
    assert summary["applied"] == summary["events"]


@pytest.mark.embedded
def test_a_worker_that_dies_ends_the_demo_with_its_last_words() -> None:
    process = start("--seconds", "60", FLYWHEEL_QUALITY_MODEL="models.nowhere:pipeline")
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert errors.startswith("flywheel: the worker ended with exit code")
    assert "models.nowhere" in errors


@pytest.mark.kafka
def test_the_demo_on_kafka_is_exactly_once(kafka: ApacheKafka, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    arguments = ("--brokers", kafka.address, "--seconds", "8", "--summary", str(path), "--malformed", "0.02")
    summary = summary_of(start(*arguments), path)
    assert summary["guarantee"] == "exactly_once"
    everything_was_decided(summary)
