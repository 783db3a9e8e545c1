"""What a metric is, the units that names end with, and the buckets of histograms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "info"]

UNITS = (
    "seconds",
    "bytes",
    "ratio",
    "nats",
    "events",
    "records",
    "profiles",
    "partitions",
    "batches",
    "choices",
    "entries",
    "total",
    "info",
)
"""What a metric's name may end with. ``nats``: log loss with the natural logarithm."""

LATENCY_SECONDS = (
    0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0
)  # fmt: skip
"""Event to decision: the objective is 300 ms at the 99th percentile; a minute is seen in a backlog."""
STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""One batch or one checkpoint: milliseconds when all is well; a transaction times out at 15 s."""
RECOVERY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Rebuilding one partition: 100,000 profiles take about a second; the deadline without progress is 120 s."""
SIZES = (1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 20_000.0, 50_000.0)
"""Records of a batch (4,000 at most by default) or a checkpoint (20,000 and more by default)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: ``name`` as scraped, ``why`` is its help text, ``buckets`` are upper bounds in its unit."""

    name: str
    kind: Kind
    why: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
