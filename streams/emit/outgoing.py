"""Gathers what leaves: decisions, predictions, dead letters and tombstones, as records by topic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from streams import topics
from streams.decisions.churn import CHURN_SCORE
from streams.decisions.pages import ROW_ORDER
from streams.emit import records as emit
from streams.engine import TopicWrites, Writes
from streams.events import schema
from streams.events.decode import Reject
from streams.profiles.layout import DECISION
from streams.profiles.moments import Moment
from streams.profiles.parameters import Array, Columns, Outbox
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.state.partition_state import PartitionState
from streams.stats import EngineStats
from streams.transport.batch import Record, RecordBatch

NO_STAMP: Array = np.zeros(0, np.int64)
OUTBOX = 4_096
"""Decisions that gather in the loop before they are encoded."""


def new_outbox() -> Outbox:
    """Room for the loop's decisions and predictions."""
    return Outbox(
        decisions=np.zeros(OUTBOX, DECISION),
        prediction_event=np.zeros(OUTBOX, np.int32),
        prediction_p=np.zeros(OUTBOX),
        n=np.zeros(2, np.int64),
    )


@dataclass(frozen=True, slots=True)
class Stretch:
    """The events that the loop is going over, for causes: as columns and as they came. ``batch`` is
    ``None`` when only time passes."""

    columns: Columns
    events: Sequence[schema.Event]
    batch: RecordBatch | None


class Outgoing:
    """The writes of the next checkpoint."""

    def __init__(self, partition: int, settings: Settings, state: PartitionState, stats: EngineStats) -> None:
        self.writes = Writes()
        self._partition = partition
        self._settings = settings
        self._state = state
        self._stats = stats
        self._row_names = emit.row_names([])

    def take(self) -> Writes:
        """Hand the writes over and begin anew."""
        writes, self.writes = self.writes, Writes()
        return writes

    def __len__(self) -> int:
        return sum(len(writes.keys) for writes in self.writes.topics.values())

    def to(self, topic: str) -> TopicWrites:
        """The writes of one topic."""
        writes = self.writes.topics.get(topic)
        if writes is None:
            writes = self.writes.topics[topic] = TopicWrites()
        return writes

    def add_signals(self, topic: str, signals: Sequence[tuple[bytes, bytes]]) -> None:
        """Re-keyed records, key and value: each goes to the partition of its own key, not to this one's."""
        writes, partitions = self.to(topic), self._settings.partitions
        for key, value in signals:
            writes.keys.append(key)
            writes.values.append(value)
            writes.partitions.append(partition_of(key, partitions))

    def add_rows(self) -> None:
        """The partition's rows changed: know their names."""
        self._row_names = emit.row_names(self._state.rows)

    def add_dead_letter(self, batch: RecordBatch, record: Record, reject: Reject) -> None:
        """A record that is no event goes on as it came, with where it stood and why."""
        self._stats.rejects[reject.reason] += 1
        writes = self.to(topics.DEAD_LETTERS)
        writes.keys.append(record.key)
        writes.values.append(record.value)
        writes.headers.append(emit.dead_letter_headers(batch.topic, self._partition, record.offset, reject))

    def add_tombstones(self, profile: str) -> None:
        """A profile is erased: every compacted topic keyed by it says so."""
        for topic in topics.KEYED_BY_PROFILE:
            writes = self.to(topic)
            writes.keys.append(profile.encode())
            writes.values.append(None)

    def add_decisions(self, outbox: Outbox, stretch: Stretch) -> None:
        """Empty the loop's outbox into records."""
        n, predictions = outbox.n.tolist()
        outbox.n[:] = 0
        if predictions:
            self._add_predictions(outbox, predictions, stretch)
        decisions = outbox.decisions[:n]
        self._add_changes(topics.ROW_ORDER, decisions[decisions["kind"] == ROW_ORDER], stretch)
        self._add_changes(topics.CHURN_SCORES, decisions[decisions["kind"] == CHURN_SCORE], stretch)

    def _add_changes(self, topic: str, chosen: Array, stretch: Stretch) -> None:
        if not len(chosen):
            return
        names = self._state.profiles.names
        profiles = [names[slot] or "" for slot in chosen["slot"].tolist()]
        events = chosen["event"].tolist()
        causes = [
            self._cause(event, ts, offsets, stretch)
            for event, ts, offsets in zip(
                events, chosen["ts"].tolist(), chosen["offsets"].tolist(), strict=True
            )
        ]
        if topic == topics.ROW_ORDER:
            values = emit.encode_row_orders(chosen, profiles, causes, self._row_names)
        else:
            values = emit.encode_churn_scores(chosen, profiles, causes, self._settings.churn_horizon_ms)
        writes = self.to(topic)
        writes.keys.extend([profile.encode() for profile in profiles])
        writes.values.extend(values)
        self._stats.changes[topic] += len(chosen)
        caused = chosen["event"][chosen["event"] >= 0]
        if len(caused):
            self.writes.stamps[topic].frombytes(stretch.columns.stamp[caused].tobytes())

    def add_decision(
        self, topic: str, key: str | None, record: dict[str, Any], moment: Moment, stretch: Stretch
    ) -> None:
        """One decision of a surface, by default under the profile's id. ``record`` lacks what all decisions about
        one moment have in common."""
        plain = bool(self._state.tastes.records["plain"][moment.slot])
        profile, head = self.head(
            moment.slot, moment.ts, moment.event, moment.topic, moment.offset, plain, stretch
        )
        stamp = stretch.columns.stamp[moment.event : moment.event + 1] if moment.event >= 0 else NO_STAMP
        value = head + orjson.dumps(record)[1:]
        self.add_answers(topic, [(profile if key is None else key).encode()], [value], stamp)

    def add_answers(
        self, topic: str, keys: Sequence[bytes], values: Sequence[bytes | None], stamps: Array
    ) -> None:
        """Decisions of a surface, whole (``None``: one holds no longer); ``stamps`` are those of the events that caused
        them."""
        writes = self.to(topic)
        writes.keys.extend(keys)
        writes.values.extend(values)
        self._stats.changes[topic] += len(values) - values.count(None)
        if len(stamps):
            self.writes.stamps[topic].frombytes(stamps.tobytes())

    def head(
        self, slot: int, ts: int, event: int, topic: int, offset: int, plain: bool, stretch: Stretch
    ) -> tuple[str, bytes]:
        """The profile of a moment (its fields), and what every decision about it begins with."""
        event_id = stretch.events[event].event_id if event >= 0 else f"tick-{self._partition}-{ts}"
        profile = self._state.profiles.names[slot] or ""
        name = topics.INPUTS[topic]
        return profile, emit.encode_head(profile, ts, event_id, name, self._partition, offset, plain)

    def put(self, topic: str, key: bytes, value: bytes | None) -> None:
        """A record of a compacted topic, in this partition; ``None`` removes the key."""
        writes = self.to(topic)
        writes.keys.append(key)
        writes.values.append(value)

    def _cause(self, event: int, ts: int, offsets: list[int], stretch: Stretch) -> emit.Cause:
        if event >= 0 and stretch.batch is not None:
            offset = int(stretch.columns.offset[event])
            return emit.cause(stretch.events[event].event_id, stretch.batch.topic, self._partition, offset)
        # Time was the cause: the record names the moment, and the profile's last event.
        topic = 0 if offsets[0] >= 0 else 1
        return emit.cause(
            f"tick-{self._partition}-{ts}", topics.INPUTS[topic], self._partition, offsets[topic]
        )

    def _add_predictions(self, outbox: Outbox, n: int, stretch: Stretch) -> None:
        writes = self.to(self._settings.predictions_topic)
        for i, p in zip(outbox.prediction_event[:n].tolist(), outbox.prediction_p[:n].tolist(), strict=True):
            event = stretch.events[i]
            row = event.row_id
            writes.keys.append(event.profile_id.encode())
            writes.values.append(
                emit.encode_prediction(
                    event.profile_id, event.event_id, event.ts, row, p, int(stretch.columns.offset[i])
                )
            )
