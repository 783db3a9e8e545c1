"""What ``deploy/`` promises: files that parse, naming only commands, settings, ports and paths that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams import settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (DEPLOY / "Dockerfile").read_text()


def ours(compose: Any) -> dict[str, Any]:
    """The services that run Flywheel's image."""
    return {name: service for name, service in compose["services"].items() if "flywheel" in service["image"]}


def image_environment(dockerfile: str) -> dict[str, str]:
    return dict(re.findall(r"(FLYWHEEL_\w+)=(\S+)", dockerfile))


def test_every_command_exists(compose: Any) -> None:
    from streams.cli import cli

    commands = {service["command"][0] for service in ours(compose).values()}
    assert commands <= set(cli.commands)
    assert {"worker", "topics", "audience"} <= commands


def test_every_setting_is_one(compose: Any, dockerfile: str) -> None:
    for service in ours(compose).values():
        loaded = settings.load({**image_environment(dockerfile), **service["environment"]})
        assert loaded.brokers == "kafka:9092"
        assert loaded.web_host == "0.0.0.0"


def test_ports_agree(compose: Any, dockerfile: str) -> None:
    loaded = settings.load({**image_environment(dockerfile), **compose["services"]["worker"]["environment"]})
    port = loaded.web_port
    assert compose["services"]["worker"]["ports"] == [f"{port}:{port}"]
    assert f"EXPOSE {port}\n" in dockerfile
    assert f"http://127.0.0.1:{port}/healthz" in dockerfile
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"][0]
    found = scraped["dns_sd_configs"][0]
    assert found["port"] == port
    assert found["names"] == ["worker"]
    assert scraped["metrics_path"] == "/metrics"


def test_brokers_listen_where_they_are_looked_for(compose: Any) -> None:
    kafka = compose["services"]["kafka"]["environment"]
    inside = compose["services"]["worker"]["environment"]["FLYWHEEL_BROKERS"]
    assert f"INSIDE://{inside}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"  # `flywheel topics` lays them out


def test_a_worker_may_finish_its_checkpoint(compose: Any) -> None:
    grace = int(compose["services"]["worker"]["stop_grace_period"].removesuffix("s"))
    assert grace > settings.Settings().shutdown_deadline_ms / 1_000


def test_what_is_waited_for_exists(compose: Any) -> None:
    services = compose["services"]
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (DEPLOY / source).exists(), volume


def test_the_image_is_built_from_what_exists(compose: Any, dockerfile: str) -> None:
    build = compose["services"]["topics"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    assert context == ROOT
    assert (context / build["dockerfile"]).exists()
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (context / source).exists(), source


def test_images_are_pinned_and_nothing_runs_as_root(compose: Any, dockerfile: str) -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    others = [s["image"] for s in compose["services"].values() if "flywheel" not in s["image"]]
    for image in bases + others:
        assert re.search(r":v?\d+\.\d+\.\d+", image), image
    user = re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)
    assert user and int(user[-1]) > 0


def test_the_image_compiles_the_engine_by_a_program_that_runs(dockerfile: str) -> None:
    # Docker joins lines that end with a backslash.
    programs = re.findall(r'python -c\s+"([^"]+)"', dockerfile.replace("\\\n", " "))
    warming = [program for program in programs if "warm" in program]
    assert len(warming) == 1
    done = subprocess.run([sys.executable, "-c", warming[0]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(" s")
