"""The way of one batch: records in, changes out. One partition's engine, without Kafka in it.

1. decode and validate; what is no event becomes a dead letter         ``events.decode``
2. events to columns; profiles and titles get slots                    ``events.columns``,
``state.partition_state`` 3. the loop: every event in order changes its profile, resolves        ``loop``,
``profiles.observe``
   outcomes, and what has changed is scored and decided anew           ``decisions``
   - a mini-batch of outcomes is full: learn                           ``decisions.learner``, ``models``
   - decisions have gathered: encode                                   ``emit``
   - moments have gathered: titles, artwork and the other surfaces      ``surfaces.running``
     react to each in order
4. ``drain``: outputs and every changed record, for one checkpoint     ``state.changelog``

Time comes in as an argument, randomness from the profile's key and a counter, so the same records give
the same changes, however they were cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from streams import topics
from streams.emit.outgoing import Outgoing, Stretch, new_outbox
from streams.engine import Writes
from streams.errors import InvariantError
from streams.events import kinds, schema
from streams.events.columns import Places, to_columns
from streams.events.decode import decode
from streams.loop import (
    ASK_CHURN,
    ASK_QUALITY,
    DONE,
    EXPIRED,
    LEARN_CHURN,
    LEARN_QUALITY,
    OUTBOX_FULL,
    let_time_pass,
    run,
)
from streams.profiles.layout import OTHER_ROW
from streams.profiles.moments import MomentKind, new_noted, note, take
from streams.profiles.parameters import Cursor, new_scratch, parameters_from
from streams.rekeyed.owners import Owners
from streams.settings import Settings
from streams.state import changelog
from streams.state.catalog import Catalog
from streams.state.partition_state import PartitionState
from streams.state.shared import Shared
from streams.stats import EngineStats
from streams.surfaces.running import Surfaces
from streams.transport.batch import RecordBatch

ON_TIME = int(MomentKind.TIME)
NO_EVENTS = Stretch(to_columns((), (), (), len, len, len, Places()), (), None)
"""For the loop when only time passes."""


class PartitionEngine:
    """State, models and decisions of one input partition. Implements ``engine.Engine``."""

    def __init__(
        self, partition: int, settings: Settings, catalog: Catalog, shared: Shared | None = None
    ) -> None:
        self.partition = partition
        self.settings = settings
        self.stats = EngineStats()
        self.state = PartitionState(settings, catalog)
        self._outgoing = Outgoing(partition, settings, self.state, self.stats)
        self._outbox = new_outbox()
        self.owners = Owners(partition, settings, self._outgoing.put, self._outgoing.add_dead_letter)
        shared = shared or Shared(settings)
        self.surfaces = Surfaces(settings, self.state, self._outgoing, self.stats, shared, partition)
        self._noted = new_noted(self.surfaces.kinds)
        self._scratch = new_scratch()
        self._parameters = parameters_from(settings)
        self._places = Places()
        self._last_now_ms = 0
        self._expired: list[int] = []

    # --- the way of one batch
    # ------------------------------------------------------------------------------------

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        """Take a batch in: every good record changes its profile, every bad one becomes a dead letter.

        Batches of re-keyed records, which partitions write to each other, are the owners' affair.
        """
        if self.owners.takes(batch.topic):
            self.owners.apply(batch, now_ms)
            return
        self._last_now_ms = now_ms
        if self.state.follow_catalog():
            self._outgoing.add_rows()
        if self.settings.sharing:
            self.surfaces.follow_shared()
        decoded = decode(batch.topic, batch.records, now_ms, self.settings)
        for reject in decoded.rejects:
            self._outgoing.add_dead_letter(batch, batch.records[reject.index], reject)
        events, indexes = decoded.events, decoded.indexes
        # A deletion frees a slot, so it ends a stretch: the next profile must find the same free slots
        # however the records were batched.
        begin = 0
        for at, event in enumerate(events):
            if event.__class__ is schema.ProfileDeleted:
                self._take(batch, events[begin:at], indexes[begin:at])
                self._erase(event.profile_id)
                begin = at + 1
        self._take(batch, events[begin:], indexes[begin:])
        self._outgoing.writes.events += len(batch.records)

    def tick(self, now_ms: int) -> None:
        """Nothing has come for a while: event time goes on with the clock, and silent profiles are visited.

        Event time starts from the last event's, so a log of old events is not overtaken by today's clock.
        """
        self.owners.tick(now_ms)
        elapsed = now_ms - self._last_now_ms if self._last_now_ms else 0
        self._last_now_ms = now_ms
        stream_ts = int(self.state.table["stream_ts"][0])
        if stream_ts and elapsed > 0:
            swept = int(self.state.table["sweep_ts"][0])
            due = let_time_pass(self.state.table[0], stream_ts + elapsed)
            if swept and int(self.state.table["sweep_ts"][0]) != swept:
                note(self._noted, ON_TIME, -1, -1, stream_ts + elapsed, 0, 0, -1, -1, 0.0)
                due = due or self.surfaces.listening
            if due:
                self._run(NO_EVENTS)

    def _take(self, batch: RecordBatch, events: Sequence[schema.Event], indexes: Sequence[int]) -> None:
        if not events:
            return
        state = self.state
        columns = to_columns(
            events,
            indexes,
            batch.records,
            state.profile_slot,
            state.title_slot,
            self._row_index,
            self._places,
        )
        self.stats.see_clocks(columns.ts, self._last_now_ms)
        self._run(Stretch(columns, events, batch))

    def _row_index(self, row: str) -> int:
        index = self.state.row_index(row)
        self.stats.unknown_rows += index == OTHER_ROW
        return index

    def _run(self, stretch: Stretch) -> None:
        """Drive the loop over a stretch of events, doing outside what it stops for."""
        state, scratch = self.state, self._scratch
        topic = topics.INPUTS.index(stretch.batch.topic) if stretch.batch else 0
        cursor = np.zeros(len(Cursor), np.int64)
        tables, models = state.tables(), state.models()
        while True:
            why = run(
                stretch.columns, topic, len(stretch.events), tables, state.pages, self._parameters, models,
                state.quality.waiting, state.churn.waiting, self.settings.learn_batch, self._outbox, scratch,
                cursor, self.stats.events, self._noted,
            )  # fmt: skip
            if why in (LEARN_QUALITY, LEARN_CHURN):
                learner = state.quality if why == LEARN_QUALITY else state.churn
                learner.learn()
                models = state.models()
                if self.surfaces.sharing.learned(learner):
                    self._empty_outbox(stretch)  # what surfaces tell comes before, as in the log
                    self.surfaces.sharing.tell(learner)
            elif why == ASK_QUALITY:
                asked = int(cursor[Cursor.ASKED])
                scratch.answer[:asked] = state.quality.predict(scratch.ask[:asked])
                cursor[Cursor.ANSWERED] = 1
            elif why == ASK_CHURN:
                scratch.answer[:1] = state.churn.predict(scratch.churn_ask[None, :])
                cursor[Cursor.ANSWERED] = 1
            elif why == OUTBOX_FULL:
                self._empty_outbox(stretch)
            elif why == DONE:
                break
            else:
                raise InvariantError(f"the loop stopped for an unknown reason {why}")
        if cursor[Cursor.AT] != len(stretch.events):
            raise InvariantError(f"the loop ended at event {cursor[Cursor.AT]} of {len(stretch.events)}")
        self._empty_outbox(stretch)
        # Only now: until its end the stretch's columns may refer to the slot of a profile that comes back.
        for slot in self._expired:
            self._expire(slot)
        self._expired.clear()
        self.stats.repeats += int(cursor[Cursor.REPEATS])
        self.stats.duplicates += int(cursor[Cursor.DUPLICATES])
        state.changed = True

    def _empty_outbox(self, stretch: Stretch) -> None:
        decisions = self._outbox.decisions[: self._outbox.n[0]]
        self._expired.extend(decisions["slot"][decisions["kind"] == EXPIRED].tolist())
        self._outgoing.add_decisions(self._outbox, stretch)
        self.surfaces.follow(take(self._noted), stretch)

    # --- erasure and expiry
    # --------------------------------------------------------------------------------------

    def _erase(self, profile: str) -> None:
        """``profile_deleted``: its state goes, and every compacted topic keyed by it gets a tombstone."""
        self.stats.events[kinds.PROFILE_DELETED] += 1
        if profile in self.state.profiles.slots:
            self.surfaces.forget(self.state.profiles.slots[profile])
            self.state.profiles.remove(profile)
        else:  # unknown here, perhaps not to the topics: an erasure can be asked for twice
            self.state.profiles.forget(profile)
        self._outgoing.add_tombstones(profile)

    def _expire(self, slot: int) -> None:
        """A profile silent for ``idle_expiry_ms`` loses its state, unless it came back within this
        batch."""
        state = self.state
        name = state.profiles.names[slot]
        idle = int(state.table["stream_ts"][0]) - int(state.profiles.records["last_ts"][slot])
        if name is not None and idle > self.settings.idle_expiry_ms:
            self.surfaces.forget(slot)
            state.profiles.remove(name)
            self._outgoing.add_tombstones(name)

    # --- checkpoint and recovery
    # ---------------------------------------------------------------------------------

    def pending(self) -> int:
        """Records that the next ``drain`` would send, about."""
        state = self.state
        changed = state.profiles.dirty_count + state.tastes.dirty_count + int(state.changed)
        return len(self._outgoing) + changed + self.owners.pending()

    def drain(self) -> Writes:
        """Outputs, and every record that changed, since the last call."""
        keys, values = changelog.take_changes(self.state)
        owned_keys, owned_values = self.owners.take_changes()
        keys.extend(owned_keys)
        values.extend(owned_values)
        if keys:
            writes = self._outgoing.to(self.settings.state_topic)
            writes.keys.extend(keys)
            writes.values.extend(values)
        return self._outgoing.take()

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        """Take changelog records in, in log order. Raises ``RecoveryError`` for one that cannot be read."""
        changelog.restore(self.state, keys, values, self.owners.restore)

    def restored(self) -> None:
        """The changelog is read to its end. Raises ``RecoveryError`` when it does not fit together."""
        changelog.finish_restore(self.state)
        self.owners.restored()
        self.surfaces.restored()


def create_engine(
    partition: int, settings: Settings, catalog: Catalog, shared: Shared | None = None
) -> PartitionEngine:
    """The engine of one input partition. ``shared`` is what this worker's partitions know of all others."""
    return PartitionEngine(partition, settings, catalog, shared)
