"""Publishes a simulated audience to Kafka at a rate, and shows its viewers what Flywheel decides.

The rate is kept in events per second of the wall clock; the audience's own clock runs as fast as that
needs, from the past towards now, and never beyond now. An audience that has caught up gives only as many
events as it has viewers for.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.audience.crowd import Audience
from streams.audience.faults import malformed
from streams.audience.shown import DECIDED
from streams.audience.titles import Produced
from streams.errors import BrokerError
from streams.following import Follower
from streams.security.connection import connection
from streams.security.refusals import RIGHTS, missing_right, refusal
from streams.settings import Settings

BEAT_S = 0.01
"""Events leave in small groups this often: at 5,000 events/s, 50 at a time."""
CATCH_UP_S = 0.5
"""What a busy machine could not send in time is made up for, but never more than this much at once."""
REMEMBERED = 200_000
"""Produce times kept for latency: 40 s at 5,000 events/s."""
LINGER_MS = 5


class Publisher:
    """Publishes ``audience`` at ``rate`` events per second; ``malformed_share`` of the records besides are
    spoiled.

    ``clock_ms`` is the wall clock (ms since the epoch). Use it as an asynchronous context manager.
    """

    def __init__(
        self,
        settings: Settings,
        audience: Audience,
        *,
        rate: float,
        malformed_share: float = 0.0,
        seed: int = 1,
        clock_ms: Callable[[], int],
    ) -> None:
        self.audience = audience
        self.events = 0
        self.malformed = 0
        self.produced_at_ms: dict[str, int] = {}
        self._settings = settings
        self._rate = rate
        self._malformed_share = malformed_share
        self._chance = random.Random(f"faults-{seed}")
        self._clock_ms = clock_ms
        self._producer: Any = None
        self._failure: BaseException | None = None
        self._decisions: asyncio.Task[None] | None = None

    async def publish_catalog(self) -> int:
        """Publish rows and titles, wait for the acknowledgements, and say how many records that were."""
        records = self.audience.catalog.records(self.audience.start_ms)
        await self.send(records)
        await self.flush()
        return len(records)

    async def run(self, seconds: float | None, beat: Callable[[], None] = lambda: None) -> None:
        """Publish for ``seconds`` (for ever with ``None``), calling ``beat`` after each group; then wait
        until all is acknowledged. Raises ``BrokerError`` when a record is refused."""
        start = last = time.monotonic()
        owed = 0.0
        while seconds is None or last - start < seconds:
            await asyncio.sleep(BEAT_S)
            now = time.monotonic()
            owed = min(owed + (now - last) * self._rate, self._rate * CATCH_UP_S + 1)
            last = now
            group = self.audience.step(self._clock_ms(), limit=int(owed))
            owed -= len(group)
            self.events += sum(bool(record.event_id) for record in group)
            await self.send(group)
            self._raise_failure()
            beat()
        await self.flush()

    def follow_decisions(self) -> None:
        """Show each viewer what was decided for them, from now on, in the background."""
        self._decisions = asyncio.create_task(self._follow_decisions())

    def see(self, records: Iterable[Any]) -> None:
        """Show viewers the decisions among these records."""
        for record in records:
            if record.topic in DECIDED and record.value is not None:
                self.audience.take(record.topic, orjson.loads(record.value))

    async def _follow_decisions(self) -> None:
        async with Follower(self._settings, DECIDED, from_start=True) as follower:
            while True:
                self.see(await follower.records())

    async def send(self, group: list[Produced]) -> None:
        """Hand records to the producer, and spoiled copies of some besides; ``flush`` waits for them."""
        remembered = self.produced_at_ms
        for record in group:
            if self._malformed_share and record.event_id and self._chance.random() < self._malformed_share:
                self.malformed += 1
                await self._send_one(malformed(self._chance, record))
            if record.event_id:
                remembered[record.event_id] = self._clock_ms()
            await self._send_one(record)
        while len(remembered) > REMEMBERED:
            del remembered[next(iter(remembered))]

    async def _send_one(self, record: Produced) -> None:
        try:
            sent = await self._producer.send(record.topic, record.value, key=record.key)
        except KafkaError as error:
            if refused := await refusal(error, self._settings, "Write"):
                raise refused from error
            raise BrokerError(f"the broker did not take a record of {record.topic}: {error}") from error
        sent.add_done_callback(self._acknowledged)

    def _acknowledged(self, sent: asyncio.Future[Any]) -> None:
        if not sent.cancelled() and sent.exception() is not None:
            self._failure = self._failure or sent.exception()

    def _raise_failure(self) -> None:
        if isinstance(self._failure, RIGHTS):
            raise missing_right(self._failure, self._settings, "Write") from self._failure
        if self._failure is not None:
            raise BrokerError(f"the broker refused a record: {self._failure}") from self._failure
        if self._decisions is not None and self._decisions.done():
            self._decisions.result()

    async def flush(self) -> None:
        """Wait until all is acknowledged. Raises ``BrokerError`` when a record was refused."""
        await self._producer.flush()
        self._raise_failure()

    async def __aenter__(self) -> Publisher:
        self._producer = AIOKafkaProducer(**connection(self._settings), linger_ms=LINGER_MS, acks="all")
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            if refused := await refusal(error, self._settings):
                raise refused from error
            raise BrokerError(f"no answer from the broker at {self._settings.brokers}: {error}") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._decisions is not None:
            self._decisions.cancel()
            await asyncio.gather(self._decisions, return_exceptions=True)
        await self._producer.stop()
