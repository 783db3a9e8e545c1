"""The watch: lag without progress for too long ends the process, so that its supervisor starts it again.

It asks the broker for the logs' ends over a connection of its own, so that it also sees a fetcher that has
fallen asleep, which is how the known faults of the host library show.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import StalledError
from streams.partition import Observer
from streams.security.connection import connection
from streams.settings import Settings

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often the ends of the logs are asked for."""

Key = tuple[str, int]
"""(topic, partition)"""


@dataclass(slots=True)
class Progress:
    """Judges one look after the other. Pure: time is passed in, in seconds of any monotonic clock."""

    deadline_s: float
    _saved: dict[Key, int] = field(default_factory=dict)
    _since: dict[Key, float] = field(default_factory=dict)

    def look(self, saved: Mapping[Key, int], ends: Mapping[Key, int], now_s: float) -> dict[Key, int]:
        """The lag of every partition in ``saved`` whose log's end is known.

        Raises ``StalledError`` for a partition that had lag and the same saved position for ``deadline_s``.
        """
        lags: dict[Key, int] = {}
        for key, position in saved.items():
            if key not in ends:
                continue
            lags[key] = max(0, ends[key] - position)
            if lags[key] == 0 or self._saved.get(key) != position or key not in self._since:
                self._since[key] = now_s
            self._saved[key] = position
            still_s = now_s - self._since[key]
            if still_s >= self.deadline_s:
                raise StalledError(
                    f"{key[0]}-{key[1]} stood at {position} for {still_s:.0f} s, {lags[key]} records to go"
                )
        for key in self._saved.keys() - saved.keys():  # revoked
            del self._saved[key]
            self._since.pop(key, None)
        return lags


class Watch:
    """Looks at the lag again and again."""

    def __init__(
        self,
        settings: Settings,
        saved: Callable[[], Mapping[Key, int]],
        rebalancing: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._saved = saved
        self._rebalancing = rebalancing
        self._observer = observer
        self.lags: dict[Key, int] = {}
        """Records in the log that no checkpoint covers, as of the last look."""
        self.progressed_at_s = 0.0
        """Loop time of the last look that found everything well."""

    async def run(self) -> None:
        """Watch for ever. Raises ``StalledError``."""
        settings = self._settings
        progress = Progress(settings.stall_deadline_ms / 1000)
        clock = asyncio.get_running_loop().time
        calm_since = clock()
        consumer: AIOKafkaConsumer | None = None
        try:
            while True:
                await asyncio.sleep(min(LOOK_S, settings.stall_deadline_ms / 4000))
                if not self._rebalancing():
                    calm_since = clock()
                elif clock() - calm_since >= settings.stall_deadline_ms / 1000:
                    raise StalledError(f"the group has been rebalancing for {clock() - calm_since:.0f} s")
                try:
                    if consumer is None:
                        consumer = await _connect(settings)
                    saved = dict(self._saved())
                    ends = (
                        await consumer.end_offsets([TopicPartition(*key) for key in saved]) if saved else {}
                    )
                except (
                    KafkaError,
                    TimeoutError,
                ) as error:  # a lost broker is no stall: unknown is not standing still
                    log.info("the watch cannot see the log: %r", error)
                    continue
                self.lags = progress.look(saved, {tuple(tp): end for tp, end in ends.items()}, clock())
                self.progressed_at_s = clock()
                for (topic, partition), lag in self.lags.items():
                    self._observer.on_lag(partition, topic, lag)
        finally:
            if consumer is not None:
                await consumer.stop()


async def _connect(settings: Settings) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(
        **connection(settings),
        client_id=f"{settings.app_id}-watch",
        isolation_level="read_committed",
        request_timeout_ms=10_000,
    )
    try:
        await consumer.start()
    except BaseException:
        await consumer.stop()
        raise
    return consumer
