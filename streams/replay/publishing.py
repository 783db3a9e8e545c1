"""Sends what a reader yields to the broker, at a pace.

Records carry the time of publishing; the event's own time is in its ``ts``. A broker deletes by record time,
so a log that keeps its own old times would otherwise vanish from a topic with a retention as it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import BrokerError
from streams.replay.records import Message

CHUNK = 2_000
"""Records between two looks at what the broker has acknowledged; bounds what is in flight."""
LINGER_MS = 5


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a log's time runs: ``factor`` times as fast as it was written; ``None`` as fast as the broker
    takes it.
    """

    factor: float | None

    def due_s(self, elapsed_ms: int) -> float:
        """Seconds after the start at which an event that was written ``elapsed_ms`` after the first is
        due.
        """
        return 0.0 if self.factor is None else elapsed_ms / 1000 / self.factor


class Publisher:
    """A producer that keeps each key's order. Use it as an async context manager.

    ``security`` is what ``streams.security.connection.credentials`` gives. Raises ``BrokerError`` when the broker
    cannot be reached or refuses a record.
    """

    def __init__(self, brokers: str, **security: Any) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=brokers, acks="all", linger_ms=LINGER_MS, **security
        )
        self._brokers = brokers
        self.ends: dict[TopicPartition, int] = {}
        """Where each partition's log ends with what was published here: the position after the last
        acknowledged.
        """

    async def __aenter__(self) -> Publisher:
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise BrokerError(f"no answer from the broker at {self._brokers}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def publish(
        self, messages: Iterator[Message], pace: Pace, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Send all messages and wait until each is acknowledged; returns how many.

        ``progress`` is called now and then with how many were sent and the event time reached (ms).
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        first_ts: int | None = None
        sent = 0
        flying: list[Any] = []
        try:
            for message in messages:
                if pace.factor is not None:
                    first_ts = message.ts if first_ts is None else first_ts
                    wait = began + pace.due_s(message.ts - first_ts) - loop.time()
                    if wait > 0:
                        if progress is not None:
                            progress(sent, message.ts)
                        await asyncio.sleep(wait)
                flying.append(await self._producer.send(message.topic, key=message.key, value=message.value))
                sent += 1
                if len(flying) >= CHUNK:
                    await self._acknowledged(flying)
                    flying.clear()
                    if progress is not None:
                        progress(sent, message.ts)
            await self._acknowledged(flying)
        except KafkaError as error:
            raise BrokerError(f"the broker at {self._brokers} refused a record: {error}") from error
        return sent

    async def _acknowledged(self, flying: list[Any]) -> None:
        for metadata in await asyncio.gather(*flying):
            tp = metadata.topic_partition
            self.ends[tp] = max(self.ends.get(tp, 0), metadata.offset + 1)
