"""A program's rights as something to apply: commands of Kafka's own ``kafka-acls.sh``, or a Strimzi ``KafkaUser``."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence

from streams.security.acls import CLUSTER, GROUP, THE_CLUSTER, TOPIC, TRANSACTIONAL_ID, Right

STRIMZI_KINDS = {TOPIC: "topic", GROUP: "group", TRANSACTIONAL_ID: "transactionalId", CLUSTER: "cluster"}


def _grouped(rights: Sequence[Right]) -> dict[tuple[str, str, bool], list[str]]:
    by_resource: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    for right in rights:
        by_resource[right.kind, right.name, right.prefixed].append(right.operation)
    return by_resource


def kafka_acls(rights: Sequence[Right], principal: str, brokers: str) -> list[str]:
    """One ``kafka-acls.sh`` command a resource.

    >>> kafka_acls([Right("group", "flywheel", "Read")], "User:worker", "kafka:9092")[0].split(" --add ")[1]
    '--allow-principal User:worker --group flywheel --operation Read'
    """
    commands = []
    for (kind, name, prefixed), operations in _grouped(rights).items():
        words = [
            "kafka-acls.sh",
            "--bootstrap-server",
            brokers,
            "--command-config",
            "admin.properties",
            "--add",
        ]
        words += ["--allow-principal", principal]
        words += ["--cluster"] if kind == CLUSTER else [f"--{kind}", name]
        words += ["--resource-pattern-type", "prefixed"] if prefixed else []
        for operation in operations:
            words += ["--operation", operation]
        commands.append(shlex.join(words))
    return commands


def strimzi(rights: Sequence[Right], principal: str) -> list[str]:
    """The lines of a ``KafkaUser`` (YAML, which JSON strings are part of) with SCRAM and these rights."""
    user = principal.removeprefix("User:")
    lines = [
        "apiVersion: kafka.strimzi.io/v1",
        "kind: KafkaUser",
        "metadata:",
        f'  name: "{user}"',
        "  labels:",
        "    strimzi.io/cluster: flywheel",
        "spec:",
        "  authentication:",
        "    type: scram-sha-512",
        "  authorization:",
        "    type: simple",
        "    acls:",
    ]
    for (kind, name, prefixed), operations in _grouped(rights).items():
        lines += ["      - resource:", f"          type: {STRIMZI_KINDS[kind]}"]
        if name != THE_CLUSTER:
            lines += [
                f'          name: "{name}"',
                f"          patternType: {'prefix' if prefixed else 'literal'}",
            ]
        lines += [f"        operations: [{', '.join(operations)}]"]
    return lines
