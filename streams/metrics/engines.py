"""What the partitions' engines tell the metrics: counts, sizes and models, as ``views`` has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.evaluation import RollingQuality
from models.off_policy import PolicyValue
from streams.emit.records import BANDS
from streams.metrics.views import ModelView
from streams.pipeline import PartitionEngine

ALL = "all"
"""The one entry of a count that has no label."""


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One engine's figures; a ``views.EngineView``."""

    engine: PartitionEngine

    def counts(self) -> Mapping[str, Mapping[str, float]]:
        """Everything that is counted up, by name and label."""
        stats = self.engine.stats
        return {
            "events": stats.by_kind,
            "rejects": {str(reason): count for reason, count in stats.rejects.items()},
            "duplicates": {ALL: stats.duplicates},
            "repeats": {ALL: stats.repeats},
            "unknown_rows": {ALL: stats.unknown_rows},
            "skewed": {"ahead": stats.ahead, "behind": stats.behind},
            "signals": self.engine.owners.records,
            "decisions": stats.decisions,
            "changes": stats.changes,
            "faults": stats.faults,
            "credits": stats.credits,
        }

    def sizes(self) -> tuple[int, int]:
        """Profiles held, and bytes of the state columns."""
        return len(self.engine.state.profiles), self.engine.state.bytes

    def models(self) -> Mapping[str, ModelView]:
        """Both models by name, and their shadows."""
        figures = {}
        for learner in (self.engine.state.quality, self.engine.state.churn):
            figures[learner.name] = ModelFigures(
                learner.live.rolling, learner.version, learner.drift.detections
            )
            if learner.shadow is not None:
                figures[f"{learner.name}_shadow"] = ModelFigures(
                    learner.shadow.rolling, learner.shadow.batches, 0, (learner.pairs.gain, learner.pairs.low)
                )
        return figures

    def churn(self) -> Mapping[str, int]:
        """Profiles by band of their last churn score."""
        records = self.engine.state.profiles.records[: len(self.engine.state.profiles.names)]
        bands = records["churn_band"][records["churn_version"] > 0]
        return dict(zip(BANDS, np.bincount(bands, minlength=len(BANDS)).tolist(), strict=True))

    def experiments(self) -> Mapping[str, Mapping[str, Any]]:
        """The last result of every experiment that this worker has read of."""
        return self.engine.surfaces.context.shared.experiments

    def policies(self) -> Mapping[str, Mapping[str, PolicyValue]]:
        """Off-policy sums by surface and policy."""
        return self.engine.surfaces.policies.values


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One model's figures; a ``views.ModelView``. Quality is computed when it is asked for."""

    rolling: RollingQuality
    batches: int
    drifts: int
    gain: tuple[float, float] | None = None

    @property
    def auc(self) -> float:
        return self.rolling.auc

    @property
    def log_loss(self) -> float:
        return self.rolling.log_loss

    @property
    def calibration_error(self) -> float:
        return self.rolling.calibration_error
