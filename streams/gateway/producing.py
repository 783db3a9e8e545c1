"""Right events to Kafka: keyed by profile, in order, acknowledged by all replicas before the caller is answered.

Idempotent where the broker can (then a retry of the client library writes nothing twice); a broker that cannot, the
demo's, is met without. A caller that got no answer posts again: workers count an ``event_id`` once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, UnknownError

from streams.errors import BrokerError
from streams.gateway.judging import Posted
from streams.security.connection import connection
from streams.security.refusals import refusal
from streams.settings import Settings

log = logging.getLogger(__name__)

LINGER_MS = 2
"""Requests of so many milliseconds share a batch."""
RETRY_PAUSE_S = 1.0
CLOSE_DEADLINE_S = 5.0
PROBE_DEADLINE_S = 10.0


class EventProducer:
    """Sends events. ``idempotent`` is ``None`` until the broker was reached."""

    def __init__(self, settings: Settings) -> None:
        self.idempotent: bool | None = None
        self._settings = settings
        self._producer: Any = None

    async def run(self) -> None:
        """Reach the broker, however long that takes; returns once events can be sent. Raises
        ``ConfigurationError`` when it refuses this program."""
        idempotent = True
        while True:
            try:
                producer = await self._start(idempotent)
            except (UnknownError, IncompatibleBrokerVersion) as error:
                log.info("the broker knows no idempotent producers: %r", error)
                idempotent = False
            except (KafkaError, TimeoutError) as error:
                if refused := await refusal(error, self._settings, "Write"):
                    raise refused from error
                log.warning(
                    "no producer could be started at %s, trying again: %r", self._settings.brokers, error
                )
                await asyncio.sleep(RETRY_PAUSE_S)
            else:
                self._producer, self.idempotent = producer, idempotent
                return

    async def _start(self, idempotent: bool) -> Any:
        producer = AIOKafkaProducer(
            **connection(self._settings),
            client_id=f"{self._settings.app_id}-gateway",
            acks="all",
            enable_idempotence=idempotent,
            linger_ms=LINGER_MS,
            request_timeout_ms=self._settings.gateway_write_deadline_ms,
        )
        try:
            async with asyncio.timeout(PROBE_DEADLINE_S):
                await producer.start()
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def send(self, events: Sequence[Posted]) -> None:
        """Send events and wait until Kafka has them all.

        Raises ``BrokerError`` when it does not within ``gateway_write_deadline_ms``: some may be there nevertheless.
        """
        producer = self._producer
        if producer is None:
            raise BrokerError("Kafka has not been reached yet")
        try:
            async with asyncio.timeout(self._settings.gateway_write_deadline_ms / 1000):
                sent = [
                    await producer.send(event.topic, event.value, key=event.profile_id.encode())
                    for event in events
                ]
                for each in asyncio.as_completed(sent):
                    await each
        except KafkaError as error:
            raise BrokerError(f"Kafka did not take the events: {error!r}") from error
        except TimeoutError as error:
            raise BrokerError("Kafka did not acknowledge the events in time") from error

    async def close(self) -> None:
        """Send what waits, then stop."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(CLOSE_DEADLINE_S):
                await producer.stop()
        except (KafkaError, TimeoutError) as error:
            log.warning("the producer did not stop cleanly: %r", error)
