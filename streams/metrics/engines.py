"""What the partitions' engines tell the metrics: counts, sizes and models, as ``observe`` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streams.decisions.learner import Learner
from streams.metrics.observe import ModelView
from streams.pipeline import PartitionEngine

ALL = "all"
"""The one entry of a count that has no label."""


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One engine's figures; an ``observe.EngineView``."""

    engine: PartitionEngine

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Everything that is counted up, by name and label."""
        stats = self.engine.stats
        return {
            "events": stats.by_kind,
            "rejects": {str(reason): count for reason, count in stats.rejects.items()},
            "duplicates": {ALL: stats.duplicates},
            "repeats": {ALL: stats.repeats},
            "unknown_rows": {ALL: stats.unknown_rows},
            "decisions": stats.decisions,
            "changes": stats.changes,
        }

    def sizes(self) -> tuple[int, int]:
        """Profiles held, and bytes of the state columns."""
        return len(self.engine.state.profiles), self.engine.state.bytes

    def models(self) -> Mapping[str, ModelView]:
        """Both models by name."""
        return {
            learner.name: ModelFigures(learner)
            for learner in (self.engine.state.quality, self.engine.state.churn)
        }


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One model's figures; an ``observe.ModelView``. Quality is computed when it is asked for."""

    learner: Learner

    @property
    def auc(self) -> float:
        return self.learner.rolling.auc

    @property
    def log_loss(self) -> float:
        return self.learner.rolling.log_loss

    @property
    def calibration_error(self) -> float:
        return self.learner.rolling.calibration_error

    @property
    def batches(self) -> int:
        return self.learner.version

    @property
    def drifts(self) -> int:
        return self.learner.drift.detections
