"""One partition: position, pacing, back-pressure, closing. In virtual time, on a checkpoint in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from streams import topics
from streams.engine import TopicWrites, Writes
from streams.errors import CheckpointError, FencedError, InvariantError, PositionError
from streams.partition import GATHER_S, Observer, Partition
from streams.settings import Settings, load
from streams.transport.batch import RecordBatch
from tests.simulation import virtual_time

VIEWING, SUBSCRIPTION = topics.INPUTS


@dataclass(frozen=True, slots=True)
class Fetched:
    offset: int
    timestamp: int = 0
    key: bytes | None = b"p"
    value: bytes | None = b"{}"


def batch(start: int, end: int, topic: str = VIEWING, offsets: range | None = None) -> RecordBatch:
    return RecordBatch(topic, 0, start, end, [Fetched(at) for at in offsets or range(start, end)])


class Recorder:
    """An engine that remembers what it was given; one record is pending for each."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.undrained = 0
        self.ticks = 0

    def apply(self, records: RecordBatch, now_ms: int) -> None:
        self.seen += [record.offset for record in records.records]
        self.undrained += len(records.records)

    def tick(self, now_ms: int) -> None:
        self.ticks += 1
        self.undrained += 1

    def pending(self) -> int:
        return self.undrained

    def drain(self) -> Writes:
        count, self.undrained = self.undrained, 0
        return Writes({"out": TopicWrites([b"k"] * count, [b"v"] * count)} if count else {}, events=count)

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        raise AssertionError("nothing is restored here")

    def restored(self) -> None:
        raise AssertionError("nothing is restored here")


class Shelf:
    """A checkpoint that takes ``seconds`` and keeps what it was given; or fails."""

    guarantee = "exactly_once"

    def __init__(self, seconds: float = 0.01, error: CheckpointError | None = None) -> None:
        self.seconds = seconds
        self.error = error
        self.kept: list[tuple[float, int, dict[str, int]]] = []
        self.committing = False
        self.closed = False

    async def open(self) -> None: ...

    async def commit(self, writes: Writes, positions: Mapping[str, int]) -> None:
        assert not self.committing and not self.closed
        self.committing = True
        await asyncio.sleep(self.seconds)
        self.committing = False
        if self.error is not None:
            raise self.error
        records = sum(len(topic.keys) for topic in writes.topics.values())
        self.kept.append((asyncio.get_running_loop().time(), records, dict(positions)))

    async def close(self) -> None:
        assert not self.committing, "a producer in use was closed"
        self.closed = True


def begun(shelf: Shelf, settings: Settings | None = None, observer: Observer | None = None) -> Partition:
    partition = Partition(0, Recorder(), shelf, settings or load({}), observer)
    partition.begin({VIEWING: 0, SUBSCRIPTION: 0})
    return partition


def seen(partition: Partition) -> list[int]:
    engine = partition.engine
    assert isinstance(engine, Recorder)
    return engine.seen


# --- position ---------------------------------------------------------------------------------------------


def test_batches_in_sequence_are_applied_and_holes_are_no_gap() -> None:
    partition = begun(Shelf())
    assert partition.apply(batch(0, 5), 0) == 5
    assert partition.apply(batch(5, 9, offsets=range(6, 8)), 0) == 2
    assert partition.apply(RecordBatch(VIEWING, 0, 9, 12, []), 0) == 0
    assert partition.next == {VIEWING: 12, SUBSCRIPTION: 0}
    assert seen(partition) == [0, 1, 2, 3, 4, 6, 7]


def test_a_batch_again_counts_nothing_and_an_overlap_only_what_is_new() -> None:
    partition = begun(Shelf())
    partition.apply(batch(0, 5), 0)
    assert partition.apply(batch(0, 5), 0) == 0
    assert partition.apply(batch(3, 8), 0) == 3
    assert seen(partition) == list(range(8))
    assert partition.next[VIEWING] == 8


def test_a_gap_is_refused_and_changes_nothing() -> None:
    partition = begun(Shelf())
    with pytest.raises(PositionError, match="stands at 0, the batch begins at 3"):
        partition.apply(batch(3, 5), 0)
    assert partition.next[VIEWING] == 0
    assert seen(partition) == []


def test_every_input_topic_has_a_position_of_its_own() -> None:
    partition = begun(Shelf())
    partition.apply(batch(0, 5), 0)
    partition.apply(batch(0, 2, SUBSCRIPTION), 0)
    assert partition.next == {VIEWING: 5, SUBSCRIPTION: 2}


def test_skipping_goes_forward_only() -> None:
    partition = begun(Shelf())
    assert partition.skip(VIEWING, 7) == 7
    with pytest.raises(InvariantError, match="backwards"):
        partition.skip(VIEWING, 6)


def test_another_partitions_batch_is_a_bug() -> None:
    partition = begun(Shelf())
    with pytest.raises(InvariantError, match="was given a batch of partition 1"):
        partition.apply(RecordBatch(VIEWING, 1, 0, 0, []), 0)


def test_a_partition_begins_once() -> None:
    with pytest.raises(InvariantError, match="begins twice"):
        begun(Shelf()).begin({VIEWING: 0})


# --- saving -----------------------------------------------------------------------------------------------


def test_a_checkpoint_holds_the_positions_of_its_drain_while_applying_goes_on() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=1.0)
        partition = begun(shelf)
        partition.apply(batch(0, 5), 0)
        saving = asyncio.create_task(partition.save())
        await asyncio.sleep(0.5)
        partition.apply(batch(5, 9), 0)
        assert partition.saved[VIEWING] == 0, "nothing is saved before its commit"
        assert await saving
        assert partition.saved[VIEWING] == 5
        assert partition.unsaved
        assert await partition.save()
        assert not await partition.save(), "there is nothing left"
        assert [(records, at[VIEWING]) for _, records, at in shelf.kept] == [(5, 5), (4, 9)]

    virtual_time.run(story())


def test_positions_alone_are_saved_too() -> None:
    async def story() -> None:
        shelf = Shelf()
        partition = begun(shelf)
        partition.apply(RecordBatch(VIEWING, 0, 0, 3, []), 0)
        assert await partition.save()
        assert shelf.kept[0][1:] == (0, {VIEWING: 3, SUBSCRIPTION: 0})

    virtual_time.run(story())


def test_the_first_change_is_saved_soon_and_the_next_after_the_interval() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=0.0)
        partition = begun(shelf, load({}, checkpoint_interval_ms=100))
        running = asyncio.create_task(partition.run())
        await asyncio.sleep(1.0)
        partition.apply(batch(0, 1), 0)
        await asyncio.sleep(0.02)
        partition.apply(batch(1, 2), 0)
        await asyncio.sleep(1.0)
        assert [at for at, *_ in shelf.kept] == pytest.approx([1.0 + GATHER_S, 1.0 + GATHER_S + 0.1])
        await partition.close(1.0)
        await running

    virtual_time.run(story())


def test_far_behind_checkpoints_are_fewer_until_the_partition_has_caught_up() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=0.0)
        config = load({}, checkpoint_interval_ms=100, catch_up_interval_ms=800, max_poll_records=50)
        partition = begun(shelf, config)
        running = asyncio.create_task(partition.run())
        for start, behind in ((0, 70), (1, 60), (2, 50)):
            partition.apply(replace(batch(start, start + 1), behind=behind), 0)
            await asyncio.sleep(0.02)
        await asyncio.sleep(2.0)
        for start, behind in ((3, 50), (4, 49), (5, 0)):
            partition.apply(replace(batch(start, start + 1), behind=behind), 0)
            await asyncio.sleep(0.3)
        first, fewer, far, near, last = (at for at, *_ in shelf.kept)
        assert fewer - first == pytest.approx(0.8)
        assert near - far == pytest.approx(0.3)  # as soon as it is not far behind any more
        assert last - near == pytest.approx(0.3)
        await partition.close(1.0)
        await running

    virtual_time.run(story())


def test_what_waits_when_a_partition_has_caught_up_waits_no_longer_than_the_shorter_interval() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=0.0)
        config = load({}, checkpoint_interval_ms=100, catch_up_interval_ms=800, max_poll_records=50)
        partition = begun(shelf, config)
        running = asyncio.create_task(partition.run())
        for start, behind in ((0, 50), (1, 50), (2, 0)):
            partition.apply(replace(batch(start, start + 1), behind=behind), 0)
            await asyncio.sleep(0.02)
        await asyncio.sleep(2.0)
        first, second = (at for at, *_ in shelf.kept)
        assert second - first == pytest.approx(0.1)
        await partition.close(1.0)
        await running

    virtual_time.run(story())


def test_a_full_checkpoint_does_not_wait_for_the_interval() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=0.0)
        partition = begun(shelf, load({}, checkpoint_interval_ms=10_000, checkpoint_records=10))
        running = asyncio.create_task(partition.run())
        for start in range(0, 40, 10):
            partition.apply(batch(start, start + 10), 0)
            await asyncio.sleep(0.01)
        assert [records for _, records, _ in shelf.kept] == [10, 10, 10, 10]
        await partition.close(1.0)
        await running

    virtual_time.run(story())


def test_applying_waits_when_too_much_is_unsaved() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=5.0)
        partition = begun(shelf, load({}, checkpoint_records=10))
        running = asyncio.create_task(partition.run())
        partition.apply(batch(0, 10), 0)
        await partition.room()
        await asyncio.sleep(1.0)  # the first checkpoint is under way
        partition.apply(batch(10, 31), 0)
        began = asyncio.get_running_loop().time()
        await partition.room()
        assert asyncio.get_running_loop().time() == pytest.approx(began + 4.0, abs=0.1)
        await partition.close(20.0)
        await running

    virtual_time.run(story())


def test_time_passes_only_while_the_partition_is_well() -> None:
    async def story() -> None:
        partition = begun(Shelf())
        partition.tick(1)
        assert partition.unsaved
        await partition.close(1.0)
        partition.tick(2)
        engine = partition.engine
        assert isinstance(engine, Recorder)
        assert engine.ticks == 1

    virtual_time.run(story())


# --- failing and closing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind"), [(CheckpointError("no"), "checkpoint_failed"), (FencedError("no"), "fenced")]
)
def test_after_a_failed_checkpoint_the_partition_is_of_no_use(error: CheckpointError, kind: str) -> None:
    class Hearing(Observer):
        def __init__(self) -> None:
            self.heard: list[str] = []

        def on_event(self, kind: str, detail: str) -> None:
            self.heard.append(kind)

    async def story() -> None:
        shelf, observer = Shelf(error=error), Hearing()
        partition = begun(shelf, observer=observer)
        partition.apply(batch(0, 5), 0)
        with pytest.raises(type(error)):
            await partition.run()
        assert partition.saved[VIEWING] == 0
        with pytest.raises(type(error)):
            partition.apply(batch(5, 6), 0)
        with pytest.raises(type(error)):
            await partition.save()
        with pytest.raises(type(error)):
            await partition.room()
        await partition.close(1.0)
        assert shelf.closed and shelf.kept == []
        assert observer.heard == [kind]

    virtual_time.run(story())


def test_closing_waits_for_the_checkpoint_under_way_and_saves_the_rest() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=2.0)
        partition = begun(shelf)
        running = asyncio.create_task(partition.run())
        partition.apply(batch(0, 5), 0)
        await asyncio.sleep(1.0)
        partition.apply(batch(5, 9), 0)
        await partition.close(10.0)
        await running
        assert [at[VIEWING] for *_, at in shelf.kept] == [5, 9]
        assert shelf.closed

    virtual_time.run(story())


def test_closing_a_failed_worker_saves_nothing_more_but_still_waits() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=2.0)
        partition = begun(shelf)
        running = asyncio.create_task(partition.run())
        partition.apply(batch(0, 5), 0)
        await asyncio.sleep(1.0)
        partition.apply(batch(5, 9), 0)
        await partition.close(10.0, keep=False)
        await running
        assert [at[VIEWING] for *_, at in shelf.kept] == [5]

    virtual_time.run(story())


def test_closing_has_a_deadline() -> None:
    async def story() -> None:
        shelf = Shelf(seconds=100.0)
        shelf.close = _unchecked_close(shelf)  # type: ignore[method-assign]
        partition = begun(shelf)
        partition.apply(batch(0, 5), 0)
        with pytest.raises(CheckpointError, match=r"could not be saved in 1\.0 s"):
            await partition.close(1.0)
        assert asyncio.get_running_loop().time() == pytest.approx(1.0)
        assert shelf.closed and shelf.kept == []
        assert partition.failure is not None

    virtual_time.run(story())


def _unchecked_close(shelf: Shelf):  # type: ignore[no-untyped-def]
    async def close() -> None:
        shelf.closed = True

    return close
