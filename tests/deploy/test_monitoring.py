"""A real Prometheus scrapes a real worker and a gateway: rules have values, and every panel has data."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams import admin
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.loopback import free_port
from streams.settings import ENV_PREFIX, load
from streams.worker_process import WorkerProcess
from tests.deploy.test_prometheus import PROMETHEUS, ROOT, rules, tool

GRAFANA = ROOT / "deploy" / "grafana"
DEADLINE_S = 240.0
"""For everything to have data: a busy machine compiles for a minute first."""
RARE = {
    "Lift over the control": "an experiment must be declared",
    "Intervals": "an experiment must be declared and have outcomes",
    "Profiles by arm": "an experiment must be declared",
    "Is the split as declared?": "an experiment must be declared",
    "Arms stopped by a guardrail": "an experiment must be declared",
    "Gain of shadows": "a shadow must be set",
    "Surfaces without their model": "a surface must raise",
    "Recovery": "a partition must be rebuilt while it is looked at",
    "Drift detections": "a model's loss must move",
    "Dead letters, duplicates, unknown rows": "not every reason occurs",
    "What other policies would have earned": "a choice must have its outcome, which takes a day of event time",
    "... and how sure that is": "likewise",
    "Effective choices": "likewise",
    "Events taken and refused": "somebody must post events",
}
"""Panels that show something in special situations only: their queries must be right all the same."""


class Watched:
    """A Prometheus on a free port that scrapes ``targets`` (job: port) every second by our rules."""

    def __init__(self, folder: Path, targets: dict[str, int]) -> None:
        self.port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(PROMETHEUS / "rules" / "*.yml")],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                for job, port in targets.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._output = (folder / "prometheus.log").open("wb")
        self._process = subprocess.Popen(
            [
                tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def ask(self, query: str) -> list[Any]:
        """The result of a query; raises what the server says is wrong with it."""
        given = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/api/v1/query?{given}", timeout=10
        ) as answer:
            body = json.load(answer)
        assert body["status"] == "success", body
        return list(body["data"]["result"])

    def await_all(self, queries: dict[str, str]) -> None:
        """Wait until every one of ``queries`` (by name) has data."""
        deadline = time.monotonic() + DEADLINE_S
        missing = dict(queries)
        while missing:
            assert self._process.poll() is None, "Prometheus has ended"
            for name, query in list(missing.items()):
                try:
                    found = self.ask(query)
                except OSError:  # not up yet
                    break
                if any(sample["value"][1] != "NaN" for sample in found):
                    del missing[name]
            assert not missing or time.monotonic() < deadline, f"no data: {missing}"
            time.sleep(0.5)

    def stop(self) -> None:
        """End this very process."""
        self._process.terminate()
        self._process.wait(30)
        self._output.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A worker and a gateway at work for simulated viewers, and a Prometheus that scrapes both."""
    tool("prometheus")
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        settings = load({}, brokers=broker.address, partitions=2, web_host="127.0.0.1", web_port=free_port())
        settings = replace(settings, gateway_port=free_port())
        admin.create_topics(settings)
        stack.enter_context(WorkerProcess(settings))
        environment = {
            f"{ENV_PREFIX}BROKERS": broker.address,
            f"{ENV_PREFIX}PARTITIONS": "2",
            f"{ENV_PREFIX}GATEWAY_PORT": str(settings.gateway_port),
        }
        for command in (["gateway"], ["audience", "--rate", "300", "--profiles", "200"]):
            process = subprocess.Popen(
                [sys.executable, "-m", "streams", *command],
                env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        targets = {"flywheel": settings.web_port, "flywheel-gateway": settings.gateway_port}
        prometheus = Watched(tmp_path_factory.mktemp("prometheus"), targets)
        stack.callback(prometheus.stop)
        yield prometheus


def boards() -> dict[str, dict[str, Any]]:
    return {
        path.stem: json.loads(path.read_text()) for path in sorted((GRAFANA / "dashboards").glob("*.json"))
    }


def asked(panel: dict[str, Any]) -> list[str]:
    return [
        target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".*")
        for target in panel["targets"]
    ]


def test_targets_are_up_and_rules_have_values(watched: Watched) -> None:
    wanted = {"worker": 'up{job="flywheel"} == 1', "gateway": 'up{job="flywheel-gateway"} == 1'}
    rare = ("rate30m", "rate1h", "rate6h")  # as the others, of longer ago
    wanted |= {
        rule["record"]: rule["record"] for rule in rules("recording.yml") if not rule["record"].endswith(rare)
    }
    watched.await_all(wanted)


def test_every_panel_has_data(watched: Watched) -> None:
    wanted = {}
    for name, board in boards().items():
        for panel in board["panels"]:
            for number, query in enumerate(asked(panel)):
                if panel["title"] in RARE:
                    watched.ask(query)
                else:
                    wanted[f"{name}: {panel['title']} {number}"] = query
    watched.await_all(wanted)


def test_no_alert_of_a_fault_fires_while_all_is_well(watched: Watched) -> None:
    # A busy machine is late, the embedded broker knows no transactions, and viewers of a minute's age drift.
    excused = {
        "FlywheelGuaranteeLost",
        "FlywheelFreshnessBurnsFast",
        "FlywheelFreshnessBurnsSlowly",
        "FlywheelModelDrift",
    }
    firing = {sample["metric"]["alertname"] for sample in watched.ask('ALERTS{alertstate="firing"}')}
    assert not firing - excused


def test_the_dashboards_are_what_their_source_says() -> None:
    sys.path.insert(0, str(GRAFANA))
    try:
        spec = importlib.util.spec_from_file_location("make_dashboards", GRAFANA / "make_dashboards.py")
        assert spec is not None and spec.loader is not None
        source = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(source)
    finally:
        sys.path.remove(str(GRAFANA))
    assert boards() == {name: source.dashboard(name) for name in source.BOARDS}


def test_panels_stand_side_by_side_and_ask_the_provisioned_source() -> None:
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())
    uids = {source["uid"] for source in provisioned["datasources"]}
    titles = {panel["title"] for board in boards().values() for panel in board["panels"]}
    assert set(RARE) <= titles
    for board in boards().values():
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] in uids
            at = panel["gridPos"]
            cells = {
                (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken and max(x for x, _ in cells) < 24
            taken |= cells
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
