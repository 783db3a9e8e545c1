"""Compacted topics are read whole before anybody is told that they are ready, and followed from then on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams import topics
from streams.app import read_whole
from streams.compacted import CompactedTopics
from streams.errors import BrokerError, ConfigurationError
from streams.settings import load


async def create(brokers: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1) for name in names])
    await admin.close()


@pytest.mark.embedded
def test_everything_is_there_when_ready_and_changes_follow(embedded: Any) -> None:
    async def story() -> None:
        settings = load({}, brokers=embedded.address)
        names = read_whole(settings)
        assert set(names) > {*topics.CATALOGS, topics.TITLE_STATS}
        await create(embedded.address, *names)
        producer = AIOKafkaProducer(bootstrap_servers=embedded.address)
        await producer.start()
        expected: dict[tuple[str, bytes], bytes | None] = {}
        for topic in names:
            for number in range(300):
                key, value = b"k%d" % number, b"v%d" % number
                await producer.send(topic, value, key=key)
                expected[topic, key] = value
        await producer.flush()
        found: dict[tuple[str, bytes], bytes | None] = {}
        changed = asyncio.Event()

        def put(topic: str, key: bytes, value: bytes | None) -> None:
            found[topic, key] = value
            if value is None:
                changed.set()

        catalogs = CompactedTopics(settings, names, put)
        running = asyncio.create_task(catalogs.run())
        await catalogs.ready()
        assert found == expected
        assert catalogs.records == 300 * len(names)
        await producer.send_and_wait(topics.ROW_CATALOG, None, key=b"k7")
        await asyncio.wait_for(changed.wait(), 60)
        assert found == {**expected, (topics.ROW_CATALOG, b"k7"): None}
        running.cancel()
        await asyncio.wait([running])
        await producer.stop()

    asyncio.run(story())


@pytest.mark.embedded
def test_a_missing_catalog_says_how_to_create_it(embedded: Any) -> None:
    async def story() -> None:
        await create(embedded.address, topics.TITLE_CATALOG)
        settings = load({}, brokers=embedded.address, sharing=False)
        assert read_whole(settings) == topics.CATALOGS
        catalogs = CompactedTopics(settings, read_whole(settings), lambda *_: None)
        with pytest.raises(ConfigurationError, match=r"row-catalog.*flywheel topics"):
            await catalogs.run()

    asyncio.run(story())


def test_catalogs_that_cannot_be_read_are_not_waited_for_endlessly() -> None:
    async def story() -> None:
        settings = load({}, brokers="127.0.0.1:1", recovery_deadline_ms=500)
        catalogs = CompactedTopics(settings, topics.CATALOGS, lambda *_: None)
        running = asyncio.create_task(catalogs.run())
        with pytest.raises(BrokerError, match="could not be read in time"):
            await catalogs.ready()
        running.cancel()
        await asyncio.wait([running])

    asyncio.run(story())
