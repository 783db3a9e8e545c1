"""Topics: created as the contract asks, and each disagreement found with the change that mends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams import topics
from streams.admin import (
    FOREVER_MS,
    Found,
    check_topics,
    compare,
    configs_of,
    create_topics,
    require_topics,
)
from streams.brokers.apache_kafka import ApacheKafka
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.loopback import free_port
from streams.errors import BrokerError, ConfigurationError
from streams.settings import DAY_MS, Settings
from streams.topics import Topic

SETTINGS = Settings(partitions=4)
COMPACTED = Topic(topics.ROW_ORDER, "profile", True, "")
KEPT = Topic(topics.VIEWING_EVENTS, "profile", False, "")
RIGHT = Found(4, 1, {"cleanup.policy": "compact"})


def test_a_topic_as_the_contract_asks_has_no_finding() -> None:
    assert compare(COMPACTED, RIGHT, SETTINGS) == []
    assert compare(KEPT, Found(4, 1, {"cleanup.policy": "delete"}), SETTINGS) == []
    assert compare(KEPT, Found(4, 1, {}), SETTINGS) == []  # Kafka's default policy
    assert compare(COMPACTED, replace(RIGHT, replication=3), SETTINGS) == []


@pytest.mark.parametrize(
    ("topic", "found", "what", "change"),
    [
        (COMPACTED, None, "is missing", "flywheel topics create"),
        (COMPACTED, replace(RIGHT, partitions=3), "3 partitions, not 4", "FLYWHEEL_PARTITIONS=3"),
        (COMPACTED, replace(RIGHT, configs={}), "cleanup.policy delete", "cleanup.policy=compact"),
        (
            COMPACTED,
            replace(RIGHT, configs={"cleanup.policy": "compact,delete"}),
            "compact,delete",
            "=compact",
        ),
        (KEPT, RIGHT, "cleanup.policy compact", "cleanup.policy=delete"),
    ],
)
def test_a_disagreement_says_what_to_change(
    topic: Topic, found: Found | None, what: str, change: str
) -> None:
    (finding,) = compare(topic, found, SETTINGS)
    assert finding.topic == topic.name
    assert what in finding.what
    assert change in finding.change


def test_replication_and_replicas_in_sync_belong_together() -> None:
    production = Settings(replication=3)
    assert configs_of(COMPACTED, production, DAY_MS)["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in configs_of(COMPACTED, SETTINGS, DAY_MS)
    (low,) = compare(COMPACTED, RIGHT, production)
    assert "replication 1" in low.what
    unsafe = Found(4, 3, {"cleanup.policy": "compact", "min.insync.replicas": "1"})
    assert "only one broker holds" in compare(COMPACTED, unsafe, production)[0].what
    stuck = Found(4, 1, {"cleanup.policy": "compact", "min.insync.replicas": "2"})
    assert "no write can succeed" in compare(COMPACTED, stuck, SETTINGS)[0].what


def test_inputs_can_be_kept_for_ever_and_compacted_topics_have_no_retention() -> None:
    assert configs_of(KEPT, SETTINGS, FOREVER_MS)["retention.ms"] == "-1"
    assert "retention.ms" not in configs_of(COMPACTED, SETTINGS, DAY_MS)


def test_what_partitions_write_to_each_other_is_kept_as_long_as_it_is_needed() -> None:
    kept = {topic.name: configs_of(topic, SETTINGS, 9 * DAY_MS) for topic in topics.catalogue(SETTINGS)}
    # An increment that was not read in time would be lost; a whole sum comes again.
    assert kept[topics.TITLE_SIGNALS]["retention.ms"] == str(9 * DAY_MS)
    assert kept[SETTINGS.tallies_topic]["retention.ms"] == str(2 * DAY_MS)
    for name in (*topics.owned(SETTINGS), SETTINGS.credits_topic):
        assert kept[name]["cleanup.policy"] == "delete"
    for name in topics.shared(SETTINGS):
        assert kept[name] == {"cleanup.policy": "compact"}


def test_every_owned_topic_is_known_by_its_name_alone() -> None:
    names = {topic.name for topic in topics.catalogue(SETTINGS)}
    assert {name for name in names if topics.is_owned(name)} == set(topics.owned(SETTINGS))


def created_and_checked(brokers: str) -> None:
    settings = Settings(brokers=brokers, partitions=3, app_id="admin-test")
    names = [topic.name for topic in topics.catalogue(settings)]
    with pytest.raises(ConfigurationError, match="viewing-events: is missing"):
        require_topics(settings)
    assert create_topics(settings) == names
    assert create_topics(settings) == []
    require_topics(settings)
    inspection = check_topics(settings)
    assert inspection.good
    assert inspection.unknown == []
    assert {name: found.partitions for name, found in inspection.found.items() if found} == dict.fromkeys(
        names, 3
    )
    fewer = check_topics(replace(settings, partitions=2))
    assert {finding.topic for finding in fewer.findings} == set(names)


@pytest.mark.embedded
def test_topics_on_the_embedded_broker(embedded: EmbeddedBroker) -> None:
    created_and_checked(embedded.address)


@pytest.mark.kafka
def test_topics_on_kafka(kafka: ApacheKafka) -> None:
    created_and_checked(kafka.address)


def test_no_broker_is_one_clear_error() -> None:
    with pytest.raises(BrokerError, match="no answer from the broker at 127"):
        check_topics(Settings(brokers=f"127.0.0.1:{free_port()}"))
