"""Creates the topics of the contract and checks those that are there against it.

What must hold and why: every topic has the same number of partitions, because output and state of an input
partition go to the partition of the same number, and re-keyed records to that of their key's owner;
compacted topics are only compacted (a changelog that is also deleted by age forgets profiles); input topics
are never compacted (a profile's events would overwrite each other).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from streams import topics
from streams.errors import BrokerError, ConfigurationError
from streams.security.connection import connection
from streams.security.refusals import lacking, refusal
from streams.settings import DAY_MS, Settings
from streams.topics import Topic

FOREVER_MS = -1
INPUT_RETENTION_MS = 7 * DAY_MS
"""A worker may be down for a week and lose nothing."""
TALLY_RETENTION_MS = 2 * DAY_MS
"""A tally is a whole sum, and the next one says it again: one that nobody read in time is no loss."""
DEAD_LETTER_RETENTION_MS = 30 * DAY_MS
"""People read dead letters, and people go on holiday."""
KAFKA_MAX_MESSAGE_BYTES = 1_048_588
"""What a broker takes as the largest record batch, unless it is told otherwise."""
DEAD_LETTER_MAX_BYTES = 2 * KAFKA_MAX_MESSAGE_BYTES
"""The largest record that an input takes must fit into its dead letter, with the headers that say why."""
LEADERS_DEADLINE_S = 30.0
"""A new topic's partitions have leaders after milliseconds; a cluster that restarts gets more."""
TOPIC_ALREADY_EXISTS = 36
DENIED = (29, 31)
"""On the topic, on the cluster."""

Configs = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as the broker describes it. ``configs`` is ``None`` where the broker does not tell."""

    partitions: int
    replication: int
    configs: Configs | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that disagrees with the contract, and the change that mends it."""

    topic: str
    what: str
    change: str


@dataclass(frozen=True, slots=True)
class Inspection:
    """All topics: what the contract asks, what is there (``None``: missing), what disagrees, what is not
    known.
    """

    expected: tuple[Topic, ...]
    found: dict[str, Found | None]
    findings: list[Finding]
    unknown: list[str]

    @property
    def good(self) -> bool:
        """Whether nothing disagrees."""
        return not self.findings


def configs_of(topic: Topic, settings: Settings, input_retention_ms: int) -> dict[str, str]:
    """The broker-side configuration with which a topic is created. Times in ms; -1 keeps records for ever."""
    configs = {"cleanup.policy": "compact" if topic.compacted else "delete"}
    if not topic.compacted:
        kept = {
            topics.DEAD_LETTERS: DEAD_LETTER_RETENTION_MS,
            settings.tallies_topic: TALLY_RETENTION_MS,
        }
        configs["retention.ms"] = str(kept.get(topic.name, input_retention_ms))
    if topic.name == topics.DEAD_LETTERS:
        configs["max.message.bytes"] = str(DEAD_LETTER_MAX_BYTES)
    if settings.replication >= 3:
        configs["min.insync.replicas"] = (
            "2"  # one broker may be down, and no acknowledged record is lost with it
        )
    return configs


def create_topics(settings: Settings, *, input_retention_ms: int = INPUT_RETENTION_MS) -> list[str]:
    """Create every topic that is missing, wait until each has leaders, and name those that were created.

    ``input_retention_ms``: how long the broker keeps events; -1 for ever, which a replay that keeps the
    log's own times needs. Topics that exist are left as they are (see :func:`check_topics`). Raises
    ``BrokerError`` when the broker cannot be reached or refuses.
    """
    return asyncio.run(_with_admin(settings, lambda admin: _create(admin, settings, input_retention_ms)))


def check_topics(settings: Settings) -> Inspection:
    """Compare the broker's topics with the contract. Raises ``BrokerError`` when it cannot be reached."""
    return asyncio.run(_with_admin(settings, lambda admin: _inspect(admin, settings)))


def require_topics(settings: Settings) -> None:
    """Raise ``ConfigurationError``, saying what to change, unless every topic is as the contract asks."""
    findings = check_topics(settings).findings
    if findings:
        lines = "\n".join(f"  {finding.topic}: {finding.what}. {finding.change}" for finding in findings)
        raise ConfigurationError(f"the topics do not fit:\n{lines}")


def compare(topic: Topic, found: Found | None, settings: Settings) -> list[Finding]:
    """What is wrong with one topic. Pure: what the broker said comes in as ``found``."""
    alter = (
        f"kafka-configs.sh --bootstrap-server {settings.brokers} --alter --topic {topic.name} --add-config"
    )
    if found is None:
        return [Finding(topic.name, "is missing", "Create it: flywheel topics create")]
    findings: list[Finding] = []
    if found.partitions != settings.partitions:
        change = (
            f"Set FLYWHEEL_PARTITIONS={found.partitions} if all topics have as many, or delete the topic and "
            "let `flywheel topics create` make it (adding partitions moves profiles away from their history)"
        )
        what = f"has {found.partitions} partitions, not {settings.partitions}"
        findings.append(Finding(topic.name, what, change))
    if found.replication < settings.replication:
        change = "Raise it with kafka-reassign-partitions.sh, or lower FLYWHEEL_REPLICATION"
        what = f"has replication {found.replication}, less than {settings.replication}"
        findings.append(Finding(topic.name, what, change))
    if found.configs is None:
        return findings
    largest = int(found.configs.get("max.message.bytes", KAFKA_MAX_MESSAGE_BYTES))
    if topic.name == topics.DEAD_LETTERS and largest < DEAD_LETTER_MAX_BYTES:
        change = f"Raise it, or one record of the largest size stops a partition: {alter} "
        change += f"max.message.bytes={DEAD_LETTER_MAX_BYTES}"
        findings.append(Finding(topic.name, f"takes records of {largest} bytes at most", change))
    policy = found.configs.get("cleanup.policy", "delete")  # Kafka's own default
    wanted = "compact" if topic.compacted else "delete"
    if policy != wanted:
        findings.append(
            Finding(
                topic.name, f"has cleanup.policy {policy}, not {wanted}", f"{alter} cleanup.policy={wanted}"
            )
        )
    in_sync = found.configs.get("min.insync.replicas")
    if in_sync is not None and int(in_sync) > found.replication:
        what = f"asks for {in_sync} replicas in sync and has {found.replication}: no write can succeed"
        findings.append(
            Finding(topic.name, what, f"{alter} min.insync.replicas={max(1, found.replication - 1)}")
        )
    if in_sync is not None and found.replication >= 3 and int(in_sync) < 2:
        what = "acknowledges a write that only one broker holds"
        findings.append(Finding(topic.name, what, f"{alter} min.insync.replicas=2"))
    return findings


async def _with_admin(settings: Settings, work: Any) -> Any:
    admin = AIOKafkaAdminClient(**connection(settings), client_id=f"{settings.app_id}-topics")
    try:
        await admin.start()
        return await work(admin)
    except KafkaError as error:
        if refused := await refusal(error, settings):
            raise refused from error
        raise BrokerError(f"no answer from the broker at {settings.brokers}: {error}") from error
    finally:
        await admin.close()


async def _create(admin: Any, settings: Settings, input_retention_ms: int) -> list[str]:
    # Asking a broker about a topic by name may create it (Tansu does): list first, and ask only for what is
    # there.
    existing = set(await admin.list_topics())
    missing = [topic for topic in topics.catalogue(settings) if topic.name not in existing]
    if not missing:
        return []
    response = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                settings.partitions,
                settings.replication,
                topic_configs=configs_of(topic, settings, input_retention_ms),
            )
            for topic in missing
        ]
    )
    created = []
    for name, code, *message in response.topic_errors:
        if code == TOPIC_ALREADY_EXISTS:  # somebody else was quicker
            continue
        if code in DENIED:
            raise lacking(f"Create on topic {name}", settings)
        if code:
            said = message[0] if message and message[0] else for_code(code).__name__
            raise BrokerError(f"the broker did not create {name}: {said}")
        created.append(name)
    await _await_leaders(admin, [topic.name for topic in missing])
    return created


async def _await_leaders(admin: Any, names: list[str]) -> None:
    deadline = asyncio.get_running_loop().time() + LEADERS_DEADLINE_S
    while True:
        described = await admin.describe_topics(names)
        waiting = [
            entry["topic"]
            for entry in described
            if entry["error_code"] or any(part["leader"] < 0 for part in entry["partitions"])
        ]
        if not waiting:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise BrokerError(f"no leader for {', '.join(waiting)} after {LEADERS_DEADLINE_S:.0f} s")
        await asyncio.sleep(0.05)


async def _inspect(admin: Any, settings: Settings) -> Inspection:
    expected = topics.catalogue(settings)
    existing = set(await admin.list_topics())
    names = [topic.name for topic in expected if topic.name in existing]
    described = {entry["topic"]: entry for entry in await admin.describe_topics(names)} if names else {}
    configs, unknown = await _configs(admin, names)
    found: dict[str, Found | None] = {}
    for topic in expected:
        entry = described.get(topic.name)
        found[topic.name] = entry and Found(
            partitions=len(entry["partitions"]),
            replication=min((len(part["replicas"]) for part in entry["partitions"]), default=0),
            configs=configs.get(topic.name),
        )
    findings = [finding for topic in expected for finding in compare(topic, found[topic.name], settings)]
    return Inspection(expected, found, findings, unknown)


async def _configs(admin: Any, names: list[str]) -> tuple[dict[str, Configs], list[str]]:
    """The configuration of each topic, and what could not be learned."""
    if not names:
        return {}, []
    try:
        responses = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        )
    except KafkaError as error:
        why = f"this broker does not tell how topics are configured ({type(error).__name__})"
        return {}, [f"{why}: compaction and retention were NOT checked"]
    configs: dict[str, Configs] = {}
    for response in responses:
        for code, _message, _kind, name, entries in response.resources:
            if not code:
                configs[name] = {entry[0]: entry[1] for entry in entries if entry[1] is not None}
    silent = [name for name in names if name not in configs]
    return configs, [
        f"{name}: compaction and retention were NOT checked, the broker does not tell" for name in silent
    ]
