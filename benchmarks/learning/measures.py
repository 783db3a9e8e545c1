"""Sums of what decisions were worth, by surface and by time; and their means and errors over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

SURFACES = ("rows", "titles", "artwork", "trailers", "categories")
"""Surfaces whose decisions have a known worth."""
BUCKETS = 28
"""Parts of a run's time that are summed apart, for the plots and for recovery."""

Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Worth:
    """Decisions of one surface: how many, what they were worth (chances of a good play), and what the best would
    have been, by bucket of time."""

    n: Floats = field(default_factory=lambda: np.zeros(BUCKETS))
    got: Floats = field(default_factory=lambda: np.zeros(BUCKETS))
    best: Floats = field(default_factory=lambda: np.zeros(BUCKETS))

    def add(self, bucket: int, got: float, best: float) -> None:
        """One more decision."""
        self.n[bucket] += 1.0
        self.got[bucket] += got
        self.best[bucket] += max(got, best)

    def reward(self, begin: int = 0, end: int = BUCKETS) -> float:
        """Mean worth of a decision in these buckets; not a number when there was none."""
        n = float(self.n[begin:end].sum())
        return float(self.got[begin:end].sum()) / n if n else math.nan

    def regret(self, begin: int = 0, end: int = BUCKETS) -> float:
        """What was missed per decision."""
        n = float(self.n[begin:end].sum())
        return float((self.best[begin:end] - self.got[begin:end]).sum()) / n if n else math.nan

    def share(self, begin: int = 0, end: int = BUCKETS) -> float:
        """What was got of what could be had."""
        best = float(self.best[begin:end].sum())
        return float(self.got[begin:end].sum()) / best if best else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a run is: viewers, days of their time, titles in the catalog."""

    viewers: int
    days: int
    titles: int


@dataclass(slots=True)
class Result:
    """What a run came to. ``plays_per_visit`` are good plays; ``left`` viewers left for good."""

    worth: dict[str, Worth]
    events: int
    visits: int
    good_plays: int
    left: int

    @property
    def plays_per_visit(self) -> float:
        return self.good_plays / max(1, self.visits)


class Spread(NamedTuple):
    """A mean over seeds and its standard error (0 for one seed)."""

    mean: float
    error: float


def spread(values: Sequence[float]) -> Spread:
    """Mean and standard error; values that are no number are left out."""
    known = np.array([value for value in values if not math.isnan(value)])
    if not len(known):
        return Spread(math.nan, 0.0)
    error = float(known.std(ddof=1) / math.sqrt(len(known))) if len(known) > 1 else 0.0
    return Spread(float(known.mean()), error)


def recovery(before: Sequence[float], shares: Sequence[float], level: float) -> int | None:
    """How many buckets after a turn the share got (mean of three buckets) is back at ``level`` of what it was
    before; ``None`` when it never is."""
    target = level * mean(before)
    for bucket in range(2, len(shares)):
        if mean(shares[bucket - 2 : bucket + 1]) >= target:
            return bucket + 1
    return None


def mean(values: Sequence[float]) -> float:
    """The mean of those that are a number; not a number when none is."""
    return spread(values).mean
