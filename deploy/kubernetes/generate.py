"""Writes the manifests that follow from the code: ``python deploy/kubernetes/generate.py``.

Topics of each overlay from ``streams.topics.catalogue`` and ``streams.admin.configs_of``, users with their rights
from ``streams.security.acls``, and the alerts from ``deploy/prometheus/rules``. ``tests/deploy`` compares what is
committed with what this would write.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

from streams.admin import INPUT_RETENTION_MS, configs_of  # noqa: E402
from streams.security.acls import DESCRIBE, GROUP, TOPIC, Right, rights  # noqa: E402
from streams.security.printing import strimzi  # noqa: E402
from streams.settings import Settings  # noqa: E402
from streams.topics import VIEWING_EVENTS, catalogue  # noqa: E402

CLUSTER = "flywheel"
"""Name of the Kafka in base/kafka.yaml: the label by which Strimzi's operators find what is theirs."""
OVERLAYS = {
    "small": Settings(partitions=4, replication=1),
    "production": Settings(partitions=16, replication=3),
}
"""What each overlay's kustomization.yaml sets as well (a test compares)."""
USERS = ("worker", "gateway", "producer", "reader", "operator")
"""Programs of every overlay, with ``flywheel-`` before them; simulated viewers are not let into production."""
HEADER = "# Written by deploy/kubernetes/generate.py; change {source} instead.\n"

Manifest = dict[str, Any]


def topic_manifests(settings: Settings) -> list[Manifest]:
    """A KafkaTopic for every topic of the contract, as ``flywheel topics create`` would make it."""
    return [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic.name, "labels": {"strimzi.io/cluster": CLUSTER}},
            "spec": {
                "partitions": settings.partitions,
                "replicas": settings.replication,
                "config": configs_of(topic, settings, INPUT_RETENTION_MS),
            },
        }
        for topic in catalogue(settings)
    ]


def user_manifests(programs: tuple[str, ...], settings: Settings) -> list[Manifest]:
    """A KafkaUser for each program, allowed what ``flywheel acls print`` says."""
    return [_user(program, rights(program, settings)) for program in programs]


def autoscaler_manifest(settings: Settings) -> Manifest:
    """The KafkaUser that KEDA asks as: how far the workers' group is behind, and nothing else."""
    return _user(
        "autoscaler", [Right(GROUP, settings.app_id, DESCRIBE), Right(TOPIC, VIEWING_EVENTS, DESCRIBE)]
    )


def _user(program: str, allowed: list[Right]) -> Manifest:
    manifest: Manifest = yaml.safe_load("\n".join(strimzi(allowed, f"User:flywheel-{program}")))
    manifest["metadata"]["labels"]["strimzi.io/cluster"] = CLUSTER
    return manifest


def rule_manifests(folder: Path) -> list[Manifest]:
    """One PrometheusRule with every group of every file in ``folder``."""
    groups = [
        group for path in sorted(folder.glob("*.yml")) for group in yaml.safe_load(path.read_text())["groups"]
    ]
    return [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "flywheel"},
            "spec": {"groups": groups},
        }
    ]


def files() -> dict[Path, str]:
    """Every generated file, and what it must hold."""
    written = {
        HERE / "overlays" / name / "topics.yaml": _text(
            topic_manifests(settings), "streams/topics.py or streams/admin.py"
        )
        for name, settings in OVERLAYS.items()
    }
    acls, base = "streams/security/acls.py", OVERLAYS["production"]
    written[HERE / "base" / "users.yaml"] = _text(
        [*user_manifests(USERS, base), autoscaler_manifest(base)], acls
    )
    written[HERE / "overlays" / "small" / "audience-user.yaml"] = _text(
        user_manifests(("audience",), OVERLAYS["small"]), acls
    )
    written[HERE / "base" / "rules.yaml"] = _text(
        rule_manifests(ROOT / "deploy" / "prometheus" / "rules"), "deploy/prometheus/rules"
    )
    return written


def _text(manifests: list[Manifest], source: str) -> str:
    return HEADER.format(source=source) + yaml.safe_dump_all(manifests, sort_keys=False, width=120)


def main() -> None:
    """Write every file."""
    for path, text in files().items():
        path.write_text(text)
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
