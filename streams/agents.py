"""The partitions of this worker, from assignment to revocation, and the agent that feeds them.

Responsible for: opening a partition (fence, recover, place) when the group assigns it, dealing its batches
out, seeking when a batch does not follow, letting time pass, and closing it when the group takes it away.

Opening happens beside the agent, so that a partition that recovers holds up no other; until it is placed
nothing of it is fetched. A rebalance closes all and opens all again: simple, and a kept partition costs only
its recovery.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams import memory, topics
from streams.checkpoint import Checkpoint
from streams.engine import Engine
from streams.errors import ConfigurationError, FencedError, InvariantError, PositionError, RecoveryError
from streams.partition import Observer, Partition
from streams.recovery import recover
from streams.settings import Settings
from streams.transport.batching import FetchedBatch

log = logging.getLogger(__name__)

OPEN_AT_ONCE = 4
"""Partitions that recover side by side. Restoring is computing, so more would only share one core."""
FAILED_CLOSE_S = 1.0
"""When the worker has failed, a checkpoint under way gets this long."""
TICK_S = 1.0
"""Time passes for silent profiles this often."""

EngineFactory = Callable[[int], Engine]
CheckpointFactory = Callable[[int], Checkpoint]
Fail = Callable[[BaseException], None]


class Places(Protocol):
    """What is needed of the consumer (``streams.transport.batching.Consumer``)."""

    def rewinds(self, topic: str, partition: int) -> int: ...
    async def place(self, partition: int, positions: Mapping[str, int]) -> None: ...
    async def withdraw(self, partitions: Iterable[int]) -> None: ...
    async def earliest_offsets(self, *partitions: Any) -> Mapping[Any, int]: ...


def wall_clock_ms() -> int:
    """Now, in ms since the epoch: the edge where time enters the engine."""
    return int(time.time() * 1000)


class Assignment:
    """The partitions that the group has given to this worker."""

    def __init__(
        self,
        settings: Settings,
        engine_factory: EngineFactory,
        checkpoint_factory: CheckpointFactory,
        consumer: Callable[[], Places],
        ready: Callable[[], Any],
        fail: Fail,
        observer: Observer,
    ) -> None:
        self.partitions: dict[int, Partition] = {}
        """Open partitions by number."""
        self.opening: dict[int, asyncio.Task[None]] = {}
        self._settings = settings
        self._engine_factory = engine_factory
        self._checkpoint_factory = checkpoint_factory
        self._consumer = consumer
        self._ready = ready
        self._fail = fail
        self._observer = observer
        self._saving: dict[int, asyncio.Task[None]] = {}
        self._recovering = asyncio.Semaphore(OPEN_AT_ONCE)
        self._worked = False
        """Something was recovered or applied since the last tick."""

    # --- assigned and revoked ------------------------------------------------------------------------------

    def assign(self, assigned: Iterable[Any]) -> None:
        """Begin to open every partition number of ``assigned`` (topic, partition) pairs that is not open yet.

        Raises ``InvariantError`` when a partition number of one topic came without that of the others,
        ``ConfigurationError`` when there are more than the settings say.
        """
        owned = topics.owned(self._settings)
        numbers = {topic: {tp.partition for tp in assigned if tp.topic == topic} for topic in owned}
        mine = numbers[owned[0]]
        if any(others != mine for others in numbers.values()):
            raise InvariantError(
                f"the topics that a partition owns were split among workers, or have not the same partitions "
                f"(a worker of an older program in the group splits them too): {numbers}"
            )
        if mine and max(mine) >= self._settings.partitions:
            raise ConfigurationError(
                f"the inputs have at least {max(mine) + 1} partitions, but FLYWHEEL_PARTITIONS is "
                f"{self._settings.partitions}: set it to their number (`flywheel topics check` tells)"
            )
        for number in sorted(mine - self.partitions.keys() - self.opening.keys()):
            self.opening[number] = asyncio.create_task(self._open(number), name=f"open-{number}")
        self._observer.on_event("assigned", ",".join(map(str, sorted(mine))))
        log.info("assigned partitions %s", sorted(mine))

    async def _open(self, number: int) -> None:
        checkpoint = self._checkpoint_factory(number)
        try:
            await self._ready()
            async with self._recovering:
                began = time.monotonic()
                engine = self._engine_factory(number)
                recovered = await recover(self._settings, number, engine, checkpoint)
            partition = Partition(number, engine, checkpoint, self._settings, self._observer)
            partition.begin(recovered.positions)
            for topic, records in recovered.lost.items():
                self._observer.on_lost(number, topic, records)
            seconds = time.monotonic() - began
            log.info(
                "partition %d stands at %s: %d state records in %.2f s",
                number, dict(recovered.positions), recovered.records, seconds,
            )  # fmt: skip
            self._observer.on_recovery(number, seconds, recovered.records)
            self._worked = True
            self.partitions[number] = partition
            self._saving[number] = asyncio.create_task(self._save(partition), name=f"save-{number}")
            await self._consumer().place(number, recovered.positions)
        except Exception as error:  # noqa: BLE001 - whatever it was, without this partition the worker ends
            self._fail(error)
        finally:
            if number not in self.partitions:  # never opened: cancelled, or failed
                await checkpoint.close()
            self.opening.pop(number, None)

    async def _save(self, partition: Partition) -> None:
        try:
            await partition.run()
        except Exception as error:  # noqa: BLE001 - an engine that cannot be drained is as bad as a broken checkpoint
            if self.partitions.get(partition.number) is partition:  # else: being closed, which reports it
                self._fail(error)

    async def release(self, numbers: Iterable[int] | None = None, *, keep: bool = True) -> None:
        """Close these partitions (all by default): the checkpoint under way ends, what is pending is saved.

        A partition that was fenced meanwhile is let go with a warning: its next owner does that work.
        ``keep=False`` saves nothing more (the worker has failed). Raises ``CheckpointError`` when pending
        work could not be saved.
        """
        wanted = set(self.partitions) | set(self.opening) if numbers is None else set(numbers)
        for number in wanted:
            opening = self.opening.get(number)
            if opening is not None:
                opening.cancel()
                await asyncio.wait([opening])
        closing = {
            number: self.partitions.pop(number) for number in sorted(wanted) if number in self.partitions
        }
        deadline_s = self._settings.shutdown_deadline_ms / 1000 if keep else FAILED_CLOSE_S
        results = await asyncio.gather(
            *(partition.close(deadline_s, keep=keep) for partition in closing.values()),
            return_exceptions=True,
        )
        saving = [self._saving.pop(number) for number in closing]
        for task in saving:
            task.cancel()  # it is done, unless its checkpoint hangs beyond the deadline
        if saving:
            await asyncio.wait(saving)
        if wanted:
            self._observer.on_event("revoked", ",".join(map(str, sorted(wanted))))
            log.info("released partitions %s", sorted(wanted))
        for number, result in zip(closing, results, strict=True):
            if isinstance(result, FencedError):
                log.warning(
                    "partition %d was taken over before its last events were saved: %s", number, result
                )
            elif isinstance(result, BaseException):
                raise result

    # --- at work -------------------------------------------------------------------------------------------

    async def take(self, batch: FetchedBatch) -> None:
        """Apply one batch, or seek when it does not follow.

        Raises ``CheckpointError`` when the partition is broken, ``RecoveryError`` when the log is shorter
        than what was applied.
        """
        partition = self.partitions.get(batch.partition)
        if partition is None or batch.rewinds < self._consumer().rewinds(batch.topic, batch.partition):
            # Fetched before a revocation or a seek: nothing is lost, as placing begins where the partition
            # stands.
            self._observer.on_dropped(batch.partition, batch.topic, len(batch.records))
            return
        here = partition.next[batch.topic]
        if batch.start == batch.end < here:  # how the fetcher shows where a log begins that lacks its cursor
            raise RecoveryError(
                f"{batch.topic}-{batch.partition} does not hold position {here}: it was created anew or cut"
            )
        try:
            began = time.perf_counter()
            self._worked = True
            applied = partition.apply(batch, wall_clock_ms())
            self._observer.on_applied(batch.partition, batch.topic, applied, time.perf_counter() - began)
        except PositionError as error:
            log.info("%s: seeking", error)
            self._observer.on_dropped(batch.partition, batch.topic, len(batch.records))
            await self._rewind(partition, batch.topic)
        await partition.room()

    async def _rewind(self, partition: Partition, topic: str) -> None:
        """Send the consumer to where the partition stands, or to the log's beginning if that place is
        deleted."""
        try:
            tp = TopicPartition(topic, partition.number)
            beginning = (await self._consumer().earliest_offsets(tp))[tp]
        except KafkaError as error:  # the next batch will not follow either, and ask again
            log.warning("cannot see where %s-%d begins: %r", topic, partition.number, error)
            return
        if beginning > partition.next[topic]:
            lost = partition.skip(topic, beginning)
            self._observer.on_lost(partition.number, topic, lost)
            log.error(
                "%s-%d: retention deleted %d offsets before they were applied; going on at %d",
                topic, partition.number, lost, beginning,
            )  # fmt: skip
        self._observer.on_seek(partition.number, topic, partition.next[topic])
        await self._consumer().place(partition.number, {topic: partition.next[topic]})

    async def let_time_pass(self) -> None:
        """Tick every open partition once a second, for ever. The first quiet second after work is when memory that
        the work has freed goes back to the system: nobody waits then."""
        holds_freed = False
        while True:
            await asyncio.sleep(TICK_S)
            for partition in list(self.partitions.values()):
                partition.tick(wall_clock_ms())
                await asyncio.sleep(0)
            if holds_freed and not self._worked:
                memory.give_back()
            holds_freed, self._worked = self._worked, False

    async def feed(self, stream: Any) -> None:
        """The agent: deal the stream's batches out.

        It must not await anything before its ``async for``: Faust would find its topics registered late, and
        wait 45 s before it subscribes to them.
        """
        async for batch in stream:
            try:
                await self.take(batch)
            except Exception as error:  # noqa: BLE001 - Faust would take the batch for done and start the agent again
                self._fail(error)
