"""Rebuilding one partition: its state from the changelog, its positions from the group's committed offsets.

The order is what makes it right:

1. Fence (``checkpoint.open``): whoever held the partition can no longer write, and its last transaction has
   ended.
2. Take the committed offsets of the owned topics as positions, and check that they lie within their logs.
3. Read the changelog partition from its beginning to its last stable offset, committed records only.
4. Check that the reading reached the end.

Positions come first, because a broker answers one request after the other on a connection: behind a fetch
that waits for more, each question for an offset took half a second.

The reader is assigned, not subscribed: it is no member of the group. It positions itself by
``beginning_offsets`` and ``seek``, because ``seek_to_beginning`` right after ``end_offsets`` may leave it at
the end and read nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams import topics
from streams.checkpoint import Checkpoint
from streams.engine import Engine
from streams.errors import ConfigurationError, RecoveryError
from streams.security.connection import connection
from streams.security.refusals import hidden, refusal
from streams.settings import Settings

log = logging.getLogger(__name__)

POLL_MS = 500
FETCH_BYTES = 4 * 1024 * 1024
"""Of one changelog fetch: some thousand rows of 1 KB. Round trips do not count, no restore takes long."""
FETCH_WAIT_MS = 20
"""An empty fetch is answered after this long: it would hold up the question for a position behind it."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Where a rebuilt partition stands. ``records`` of the changelog were read; ``lost`` counts deleted input
    records."""

    positions: Mapping[str, int]
    records: int
    lost: Mapping[str, int]


class Progress:
    """A deadline that moves on with every step forward."""

    def __init__(self, deadline: asyncio.Timeout, seconds: float) -> None:
        self._deadline = deadline
        self._seconds = seconds

    def step(self) -> None:
        """There was progress: the full time again."""
        self._deadline.reschedule(asyncio.get_running_loop().time() + self._seconds)


async def recover(settings: Settings, partition: int, engine: Engine, checkpoint: Checkpoint) -> Recovered:
    """Open ``checkpoint`` and rebuild ``engine``.

    Raises ``RecoveryError`` when a record cannot be read or nothing moves for ``recovery_deadline_ms``,
    ``ConfigurationError`` for a missing topic, ``BrokerError`` when the broker refuses.
    """
    seconds = settings.recovery_deadline_ms / 1000
    try:
        async with asyncio.timeout(seconds) as deadline:
            progress = Progress(deadline, seconds)
            await checkpoint.open()  # 1
            progress.step()
            consumer = AIOKafkaConsumer(
                **connection(settings),
                client_id=f"{settings.app_id}-recovery-{partition}",
                group_id=settings.app_id,  # to ask for its offsets; without a subscription it never joins
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=FETCH_WAIT_MS,
            )
            try:
                await consumer.start()
                known = await consumer.topics()
                owned = topics.owned(settings)
                missing = [topic for topic in (*owned, settings.state_topic) if topic not in known]
                if missing:
                    raise ConfigurationError(
                        f"missing topics: {', '.join(missing)}; create them with `flywheel topics`"
                        f"{hidden(settings)}"
                    )
                positions, lost = await _positions(consumer, owned, partition, checkpoint.guarantee)  # 2
                records = await _restore(consumer, settings, partition, engine, progress)  # 3, 4
            finally:
                await consumer.stop()
    except TimeoutError as error:
        raise RecoveryError(
            f"rebuilding partition {partition} made no progress for {seconds:.0f} s"
        ) from error
    except KafkaError as error:
        if refused := await refusal(error, settings, "Read"):
            raise refused from error
        raise RecoveryError(f"rebuilding partition {partition} failed: {error!r}") from error
    return Recovered(positions, records, lost)


async def _restore(
    consumer: AIOKafkaConsumer, settings: Settings, partition: int, engine: Engine, progress: Progress
) -> int:
    tp = TopicPartition(settings.state_topic, partition)
    end = (await consumer.end_offsets([tp]))[tp]  # the last stable offset: committed records only
    position = (await consumer.beginning_offsets([tp]))[tp]
    consumer.assign([tp])
    consumer.seek(tp, position)
    count = 0
    while position < end:
        # Whole fetches, never a part: as the log's end, Tansu 0.6 gives the start of its last batch plus one.
        batches = await consumer.getmany(tp, timeout_ms=POLL_MS)
        records = batches.get(tp, [])
        if records:
            engine.restore([record.key for record in records], [record.value for record in records])
            count += len(records)
            await asyncio.sleep(0)
        reached = await consumer.position(tp)
        if reached > position:
            position = reached
            progress.step()
    if position < end:
        raise RecoveryError(f"{tp.topic}-{partition} was read up to {position} instead of {end}")
    engine.restored()
    return count


async def _positions(
    consumer: AIOKafkaConsumer, owned: Iterable[str], partition: int, guarantee: str
) -> tuple[dict[str, int], dict[str, int]]:
    inputs = [TopicPartition(topic, partition) for topic in owned]
    beginnings = await consumer.beginning_offsets(inputs)
    ends = await consumer.end_offsets(inputs)
    positions: dict[str, int] = {}
    lost: dict[str, int] = {}
    for tp in inputs:
        committed = await consumer.committed(tp)
        if committed is None:
            positions[tp.topic] = beginnings[tp]
        elif committed < beginnings[tp]:
            lost[tp.topic] = beginnings[tp] - committed
            positions[tp.topic] = beginnings[tp]
            log.error(
                "%s-%d: the log begins at %d, after the committed position %d: retention deleted %d offsets "
                "before they were applied; going on at the beginning. Lengthen retention.ms",
                tp.topic, partition, beginnings[tp], committed, lost[tp.topic],
            )  # fmt: skip
        elif committed > ends[tp] and guarantee == "exactly_once":  # Tansu's ends are too small, see above
            raise RecoveryError(
                f"{tp.topic}-{partition} ends at {ends[tp]}, before the committed position {committed}: the "
                f"topic was created anew; delete the group and the state topic too, or choose another app_id"
            )
        else:
            positions[tp.topic] = committed
    return positions, lost
