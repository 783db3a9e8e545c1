"""The batching transport: what covers which positions, on a scripted consumer and on real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import IllegalStateError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust import transport
from faust.types import TP

from streams import topics
from streams.settings import load
from streams.transport.batching import Consumer, FetchedBatch, FetchThread, ReadOffsets, Transport

INPUT = TopicPartition(topics.VIEWING_EVENTS, 0)
OTHER = TopicPartition("another-topic", 0)


@dataclass(frozen=True, slots=True)
class Fetched:
    offset: int


@dataclass
class Scripted:
    """A consumer that answers from a list: each entry is an error, or the records per partition and, where
    they differ from the last record, the positions afterwards."""

    script: list[Any]
    assigned: set[TopicPartition] = field(default_factory=lambda: {INPUT, OTHER})
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    asked: list[tuple[TopicPartition, ...]] = field(default_factory=list)
    seeks: list[tuple[TopicPartition, int]] = field(default_factory=list)
    ends: dict[TopicPartition, int] = field(default_factory=dict)

    @property
    def _coordinator(self) -> Scripted:
        return self

    def check_errors(self) -> None:
        """The group refuses nothing."""

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.seeks.append((tp, offset))
        self.positions[tp] = offset

    def highwater(self, tp: TopicPartition) -> int | None:
        return self.ends.get(tp)

    async def position(self, tp: TopicPartition) -> int:
        if tp not in self.assigned:
            raise IllegalStateError(tp)
        return self.positions[tp]

    async def beginning_offsets(self, tps: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(tps, 50)

    async def getmany(
        self, *tps: TopicPartition, timeout_ms: int, max_records: int | None
    ) -> dict[TopicPartition, list[Fetched]]:
        self.asked.append(tps)
        step = self.script.pop(0)
        if callable(step):
            step = step()
        if isinstance(step, Exception):
            raise step
        offsets, after = step if isinstance(step, tuple) else (step, {})
        records = {tp: [Fetched(at) for at in found] for tp, found in offsets.items()}
        for tp, found in records.items():
            self.positions[tp] = found[-1].offset + 1
        self.positions.update(after)
        return records


def thread_on(consumer: Scripted) -> FetchThread:
    thread = FetchThread.__new__(FetchThread)
    thread._cursors, thread._rewinds = {}, {}
    thread._consumer = consumer
    thread.consumer = SimpleNamespace(flow_active=True, in_transaction=False)
    return thread


async def fetch(thread: FetchThread) -> dict[TP, list[Any]]:
    active = {TP(*tp) for tp in (INPUT, OTHER)}
    return await thread._fetch_records(thread._consumer, active, max_records=100)


def spans(found: dict[TP, list[Any]]) -> list[tuple[int, int, list[int]]]:
    return [(b.start, b.end, [r.offset for r in b.records]) for b in found.get(TP(*INPUT), [])]


def test_batches_cover_the_log_without_a_gap_whatever_holes_it_has() -> None:
    script = [
        {INPUT: [10, 11, 12]},
        ({INPUT: [15, 17]}, {INPUT: 20}),  # aborted records, and a marker behind
        ({}, {INPUT: 23}),  # nothing but markers
        {},
        {INPUT: [23]},
    ]

    async def story() -> None:
        thread = thread_on(Scripted(script, ends={INPUT: 30}))
        await thread.place({INPUT: 10}, {INPUT: 1})
        assert spans(await fetch(thread)) == [(10, 13, [10, 11, 12])]
        assert spans(await fetch(thread)) == [(13, 20, [15, 17])]
        assert spans(await fetch(thread)) == [(20, 23, [])]
        assert spans(await fetch(thread)) == []
        (batch,) = (await fetch(thread))[TP(*INPUT)]
        assert batch == FetchedBatch(topics.VIEWING_EVENTS, 0, 23, 24, batch.records, 1, behind=6)

    asyncio.run(story())


def test_an_input_that_is_not_placed_is_not_fetched_and_other_topics_pass() -> None:
    async def story() -> None:
        consumer = Scripted([{OTHER: [3]}, {OTHER: [4], INPUT: [0]}])
        thread = thread_on(consumer)
        found = await fetch(thread)
        assert consumer.asked == [(OTHER,)]
        assert found == {TP(*OTHER): [Fetched(3)]}
        await thread.place({INPUT: 0}, {INPUT: 1})
        found = await fetch(thread)
        assert found[TP(*OTHER)] == [Fetched(4)]
        assert spans(found) == [(0, 1, [0])]
        await thread.withdraw([INPUT])
        consumer.assigned.discard(OTHER)
        assert await fetch(thread) == {}
        assert len(consumer.asked) == 2, "with nothing to fetch, nothing is asked (asking for none means all)"

    asyncio.run(story())


def test_a_partition_placed_during_a_fetch_keeps_its_new_position() -> None:
    async def story() -> None:
        thread: FetchThread

        def placed_meanwhile() -> dict[TopicPartition, list[int]]:
            consumer.seek(INPUT, 5)
            thread._cursors[INPUT], thread._rewinds[INPUT] = 5, 2
            return {INPUT: [10, 11]}

        consumer = Scripted([placed_meanwhile, {INPUT: [5, 6]}])
        thread = thread_on(consumer)
        await thread.place({INPUT: 10}, {INPUT: 1})
        assert spans(await fetch(thread)) == []
        (batch,) = (await fetch(thread))[TP(*INPUT)]
        assert (batch.start, batch.end, batch.rewinds) == (5, 7, 2)

    asyncio.run(story())


def test_a_fetcher_that_went_back_is_sent_to_its_cursor() -> None:
    async def story() -> None:
        consumer = Scripted([{INPUT: [10, 11]}, {INPUT: [3, 4]}, {INPUT: [12]}])
        thread = thread_on(consumer)
        await thread.place({INPUT: 10}, {INPUT: 1})
        await fetch(thread)
        assert spans(await fetch(thread)) == []
        assert consumer.seeks[-1] == (INPUT, 12)
        assert spans(await fetch(thread)) == [(12, 13, [12])]

    asyncio.run(story())


def test_a_partition_revoked_during_a_fetch_gives_nothing() -> None:
    async def story() -> None:
        def revoked() -> dict[TopicPartition, list[int]]:
            consumer.assigned.discard(INPUT)
            return {INPUT: [10]}

        consumer = Scripted([revoked])
        thread = thread_on(consumer)
        await thread.place({INPUT: 10}, {INPUT: 1})
        assert await fetch(thread) == {}
        await thread.place({INPUT: 10}, {INPUT: 2})
        assert thread._rewinds[INPUT] == 1, "what is not assigned is not placed"

    asyncio.run(story())


def test_deleted_log_shows_as_an_empty_batch_at_its_beginning() -> None:
    async def story() -> None:
        consumer = Scripted(
            [OffsetOutOfRangeError({INPUT: 10}), NoOffsetForPartitionError(INPUT), {INPUT: [50]}]
        )
        thread = thread_on(consumer)
        await thread.place({INPUT: 10}, {INPUT: 1})
        assert spans(await fetch(thread)) == [(50, 50, [])]
        assert INPUT not in thread._cursors, "until the partition says where to go on"
        await thread.place({INPUT: 50}, {INPUT: 2})
        assert spans(await fetch(thread)) == []
        assert spans(await fetch(thread)) == [(50, 51, [50])]

    asyncio.run(story())


def test_faust_neither_moves_inputs_nor_drops_their_messages() -> None:
    consumer = Scripted([])
    thread = thread_on(consumer)
    thread.seek(TP(*INPUT), 99)
    assert consumer.seeks == []
    assert asyncio.run(thread.seek_to_committed()) == {}
    offsets = ReadOffsets()
    offsets[TP(*INPUT)] = 7
    offsets.update({TP(*INPUT): 8, TP(*OTHER): 9})
    assert offsets[TP(*INPUT)] is None
    assert offsets[TP(*OTHER)] == 9


def test_faust_finds_the_transport_by_its_entry_point() -> None:
    found = transport.by_url("flywheel://127.0.0.1:9092")
    assert found is Transport
    assert found.Consumer is Consumer


def test_a_partition_number_of_all_owned_topics_goes_to_one_worker() -> None:
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: set(range(7)))
    owned = topics.owned(load({}))
    members = {f"w{n}": ConsumerProtocolMemberMetadata(0, list(owned), b"") for n in range(3)}
    assigned = RangePartitionAssignor.assign(cluster, members)
    numbers = []
    for assignment in assigned.values():
        per_topic = [set(partitions) for _, partitions in assignment.assignment]
        assert len(per_topic) == len(owned) and all(found == per_topic[0] for found in per_topic)
        numbers += sorted(per_topic[0])
    assert sorted(numbers) == list(range(7))


@pytest.mark.kafka
def test_on_kafka_aborted_and_marked_positions_are_covered(kafka: Any) -> None:
    """Transactions of a producer, one of them aborted: the batches read as committed still cover every
    position."""

    async def story() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        await admin.create_topics([NewTopic(topics.VIEWING_EVENTS, 1, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=kafka.address, transactional_id="batching")
        await producer.start()
        for ends in ("commit", "abort", "commit"):
            await producer.begin_transaction()
            for index in range(5):
                await producer.send(topics.VIEWING_EVENTS, b"%s %d" % (ends.encode(), index), partition=0)
            await (producer.commit_transaction() if ends == "commit" else producer.abort_transaction())
        await producer.stop()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka.address, auto_offset_reset="none", isolation_level="read_committed"
        )
        await consumer.start()
        consumer.assign([INPUT])
        thread = thread_on(consumer)
        await thread.place({INPUT: 0}, {INPUT: 1})
        batches: list[FetchedBatch] = []
        async with asyncio.timeout(60):
            while not batches or batches[-1].end < 18:
                batches += (await thread._fetch_records(consumer, {TP(*INPUT)}, max_records=3)).get(
                    TP(*INPUT), []
                )
        await consumer.stop()
        assert batches[0].start == 0
        assert all(before.end == after.start for before, after in pairwise(batches))
        values = [record.value for batch in batches for record in batch.records]
        assert values == [b"commit %d" % index for index in range(5)] * 2

    asyncio.run(story())
