"""Erasing a profile: the receipt says what is true, and says so loudly when something is left."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from streams import topics
from streams.brokers.embedded import EmbeddedBroker
from streams.errors import BrokerError, ConfigurationError
from streams.operations import erasure
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings, load
from streams.topics import choice_key
from tests.operations import offline_worker
from tests.operations.offline_worker import in_loop


@pytest.fixture
def settings(embedded: EmbeddedBroker) -> Settings:
    """An application that has applied some events."""
    settings = load({}, brokers=embedded.address, partitions=2, guarantee="at_least_once")

    async def scene() -> None:
        audience = offline_worker.audience_of(12)
        await offline_worker.begin(settings, audience)
        await offline_worker.play(settings, audience, 900)
        await offline_worker.work(settings)

    asyncio.run(scene())
    return settings


async def well_known(settings: Settings) -> str:
    """The profile that most images were chosen for."""
    keys = [key.partition("|")[0] for key in await offline_worker.decisions(settings, topics.ARTWORK_CHOICES)]
    return max(set(keys), key=keys.count)


async def erased(settings: Settings, profile: str) -> dict[str, Any]:
    """Erase while a worker obeys."""
    erasing = asyncio.create_task(erasure.erase(settings, profile, 60.0))
    while not erasing.done():
        await offline_worker.work(settings, rounds=1)
        await asyncio.sleep(0.1)
    return await erasing


@in_loop
async def test_everything_goes_and_the_receipt_says_so(settings: Settings) -> None:
    profile = await well_known(settings)
    before = await erasure.search(settings, profile)
    assert before.left.keys() >= {topics.ROW_ORDER, topics.ARTWORK_CHOICES, settings.state_topic}
    assert before.left[settings.state_topic] == 2
    receipt = await erased(settings, profile)
    assert receipt["complete"] and receipt["left"] == {} and erasure.lines_of(receipt) == []
    assert receipt["tombstones"][topics.ARTWORK_CHOICES] >= before.left[topics.ARTWORK_CHOICES]
    assert receipt["tombstones"].keys() >= {*topics.KEYED_BY_PROFILE, settings.state_topic}
    week = 7 * 24 * 3_600_000
    assert receipt["expires"][topics.VIEWING_EVENTS]["by_ms"] == receipt["asked_ms"] + 2 * week
    # Nobody learns from it whose it is, and nobody changes it unnoticed.
    text = json.dumps(receipt)
    assert profile not in text and erasure.fingerprint(profile) in text
    erasure.check_receipt(json.loads(text))
    with pytest.raises(ConfigurationError, match="changed"):
        erasure.check_receipt({**receipt, "left": {"row-order": 1}})
    # Others are as they were.
    others = await offline_worker.decisions(settings, topics.ROW_ORDER)
    assert sum(found[-1] is not None for found in others.values()) == len(others) - 1 > 5


@in_loop
async def test_what_is_left_is_told(settings: Settings) -> None:
    profile = await well_known(settings)
    await erased(settings, profile)
    producer = AIOKafkaProducer(bootstrap_servers=settings.brokers)
    await producer.start()
    key = choice_key(profile, "t1").encode()
    await producer.send_and_wait(topics.ARTWORK_CHOICES, b"{}", key, partition=0)
    await producer.send_and_wait(
        topics.EXPERIMENT_RESULTS, orjson.dumps({"profile_id": profile}), b"who", partition=1
    )
    await producer.stop()
    receipt = await erasure.receipt_of(settings, profile, None, 0)
    assert not receipt["complete"]
    assert receipt["left"] == {topics.ARTWORK_CHOICES: 1, topics.EXPERIMENT_RESULTS: 1}
    assert any("LEFT: 1 records in artwork-choices" in line for line in erasure.lines_of(receipt))


@in_loop
async def test_events_after_the_erasure_are_told(settings: Settings) -> None:
    profile = await well_known(settings)
    await erased(settings, profile)
    ts = offline_worker.START_MS
    event = {"event_id": "late", "type": "search", "profile_id": profile, "ts": ts, "query": "x"}
    await offline_worker.publish(settings, [(topics.VIEWING_EVENTS, profile.encode(), orjson.dumps(event))])
    await offline_worker.work(settings)
    receipt = await erasure.receipt_of(settings, profile, None, 0)
    assert not receipt["complete"] and receipt["left"][settings.state_topic] >= 1


@in_loop
async def test_without_a_worker_it_says_not_yet(settings: Settings) -> None:
    profile = await well_known(settings)
    number = partition_of(profile.encode(), 2)
    with pytest.raises(
        BrokerError, match=f"NOT ERASED YET: the event stands at viewing-events-{number} offset"
    ):
        await erasure.erase(settings, profile, 0.3)


@in_loop
async def test_a_wrong_number_of_partitions_writes_nothing(settings: Settings) -> None:
    wrong = load({}, brokers=settings.brokers, partitions=3)
    with pytest.raises(ConfigurationError, match="FLYWHEEL_PARTITIONS=2"):
        await erasure.erase(wrong, "p", 1.0)


@pytest.mark.parametrize(
    ("topic", "key", "named"),
    [
        (topics.ROW_ORDER, "p|1", True),
        (topics.ROW_ORDER, "p", False),
        (topics.ARTWORK_CHOICES, "p%7C1|t", True),
        (topics.ARTWORK_CHOICES, "p|1", False),
        (topics.ARTWORK_CHOICES, "p%7C12|t", False),
        ("flywheel-state", "pp|1", True),
        ("flywheel-state", "sp|1", True),
        ("flywheel-state", "np|1", False),  # a title of that name
        (topics.TITLE_STATS, "p|1", False),
    ],
)
def test_keys_that_name_a_profile(topic: str, key: str, named: bool) -> None:
    assert erasure.is_key_of(topic, key.encode(), "p|1", load({})) is named
