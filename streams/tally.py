"""Counts what a worker has decided, from its output topics, and how long each decision took. Pure: no
clock, no Kafka.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from streams import topics
from streams.wording import decision_in_words, experiment_in_words

SURFACES = (
    topics.ROW_ORDER,
    topics.CHURN_SCORES,
    topics.HOMEPAGE_RANKINGS,
    topics.ARTWORK_CHOICES,
    topics.TRAILER_CHOICES,
    topics.CATEGORY_CHOICES,
)
AGGREGATES = (topics.EXPERIMENT_RESULTS, topics.AUDIENCE_DEMAND)
"""Of everybody, so no single event is their cause."""
TOLD_WHEN_CHANGED = (topics.ROW_ORDER, topics.CHURN_SCORES)
"""A profile's first page and first score say little."""
LATENCIES_KEPT = 100_000
"""The newest of them are what percentiles are taken from."""
RECENT = 8


class Tally:
    """Counts of changes by surface and rejects by reason, latencies, and the latest changes in words.

    ``produced_at_ms`` says when an event was produced (by its id); ``names`` are the rows' and titles' names.
    """

    def __init__(self, produced_at_ms: Mapping[str, int], names: Mapping[str, str]) -> None:
        self.changes: Counter[str] = Counter()
        self.tombstones = 0
        self.rejects: Counter[str] = Counter()
        self.bands: Counter[str] = Counter()
        self.recent: dict[str, deque[str]] = {
            surface: deque(maxlen=RECENT) for surface in (*SURFACES, *AGGREGATES)
        }
        self._produced_at_ms = produced_at_ms
        self._names = names
        self._latencies_ms: deque[int] = deque(maxlen=LATENCIES_KEPT)
        self._band_of: dict[str, str] = {}

    def see(self, record: Any, now_ms: int) -> None:
        """Count one committed record that arrived at ``now_ms`` (ms since the epoch)."""
        if record.topic == topics.DEAD_LETTERS:
            self.rejects[dict(record.headers).get("reason", b"?").decode()] += 1
            return
        if record.value is None:
            self.tombstones += 1
            return
        self.changes[record.topic] += 1
        decision = orjson.loads(record.value)
        if record.topic in AGGREGATES:
            if record.topic == topics.EXPERIMENT_RESULTS:
                self.recent[record.topic].append(experiment_in_words(decision))
            return
        produced = self._produced_at_ms.get(decision["cause"]["event_id"])
        if produced is not None:  # a decision of a tick has no event behind it
            self._latencies_ms.append(now_ms - produced)
        if record.topic == topics.CHURN_SCORES:
            self._place_in_band(decision["profile_id"], decision["band"])
        if decision.get("previous") is not None or record.topic not in TOLD_WHEN_CHANGED:
            self.recent[record.topic].append(decision_in_words(record.topic, decision, self._names))

    def latency_ms(self, share: float) -> float | None:
        """The latency that ``share`` of the decisions do not exceed, in ms; ``None`` before the first."""
        if not self._latencies_ms:
            return None
        return float(np.percentile(np.array(self._latencies_ms), share * 100))

    @property
    def emitted(self) -> int:
        """All changes of all surfaces."""
        return self.changes.total()

    def _place_in_band(self, profile_id: str, band: str) -> None:
        before = self._band_of.get(profile_id)
        if before is not None:
            self.bands[before] -= 1
        self._band_of[profile_id] = band
        self.bands[band] += 1
