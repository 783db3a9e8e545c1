"""The manifests agree with the code and with each other: names, ports, labels, settings, commands, limits, secrets."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams import settings
from streams.gateway.known import READ

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"

Manifest = dict[str, Any]

KEDA_KAFKA_SECRET = {"username", "password", "ca", "cert", "key", "keyPassword"}
"""Parameters of KEDA's Kafka scaler that it takes from an authentication only (its source, 2.21)."""


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> Iterator[Manifest]:
    return (manifest for manifest in manifests if manifest["kind"] in kinds)


def one(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    (found,) = (each for each in of_kind(manifests, kind) if each["metadata"]["name"] == name)
    return found


def workloads(manifests: tuple[Manifest, ...]) -> list[Manifest]:
    return list(of_kind(manifests, "StatefulSet", "Deployment"))


def pod(workload: Manifest) -> Manifest:
    template: Manifest = workload["spec"]["template"]
    return template


def container(workload: Manifest) -> Manifest:
    (found,) = pod(workload)["spec"]["containers"]
    return dict(found)


def environment(manifests: tuple[Manifest, ...], workload: Manifest) -> dict[str, str]:
    """What the program finds in its environment; a field of the pod stands as its path."""
    image = dict(re.findall(r"(FLYWHEEL_\w+)=(\S+)", (ROOT / "deploy" / "Dockerfile").read_text()))
    found = container(workload)
    for source in found["envFrom"]:
        image |= one(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    for entry in found["env"]:
        image[entry["name"]] = entry.get("value") or entry["valueFrom"]["fieldRef"]["fieldPath"]
    return image


def loaded(manifests: tuple[Manifest, ...], name: str) -> settings.Settings:
    (workload,) = (each for each in workloads(manifests) if each["metadata"]["name"] == name)
    return settings.load(environment(manifests, workload))


def matching(manifests: tuple[Manifest, ...], labels: dict[str, str]) -> list[Manifest]:
    """The workloads whose pods carry all of ``labels``."""
    return [
        each for each in workloads(manifests) if labels.items() <= pod(each)["metadata"]["labels"].items()
    ]


def test_what_is_generated_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("generate", KUBERNETES / "generate.py")
    assert spec is not None and spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    files = generate.files()
    assert len(files) >= 3
    for path, text in files.items():
        assert path.read_text() == text, f"{path.name} is old: run python deploy/kubernetes/generate.py"


def test_every_program_has_settings_that_are_settings(manifests: tuple[Manifest, ...]) -> None:
    for workload in workloads(manifests):
        found = settings.load(environment(manifests, workload))
        assert found.guarantee == "exactly_once"
        assert found.security_protocol == "SASL_SSL"
        assert found.sasl_username == f"flywheel-{workload['metadata']['name']}"


def test_every_command_line_is_one(manifests: tuple[Manifest, ...], parse: Any) -> None:
    for workload in workloads(manifests):
        parse(container(workload)["args"])


def test_topics_settings_and_scaling_agree(manifests: tuple[Manifest, ...]) -> None:
    found = loaded(manifests, "worker")
    kafka_topics = list(of_kind(manifests, "KafkaTopic"))
    assert {each["spec"]["partitions"] for each in kafka_topics} == {found.partitions}
    assert {each["spec"]["replicas"] for each in kafka_topics} == {found.replication}
    scaled = one(manifests, "ScaledObject", "worker")["spec"]
    assert scaled["maxReplicaCount"] == found.partitions  # one more would have nothing to do
    assert 1 <= scaled["minReplicaCount"] <= scaled["maxReplicaCount"]
    assert scaled["fallback"]["replicas"] == scaled["minReplicaCount"]
    brokers = one(manifests, "KafkaNodePool", "broker")["spec"]["replicas"]
    assert brokers >= found.replication
    config = one(manifests, "Kafka", "flywheel")["spec"]["kafka"]["config"]
    copies = (
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
    )
    assert {config[name] for name in copies} == {found.replication}
    for in_sync in ("min.insync.replicas", "transaction.state.log.min.isr"):
        assert config[in_sync] == max(1, found.replication - 1)


def test_the_scaler_follows_the_workers_group(manifests: tuple[Manifest, ...]) -> None:
    found = loaded(manifests, "worker")
    scaled = one(manifests, "ScaledObject", "worker")["spec"]
    target = scaled["scaleTargetRef"]
    workload = one(manifests, target["kind"], target["name"])
    assert "replicas" not in workload["spec"]  # an apply would set back what KEDA has set
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"]["consumerGroup"] == found.app_id
    assert trigger["metadata"]["topic"] == "viewing-events"
    host, port = found.brokers.split(":")
    namespace = workload["metadata"]["namespace"]
    assert (
        trigger["metadata"]["bootstrapServers"] == f"{host}.{namespace}.svc:{port}"
    )  # KEDA lives in another namespace
    assert not KEDA_KAFKA_SECRET & set(trigger["metadata"])
    told = one(manifests, "TriggerAuthentication", trigger["authenticationRef"]["name"])["spec"]
    parameters = {each["parameter"] for each in (*told["secretTargetRef"], *told["configMapTargetRef"])}
    assert parameters == {"username", "password", "ca"}
    (username,) = told["configMapTargetRef"]
    one(manifests, "KafkaUser", one(manifests, "ConfigMap", username["name"])["data"][username["key"]])


def test_a_gateway_is_scaled_by_its_autoscaler_alone(manifests: tuple[Manifest, ...]) -> None:
    scaler = one(manifests, "HorizontalPodAutoscaler", "gateway")["spec"]
    target = one(manifests, scaler["scaleTargetRef"]["kind"], scaler["scaleTargetRef"]["name"])
    assert "replicas" not in target["spec"]
    assert container(target)["resources"]["requests"]["cpu"]  # utilisation is a share of this


def test_a_worker_is_a_static_member_and_may_end_in_order(manifests: tuple[Manifest, ...]) -> None:
    worker = one(manifests, "StatefulSet", "worker")
    assert environment(manifests, worker)["FLYWHEEL_WORKER_SLOT"] == "metadata.name"
    assert worker["spec"]["podManagementPolicy"] == "Parallel"
    grace_s = pod(worker)["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= loaded(manifests, "worker").shutdown_deadline_ms / 1_000 + 10
    gateway = one(manifests, "Deployment", "gateway")
    waits_s = container(gateway)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace_s = pod(gateway)["spec"]["terminationGracePeriodSeconds"]
    assert grace_s >= waits_s + loaded(manifests, "gateway").shutdown_deadline_ms / 1_000 + 10


def test_probes_ask_what_is_served_and_wait_long_enough(manifests: tuple[Manifest, ...]) -> None:
    for name, port in (("worker", "web_port"), ("gateway", "gateway_port")):
        (workload,) = matching(manifests, {"app.kubernetes.io/name": name})
        found = container(workload)
        ports = {each["name"]: each["containerPort"] for each in found["ports"]}
        assert list(ports.values()) == [getattr(loaded(manifests, name), port)]
        for probe, path in (
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
        ):
            assert found[probe]["httpGet"] == {"path": path, "port": next(iter(ports))}
    startup = container(one(manifests, "StatefulSet", "worker"))["startupProbe"]
    assert (
        startup["periodSeconds"] * startup["failureThreshold"] >= 240
    )  # compiling anew takes up to two minutes


def test_selectors_find_pods_and_ports(manifests: tuple[Manifest, ...]) -> None:
    for workload in workloads(manifests):
        assert matching(manifests, workload["spec"]["selector"]["matchLabels"]) == [workload]
    for service in of_kind(manifests, "Service"):
        (workload,) = matching(manifests, service["spec"]["selector"])
        names = {each["name"] for each in container(workload)["ports"]}
        assert {each["targetPort"] for each in service["spec"]["ports"]} <= names
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        assert len(matching(manifests, budget["spec"]["selector"]["matchLabels"])) == 1
    for monitor in of_kind(manifests, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = (
            each for each in of_kind(manifests, "Service") if wanted <= each["metadata"]["labels"].items()
        )
        assert {each["port"] for each in monitor["spec"]["endpoints"]} <= {
            each["name"] for each in service["spec"]["ports"]
        }
    worker = one(manifests, "StatefulSet", "worker")
    assert one(manifests, "Service", worker["spec"]["serviceName"])["spec"]["clusterIP"] == "None"


def test_secrets_and_volumes_are_somebodys(manifests: tuple[Manifest, ...]) -> None:
    users = {each["metadata"]["name"] for each in of_kind(manifests, "KafkaUser")}
    cluster = one(manifests, "Kafka", "flywheel")["metadata"]["name"]
    known = users | {f"{cluster}-cluster-ca-cert", "gateway-tokens"}
    for workload in workloads(manifests):
        volumes = {each["name"]: each for each in pod(workload)["spec"]["volumes"]}
        mounts = {each["name"]: each["mountPath"] for each in container(workload)["volumeMounts"]}
        assert set(mounts) == set(volumes)
        files = {
            f"{mounts[name]}/{item['path']}"
            for name, volume in volumes.items()
            for item in volume.get("secret", {}).get("items", [])
        }
        assert {each["secret"]["secretName"] for each in volumes.values() if "secret" in each} <= known
        given = environment(manifests, workload)
        pointed = {given[name] for name in given if name.endswith(("_FILE", "_TOKENS"))}
        assert pointed == files  # what a setting points at is mounted, and nothing else
        assert given["FLYWHEEL_SASL_USERNAME"] == volumes["user"]["secret"]["secretName"]
    for user in of_kind(manifests, "KafkaUser", "KafkaTopic", "KafkaNodePool"):
        assert user["metadata"]["labels"]["strimzi.io/cluster"] == cluster


def test_the_brokers_are_where_programs_look(manifests: tuple[Manifest, ...]) -> None:
    kafka = one(manifests, "Kafka", "flywheel")
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    expected = f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}"  # Strimzi's name for it
    assert {loaded(manifests, each["metadata"]["name"]).brokers for each in workloads(manifests)} == {
        expected
    }
    assert listener["tls"] is True and listener["authentication"]["type"] == "scram-sha-512"
    assert kafka["spec"]["kafka"]["authorization"] == {"type": "simple"}
    assert kafka["spec"]["kafka"]["config"]["auto.create.topics.enable"] is False


def test_pods_fit_the_restricted_profile(manifests: tuple[Manifest, ...]) -> None:
    (namespace,) = of_kind(manifests, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for workload in workloads(manifests):
        spec, found = pod(workload)["spec"], container(workload)
        assert (
            spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] == 10001
        )
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert found["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        assert set(found["resources"]) == {"requests", "limits"} and "memory" in found["resources"]["limits"]
        assert {"/tmp", "/var/cache/flywheel"} <= {each["mountPath"] for each in found["volumeMounts"]}
        assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec)


def test_the_network_is_closed_but_for_what_is_needed(manifests: tuple[Manifest, ...]) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(manifests, "NetworkPolicy")}
    assert policies["nothing-in"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    ours = {"app.kubernetes.io/part-of": "flywheel"}
    assert policies["nothing-out"] == {"podSelector": {"matchLabels": ours}, "policyTypes": ["Egress"]}
    assert len(matching(manifests, ours)) == len(workloads(manifests))
    client = policies["kafka-out"]["podSelector"]["matchLabels"]
    assert len(matching(manifests, client)) == len(workloads(manifests))  # all of them talk to Kafka
    (listener,) = one(manifests, "Kafka", "flywheel")["spec"]["kafka"]["listeners"]
    assert [port["port"] for rule in policies["kafka-out"]["egress"] for port in rule["ports"]] == [
        listener["port"]
    ]
    assert {"podSelector": {"matchLabels": client}} in listener["networkPolicyPeers"]
    for policy in policies.values():
        for rule in (*policy.get("ingress", []), *policy.get("egress", [])):
            assert rule.get("from") or rule.get("to"), "a rule without peers lets everybody in"
            assert rule["ports"]


def test_every_dashboard_is_there(manifests: tuple[Manifest, ...]) -> None:
    found = one(manifests, "ConfigMap", "flywheel-dashboards")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    folder = ROOT / "deploy" / "grafana" / "dashboards"
    assert found["data"] == {path.name: path.read_text() for path in folder.glob("*.json")}


def test_scrapes_have_the_names_that_rules_and_dashboards_know(manifests: tuple[Manifest, ...]) -> None:
    prometheus = yaml.safe_load((ROOT / "deploy" / "prometheus" / "prometheus.yml").read_text())
    jobs = {
        name: job["job_name"]
        for job in prometheus["scrape_configs"]
        for found in job.get("dns_sd_configs", [])
        for name in found["names"]
    }
    assert set(jobs) == {"worker", "gateway"}
    for name, job in jobs.items():
        (endpoint,) = one(manifests, "ServiceMonitor", name)["spec"]["endpoints"]
        assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": job}]


@pytest.mark.parametrize("program", ["worker", "gateway"])
def test_every_user_may_what_its_program_needs_and_no_more(
    program: str, manifests: tuple[Manifest, ...]
) -> None:
    rules = one(manifests, "KafkaUser", f"flywheel-{program}")["spec"]["authorization"]["acls"]
    may = {
        (rule["resource"]["type"], rule["resource"].get("name"), operation)
        for rule in rules
        for operation in rule["operations"]
    }
    assert not [rule for rule in rules if "All" in rule["operations"] or rule["resource"].get("name") == "*"]
    writes = {name for kind, name, what in may if kind == "topic" and what == "Write"}
    reads = {name for kind, name, what in may if kind == "topic" and what == "Read"}
    if program == "worker":
        assert {"row-order", "flywheel-state", "dead-letters"} <= writes and "viewing-events" not in writes
        assert {"viewing-events", "subscription-events", "flywheel-state"} <= reads
    else:
        assert writes == {"viewing-events", "subscription-events"}
        assert set(READ) <= reads and "flywheel-state" not in reads
