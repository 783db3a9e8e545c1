"""What a worker is doing at a moment, in plain values: for pages and metrics, which know nothing of Faust."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Status:
    """What the worker is doing, for pages and metrics. Times are seconds of ``time.monotonic``."""

    guarantee: str = ""
    """``exactly_once`` or ``at_least_once``; empty until the broker has been asked."""
    started: bool = False
    """The group has assigned something (or nothing) to this worker."""
    partitions: tuple[int, ...] = ()
    """Open partitions."""
    recovering: tuple[int, ...] = ()
    """Partitions that are assigned and not open yet."""
    lags: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """Records in the log that no checkpoint covers, by (topic, partition)."""
    progressed_at_s: float = field(default_factory=time.monotonic)
    """When the watch last found everything well."""
    failure: str = ""
    """Why the worker is ending; empty while it is well."""

    @property
    def ready(self) -> bool:
        """Everything assigned is recovered."""
        return self.started and not self.recovering and not self.failure
