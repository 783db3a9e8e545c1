"""What each program must be allowed at Kafka, and no more: one list, made from the contract's topics.

``describe`` comes with ``Read`` and ``Write`` in Kafka and is named only where it stands alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streams import topics
from streams.errors import ConfigurationError
from streams.settings import Settings

DESCRIBE, READ, WRITE, CREATE, ALTER, DELETE = "Describe", "Read", "Write", "Create", "Alter", "Delete"
DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE = "DescribeConfigs", "AlterConfigs", "IdempotentWrite"
TOPIC, GROUP, TRANSACTIONAL_ID, CLUSTER = "topic", "group", "transactional-id", "cluster"
THE_CLUSTER = "kafka-cluster"
"""Kafka's name for the one resource of the kind ``cluster``."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """Permission of ``operation`` on the ``kind`` of resource called ``name``, or beginning so when ``prefixed``."""

    kind: str
    name: str
    operation: str
    prefixed: bool = False

    def __str__(self) -> str:
        return f"{self.operation} on {self.kind} {self.name}{'*' if self.prefixed else ''}"


def internal(settings: Settings) -> frozenset[str]:
    """The topics that nobody but workers and operators has to do with: they hold state, or what was learned."""
    own = {settings.state_topic, settings.tallies_topic, settings.models_topic}
    own |= {settings.credits_topic, settings.predictions_topic}
    return frozenset(own | {topics.TITLE_SIGNALS, topics.TITLE_STATS})


def outputs(settings: Settings) -> tuple[str, ...]:
    """The topics that the outside reads, dead letters left out (they hold what was received, whatever it was)."""
    without = {*topics.INPUTS, *topics.CATALOGS, topics.DEAD_LETTERS} | internal(settings)
    return tuple(topic.name for topic in topics.catalogue(settings) if topic.name not in without)


def _on(names: Iterable[str], *operations: str) -> set[Right]:
    return {Right(TOPIC, name, operation) for name in names for operation in operations}


def _worker(settings: Settings) -> set[Right]:
    own = internal(settings)
    return (
        _on([*topics.INPUTS, *topics.CATALOGS], READ)
        | _on(own, READ, WRITE)
        | _on([*outputs(settings), topics.DEAD_LETTERS], WRITE)
        # The outputs that every worker reads whole: what an experiment has come to decides what is shown.
        | _on(set(topics.shared(settings)) - own, READ)
        | {
            Right(GROUP, settings.app_id, READ),
            Right(TRANSACTIONAL_ID, f"{settings.app_id}-", WRITE, prefixed=True),
            Right(TRANSACTIONAL_ID, f"{settings.app_id}-", DESCRIBE, prefixed=True),
        }
    )


def _gateway(settings: Settings) -> set[Right]:
    return (
        # title-stats: the most popular first where nothing is known of a viewer.
        _on([*topics.CATALOGS, topics.TITLE_STATS, *outputs(settings)], READ)
        | _on(topics.INPUTS, WRITE)
        | _on(topics.INPUTS if settings.gateway_watch_inputs else (), READ)
        | _idempotent()
    )


def _producer(_: Settings) -> set[Right]:
    return _on([*topics.INPUTS, *topics.CATALOGS], WRITE) | _idempotent()


def _audience(settings: Settings) -> set[Right]:
    """A producer that looks at what was decided for its viewers."""
    return _producer(settings) | _on(outputs(settings), READ)


def _reader(settings: Settings) -> set[Right]:
    return _on([*topics.CATALOGS, *outputs(settings)], READ)


def _operator(settings: Settings) -> set[Right]:
    names = [topic.name for topic in topics.catalogue(settings)]
    everything = (DESCRIBE_CONFIGS, ALTER_CONFIGS, READ, WRITE, CREATE, ALTER, DELETE)
    return (
        _on(names, *everything)
        | {Right(GROUP, settings.app_id, operation) for operation in (READ, DELETE)}
        | {Right(TRANSACTIONAL_ID, f"{settings.app_id}-", op, prefixed=True) for op in (WRITE, DESCRIBE)}
        | _idempotent()
    )


def _idempotent() -> set[Right]:
    return {Right(CLUSTER, THE_CLUSTER, IDEMPOTENT_WRITE)}


PROGRAMS = {
    "worker": _worker,
    "gateway": _gateway,
    "producer": _producer,
    "audience": _audience,
    "reader": _reader,
    "operator": _operator,
}
"""Who connects to Kafka: the worker; the gateway; a service that sends events and catalogs; simulated viewers; a
service that reads decisions (also ``flywheel watch``); and who runs ``flywheel topics``, ``models`` and
the other commands."""


def rights(program: str, settings: Settings) -> list[Right]:
    """What ``program`` needs, sorted. Raises ``ConfigurationError`` for a program that is not in :data:`PROGRAMS`.

    >>> [str(right) for right in rights("producer", Settings())][0]
    'IdempotentWrite on cluster kafka-cluster'
    """
    if program not in PROGRAMS:
        raise ConfigurationError(f"no program {program!r}: choose {', '.join(PROGRAMS)}")
    return sorted(PROGRAMS[program](settings))
