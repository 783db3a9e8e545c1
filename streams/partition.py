"""One partition number at work: its engine, its position in every topic it owns, and its checkpoints.

Responsible for the position invariant (a batch is applied only where the last one ended) and for pacing:
applying is plain computing and never waits for a broker, while a task of the partition's own closes one
checkpoint after the other.

Asserted, always: a position never moves backwards; what is saved is never ahead of what was applied; a
checkpoint saves the positions of the very moment in which the engine was drained.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping
from dataclasses import replace

from streams.checkpoint import Checkpoint
from streams.engine import Engine, Writes
from streams.errors import (
    CheckpointError,
    ConfigurationError,
    FencedError,
    InvariantError,
    PositionError,
)
from streams.settings import Settings
from streams.transport.batch import RecordBatch

log = logging.getLogger(__name__)

GATHER_S = 0.005
"""After a pause, a checkpoint waits this long for more of what arrives together."""


class Observer:
    """What a metrics server may want to know. Does nothing; subclass it. All times are seconds."""

    def on_applied(self, partition: int, topic: str, records: int, seconds: float) -> None:
        """A batch was applied."""

    def on_dropped(self, partition: int, topic: str, records: int) -> None:
        """Records were not applied because they had been already, or come after a gap (they are fetched
        again)."""

    def on_checkpoint(self, partition: int, seconds: float, records: int, writes: Writes) -> None:
        """A checkpoint of ``records`` records is committed; ``seconds`` from drain to commit."""

    def on_recovery(self, partition: int, seconds: float, records: int) -> None:
        """A partition was rebuilt from ``records`` changelog records."""

    def on_seek(self, partition: int, topic: str, position: int) -> None:
        """The consumer was sent back (or forth) to where the partition stands."""

    def on_lost(self, partition: int, topic: str, records: int) -> None:
        """Retention deleted these records before they were applied."""

    def on_lag(self, partition: int, topic: str, records: int) -> None:
        """Records in the log that no checkpoint covers yet."""

    def on_event(self, kind: str, detail: str) -> None:
        """Something worth counting: ``assigned``, ``revoked``, ``fenced``, ``failed``, ..."""


class Partition:
    """The state of one partition number and where it stands. Not thread safe: lives in the worker's loop."""

    def __init__(
        self,
        number: int,
        engine: Engine,
        checkpoint: Checkpoint,
        settings: Settings,
        observer: Observer | None = None,
    ) -> None:
        self.number = number
        self.engine = engine
        self.next: dict[str, int] = {}
        """Per owned topic, the log position of the next record to apply."""
        self.saved: dict[str, int] = {}
        """Per owned topic, the position that the last checkpoint committed."""
        self.failure: CheckpointError | ConfigurationError | None = None
        self._checkpoint = checkpoint
        self._settings = settings
        self._observer = observer or Observer()
        self._saving = asyncio.Lock()
        self._changed = asyncio.Event()
        self._full = False
        self._sooner = asyncio.Event()
        """The checkpoint that is waited for may be due sooner than it was: look again."""
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self._behind: dict[str, int] = {}

    def begin(self, positions: Mapping[str, int]) -> None:
        """Stand at these positions, which are committed. Called once, after recovery."""
        if self.next:
            raise InvariantError(f"partition {self.number} begins twice")
        self.next.update(positions)
        self.saved.update(positions)

    # --- applying ------------------------------------------------------------------------------------------

    def apply(self, batch: RecordBatch, now_ms: int) -> int:
        """Apply what is new in ``batch`` and return how many records that were.

        A batch that was applied already counts 0. Raises ``PositionError`` when it begins after where the
        partition stands: the caller seeks to ``next``. Raises the failure of an earlier checkpoint.
        """
        self._check(batch.partition == self.number, f"was given a batch of partition {batch.partition}")
        if self.failure is not None:
            raise self.failure
        here = self.next[batch.topic]
        if batch.start > here:
            raise PositionError(
                f"{batch.topic}-{self.number} stands at {here}, the batch begins at {batch.start}"
            )
        if batch.end <= here:
            self._observer.on_dropped(self.number, batch.topic, len(batch.records))
            return 0
        if batch.start < here:
            new = [record for record in batch.records if record.offset >= here]
            self._observer.on_dropped(self.number, batch.topic, len(batch.records) - len(new))
            batch = replace(batch, start=here, records=new)
        if batch.records:
            self.engine.apply(batch, now_ms)
        self.next[batch.topic] = batch.end
        far = self._far_behind
        self._behind[batch.topic] = batch.behind
        if far and not self._far_behind:
            self._sooner.set()
        self._note_change()
        return len(batch.records)

    def tick(self, now_ms: int) -> None:
        """Let time pass for silent profiles."""
        if self.failure is None and not self._closing:
            self.engine.tick(now_ms)
            self._note_change()

    def skip(self, topic: str, position: int) -> int:
        """Go on at ``position`` because the log begins there: what lay before is deleted. Returns how many
        records."""
        lost = position - self.next[topic]
        self._check(lost >= 0, f"would skip {topic} backwards from {self.next[topic]} to {position}")
        self.next[topic] = position
        self._note_change()
        return lost

    @property
    def unsaved(self) -> bool:
        """There is something that no checkpoint holds yet."""
        return self.next != self.saved or self.engine.pending() > 0

    async def room(self) -> None:
        """Wait while more than twice ``checkpoint_records`` are unsaved. Raises the checkpoint's failure."""
        while not self._room.is_set() and self.failure is None and not self._closing:
            await self._room.wait()
        if self.failure is not None:
            raise self.failure

    def _note_change(self) -> None:
        pending = self.engine.pending()
        if pending or self.next != self.saved:
            self._changed.set()
        if pending >= self._settings.checkpoint_records:
            self._full = True
            self._sooner.set()
        if pending > 2 * self._settings.checkpoint_records:
            self._room.clear()

    # --- saving --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Save until the partition closes: soon after a change, but one checkpoint per
        ``checkpoint_interval_ms`` (``catch_up_interval_ms`` while it is far behind), so none waits longer, or at
        once when it is full.

        Raises ``CheckpointError`` (``FencedError``), or ``ConfigurationError`` for a missing right, when a checkpoint
        fails; the partition is of no use then.
        """
        clock = asyncio.get_running_loop().time
        saved_at = -math.inf
        while not self._closing:
            await self._changed.wait()
            await self._due(saved_at)
            if self._closing:
                return
            saved_at = clock()
            await self.save()

    async def _due(self, saved_at: float) -> None:
        """Wait until the checkpoint behind that of ``saved_at`` is due. By the interval as it is now: one that
        began to wait while the partition was far behind waits no longer once that is over."""
        gathered = asyncio.get_running_loop().time() + GATHER_S
        while not self._full and not self._closing:
            self._sooner.clear()
            try:
                async with asyncio.timeout_at(max(saved_at + self._interval_ms() / 1000, gathered)):
                    await self._sooner.wait()
            except TimeoutError:
                return

    def _interval_ms(self) -> int:
        shortest = self._settings.checkpoint_interval_ms
        return max(shortest, self._settings.catch_up_interval_ms) if self._far_behind else shortest

    @property
    def _far_behind(self) -> bool:
        return max(self._behind.values(), default=0) >= self._settings.max_poll_records

    async def save(self) -> bool:
        """One checkpoint of all that is unsaved now; ``False`` when there was nothing. Raises
        ``CheckpointError``."""
        async with self._saving:
            if self.failure is not None:
                raise self.failure
            self._changed.clear()
            self._full = False
            if not self.unsaved:
                return False
            clock = asyncio.get_running_loop().time
            began = clock()
            # 1. Outputs, state and positions of one and the same moment: no await between these two lines.
            positions = dict(self.next)
            writes = self.engine.drain()
            self._room.set()
            self._check_order(positions)
            # 2. All of it, or nothing.
            try:
                await self._checkpoint.commit(writes, positions)
            except (CheckpointError, ConfigurationError) as error:
                self._fail(error)
                raise
            except asyncio.CancelledError:
                self._fail(CheckpointError(f"the checkpoint of partition {self.number} was cut off"))
                raise
            # 3. Only now is it saved.
            self._check_order(positions)
            self.saved = positions
            records = sum(len(topic.keys) for topic in writes.topics.values())
            self._observer.on_checkpoint(self.number, clock() - began, records, writes)
            return True

    async def close(self, deadline_s: float, *, keep: bool = True) -> None:
        """End the checkpoint under way, save what is pending (``keep``), close the producer: in this order.

        Raises ``CheckpointError`` when the work could not be saved within ``deadline_s``: it will be done
        again by the partition's next owner. The producer is closed in every case, and never while it is in
        use.
        """
        self._closing = True
        self._changed.set()
        self._sooner.set()
        self._room.set()
        try:
            async with asyncio.timeout(deadline_s):
                if keep and self.failure is None:
                    await self.save()
                else:
                    async with self._saving:  # the one under way still uses the producer
                        pass
        except TimeoutError as error:
            raise CheckpointError(
                f"partition {self.number} could not be saved in {deadline_s:.1f} s"
            ) from error
        finally:
            await self._checkpoint.close()

    def _fail(self, error: CheckpointError | ConfigurationError) -> None:
        self.failure = error
        self._room.set()
        kind = "fenced" if isinstance(error, FencedError) else "checkpoint_failed"
        self._observer.on_event(kind, str(error))

    def _check_order(self, positions: Mapping[str, int]) -> None:
        for topic, position in positions.items():
            self._check(
                self.saved[topic] <= position <= self.next[topic],
                f"would save {topic} at {position}: saved {self.saved[topic]}, applied {self.next[topic]}",
            )

    def _check(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise InvariantError(f"partition {self.number} {otherwise}")
