"""What a partition's engine has counted since it was opened: for metrics, never for decisions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from streams import topics
from streams.events.kinds import KINDS
from streams.loop import CHURN_DECIDED, COUNTS, ROWS_DECIDED
from streams.profiles.parameters import Array
from streams.settings import DAY_MS, MINUTE_MS

AHEAD_MS = 5 * MINUTE_MS
"""Clocks that are set by the network differ by seconds; nothing true is minutes ahead."""
BEHIND_MS = DAY_MS
"""A device that was offline sends hours late, and a day is still the truth."""


@dataclass(slots=True)
class EngineStats:
    """Counts only ever go up."""

    events: Array = field(default_factory=lambda: np.zeros(COUNTS, np.int64))
    """Applied events by kind; then how often rows and churn were decided anew."""
    rejects: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0
    """Events that their producer sent again."""
    repeats: int = 0
    """Events that a profile's record had applied before a crash."""
    faults: Counter[str] = field(default_factory=Counter)
    """Reactions of a surface that raised, by surface."""
    credits: dict[str, float] = field(default_factory=dict)
    """Quality plays by whom they are owed to (fractions)."""
    unknown_rows: int = 0
    """Events that name a row the catalog does not have."""
    ahead: int = 0
    """Events whose clock was more than ``AHEAD_MS`` before the worker's when they came."""
    behind: int = 0
    """Events whose clock was more than ``BEHIND_MS`` behind: a wrong clock, a device that was offline, a backlog."""

    def see_clocks(self, ts: Array, now_ms: int) -> None:
        """Count event times ``ts[n]`` (ms since the epoch) that are far from ``now_ms``, the worker's clock."""
        self.ahead += int(np.count_nonzero(ts > now_ms + AHEAD_MS))
        self.behind += int(np.count_nonzero(ts < now_ms - BEHIND_MS))

    @property
    def by_kind(self) -> dict[str, int]:
        """Applied events by type."""
        return dict(zip(KINDS, self.events.tolist(), strict=False))

    @property
    def decisions(self) -> dict[str, int]:
        """How often each surface was decided anew, whether or not that changed anything. Of the surfaces beside
        rows and churn only what left is counted."""
        return {
            **self.changes,
            topics.ROW_ORDER: int(self.events[ROWS_DECIDED]),
            topics.CHURN_SCORES: int(self.events[CHURN_DECIDED]),
        }
