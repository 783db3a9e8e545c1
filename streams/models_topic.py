"""Reads ``<app_id>-models`` whole, and writes control records to it: for commands, outside of any worker."""

from __future__ import annotations

import asyncio

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.errors import BrokerError
from streams.events.model_records import Control, control_key
from streams.following import Follower
from streams.security.connection import connection
from streams.security.refusals import refusal
from streams.settings import Settings
from streams.state.shared import Shared
from streams.state.shared_models import SharedModels


async def read_models(settings: Settings) -> SharedModels:
    """All that partitions have told of their models until now. Raises ``BrokerError`` when the topic cannot be
    read within ``recovery_deadline_ms``, ``ConfigurationError`` when it is missing."""
    shared = Shared(settings)
    try:
        async with (
            asyncio.timeout(settings.recovery_deadline_ms / 1000),
            Follower(settings, [settings.models_topic], from_start=True) as follower,
        ):
            rest = True
            while rest:  # once more after it is caught up: Tansu's end lies within the last batch
                rest = not await follower.caught_up()
                for record in await follower.records():
                    if record.key is not None:
                        shared.put(record.topic, record.key, record.value)
    except TimeoutError as error:
        raise BrokerError(f"{settings.models_topic} could not be read in time") from error
    return shared.models


async def write_control(settings: Settings, control: Control) -> None:
    """Tell every worker which model is to be at work. Raises ``BrokerError`` when that was not acknowledged."""
    producer = AIOKafkaProducer(**connection(settings), acks="all")
    try:
        await producer.start()
        await producer.send_and_wait(
            settings.models_topic, msgspec.json.encode(control), key=control_key(control.name)
        )
    except KafkaError as error:
        if refused := await refusal(error, settings):
            raise refused from error
        raise BrokerError(f"writing to {settings.models_topic} failed: {error}") from error
    finally:
        await producer.stop()
