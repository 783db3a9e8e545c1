"""The compose file: valid by the specification's schema, and every command, setting, port and path in it is real."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from streams import settings
from streams.gateway.access import Access

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SERVICES = {"kafka", "topics", "worker", "gateway", "audience", "prometheus", "grafana"}
LOOPBACK = re.compile(r"127\.0\.0\.1:(\d+):(\d+)")


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())


def ours(compose: Any) -> dict[str, Any]:
    """The services that run Flywheel's image."""
    return {
        name: service
        for name, service in compose["services"].items()
        if service["image"].startswith("flywheel:")
    }


def loaded(service: Any) -> settings.Settings:
    """The settings a service starts with: the image's and its own. An unknown variable is an error."""
    image = dict(re.findall(r"(FLYWHEEL_\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text()))
    return settings.load({**image, **service["environment"]})


def test_it_fits_the_specification(compose: Any, schema_named: Any) -> None:
    errors = [
        f"{error.json_path}: {error.message}" for error in schema_named("compose-spec").iter_errors(compose)
    ]
    assert errors == []
    wrong = {**compose, "services": {**compose["services"], "kafka": {"imgae": "apache/kafka"}}}
    assert list(schema_named("compose-spec").iter_errors(wrong))


def test_everything_is_there(compose: Any) -> None:
    assert set(compose["services"]) == SERVICES
    assert compose["services"]["worker"]["deploy"]["replicas"] == 2


def test_every_command_line_is_one(compose: Any, parse: Any) -> None:
    for service in ours(compose).values():
        parse(service["command"])
    for wrong in (["audience", "--rates", "3"], ["workers"], ["topics"]):
        with pytest.raises(click.UsageError):
            parse(wrong)


def test_every_setting_is_one(compose: Any) -> None:
    for service in ours(compose).values():
        found = loaded(service)
        assert found.brokers == "kafka:9092"
        assert (found.partitions, found.replication) == (4, 1)  # `topics` makes what the others expect


def test_ports_agree(compose: Any) -> None:
    services = compose["services"]
    found = loaded(services["gateway"])
    assert services["gateway"]["ports"] == [f"127.0.0.1:{found.gateway_port}:{found.gateway_port}"]
    assert (
        services["gateway"]["environment"]["HEALTH_URL"] == f"http://127.0.0.1:{found.gateway_port}/healthz"
    )
    scraped = {
        name: target["port"]
        for job in yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
        for target in job.get("dns_sd_configs", [])
        for name in target["names"]
    }
    assert scraped["worker"] == loaded(services["worker"]).web_port
    assert scraped.get("gateway", found.gateway_port) == found.gateway_port


def test_brokers_listen_where_they_are_looked_for(compose: Any) -> None:
    kafka = compose["services"]["kafka"]["environment"]
    inside = compose["services"]["worker"]["environment"]["FLYWHEEL_BROKERS"]
    assert f"INSIDE://{inside}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"  # `flywheel topics create` lays them out
    assert f"kafka:{kafka['KAFKA_LOG_DIRS']}" in compose["services"]["kafka"]["volumes"]


def test_programs_may_finish_what_they_do(compose: Any) -> None:
    for name in ("worker", "gateway"):
        grace_s = int(compose["services"][name]["stop_grace_period"].removesuffix("s"))
        assert grace_s >= loaded(compose["services"][name]).shutdown_deadline_ms / 1_000 + 5


def test_what_is_waited_for_can_happen(compose: Any) -> None:
    services = compose["services"]
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in services, name
            if how["condition"] == "service_healthy":
                assert "test" in services[needed]["healthcheck"]
            if how["condition"] == "service_completed_successfully":
                assert services[needed].get("restart", "no") == "no"  # else it would never have completed


def test_what_is_mounted_exists(compose: Any) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source, _target, *mode = volume.split(":")
            if source in compose["volumes"]:
                continue
            assert (DEPLOY / source).exists(), volume
            assert mode == ["ro"], volume


def test_the_token_that_is_shown_opens_the_gateway(compose: Any) -> None:
    (shown,) = re.findall(r"#token=(\S+)", (DEPLOY / "docker-compose.yml").read_text())
    inside = compose["services"]["gateway"]["environment"]["FLYWHEEL_GATEWAY_TOKENS"]
    (mounted,) = compose["services"]["gateway"]["volumes"]
    assert mounted.split(":")[1] == inside
    access = Access(settings.Settings(gateway_tokens=str(DEPLOY / mounted.split(":")[0])))
    caller = access.caller(shown, "172.18.0.1", 0.0)
    assert caller is not None and caller.may("read", "p1") and caller.may("write", "p1")
    assert access.caller("another", "172.18.0.1", 0.0) is None


def test_grafana_finds_prometheus_and_its_dashboards(compose: Any) -> None:
    provisioned = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioned / "datasources" / "prometheus.yml").read_text())["datasources"]
    host, port = source["url"].removeprefix("http://").split(":")
    assert compose["services"][host]["ports"] == [f"127.0.0.1:{port}:{port}"]
    (provider,) = yaml.safe_load((provisioned / "dashboards" / "flywheel.yml").read_text())["providers"]
    targets = {volume.split(":")[1] for volume in compose["services"]["grafana"]["volumes"]}
    assert provider["options"]["path"] in targets


def test_nothing_may_more_than_it_must(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) or name == "kafka"
        limits = service["deploy"]["resources"]["limits"]
        assert set(limits) == {"cpus", "memory", "pids"}, name
        assert not {"privileged", "network_mode", "pid", "ipc", "devices"} & set(service), name
        for port in service.get("ports", []):
            assert LOOPBACK.fullmatch(port), port
    for service in ours(compose).values():
        writable = {entry.split(":")[0] for entry in service["tmpfs"]}
        assert writable == {"/var/cache/flywheel", "/tmp"}


def test_images_are_pinned(compose: Any) -> None:
    for service in compose["services"].values():
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), service["image"]
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert {service["image"] for service in ours(compose).values()} == {f"flywheel:{version}"}


def test_the_image_is_built_from_the_checkout(compose: Any) -> None:
    build = compose["services"]["topics"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()
