"""Writes the manifests that follow from the code: ``python deploy/kubernetes/generate.py``.

Topics of each overlay from ``streams.topics.catalogue`` and ``streams.admin.configs_of``, and the alerts from
``deploy/prometheus/rules``. ``tests/deploy`` compares what is committed with what this would write.
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
from streams.settings import Settings  # noqa: E402
from streams.topics import catalogue  # noqa: E402

CLUSTER = "kafka"
"""Name of the Kafka in base/kafka.yaml: the label by which Strimzi's operators find what is theirs."""
OVERLAYS = {
    "small": Settings(partitions=4, replication=1),
    "production": Settings(partitions=16, replication=3),
}
"""What each overlay's kustomization.yaml sets as well (a test compares)."""
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
