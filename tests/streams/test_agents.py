"""Dealing out batches: what is applied, dropped, sought, and what ends the worker. On a consumer in
memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP

from streams import agents, topics
from streams.agents import Assignment
from streams.engine import Writes
from streams.errors import ConfigurationError, InvariantError, RecoveryError
from streams.partition import Observer
from streams.recovery import Recovered
from streams.settings import load
from streams.transport.batch import RecordBatch
from streams.transport.batching import FetchedBatch

VIEWING, SUBSCRIPTION = topics.INPUTS
OWNED = topics.owned(load({}))
ASSIGNED = {TP(topic, 0) for topic in OWNED}


class Fetched:
    def __init__(self, offset: int) -> None:
        self.offset, self.timestamp, self.key, self.value = offset, 0, b"p", b"{}"


def batch(start: int, end: int, rewinds: int, topic: str = VIEWING) -> FetchedBatch:
    return FetchedBatch(topic, 0, start, end, [Fetched(at) for at in range(start, end)], rewinds)


class Engine:
    """Remembers offsets, and breaks at the one it is told."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.breaks_at = -1

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        for record in batch.records:
            if record.offset == self.breaks_at:
                raise ZeroDivisionError("a bug")
            self.seen.append(record.offset)

    def tick(self, now_ms: int) -> None: ...
    def pending(self) -> int:
        return 0

    def drain(self) -> Writes:
        return Writes()

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None: ...
    def restored(self) -> None: ...


class Shelf:
    guarantee = "exactly_once"

    def __init__(self) -> None:
        self.closed = False

    async def open(self) -> None: ...
    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None: ...
    async def close(self) -> None:
        self.closed = True


class Places:
    def __init__(self) -> None:
        self.placed: list[Mapping[str, int]] = []
        self.beginning = 0
        self.lost = False

    def rewinds(self, topic: str, partition: int) -> int:
        return sum(topic in positions for positions in self.placed)

    async def place(self, partition: int, positions: Mapping[str, int]) -> None:
        self.placed.append(dict(positions))

    async def withdraw(self, partitions: Iterable[int]) -> None: ...

    async def earliest_offsets(self, *partitions: Any) -> Mapping[Any, int]:
        if self.lost:
            raise KafkaTimeoutError
        return dict.fromkeys(partitions, self.beginning)


class Story:
    """One worker with partition 0 open at position 10 of every owned topic."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recover: Any = None) -> None:
        async def recovered(*_: Any) -> Recovered:
            return Recovered(dict.fromkeys(OWNED, 10), 0, {})

        monkeypatch.setattr(agents, "recover", recover or recovered)
        self.engine, self.shelf, self.places, self.failures = (
            Engine(),
            Shelf(),
            Places(),
            list[BaseException](),
        )
        self.work = Assignment(
            load({}),
            lambda number: self.engine,
            lambda number: self.shelf,
            lambda: self.places,
            lambda: asyncio.sleep(0),
            self.failures.append,
            Observer(),
        )

    async def open(self) -> None:
        self.work.assign(ASSIGNED)
        await asyncio.gather(*self.work.opening.values())


def test_batches_fetched_before_the_last_placing_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        story = Story(monkeypatch)
        await story.work.take(batch(0, 5, rewinds=1))  # before there is a partition
        await story.open()
        await story.work.take(batch(50, 60, rewinds=0))
        await story.work.take(batch(10, 13, rewinds=1))
        assert story.engine.seen == [10, 11, 12]
        assert story.places.placed == [dict.fromkeys(OWNED, 10)]
        await story.work.release()
        assert story.shelf.closed

    asyncio.run(run())


def test_a_gap_is_sought_once_however_many_stale_batches_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        story = Story(monkeypatch)
        await story.open()
        for start in (20, 30, 40):
            await story.work.take(batch(start, start + 10, rewinds=1))
        assert story.places.placed[1:] == [{VIEWING: 10}]
        await story.work.take(batch(10, 20, rewinds=2))
        assert story.engine.seen == list(range(10, 20))
        await story.work.release()

    asyncio.run(run())


def test_a_gap_that_retention_made_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        story = Story(monkeypatch)
        await story.open()
        story.places.beginning = 25
        await story.work.take(batch(25, 25, rewinds=1))
        assert story.places.placed[1:] == [{VIEWING: 25}]
        await story.work.take(batch(25, 27, rewinds=2))
        assert story.engine.seen == [25, 26]
        await story.work.release()

    asyncio.run(run())


def test_a_seek_that_the_broker_does_not_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        story = Story(monkeypatch)
        await story.open()
        story.places.lost = True
        await story.work.take(batch(20, 30, rewinds=1))
        assert len(story.places.placed) == 1
        story.places.lost = False
        await story.work.take(batch(30, 40, rewinds=1))
        assert story.places.placed[1:] == [{VIEWING: 10}]
        await story.work.release()

    asyncio.run(run())


def test_a_log_that_begins_anew_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        story = Story(monkeypatch)
        await story.open()
        with pytest.raises(RecoveryError, match="viewing-events-0 does not hold position 10"):
            await story.work.take(batch(0, 0, rewinds=1))
        await story.work.release()

    asyncio.run(run())


def test_what_an_engine_raises_ends_the_worker_and_not_just_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def stream() -> AsyncIterator[FetchedBatch]:
        yield batch(10, 20, rewinds=1)

    async def run() -> None:
        story = Story(monkeypatch)
        await story.open()
        story.engine.breaks_at = 12
        await story.work.feed(stream())
        assert [type(error) for error in story.failures] == [ZeroDivisionError]
        assert story.work.partitions[0].next[VIEWING] == 10
        await story.work.release(keep=False)

    asyncio.run(run())


def test_a_partition_that_cannot_be_recovered_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unreadable(*_: Any) -> Recovered:
        raise RecoveryError("unreadable")

    async def run() -> None:
        story = Story(monkeypatch, unreadable)
        await story.open()
        assert [type(error) for error in story.failures] == [RecoveryError]
        assert story.shelf.closed
        assert story.work.partitions == story.work.opening == {}

    asyncio.run(run())


def test_a_revocation_during_recovery_cancels_it_and_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(*_: Any) -> Recovered:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> None:
        story = Story(monkeypatch, endless)
        story.work.assign(ASSIGNED)
        await asyncio.sleep(0.01)
        await story.work.release([0])
        assert story.shelf.closed
        assert story.work.opening == {} and story.failures == []

    asyncio.run(run())


def test_more_partitions_than_the_settings_say_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        with pytest.raises(ConfigurationError, match="at least 8 partitions, but FLYWHEEL_PARTITIONS is 4"):
            Story(monkeypatch).work.assign({TopicPartition(topic, 7) for topic in OWNED})

    asyncio.run(run())


def test_owned_topics_split_among_workers_are_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        with pytest.raises(InvariantError, match="split among workers"):
            Story(monkeypatch).work.assign({TopicPartition(VIEWING, 0), TopicPartition(SUBSCRIPTION, 1)})
        with pytest.raises(InvariantError, match="split among workers"):
            Story(monkeypatch).work.assign({TopicPartition(topic, 0) for topic in topics.INPUTS})

    asyncio.run(run())
