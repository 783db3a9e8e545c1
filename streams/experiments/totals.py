"""What has been counted of an experiment: sums a metric and arm, and exposures under each allocation. They
merge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from models.arm_sums import SUMS, Floats, observation
from streams.experiments.declaration import METRICS, Experiment


class Totals:
    """The sums of one experiment, of one partition or of all.

    ``sums[arm, metric]`` are those of ``models.arm_sums``, with the metrics in the experiment's order;
    ``exposures`` has, by the shares of the arms under which profiles came, how many each arm got.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.digest = experiment.digest
        self.sums: Floats = np.zeros((len(experiment.arms), len(experiment.metrics), SUMS))
        self.exposures: dict[tuple[float, ...], list[int]] = {}

    def expose(self, arm: int, shares: Sequence[float]) -> None:
        """A profile was put into ``arm`` while the arms had these shares."""
        self.exposures.setdefault(tuple(shares), [0] * len(shares))[arm] += 1

    def observe(self, experiment: Experiment, arm: int, y: Sequence[float], x: float, share: float) -> None:
        """A profile of ``arm`` has its outcomes ``y`` (in the order of ``METRICS``). ``x`` is its metric
        before."""
        for m, metric in enumerate(experiment.metrics):
            covariate = x if m == 0 else 0.0  # only the metric's past is kept
            self.sums[arm, m] += observation(y[METRICS.index(metric)], covariate, 1.0 / share)

    def add(self, other: Totals) -> None:
        """Add what another partition has counted."""
        self.sums += other.sums
        for shares, counts in other.exposures.items():
            ours = self.exposures.setdefault(shares, [0] * len(shares))
            for arm, count in enumerate(counts):
                ours[arm] += count

    def strata(self) -> list[tuple[list[float], list[float]]]:
        """Exposures for ``models.sample_ratio``: counts and shares of each stretch with the same shares."""
        return [(list(map(float, counts)), list(shares)) for shares, counts in sorted(self.exposures.items())]

    def exposed(self) -> list[int]:
        """How many profiles each arm got."""
        return [sum(counts[arm] for counts in self.exposures.values()) for arm in range(len(self.sums))]

    def to_record(self) -> dict[str, Any]:
        """The ``sums`` of a tally."""
        exposures = [[list(shares), counts] for shares, counts in sorted(self.exposures.items())]
        return {"digest": self.digest, "sums": self.sums.tolist(), "exposures": exposures}


def from_record(experiment: Experiment, record: dict[str, Any]) -> Totals:
    """The totals in a tally. Raises ``ValueError`` for one of another experiment, or that does not fit."""
    totals = Totals(experiment)
    if record.get("digest") != totals.digest:
        raise ValueError(f"the sums are of another experiment of the name {experiment.id!r}")
    sums = np.asarray(record["sums"], np.float64)
    if sums.shape != totals.sums.shape or not np.isfinite(sums).all():
        raise ValueError(f"the sums have the shape {sums.shape}, expected is {totals.sums.shape}")
    totals.sums = sums
    for shares, counts in record["exposures"]:
        if len(shares) != len(experiment.arms) or len(counts) != len(shares):
            raise ValueError("exposures of another number of arms")
        totals.exposures[tuple(float(share) for share in shares)] = [int(count) for count in counts]
    return totals


def merged(experiment: Experiment, parts: Iterable[Totals]) -> Totals:
    """All partitions' totals added up, in the order given (sums of floats depend on it)."""
    whole = Totals(experiment)
    for part in parts:
        whole.add(part)
    return whole
