"""Every manifest against the schema of its kind, strictly: what the API server would reject is found here.

Kubernetes' own kinds by the schemas in ``kubernetes-validate``, those of the operators by ``schemas/`` (made from
their definitions, see ``schemas/README.md``).
"""

from __future__ import annotations

import copy
from typing import Any

import kubernetes_validate
import pytest

VERSIONS = ("1.32", "1.34")
"""What is promised in deploy/README.md: the oldest Kubernetes, and the one that most run."""
OPERATORS = {
    "kafka.strimzi.io/v1",
    "keda.sh/v1alpha1",
    "monitoring.coreos.com/v1",
}


def mistakes(manifest: dict[str, Any], schema_named: Any) -> list[str]:
    """What is wrong with ``manifest``; empty when the API server would take it."""
    group = manifest["apiVersion"]
    if group in OPERATORS:
        version = group.rsplit("/", 1)[1]
        validator = schema_named(f"{manifest['kind'].lower()}_{version}")
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]
    wrong = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            wrong.append(f"{version}: {'.'.join(map(str, error.path))}: {error.message}")
    return wrong


def name_of(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def test_every_manifest_fits_its_kind(manifests: tuple[dict[str, Any], ...], schema_named: Any) -> None:
    wrong = {name_of(manifest): mistakes(manifest, schema_named) for manifest in manifests}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_everything_is_there(overlay: str, manifests: tuple[dict[str, Any], ...]) -> None:
    kinds = {manifest["kind"] for manifest in manifests}
    assert kinds >= {
        "Namespace", "Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "StatefulSet", "Deployment", "Service",
        "HorizontalPodAutoscaler", "PodDisruptionBudget", "ScaledObject", "TriggerAuthentication", "ServiceMonitor",
        "PrometheusRule", "NetworkPolicy", "ConfigMap", "ServiceAccount",
    }  # fmt: skip
    assert "Secret" not in kinds  # secrets are made by operators, or by you; none lies in a file
    names = [name_of(manifest) for manifest in manifests]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("StatefulSet", ("spec", "template", "spec", "containers", 0, "livenesProbe"), {}),
        ("StatefulSet", ("spec", "template", "spec", "terminationGracePeriodSeconds"), "thirty"),
        ("KafkaTopic", ("spec", "partitons"), 3),
        ("KafkaTopic", ("spec", "replicas"), "three"),
        ("Kafka", ("spec", "kafka", "listeners", 0, "tsl"), True),
        ("KafkaNodePool", ("spec", "roles"), ["brokers"]),
        ("ScaledObject", ("spec", "maxReplicas"), 3),
        ("ServiceMonitor", ("spec", "endpoints", 0, "intervall"), "5s"),
        ("PrometheusRule", ("spec", "groups"), {}),
    ],
)
def test_a_mistake_would_be_found(
    kind: str, path: tuple[Any, ...], value: Any, production: tuple[dict[str, Any], ...], schema_named: Any
) -> None:
    manifest = copy.deepcopy(next(each for each in production if each["kind"] == kind))
    assert mistakes(manifest, schema_named) == []
    place = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert mistakes(manifest, schema_named)
