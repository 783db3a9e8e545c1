"""Does the simulation catch anything? Each test breaks one invariant on purpose and expects a seed that
fails.

A mutation that passes all seeds means that the simulation has gone blind there, or that the code no longer
needs the invariant.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from streams import checkpoint, recovery, sending, topics
from streams.checkpoint import AtLeastOnceCheckpoint, TransactionalCheckpoint
from streams.engine import TopicWrites, Writes
from streams.errors import CheckpointError
from streams.partition import Partition
from streams.settings import Settings
from streams.transport.batch import RecordBatch
from tests.simulation.clients import FakeProducer
from tests.simulation.counting_engine import CountingEngine
from tests.simulation.world import simulate

SEEDS = 400
"""Most mutations are caught by the first few; a rare one gets the chance of as many."""

Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def positions_without_writes(patch: Patch) -> None:
    """The offsets are committed and what belongs to them is not."""
    commit = TransactionalCheckpoint.commit

    async def forgetful(self: TransactionalCheckpoint, writes: Writes, positions: Mapping[str, int]) -> None:
        await commit(self, Writes(), positions)

    patch.setattr(TransactionalCheckpoint, "commit", forgetful)


def writes_without_positions(patch: Patch) -> None:
    """The writes are committed and the offsets are not."""
    commit = TransactionalCheckpoint.commit

    async def forgetful(self: TransactionalCheckpoint, writes: Writes, positions: Mapping[str, int]) -> None:
        await commit(self, writes, positions if writes.empty else {})

    patch.setattr(TransactionalCheckpoint, "commit", forgetful)


def no_position_check(patch: Patch) -> None:
    """Whatever batch comes is applied, as a plain agent does."""
    apply = Partition.apply

    def gullible(self: Partition, batch: RecordBatch, now_ms: int) -> int:
        self.next[batch.topic] = batch.start
        return apply(self, batch, now_ms)

    patch.setattr(Partition, "apply", gullible)


def overlaps_applied_whole(patch: Patch) -> None:
    """A batch that begins before the position is not trimmed."""
    apply = Partition.apply

    def greedy(self: Partition, batch: RecordBatch, now_ms: int) -> int:
        if batch.start < self.next[batch.topic] < batch.end:
            self.engine.apply(replace(batch, end=self.next[batch.topic], records=batch.records[:1]), now_ms)
        return apply(self, batch, now_ms)

    patch.setattr(Partition, "apply", greedy)


def one_producer_a_worker(patch: Patch) -> None:
    """A transactional id per worker instead of one per input partition: nobody fences anybody."""
    patch.setattr(Settings, "transactional_id", lambda self, partition: f"{self.brokers}-{partition}")


def fenced_after_recovery(patch: Patch) -> None:
    """The predecessor is fenced by the first commit, after its last writes were missed."""
    start, commit = TransactionalCheckpoint.open, TransactionalCheckpoint.commit

    async def later(self: TransactionalCheckpoint) -> None:
        """Not yet."""

    async def first(self: TransactionalCheckpoint, writes: Writes, positions: Mapping[str, int]) -> None:
        if self._producer is None:
            await start(self)
        await commit(self, writes, positions)

    patch.setattr(TransactionalCheckpoint, "open", later)
    patch.setattr(TransactionalCheckpoint, "commit", first)


def positions_ahead_of_the_drain(patch: Patch) -> None:
    """Positions and writes are of different moments: one record behind each time."""
    drain = CountingEngine.drain

    def late(self: CountingEngine) -> Writes:
        writes = drain(self)
        output = writes.topics.get("row-order")
        if output is not None and len(output.keys) > 1:
            self._writes.topics["row-order"] = TopicWrites([output.keys.pop()], [output.values.pop()])
        return writes

    patch.setattr(CountingEngine, "drain", late)


def state_outside_of_the_transaction(patch: Patch) -> None:
    """The changelog is produced beside the transaction, as Faust does with what its app does not read."""
    send_batch = FakeProducer.send_batch

    async def beside(self: FakeProducer, batch: Any, topic: str, *, partition: int) -> Any:
        if not topic.endswith("-state"):
            return await send_batch(self, batch, topic, partition=partition)
        name, self._id = self._id, None
        try:
            return await send_batch(self, batch, topic, partition=partition)
        finally:
            self._id = name

    patch.setattr(FakeProducer, "send_batch", beside)


def signals_outside_of_the_transaction(patch: Patch) -> None:
    """What goes to other partitions is produced beside the transaction."""
    send_batch = FakeProducer.send_batch

    async def beside(self: FakeProducer, batch: Any, topic: str, *, partition: int) -> Any:
        if topic != topics.TITLE_SIGNALS:
            return await send_batch(self, batch, topic, partition=partition)
        name, self._id = self._id, None
        try:
            return await send_batch(self, batch, topic, partition=partition)
        finally:
            self._id = name

    patch.setattr(FakeProducer, "send_batch", beside)


def signals_to_their_writers_own_partition(patch: Patch) -> None:
    """Re-keyed records stay where they were written."""
    patch.setattr(sending, "by_partition", lambda records, own: {own: records})


def signals_read_without_positions(patch: Patch) -> None:
    """Only what producers write has a position; what the partitions write to each other is read anew."""
    commit = TransactionalCheckpoint.commit

    async def forgetful(self: TransactionalCheckpoint, writes: Writes, positions: Mapping[str, int]) -> None:
        await commit(self, writes, {topic: positions[topic] for topic in topics.INPUTS})

    patch.setattr(TransactionalCheckpoint, "commit", forgetful)


def recovery_from_the_beginning(patch: Patch) -> None:
    """Recovery forgets the committed offsets."""
    positions = recovery._positions

    async def amnesiac(*arguments: Any) -> tuple[dict[str, int], dict[str, int]]:
        found, lost = await positions(*arguments)
        return dict.fromkeys(found, 0), lost

    patch.setattr(recovery, "_positions", amnesiac)


def recovery_reads_nothing(patch: Patch) -> None:
    """Recovery finds itself at the end of the changelog."""

    async def blind(consumer: Any, settings: Settings, partition: int, engine: Any, progress: Any) -> int:
        engine.restored()
        return 0

    patch.setattr(recovery, "_restore", blind)


@pytest.mark.parametrize(
    "mutation",
    [
        positions_without_writes,
        writes_without_positions,
        no_position_check,
        overlaps_applied_whole,
        one_producer_a_worker,
        fenced_after_recovery,
        positions_ahead_of_the_drain,
        state_outside_of_the_transaction,
        signals_outside_of_the_transaction,
        signals_to_their_writers_own_partition,
        signals_read_without_positions,
        recovery_from_the_beginning,
        recovery_reads_nothing,
    ],
)
def test_exactly_once_broken_is_seen(mutation: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutation(monkeypatch)
    assert caught(monkeypatch, exactly_once=True)


def positions_first(patch: Patch) -> None:
    """At least once, the wrong way round: what is committed as read was not written."""
    commit = AtLeastOnceCheckpoint.commit

    async def hasty(self: AtLeastOnceCheckpoint, writes: Writes, positions: Mapping[str, int]) -> None:
        await self._commit_positions(positions)
        await commit(self, writes, positions)

    patch.setattr(AtLeastOnceCheckpoint, "commit", hasty)


def rejected_sends_are_shrugged_off(patch: Patch) -> None:
    """A failed send is a warning and its offset is committed, as in Faust."""
    send = checkpoint.send

    async def careless(*arguments: Any, **options: Any) -> None:
        try:
            await send(*arguments, **options)
        except CheckpointError:
            return

    patch.setattr(checkpoint, "send", careless)


def rows_forget_their_offsets(patch: Patch) -> None:
    """Without the offset in its row, a profile counts again what comes again."""
    restore = CountingEngine.restore

    def forgetful(self: CountingEngine, keys: list[bytes], values: list[bytes | None]) -> None:
        restore(self, keys, values)
        for row in self.rows.values():
            if "offsets" in row:
                row["offsets"] = dict.fromkeys(row["offsets"], -1)

    patch.setattr(CountingEngine, "restore", forgetful)


def titles_forget_their_offsets(patch: Patch) -> None:
    """Without the offset in its row, a title counts again what comes again."""
    restore = CountingEngine.restore

    def forgetful(self: CountingEngine, keys: list[bytes], values: list[bytes | None]) -> None:
        restore(self, keys, values)
        for row in self.rows.values():
            if "offset" in row:
                row["offset"] = -1

    patch.setattr(CountingEngine, "restore", forgetful)


@pytest.mark.parametrize(
    "mutation",
    [
        positions_first,
        rejected_sends_are_shrugged_off,
        rows_forget_their_offsets,
        titles_forget_their_offsets,
    ],
)
def test_at_least_once_broken_is_seen(mutation: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutation(monkeypatch)
    assert caught(monkeypatch, exactly_once=False)


def caught(patch: Patch, *, exactly_once: bool) -> bool:
    """Whether a seed fails; says which."""
    for seed in range(SEEDS):
        try:
            simulate(seed, patch, exactly_once=exactly_once)
        except AssertionError as failure:
            print(f"caught by seed {seed}: {str(failure).splitlines()[-1][:200]}")
            return True
    return False
