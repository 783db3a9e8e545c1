"""The way of one batch: records in, changes out. One partition's engine, without Kafka in it.

1. decode and validate; what is no event becomes a dead letter        ``events.decode``
2. events to columns; profiles and titles get slots                   ``events.columns``, ``profiles.store``
3. the loop: every event in order changes its profile, resolves       ``loop``, ``profiles.observe``
   outcomes, and what has changed is scored and decided anew           ``decisions``
   - a mini-batch of outcomes is full: learn                           ``decisions.learner``, ``models``
   - decisions have gathered: encode                                   ``emit.records``
4. ``drain``: outputs and every changed record, for one checkpoint     ``state.codec``

Time comes in as an argument, randomness from the profile's key and a counter, so the same records give the same changes, however
they were cut into batches.
"""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from xxhash import xxh3_64_intdigest

from models.hazard import FEATURES as CHURN_FEATURES
from models.quality import FEATURES as QUALITY_FEATURES
from streams import topics
from streams.decisions.learner import Learner
from streams.decisions.demand import START_WEIGHTS
from streams.emit import records as emit
from streams.engine import TopicWrites, Writes
from streams.errors import InvariantError, RecoveryError
from streams.events import kinds, schema
from streams.events.columns import Places, to_columns
from streams.events.decode import Reject, decode
from streams.loop import (
    ANSWERED,
    ASK_CHURN,
    ASK_QUALITY,
    ASKED,
    AT,
    CHURN_DECIDED,
    CHURN_SCORE,
    CURSOR_FIELDS,
    DONE,
    DUPLICATES,
    EXPIRED,
    LEARN_CHURN,
    LEARN_QUALITY,
    OUTBOX_FULL,
    REPEATS,
    ROW_ORDER,
    ROWS_DECIDED,
    Outbox,
    let_time_pass,
    new_scratch,
    run,
)
from streams.profiles.layout import DECISION, MAX_ROWS, OTHER_ROW, PARTITION, PROFILE, TITLE
from streams.profiles.parameters import Array, Columns, Models, Pages, Parameters, Tables
from streams.profiles.store import Store
from streams.settings import MINUTE_MS, Settings
from streams.state import codec
from streams.state.catalog import Catalog
from streams.transport.batch import Record, RecordBatch

log = logging.getLogger(__name__)

OUTBOX = 4_096
"""Decisions that gather before they are encoded."""
MAX_TITLES = 500_000
"""Titles with statistics of their own per partition (24 bytes each and their name); later ones share one."""
OTHER_TITLES = ""
"""The name under which they share it; no title can have it."""
NO_COLUMNS = to_columns((), (), (), len, len, len, Places())
"""The columns of no event: for the loop when only time passes."""


@dataclass(slots=True)
class EngineStats:
    """What a partition has counted since it was opened."""

    events: Array = field(default_factory=lambda: np.zeros(len(kinds.KINDS) + 2, np.int64))
    """Applied events by kind; then how often rows and churn were decided anew."""
    rejects: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    repeats: int = 0
    unknown_rows: int = 0

    @property
    def by_kind(self) -> dict[str, int]:
        """Applied events by type."""
        return dict(zip(kinds.KINDS, self.events.tolist(), strict=False))

    @property
    def decisions(self) -> dict[str, int]:
        """How often each surface was decided anew, whether or not that changed anything."""
        return {
            topics.ROW_ORDER: int(self.events[ROWS_DECIDED]),
            topics.CHURN_SCORES: int(self.events[CHURN_DECIDED]),
        }


class PartitionEngine:
    """State, models and decisions of one input partition. Implements ``engine.Engine``."""

    def __init__(self, partition: int, settings: Settings, catalog: Catalog) -> None:
        self.partition = partition
        self.settings = settings
        self.catalog = catalog
        self.stats = EngineStats()
        self.profiles = Store(PROFILE)
        self.titles = Store(TITLE)
        self.titles.add(OTHER_TITLES)
        self.table = np.zeros(1, PARTITION)
        self.table["demand_weight"][0] = START_WEIGHTS
        self.table["demand_gradient"][0] = 1.0
        self.rows: list[str] = []
        self.quality = Learner(
            "quality", settings.quality_model, QUALITY_FEATURES, settings.learn_batch, settings.learning
        )
        self.churn = Learner(
            "hazard", settings.churn_model, CHURN_FEATURES, settings.learn_batch, settings.learning
        )
        self._parameters = Parameters(
            session_gap_ms=settings.session_gap_ms,
            heartbeat_gap_ms=settings.heartbeat_gap_ms,
            outcome_window_ms=settings.outcome_window_ms,
            quality_seconds=settings.quality_seconds,
            quality_share=settings.quality_share,
            churn_horizon_ms=settings.churn_horizon_ms,
            churn_step=settings.churn_step,
            idle_expiry_ms=settings.idle_expiry_ms,
            sweep_every_ms=MINUTE_MS,
            page_margin=settings.page_margin,
            explore_share=settings.explore_share,
            seed=settings.seed,
            learning=settings.learning,
            log_predictions=settings.log_predictions,
        )
        self._places = Places()
        self._pages = Pages(0, 0, np.zeros(MAX_ROWS, np.uint8), np.full(MAX_ROWS, -1, np.int8))
        self._row_index: dict[str, int] = {}
        self._row_names = emit.row_names([])
        self._catalog_version = -1
        self._scratch = new_scratch(len(QUALITY_FEATURES), len(CHURN_FEATURES))
        self._outbox = Outbox(
            decisions=np.zeros(OUTBOX, DECISION),
            prediction_event=np.zeros(OUTBOX, np.int32),
            prediction_p=np.zeros(OUTBOX),
            n=np.zeros(2, np.int64),
        )
        self._new_titles: list[str] = []
        self._writes = Writes()
        self._model_changed = False
        self._last_now_ms = 0

    # --- the way of one batch ------------------------------------------------------------------------------------

    def apply(self, batch: RecordBatch, now_ms: int) -> None:
        """Take a batch in: every good record changes its profile, every bad one becomes a dead letter."""
        self._follow_catalog()
        self._last_now_ms = now_ms
        decoded = decode(batch.topic, batch.records, now_ms, self.settings)
        for reject in decoded.rejects:
            self._reject(batch, batch.records[reject.index], reject)
        events, indexes = decoded.events, decoded.indexes
        # A deletion frees a slot, so it ends a stretch: the next profile must find the same free slots however records are batched.
        begin = 0
        for at, event in enumerate(events):
            if event.__class__ is schema.ProfileDeleted:
                self._take(batch, events[begin:at], indexes[begin:at])
                self._erase(batch, event)
                begin = at + 1
        self._take(batch, events[begin:] if begin else events, indexes[begin:] if begin else indexes)
        self._writes.events += len(batch.records)

    def tick(self, now_ms: int) -> None:
        """Nothing has come for a while: event time goes on with the clock, and silent profiles are visited."""
        elapsed = now_ms - self._last_now_ms
        if self._last_now_ms and elapsed > 0 and self.table["stream_ts"][0]:
            self._last_now_ms = now_ms
            self._pass_time(int(self.table["stream_ts"][0]) + elapsed)
        else:
            self._last_now_ms = now_ms

    def _take(self, batch: RecordBatch, events: Sequence[schema.Event], indexes: Sequence[int]) -> None:
        if not events:
            return
        columns = to_columns(
            events,
            indexes,
            batch.records,
            self._profile_slot,
            self._title_slot,
            self._index_of_row,
            self._places,
        )
        self._run(columns, topics.INPUTS.index(batch.topic), batch, events)

    def _run(
        self, columns: Columns, topic: int, batch: RecordBatch | None, events: Sequence[schema.Event]
    ) -> None:
        """Drive the loop over the columns, doing outside what it stops for."""
        tables = Tables(
            self.profiles.records, self.titles.records, self.table, self.profiles.dirty, self.titles.dirty
        )
        cursor = np.zeros(CURSOR_FIELDS, np.int64)
        models = self._models()
        while True:
            why = run(
                columns, topic, len(events), tables, self._pages, self._parameters, models, self.quality.waiting,
                self.churn.waiting, self.settings.learn_batch, self._outbox, self._scratch, cursor, self.stats.events,
            )  # fmt: skip
            if why == LEARN_QUALITY or why == LEARN_CHURN:
                (self.quality if why == LEARN_QUALITY else self.churn).learn()
                models = self._models()
            elif why == ASK_QUALITY:
                asked = int(cursor[ASKED])
                self._scratch.answer[:asked] = self.quality.predict(self._scratch.ask[:asked])
                cursor[ANSWERED] = 1
            elif why == ASK_CHURN:
                self._scratch.answer[:1] = self.churn.predict(self._scratch.churn_ask[None, :])
                cursor[ANSWERED] = 1
            elif why == OUTBOX_FULL:
                self._encode(columns, batch, events)
            elif why == DONE:
                break
            else:
                raise InvariantError(f"the loop stopped for an unknown reason {why}")
        if cursor[AT] != len(events):
            raise InvariantError(f"the loop ended at event {cursor[AT]} of {len(events)}")
        self._encode(columns, batch, events)
        self.stats.repeats += int(cursor[REPEATS])
        self.stats.duplicates += int(cursor[DUPLICATES])
        self._model_changed = True

    def _pass_time(self, ts: int) -> None:
        """Let event time go on to ``ts`` without an event."""
        if let_time_pass(self.table[0], ts, self._parameters):
            self._run(NO_COLUMNS, 0, None, ())

    # --- what leaves ---------------------------------------------------------------------------------------------

    def _encode(self, columns: Columns, batch: RecordBatch | None, events: Sequence[schema.Event]) -> None:
        """Turn the decisions and predictions that have gathered into records of their topics."""
        n, predictions = self._outbox.n.tolist()
        self._outbox.n[:] = 0
        if predictions and batch is not None:
            self._encode_predictions(columns, events, predictions)
        if not n:
            return
        decisions = self._outbox.decisions[:n]
        for kind, topic in ((ROW_ORDER, topics.ROW_ORDER), (CHURN_SCORE, topics.CHURN_SCORES)):
            chosen = decisions[decisions["kind"] == kind]
            if not len(chosen):
                continue
            profiles = [self.profiles.names[slot] or "" for slot in chosen["slot"].tolist()]
            causes = [
                self._cause(event, ts, offsets, columns, batch, events)
                for event, ts, offsets in zip(
                    *(chosen[field].tolist() for field in ("event", "ts", "offsets")), strict=True
                )
            ]
            if kind == ROW_ORDER:
                values = emit.encode_row_orders(chosen, profiles, causes, self._row_names)
            else:
                values = emit.encode_churn_scores(chosen, profiles, causes, self.settings.churn_horizon_ms)
            writes = self._to(topic)
            writes.keys.extend([profile.encode() for profile in profiles])
            writes.values.extend(values)
            self.stats.changes[topic] += len(chosen)
            caused = chosen["event"][chosen["event"] >= 0]
            if len(caused):
                self._writes.stamps.setdefault(topic, []).append(columns.stamp[caused])
        for slot in decisions["slot"][decisions["kind"] == EXPIRED].tolist():
            self._expire(slot)

    def _cause(
        self,
        event: int,
        ts: int,
        offsets: list[int],
        columns: Columns,
        batch: RecordBatch | None,
        events: Sequence[schema.Event],
    ) -> emit.Cause:
        if event >= 0 and batch is not None:
            return emit.cause(events[event].event_id, batch.topic, self.partition, int(columns.offset[event]))
        # Time was the cause: the record names the moment, and the profile's last event.
        topic = 0 if offsets[0] >= 0 else 1
        return emit.cause(f"tick-{self.partition}-{ts}", topics.INPUTS[topic], self.partition, offsets[topic])

    def _encode_predictions(self, columns: Columns, events: Sequence[schema.Event], n: int) -> None:
        writes = self._to(self.settings.predictions_topic)
        for i, p in zip(
            self._outbox.prediction_event[:n].tolist(), self._outbox.prediction_p[:n].tolist(), strict=True
        ):
            event = events[i]
            row = event.row_id  # type: ignore[attr-defined]  # only impressions are predicted
            writes.keys.append(event.profile_id.encode())
            writes.values.append(
                emit.encode_prediction(
                    event.profile_id, event.event_id, event.ts, row, p, int(columns.offset[i])
                )
            )

    def _reject(self, batch: RecordBatch, record: Record, reject: Reject) -> None:
        self.stats.rejects[reject.reason] += 1
        writes = self._to(topics.DEAD_LETTERS)
        writes.keys.append(record.key)
        writes.values.append(record.value)
        writes.headers.append(emit.dead_letter_headers(batch.topic, self.partition, record.offset, reject))

    # --- erasure and expiry --------------------------------------------------------------------------------------

    def _erase(self, batch: RecordBatch, event: schema.Event) -> None:
        """``profile_deleted``: its state goes, and every compacted topic keyed by it gets a tombstone, known or not."""
        self.stats.events[kinds.PROFILE_DELETED] += 1
        if event.profile_id in self.profiles.slots:
            self.profiles.remove(event.profile_id)
        else:
            self.profiles.forget(event.profile_id)
        self._tombstones(event.profile_id)

    def _expire(self, slot: int) -> None:
        """A profile silent for ``idle_expiry_ms`` loses its state, unless it has come back within this batch."""
        record = self.profiles.records[slot]
        name = self.profiles.names[slot]
        idle = int(self.table["stream_ts"][0]) - int(record["last_ts"])
        if name is None or idle <= self.settings.idle_expiry_ms:
            return
        self.profiles.remove(name)
        self._tombstones(name)

    def _tombstones(self, profile: str) -> None:
        for topic in topics.KEYED_BY_PROFILE:
            writes = self._to(topic)
            writes.keys.append(profile.encode())
            writes.values.append(None)

    # --- checkpoint and recovery ---------------------------------------------------------------------------------

    def pending(self) -> int:
        """Records that the next ``drain`` would send, about."""
        outputs = sum(len(writes.keys) for writes in self._writes.topics.values())
        return (
            outputs
            + int(np.count_nonzero(self.profiles.dirty[: len(self.profiles.names)]))
            + self._model_changed
        )

    def drain(self) -> Writes:
        """Outputs, and every record that changed, since the last call."""
        changed, removed = self.profiles.take_dirty()
        keys, values = codec.encode_profiles(self.profiles, changed)
        state = self._to(self.settings.state_topic)
        # Tombstones first: a slot that a removed profile left may belong to one of the records behind them.
        state.keys.extend([codec.PROFILE_KEY + name.encode() for name in removed])
        state.values.extend([None] * len(removed))
        state.keys.extend(keys)
        state.values.extend(values)
        changed_titles, _ = self.titles.take_dirty()
        keys, values = codec.encode_titles(self.titles, changed_titles, self._new_titles)
        state.keys.extend(keys)
        state.values.extend(values)
        self._new_titles = []
        if self._model_changed:
            state.keys.append(codec.MODEL_KEY)
            state.values.append(self._dump_model())
            self._model_changed = False
        writes, self._writes = self._writes, Writes()
        if not state.keys:
            del writes.topics[self.settings.state_topic]
        return writes

    def restore(self, keys: list[bytes], values: list[bytes | None]) -> None:
        """Take changelog records in, in log order. Raises ``RecoveryError`` for one that cannot be read."""
        names: list[str] = []
        records: list[bytes] = []
        for key, value in zip(keys, values, strict=True):
            kind, name = key[:1], key[1:]
            if kind == codec.PROFILE_KEY:
                if value is not None:
                    names.append(name.decode())
                    records.append(value)
                    continue
                codec.decode_profiles(self.profiles, names, records)
                names, records = [], []
                if name.decode() in self.profiles.slots:
                    self.profiles.remove(name.decode())
            elif value is None:
                raise RecoveryError(f"the changelog has a tombstone for {key!r}, which is never removed")
            elif kind == codec.TITLE_NAME_KEY:
                self.titles.place(name.decode(), codec.read_header(int.from_bytes(value[:8], "little"))[1])
            elif kind == codec.TITLES_KEY:
                codec.decode_title_block(self.titles, value)
            elif kind == codec.MODEL_KEY:
                self._load_model(value)
            else:
                raise RecoveryError(
                    f"the changelog has a record of unknown kind {key!r}: was it written by something else?"
                )
        codec.decode_profiles(self.profiles, names, records)

    def restored(self) -> None:
        """The changelog is read: free slots are known, nothing is dirty."""
        self.profiles.restored(int(self.table["slots"][0]))
        self.titles.restored(0)
        self.profiles.take_dirty()
        self._catalog_version = -1
        born = int(np.count_nonzero(self.profiles.records["born"][: len(self.profiles.names)]))
        if born != len(self.profiles):
            raise RecoveryError(f"the changelog names {len(self.profiles)} profiles and holds {born}")

    def _dump_model(self) -> bytes:
        return pickle.dumps(
            (codec.LAYOUT_VERSION, self.table.tobytes(), self.rows, self.quality.dump(), self.churn.dump()), 5
        )

    def _load_model(self, value: bytes) -> None:
        try:
            version, table, rows, quality, churn = pickle.loads(value)
        except Exception as error:
            raise RecoveryError(f"the changelog's model record cannot be read: {error!r}") from error
        if version != codec.LAYOUT_VERSION or len(table) != PARTITION.itemsize:
            raise RecoveryError(
                f"the changelog's model record has layout {version}, this program reads {codec.LAYOUT_VERSION}"
            )
        self.table[:] = np.frombuffer(table, PARTITION)
        self.rows = rows
        for learner, dumped in ((self.quality, quality), (self.churn, churn)):
            if not learner.load(dumped):
                log.warning(
                    "the %s model starts anew: the changelog holds %s, configured is %s",
                    learner.name,
                    dumped[0],
                    learner.spec,
                )

    # --- names and numbers ---------------------------------------------------------------------------------------

    def _to(self, topic: str) -> TopicWrites:
        writes = self._writes.topics.get(topic)
        if writes is None:
            writes = self._writes.topics[topic] = TopicWrites()
        return writes

    def _profile_slot(self, profile: str) -> int:
        slot = self.profiles.slots.get(profile)
        if slot is None:
            slot = self.profiles.add(profile)
            self.profiles.records["key_hash"][slot] = xxh3_64_intdigest(profile.encode())
        return slot

    def _title_slot(self, title: str) -> int:
        slot = self.titles.slots.get(title)
        if slot is None:
            if len(self.titles) >= MAX_TITLES:
                return 0
            slot = self.titles.add(title)
            self._new_titles.append(title)
            self._place_title(title, slot)
        return slot

    def _place_title(self, title: str, slot: int) -> None:
        row = self.catalog.row_of(title)
        facts = self.catalog.titles.get(title)
        record = self.titles.records[slot]
        record["row"] = 0 if row is None else 1 + self._row_index.get(row, -1)
        record["duration_s"] = facts.duration_s if facts else 0.0

    def _index_of_row(self, row: str) -> int:
        index = self._row_index.get(row)
        if index is None:
            self.stats.unknown_rows += 1
            return OTHER_ROW
        return index

    def _follow_catalog(self) -> None:
        """Take over what changed in the catalogs: rows keep their index for ever, new ones get the next."""
        if self._catalog_version == self.catalog.version:
            return
        self._catalog_version = self.catalog.version
        known = set(self.rows)
        for row in sorted(self.catalog.rows):
            if row not in known:
                if len(self.rows) == OTHER_ROW:
                    log.error(
                        "row %r is not ordered: a catalog of more than %d rows is not supported",
                        row,
                        OTHER_ROW,
                    )
                    continue
                self.rows.append(row)
        n = len(self.rows)
        active = np.zeros(MAX_ROWS, np.uint8)
        pins = np.full(MAX_ROWS, -1, np.int8)
        for index, row in enumerate(self.rows):
            entry = self.catalog.rows.get(row)
            if entry is not None:
                active[index] = 1
                if entry.pinned_position is not None and entry.pinned_position < MAX_ROWS:
                    pins[index] = entry.pinned_position
        self._pages = Pages(n, int(active.sum()), active, pins)
        self._row_index = {row: index for index, row in enumerate(self.rows)}
        self._row_names = emit.row_names(self.rows)
        for title, slot in self.titles.slots.items():
            self._place_title(title, slot)

    def _models(self) -> Models:
        quality, churn = self.quality, self.churn
        return Models(
            quality_version=quality.version,
            quality_linear=int(quality.folded is not None),
            quality_weights=quality.weights,
            quality_intercept=quality.intercept,
            churn_version=churn.version,
            churn_linear=int(churn.folded is not None),
            churn_weights=churn.weights,
            churn_intercept=churn.intercept,
            churn_centre=churn.centre,
        )

    @property
    def state_bytes(self) -> int:
        """Bytes of the columns in use."""
        return self.profiles.bytes + self.titles.bytes + self.table.nbytes


def create_engine(partition: int, settings: Settings, catalog: Catalog) -> PartitionEngine:
    """The engine of one input partition."""
    return PartitionEngine(partition, settings, catalog)
