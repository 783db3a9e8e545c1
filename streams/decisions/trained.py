"""One model and what belongs to it: where it comes from, how much it has learned, how good it is, and what of
its evidence is its own."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.bayesian_logistic import BayesianLogisticRegression
from models.evaluation import RollingQuality
from models.mixing import Evidence, Mixture
from models.registry import Booleans, OnArrays, build
from streams.errors import ConfigurationError
from streams.profiles.parameters import Floats

QUALITY_WINDOW = 5_000
"""Outcomes over which AUC, log loss and calibration are computed."""


class Trained:
    """A model over columns called ``features``, built by ``spec`` (``module:function``).

    ``batches`` counts the mini-batches it has learned.
    """

    def __init__(self, spec: str, features: tuple[str, ...]) -> None:
        self.spec = spec
        self.features = features
        self.batches = 0
        self.mixed_at = 0
        """``batches`` when it was last mixed with others."""
        self.mixed_from = 0
        """Digest of what the others told then: the same again is no news, also after a restart."""
        try:
            self.model = build(spec, features)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        self.rolling = RollingQuality(QUALITY_WINDOW)
        self._received: Mixture | None = None

    def predict(self, x: Floats) -> Floats:
        """Probabilities for rows of features."""
        return np.asarray(self.model.predict(x), np.float64)

    def learn(self, x: Floats, y: Booleans) -> None:
        """Learn one mini-batch."""
        self.model.learn(x, y)
        self.batches += 1
        if self._received is not None:
            self._received.learned(len(y))

    # --- mixing --------------------------------------------------------------------------------------------

    @property
    def mixable(self) -> bool:
        """Whether its evidence can be told apart and added up: our own logistic regression, alone in its
        pipeline. What a tree or a scaler has learned cannot."""
        return self._linear is not None

    @property
    def evidence(self) -> Evidence:
        """What this partition's outcomes have told it, of the intercept and each feature."""
        linear = self._linear
        if linear is None:
            return Evidence.none(1 + len(self.features))
        total = linear.evidence(self.features)
        return total if self._received is None else self._received.own(total)

    def mix(self, others: Sequence[Evidence]) -> None:
        """Take in what others' outcomes have told them, in place of what they told before."""
        linear = self._linear
        if linear is None:
            return
        if self._received is None:
            self._received = Mixture(1 + len(self.features), float(linear.forgetting))
        linear.replace_evidence(
            self.features, self._received.mix(linear.evidence(self.features), list(others))
        )
        self.mixed_at = self.batches

    @property
    def _linear(self) -> BayesianLogisticRegression | None:
        if isinstance(self.model, OnArrays) and isinstance(self.model.final, BayesianLogisticRegression):
            return self.model.final
        return None

    # --- checkpoint ----------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All but the rolling quality, as picklable values."""
        received = self._received.received if self._received is not None else None
        return {
            "spec": self.spec,
            "batches": self.batches,
            "mixed_at": self.mixed_at,
            "mixed_from": self.mixed_from,
            "model": pickle.dumps(self.model, 5),
            "received": None if received is None else (received.precision, received.shift),
        }

    def load(self, dumped: dict[str, Any]) -> None:
        """Go on from a dump of a model of the same ``spec``."""
        self.batches = dumped["batches"]
        self.mixed_at = dumped["mixed_at"]
        self.mixed_from = dumped["mixed_from"]
        self.model = pickle.loads(dumped["model"])
        linear = self._linear
        if dumped["received"] is not None and linear is not None:
            self._received = Mixture(1 + len(self.features), float(linear.forgetting))
            self._received.received = Evidence(*dumped["received"])
