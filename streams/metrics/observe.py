"""What is counted when: the worker's observer, the engines' counts, and when a worker is healthy and ready.

Nothing is counted per event here: a batch, a checkpoint or a scrape is one call, and the engines count the
rest themselves in plain integers. An engine's counts are taken at its checkpoints, so a counter tells of
committed work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from streams import topics
from streams.engine import Writes
from streams.events.reasons import Reason
from streams.metrics import catalogue as c
from streams.metrics.catalogue import Metric
from streams.metrics.experiments import show_experiments
from streams.metrics.instruments import Instruments
from streams.metrics.policies import show_policies
from streams.metrics.views import CatalogView, EngineView
from streams.partition import Observer
from streams.settings import Settings

SURFACES = (
    topics.ROW_ORDER,
    topics.CHURN_SCORES,
    topics.HOMEPAGE_RANKINGS,
    topics.ARTWORK_CHOICES,
    topics.TRAILER_CHOICES,
    topics.CATEGORY_CHOICES,
)
"""Topics whose records are decisions."""
HAPPENINGS = ("assigned", "revoked", "fenced", "checkpoint_failed", "failed")
"""What ``Observer.on_event`` tells of."""


COUNTED: Mapping[str, Metric] = {
    "events": c.EVENTS,
    "rejects": c.REJECTS,
    "duplicates": c.DUPLICATES,
    "repeats": c.REPEATS,
    "unknown_rows": c.UNKNOWN_ROWS,
    "skewed": c.SKEWED,
    "signals": c.SIGNALS,
    "decisions": c.DECISIONS,
    "changes": c.CHANGES,
    "faults": c.FAULTS,
    "credits": c.CREDIT,
}


class Observations(Observer):
    """Counts what a worker's partitions do. ``clock`` is Unix time in seconds."""

    def __init__(
        self,
        settings: Settings,
        instruments: Instruments,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stall_seconds = settings.stall_deadline_ms / 1_000
        self.instruments = instruments
        self._engines: Callable[[], Mapping[int, EngineView]] = dict
        self._guarantee: Callable[[], str] = str
        self._catalog: CatalogView | None = None
        self._clock = clock
        self._assigned: set[int] = set()
        self._recovered: set[int] = set()
        self._was_assigned = False
        self._lags: dict[tuple[str, int], int] = {}
        self._taken: dict[int, dict[tuple[str, str], float]] = {}
        self._known: dict[int, EngineView] = {}
        self._recovered_until = 0.0
        self._failure: str | None = None
        self._progress_at = clock()
        self._begin_with_none(settings)
        instruments.describe_build()
        self._show_assignment()

    def follow(
        self,
        engines: Callable[[], Mapping[int, EngineView]],
        guarantee: Callable[[], str],
        catalog: CatalogView | None = None,
    ) -> None:
        """Say where the open partitions' engines are, which guarantee holds (empty: not yet known), and what the
        catalogs hold."""
        self._engines = engines
        self._guarantee = guarantee
        self._catalog = catalog

    # --- the observer -------------------------------------------------------------------------------------

    def on_applied(self, partition: int, topic: str, records: int, seconds: float) -> None:
        self.instruments.observe(c.BATCH, records)
        self.instruments.observe(c.APPLY, seconds)
        self._note_progress()

    def on_dropped(self, partition: int, topic: str, records: int) -> None:
        self.instruments.add(c.DROPPED, 1, topic)

    def on_checkpoint(self, partition: int, seconds: float, records: int, writes: Writes) -> None:
        self.instruments.observe(c.CHECKPOINT, seconds)
        self.instruments.observe(c.CHECKPOINT_RECORDS, records)
        for topic, sent in writes.topics.items():
            self.instruments.add(c.WRITTEN, len(sent.keys), topic)
            self.instruments.add(c.WRITTEN_BYTES, sent.sent_bytes, topic)
        now_ms = self._clock() * 1_000
        for surface, stamps in writes.stamps.items():
            # Clocks of broker and worker may differ by a little: no latency below zero.
            waited = np.maximum(0.0, now_ms - np.frombuffer(stamps, np.int64)) / 1_000
            self.instruments.observe(c.LATENCY, waited, surface)
        self._take_counts(partition)
        self._note_progress()

    def on_recovery(self, partition: int, seconds: float, records: int) -> None:
        self.instruments.observe(c.RECOVERY, seconds)
        self.instruments.add(c.RECOVERY_RECORDS, records)
        # Partitions recover side by side: count the time during which at least one did.
        now = self._clock()
        self.instruments.add(c.RECOVERY_TIME, min(seconds, max(0.0, now - self._recovered_until)))
        self._recovered_until = now
        self._recovered.add(partition)
        self._taken.pop(partition, None)  # a new engine counts from 0
        self._known.pop(partition, None)
        self._show_assignment()
        self._note_progress()

    def on_seek(self, partition: int, topic: str, position: int) -> None:
        self.instruments.add(c.SEEKS, 1, topic)

    def on_lost(self, partition: int, topic: str, records: int) -> None:
        self.instruments.add(c.LOST, records, topic)

    def on_lag(self, partition: int, topic: str, records: int) -> None:
        self._lags[topic, partition] = records
        self.instruments.set(c.LAG, records, topic, str(partition))

    def on_event(self, kind: str, detail: str) -> None:
        self.instruments.add(c.INCIDENTS, 1, kind)
        numbers = {int(number) for number in detail.split(",") if number.isdigit()}
        if kind == "assigned":
            self._was_assigned = True
            self._assigned |= numbers
        elif kind == "revoked":
            self._forget(numbers)
        elif kind == "failed":  # a fenced partition alone is no failure: its next owner does the work
            self._failure = f"the worker ends: {detail}"
        self._show_assignment()

    # --- health -------------------------------------------------------------------------------------------

    def unhealthy(self) -> str | None:
        """Why a supervisor should start this worker again, or ``None``: it failed, or lags and does not
        move."""
        if self._failure is not None:
            return self._failure
        lag = sum(self._lags.values())
        still = self._clock() - self._progress_at
        if lag and still > self._stall_seconds:
            return f"no progress for {still:.0f} s with {lag} records to go"
        return None

    def unready(self) -> str | None:
        """Why this worker does not yet process, or ``None``: not in the group yet, or partitions are being
        rebuilt."""
        if not self._was_assigned:
            return "waiting for the group to assign partitions"
        waiting = sorted(self._assigned - self._recovered)
        return f"rebuilding partitions {waiting}" if waiting else None

    # --- scrapes ------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read what is only read when somebody looks: sizes and the quality of models."""
        if guarantee := self._guarantee():
            self.instruments.set(c.GUARANTEE, 1, guarantee)
        if self._catalog is not None:
            for topic, entries in self._catalog.sizes().items():
                self.instruments.set(c.CATALOG, entries, topic)
            rejects = self.instruments.value(c.CATALOG_REJECTS)
            self.instruments.add(c.CATALOG_REJECTS, self._catalog.rejected - rejects)
        for number, engine in self._engines().items():
            partition = str(number)
            profiles, size = engine.sizes()
            self.instruments.set(c.PROFILES, profiles, partition)
            self.instruments.set(c.STATE_BYTES, size, partition)
            for name, model in engine.models().items():
                self.instruments.set(c.AUC, model.auc, name, partition)
                self.instruments.set(c.LOG_LOSS, model.log_loss, name, partition)
                self.instruments.set(c.CALIBRATION, model.calibration_error, name, partition)
                self.instruments.set(c.LEARNED, model.batches, name, partition)
                self._count_up(number, c.DRIFT, name, model.drifts)
                if model.gain is not None:
                    self.instruments.set(c.SHADOW_GAIN, model.gain[0], name, partition)
                    self.instruments.set(c.SHADOW_GAIN_LOW, model.gain[1], name, partition)
            for band, count in engine.churn().items():
                self.instruments.set(c.CHURN, count, band, partition)
            self._take_counts(number)
        for engine in self._engines().values():
            show_experiments(self.instruments, engine.experiments())
            break  # all engines of a worker know the same
        show_policies(self.instruments, [engine.policies() for engine in self._engines().values()])

    def _take_counts(self, number: int) -> None:
        engine = self._engines().get(number) or self._known.get(number)
        if engine is None:
            return
        self._known[number] = engine  # the last checkpoint comes when the partition is already being closed
        for group, entries in engine.counts().items():
            for label, value in entries.items():
                self._count_up(number, COUNTED[group], label, value)

    def _count_up(self, number: int, metric: Metric, label: str, value: float) -> None:
        taken = self._taken.setdefault(number, {})
        key = (metric.name, label)
        more = value - taken.get(key, 0)
        if more > 0 or key not in taken:
            self.instruments.add(metric, more, *((label,) if metric.labels else ()))
            taken[key] = value

    def _begin_with_none(self, settings: Settings) -> None:
        """Show 0 of what has not happened: a rate, and an alert on the first time, need where to begin."""
        for surface in SURFACES:
            for metric in (c.DECISIONS, c.CHANGES, c.WRITTEN, c.WRITTEN_BYTES):
                self.instruments.add(metric, 0, surface)
        none: dict[Metric, Iterable[str]] = {
            c.FAULTS: settings.surfaces_on,
            c.REJECTS: Reason,
            c.INCIDENTS: HAPPENINGS,
            c.LOST: topics.INPUTS,
        }
        for metric, labels in none.items():
            for label in labels:
                self.instruments.add(metric, 0, label)

    def _note_progress(self) -> None:
        self._progress_at = self._clock()
        self.instruments.set(c.PROGRESS, self._progress_at)

    def _forget(self, numbers: set[int]) -> None:
        self._assigned -= numbers
        self._recovered -= numbers
        for number in numbers:
            self._taken.pop(number, None)
            self._known.pop(number, None)
        for topic, number in [key for key in self._lags if key[1] in numbers]:
            del self._lags[topic, number]
        self.instruments.forget_partitions({str(number) for number in numbers})

    def _show_assignment(self) -> None:
        self.instruments.set(c.ASSIGNED, len(self._assigned))
        self.instruments.set(c.RECOVERING, len(self._assigned - self._recovered))
