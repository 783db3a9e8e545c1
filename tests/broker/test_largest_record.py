"""The largest record that a broker takes is no event, and must still fit into its dead letter."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams import topics
from streams.admin import KAFKA_MAX_MESSAGE_BYTES, create_topics
from streams.brokers.apache_kafka import ApacheKafka
from streams.settings import Settings, load
from tests.broker import engine_play
from tests.broker.workers import Worker

pytestmark = pytest.mark.kafka

PATIENCE_S = 120.0
"""Not a bar: by then something hangs."""


async def publish(settings: Settings) -> bytes:
    """The largest value that viewing-events takes: found by asking the broker."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.brokers, max_request_size=4 * KAFKA_MAX_MESSAGE_BYTES
    )
    await producer.start()
    try:
        for overhead in range(60, 200):
            value = b"x" * (KAFKA_MAX_MESSAGE_BYTES - overhead)
            try:
                await producer.send_and_wait(topics.VIEWING_EVENTS, value, key=b"p", partition=0)
            except Exception:  # noqa: BLE001  # too large by a few bytes: a little less then
                continue
            return value
    finally:
        await producer.stop()
    raise AssertionError("the broker took none of these sizes")


async def dead_letter(settings: Settings) -> tuple[bytes | None, dict[str, bytes]]:
    """The first dead letter."""
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.brokers, isolation_level="read_committed")
    await consumer.start()
    try:
        tp = TopicPartition(topics.DEAD_LETTERS, 0)
        consumer.assign([tp])
        consumer.seek(tp, 0)
        begin = time.monotonic()
        while time.monotonic() - begin < PATIENCE_S:
            for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, []):
                return record.value, dict(record.headers)
    finally:
        await consumer.stop()
    raise AssertionError("no dead letter came")


def test_the_largest_record_becomes_a_dead_letter(tmp_path: Path) -> None:
    engine_play.warm()
    with ApacheKafka() as kafka:
        settings = replace(load({}), brokers=kafka.address, partitions=1, app_id="largest")
        create_topics(settings)
        value = asyncio.run(publish(settings))
        environ = {
            "FLYWHEEL_BROKERS": kafka.address,
            "FLYWHEEL_PARTITIONS": "1",
            "FLYWHEEL_APP_ID": "largest",
            "FLYWHEEL_WEB_PORT": "-1",
        }
        worker = Worker("largest", [sys.executable, "-m", "streams", "worker"], environ, tmp_path)
        worker.start()
        try:
            letter, headers = asyncio.run(dead_letter(settings))
        except AssertionError as error:
            raise AssertionError(worker.last_words()) from error
        finally:
            worker.kill()
    assert letter == value
    assert headers["reason"] == b"too_large"
