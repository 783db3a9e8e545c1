"""Faust's consumer thread, fetching owned partitions by cursors of its own: the lower half of the transport.

Responsible for: reading committed records in big batches, and for the log positions that each batch covers.

Faust runs its Kafka consumer in a thread of its own with its own loop; the cursors are touched only there.
A *cursor* is the position up to which a partition has been handed out. A partition without a cursor is not
fetched: that is how a partition waits for its recovery, and why nothing that Faust seeks, pauses or resumes
can skip a record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams import topics
from streams.security.connection import credentials
from streams.security.refusals import RIGHTS, missing_right
from streams.transport.batch import RecordBatch

log = logging.getLogger(__name__)

POLL_MS = 250
"""A fetch gives up after this long, so that newly placed partitions join the next one."""
FETCH_WAIT_MS = 50
"""The broker answers an empty fetch after this long. Faust's 1,500 ms would also be the latency of a
partition whose records arrive during a fetch for the others: aiokafka has one fetch per broker in flight."""
UNPLACED_PAUSE_S = 0.05
"""Pause between looks for placed partitions while there is none."""


@dataclass(frozen=True, slots=True)
class FetchedBatch(RecordBatch):
    """A batch that knows how often its partition had been placed when it was fetched: older is stale."""

    rewinds: int


class FetchThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, which fetches owned partitions by their cursors."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._cursors: dict[TopicPartition, int] = {}
        self._rewinds: dict[TopicPartition, int] = {}

    # --- placing (called in this thread) -------------------------------------------------------------------

    async def place(
        self, positions: Mapping[TopicPartition, int], rewinds: Mapping[TopicPartition, int]
    ) -> None:
        """Fetch these partitions from these positions on. Partitions that are no longer assigned are left
        out."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        for tp, position in positions.items():
            if tp in assigned:
                consumer.seek(tp, position)
                self._cursors[tp] = position
                self._rewinds[tp] = rewinds[tp]

    async def withdraw(self, partitions: Iterable[TopicPartition]) -> None:
        """Fetch these partitions no more."""
        for tp in partitions:
            self._cursors.pop(tp, None)

    async def commit_positions(self, positions: Mapping[TopicPartition, int]) -> None:
        """Commit as a member of the group (a member that was given up on is refused)."""
        await self._ensure_consumer().commit(
            {tp: OffsetAndMetadata(offset, "") for tp, offset in positions.items()}
        )

    # --- fetching ------------------------------------------------------------------------------------------

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> dict[TP, list[Any]]:
        if not self.consumer.flow_active:
            return {}
        assigned = consumer.assignment()
        placed = [tp for tp in self._cursors if tp in active_partitions and tp in assigned]
        others = [
            TopicPartition(*tp)
            for tp in active_partitions
            if not topics.is_owned(tp.topic) and tp in assigned
        ]
        rewinds = {tp: self._rewinds[tp] for tp in placed}
        try:
            if not placed and not others:
                await asyncio.sleep(UNPLACED_PAUSE_S)
                consumer._coordinator.check_errors()  # asking for records would, and raise what the group refused
                return {}
            fetched = await consumer.getmany(*placed, *others, timeout_ms=POLL_MS, max_records=max_records)
        except OffsetOutOfRangeError as error:
            return await self._beginnings(consumer, [tp for tp in error.args[0] if tp in placed])
        except NoOffsetForPartitionError:
            return {}  # a partition between assignment and placing: nobody waits for it
        except RIGHTS as error:  # Faust would retry for ever
            refused = missing_right(error, self.app.settings, "Read")
            self.app.loop.call_soon_threadsafe(self.app.fail, refused)
            return {}
        result: dict[TP, list[Any]] = {TP(*tp): fetched[tp] for tp in others if tp in fetched}
        for tp in placed:
            batch = await self._batch(consumer, tp, rewinds[tp], fetched.get(tp, []))
            if batch is not None:
                result[TP(*tp)] = [batch]
        return result

    async def _batch(
        self, consumer: aiokafka.AIOKafkaConsumer, tp: TopicPartition, rewinds: int, records: list[Any]
    ) -> FetchedBatch | None:
        """The batch from the cursor to where the fetcher stands now, without records when only holes were
        passed."""
        start = self._cursors.get(tp)
        if start is None or tp not in consumer.assignment():
            return None
        if (
            self._rewinds[tp] != rewinds
        ):  # rewound during the fetch: what it brought belongs to neither position
            consumer.seek(tp, start)
            return None
        try:
            end = await consumer.position(tp)
        except IllegalStateError:
            return None
        if end == start:
            return None
        if end < start or (records and records[0].offset < start):
            log.warning(
                "%s-%d stands at %d, before its cursor %d: seeking", tp.topic, tp.partition, end, start
            )
            consumer.seek(tp, start)
            return None
        self._cursors[tp] = end
        behind = max(0, (consumer.highwater(tp) or end) - end)
        return FetchedBatch(tp.topic, tp.partition, start, end, records, rewinds, behind=behind)

    async def _beginnings(
        self, consumer: aiokafka.AIOKafkaConsumer, lost: list[TopicPartition]
    ) -> dict[TP, list[Any]]:
        """Retention deleted what a cursor points at: an empty batch at the log's beginning shows the gap."""
        beginnings = await consumer.beginning_offsets(lost)
        await self.withdraw(lost)  # until the partition has seen the gap and says where to go on
        return {
            TP(*tp): [FetchedBatch(tp.topic, tp.partition, offset, offset, [], self._rewinds[tp])]
            for tp, offset in beginnings.items()
        }

    # --- Faust's own positioning leaves owned topics alone -------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {}

    def seek(self, partition: TP, offset: int) -> None:
        if not topics.is_owned(partition.topic):
            super().seek(partition, offset)

    def highwater(self, tp: TP) -> int:
        try:
            return super().highwater(tp) or 0
        except IllegalStateError:  # revoked meanwhile; Faust would let this end the fetcher
            return 0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        # Range, per topic: with equal partition counts, partition p of every owned topic is at one worker. Faust
        # would take round-robin over all partitions of all topics here, which gives p of one topic to another
        # worker.
        self._assignor = RangePartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id or None,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",  # positions are placed; a log shorter than the position must be seen
            isolation_level="read_committed",
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **credentials(self.app.settings),
        )
