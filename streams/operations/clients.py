"""The Kafka clients that operations use: one place that says how to connect, and what it means when that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.errors import BrokerError
from streams.security.connection import connection
from streams.security.refusals import refusal
from streams.settings import Settings


@asynccontextmanager
async def group_consumer(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that may ask for the group's offsets and, without a subscription, never joins it."""
    client = AIOKafkaConsumer(
        **connection(settings),
        group_id=settings.app_id,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    async with _started(client, client.stop, settings):
        yield client


@asynccontextmanager
async def plain_producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer without transactions whose every record is acknowledged by all replicas in sync."""
    client = AIOKafkaProducer(**connection(settings), acks="all", linger_ms=5)
    async with _started(client, client.stop, settings):
        yield client


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    client = AIOKafkaAdminClient(**connection(settings))
    async with _started(client, client.close, settings):
        yield client


@asynccontextmanager
async def _started(client: Any, stop: Any, settings: Settings) -> AsyncIterator[None]:
    try:
        await client.start()
        yield
    except KafkaError as error:
        if refused := await refusal(error, settings):
            raise refused from error
        raise BrokerError(
            f"the broker at {settings.brokers} did not answer as it should: {error!r}"
        ) from error
    finally:
        await stop()
