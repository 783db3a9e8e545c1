"""What the metrics ask of what they watch: a model, an engine, the catalogs. The worker's own say it in ``engines``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from models.off_policy import PolicyValue


class ModelView(Protocol):
    """What an engine tells of one of its models. Quality is ``nan`` while nothing can be said.

    ``batches`` counts the mini-batches it has ever learned, ``drifts`` the drifts since the engine was made.
    """

    @property
    def auc(self) -> float: ...
    @property
    def log_loss(self) -> float: ...
    @property
    def calibration_error(self) -> float: ...
    @property
    def batches(self) -> int: ...
    @property
    def drifts(self) -> int: ...
    @property
    def gain(self) -> tuple[float, float] | None:
        """How much better it predicts than the model whose shadow it is, and the lower bound; ``None`` for a
        model at work."""


class EngineView(Protocol):
    """What an engine counts since it was made, by name, and what it holds now."""

    def counts(self) -> Mapping[str, Mapping[str, float]]:
        """``events`` by type, ``rejects`` by reason, ``decisions``, ``changes`` and ``faults`` by surface.

        ``duplicates``, ``repeats`` and ``unknown_rows`` have one entry of any name; ``skewed`` is by which way
        an event's clock was off.
        """

    def sizes(self) -> tuple[int, int]:
        """Profiles held, and bytes of the state columns."""

    def models(self) -> Mapping[str, ModelView]:
        """Every model by its name; computing the quality costs milliseconds, so it is asked at scrapes
        only."""

    def policies(self) -> Mapping[str, Mapping[str, PolicyValue]]:
        """Off-policy sums by surface and policy."""

    def churn(self) -> Mapping[str, int]:
        """Profiles by band of their last churn score."""

    def experiments(self) -> Mapping[str, Mapping[str, Any]]:
        """The last ``experiment-results`` record of every experiment; the same for all engines of a worker."""


class CatalogView(Protocol):
    """What is known of the catalogs."""

    @property
    def rejected(self) -> int: ...
    def sizes(self) -> Mapping[str, int]:
        """Entries by topic."""
