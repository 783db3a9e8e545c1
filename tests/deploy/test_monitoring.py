"""A real Prometheus scrapes a real worker and a gateway: rules have values, and every panel has data."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams import admin
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.loopback import free_port
from streams.settings import ENV_PREFIX, Settings, load
from streams.worker_process import WorkerProcess
from tests.deploy.test_prometheus import PROMETHEUS, ROOT, rules, tool

GRAFANA = ROOT / "deploy" / "grafana"
DEADLINE_S = 240.0
"""For everything to have data: a busy machine compiles for a minute first."""
EXPERIMENT = """\
[[experiments]]
id = "categories"
window_days = 0.25
minimum = 10
guardrails = [{ metric = "watched_hours", margin = 100 }]
arms = [{ name = "popular", policy = "popular" }, { name = "taste", policy = "taste" }]
"""
"""Profiles join at once, and six hours of each are looked at: seconds of the audience's fast clock."""
AUDIENCE = ["audience", "--rate", "600", "--profiles", "80", "--malformed", "0.02"]
"""Few viewers at a high rate: their days take seconds, so that choices have outcomes and intervals close in."""


class Watched:
    """A Prometheus on a free port that scrapes ``targets`` (job: port) and evaluates our rules every second."""

    def __init__(self, folder: Path, targets: dict[str, int]) -> None:
        self.port = free_port()
        for path in (PROMETHEUS / "rules").glob("*.yml"):
            hurried = re.sub(r"^( +interval): .*$", r"\1: 1s", path.read_text(), flags=re.MULTILINE)
            (folder / f"rules-{path.name}").write_text(hurried)
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(folder / "rules-*.yml")],
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


class Visitor:
    """Somebody at the gateway on ``port``: has a live stream open, asks for pages, and posts right and wrong events."""

    def __init__(self, port: int) -> None:
        self._at = f"http://127.0.0.1:{port}"
        self._gone = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._ask, self._follow)]

    def _ask(self) -> None:
        right = {"type": "search", "profile_id": "visitor", "query": "storm"}
        while not self._gone.wait(0.5):
            events = [
                {**right, "event_id": uuid.uuid4().hex, "ts": time.time_ns() // 1_000_000},
                {"type": "sneeze"},
            ]
            post = urllib.request.Request(
                f"{self._at}/events", json.dumps(events).encode(), {"Content-Type": "application/json"}
            )
            for request in (post, f"{self._at}/profiles/visitor/page"):
                with suppress(OSError), urllib.request.urlopen(request, timeout=30) as answer:
                    answer.read()

    def _follow(self) -> None:
        while not self._gone.wait(0.1):
            with suppress(OSError), urllib.request.urlopen(f"{self._at}/live", timeout=30) as answer:
                while not self._gone.is_set() and answer.readline():
                    pass

    def __enter__(self) -> Visitor:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join(60)


def program(arguments: list[str], settings: Settings) -> subprocess.Popen[bytes]:
    environment = {
        f"{ENV_PREFIX}BROKERS": settings.brokers,
        f"{ENV_PREFIX}PARTITIONS": str(settings.partitions),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "streams", *arguments],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A worker with an experiment and a shadow, and a gateway with a visitor, at work for simulated viewers; and a
    Prometheus that scrapes both."""
    tool("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    experiments = folder / "experiments.toml"
    experiments.write_text(EXPERIMENT)
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        settings = load({}, brokers=broker.address, partitions=2, web_host="127.0.0.1", web_port=free_port())
        settings = replace(
            settings,
            gateway_port=free_port(),
            experiments=str(experiments),
            quality_shadow="river.naive_bayes:GaussianNB",
            learn_batch=16,  # a shadow's gain is sure to a bound after 30 of them
        )
        admin.create_topics(settings)
        stack.enter_context(WorkerProcess(settings))
        stack.enter_context(WorkerProcess(settings, "gateway"))
        audience = program(AUDIENCE, settings)
        stack.callback(audience.wait, 30)
        stack.callback(audience.terminate)
        stack.enter_context(Visitor(settings.gateway_port))
        targets = {"flywheel": settings.web_port, "flywheel-gateway": settings.gateway_port}
        prometheus = Watched(folder, targets)
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
    wanted |= {rule["record"]: rule["record"] for rule in rules("recording.yml")}
    watched.await_all(wanted)


def test_every_panel_has_data(watched: Watched) -> None:
    wanted = {}
    for name, board in boards().items():
        for panel in board["panels"]:
            for number, query in enumerate(asked(panel)):
                wanted[f"{name}: {panel['title']} {number}"] = query
    watched.await_all(wanted)


def test_no_alert_of_a_fault_fires_while_all_is_well(watched: Watched) -> None:
    # A busy machine is late, the embedded broker knows no transactions, and viewers of a minute's age drift.
    excused = {
        "FlywheelGuaranteeLost",
        "FlywheelFreshnessBurnsFast",
        "FlywheelFreshnessBurnsSlowly",
        "FlywheelFreshnessBurnsSteadily",
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


def test_a_dashboard_of_workers_shows_those_that_were_picked() -> None:
    for board in boards().values():
        picked = [variable["name"] for variable in board["templating"]["list"]]
        for panel in board["panels"]:
            for target in panel["targets"]:
                selectors = re.findall(r"\w+\{([^}]*)\}", target["expr"])
                assert selectors, panel["title"]
                for selector in selectors:
                    job = 'job="flywheel"' if picked else 'job="flywheel-gateway"'
                    assert job in selector.split(","), panel["title"]
                    assert all(f'{name}=~"${name}"' in selector.split(",") for name in picked), panel["title"]
                bare = re.sub(r"\{[^}]*\}", "{}", target["expr"])
                assert not re.search(r"\b(?:job\w*:)?(?:flywheel|process)_[\w:]+(?!\{)\b(?!\{)", bare), panel[
                    "title"
                ]
