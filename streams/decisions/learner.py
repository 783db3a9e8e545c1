"""A model at work: it predicts, learns from mini-batches of resolved outcomes, and is watched while it
does.

Every outcome is judged before it is learned (predict, then learn), with the probability that was
predicted when the decision was made.
"""

from __future__ import annotations

import pickle

import numpy as np

from models.drift import DriftWatch
from models.evaluation import RollingQuality
from models.folding import Folded, fold
from models.registry import build
from streams.errors import ConfigurationError
from streams.profiles.layout import FEATURE_SCALE
from streams.profiles.outcomes import Examples
from streams.profiles.parameters import Array, Floats

QUALITY_WINDOW = 5_000
"""Outcomes over which AUC, log loss and calibration are computed."""
SPARE = 64
"""Room beyond a mini-batch: one event resolves at most that many outcomes."""


class Learner:
    """One model of a partition, the outcomes that wait to be learned, and how good its predictions were.

    ``version`` counts the mini-batches it has learned.
    """

    def __init__(self, name: str, spec: str, features: tuple[str, ...], batch: int, learning: bool) -> None:
        self.name = name
        self.spec = spec
        self.features = features
        self.batch = batch
        self.learning = learning
        self.version = 0
        try:
            self.model = build(spec, features)
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        self.waiting = Examples(
            x=np.zeros((batch + SPARE, len(features))),
            y=np.zeros(batch + SPARE, np.uint8),
            p=np.zeros(batch + SPARE),
            n=np.zeros(1, np.int64),
        )
        self.rolling = RollingQuality(QUALITY_WINDOW)
        self.drift = DriftWatch()
        self.folded: Folded | None = None
        self._fold()

    def learn(self) -> None:
        """Judge and learn the first ``batch`` waiting outcomes; what is beyond stays waiting."""
        n, size = int(self.waiting.n[0]), self.batch
        x, y, p = self.waiting.x[:size].copy(), self.waiting.y[:size] == 1, self.waiting.p[:size].copy()
        self.rolling.add(p, y)
        self.drift.add(p, y)
        if self.learning:
            self.model.learn(x, y)
            self.version += 1
            self._fold()
        for column in (self.waiting.x, self.waiting.y, self.waiting.p):
            column[: n - size] = column[size:n].copy()
        self.waiting.n[0] = n - size

    def predict(self, x: Floats) -> Floats:
        """Probabilities for rows of features."""
        return np.asarray(self.model.predict(x), np.float64)

    @property
    def weights(self) -> Floats:
        """The folded weights, or zeros for a model that is not linear."""
        return self.folded.weights if self.folded else np.zeros(len(self.features))

    @property
    def intercept(self) -> float:
        """The folded intercept, or 0 for a model that is not linear."""
        return self.folded.intercept if self.folded else 0.0

    @property
    def centre(self) -> Floats:
        """What features are compared with when a score is explained."""
        return self.folded.centre if self.folded else np.zeros(len(self.features))

    def dump(self) -> tuple[str, int, bytes, Array, Array, Array]:
        """What a checkpoint keeps: which model, its version, the model, and the outcomes that wait."""
        n = int(self.waiting.n[0])
        # Exact: features and predictions waited with the profile as int16 and float32 before they came here.
        x = np.rint(self.waiting.x[:n] * FEATURE_SCALE).astype(np.int16)
        p = self.waiting.p[:n].astype(np.float32)
        return self.spec, self.version, pickle.dumps(self.model, 5), x, self.waiting.y[:n].copy(), p

    def load(self, dumped: tuple[str, int, bytes, Array, Array, Array]) -> bool:
        """Go on from a checkpoint. False when it holds another model than is configured: then this one
        starts anew."""
        spec, version, model, x, y, p = dumped
        if spec != self.spec or x.shape[1] != len(self.features):
            return False
        self.version = version
        self.model = pickle.loads(model)
        n = len(y)
        self.waiting.x[:n], self.waiting.y[:n], self.waiting.p[:n] = x / FEATURE_SCALE, y, p
        self.waiting.n[0] = n
        self._fold()
        return True

    def _fold(self) -> None:
        self.folded = fold(self.model.model, self.features)
