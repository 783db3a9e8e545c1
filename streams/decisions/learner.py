"""A model at work: it predicts, learns from mini-batches of resolved outcomes, and is watched while it
does. A shadow beside it learns the same, decides nothing, and may take its place.

Every outcome is judged before it is learned (predict, then learn), with the probability that was
predicted when the decision was made. Where live model and shadow are compared, both predict just before they
learn, so that neither has the fresher weights.
"""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from models.drift import DriftWatch
from models.folding import Folded, fold
from models.paired_loss import PairedLoss
from models.registry import OneByOne
from streams.decisions.trained import Trained
from streams.errors import InvariantError
from streams.profiles.layout import FEATURE_SCALE
from streams.profiles.outcomes import Examples
from streams.profiles.parameters import Floats

SPARE = 64
"""Room beyond a mini-batch: one event resolves at most that many outcomes."""


class Learner:
    """One model of a partition, the outcomes that wait to be learned, and how good its predictions were.

    ``version`` counts the mini-batches that the model at work has learned, and how often it was replaced or
    mixed with others: one number never stands for two sets of weights.
    """

    def __init__(
        self, name: str, spec: str, features: tuple[str, ...], batch: int, learning: bool, shadow: str = ""
    ) -> None:
        self.name = name
        self.features = features
        self.batch = batch
        self.learning = learning
        self.version = 0
        self.configured = spec
        """What the settings want at work; the shadow may have been promoted since."""
        self.live = Trained(spec, features)
        self.shadow = Trained(shadow, features) if shadow and shadow != spec else None
        self.pairs = PairedLoss()
        """How much better the shadow predicts."""
        self.waiting = Examples(
            x=np.zeros((batch + SPARE, len(features))),
            y=np.zeros(batch + SPARE, np.uint8),
            p=np.zeros(batch + SPARE),
            n=np.zeros(1, np.int64),
        )
        self.drift = DriftWatch()
        self.folded: Folded | None = None
        self.refold()

    @property
    def spec(self) -> str:
        """``module:function`` of the model at work."""
        return self.live.spec

    @property
    def model(self) -> OneByOne:
        """The model at work."""
        return self.live.model

    def learn(self) -> None:
        """Judge and learn the first ``batch`` waiting outcomes; what is beyond stays waiting."""
        n, size = int(self.waiting.n[0]), self.batch
        x, y, p = self.waiting.x[:size].copy(), self.waiting.y[:size] == 1, self.waiting.p[:size].copy()
        self.live.rolling.add(p, y)
        self.drift.add(p, y)
        if self.shadow is not None:
            shadow_p = self.shadow.predict(x)
            self.shadow.rolling.add(shadow_p, y)
            self.pairs.add(self.live.predict(x), shadow_p, y)
        if self.learning:
            self.live.learn(x, y)
            self.version += 1
            self.refold()
            if self.shadow is not None:
                self.shadow.learn(x, y)
        for column in (self.waiting.x, self.waiting.y, self.waiting.p):
            column[: n - size] = column[size:n].copy()
        self.waiting.n[0] = n - size

    def predict(self, x: Floats) -> Floats:
        """Probabilities for rows of features."""
        return self.live.predict(x)

    def promote(self) -> None:
        """The shadow goes to work and the model at work becomes the shadow: once more undoes it."""
        if self.shadow is None:
            raise InvariantError(f"the {self.name} model has no shadow that could be promoted")
        self.live, self.shadow = self.shadow, self.live
        self.pairs.turn()
        self.drift = DriftWatch()
        self.version += 1
        self.refold()

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

    def refold(self) -> None:
        """The model's weights have changed: know the dot product that it is now."""
        self.folded = fold(self.live.model.model, self.features)

    # --- checkpoint ----------------------------------------------------------------------------------------

    def dump(self) -> tuple[Any, ...]:
        """What a checkpoint keeps: which model, its version, the model, and the outcomes that wait; then,
        where there is one, the shadow and what was mixed in."""
        n = int(self.waiting.n[0])
        # Exact: features and predictions waited with the profile as int16 and float32 before they came here.
        x = np.rint(self.waiting.x[:n] * FEATURE_SCALE).astype(np.int16)
        p = self.waiting.p[:n].astype(np.float32)
        first = (self.spec, self.version, pickle.dumps(self.model, 5), x, self.waiting.y[:n].copy(), p)
        live = self.live.dump()
        if self.shadow is None and live["received"] is None and self.live.batches == self.version:
            return first
        live["model"] = b""  # it stands before
        shadow = None if self.shadow is None else self.shadow.dump()
        return (*first, {"configured": self.configured, "live": live, "shadow": shadow,
                         "pairs": self.pairs.sums.copy()})  # fmt: skip

    def load(self, dumped: tuple[Any, ...]) -> bool:
        """Go on from a checkpoint. False when it holds no model that is configured: then this one starts
        anew.

        As long as the settings name the same model, the one that was at work stays at work, promoted or not.
        When they name another one, that one is at work, with what it has learned as a shadow.
        """
        spec, version, model, x, y, p, *rest = dumped
        more: dict[str, Any] = rest[0] if rest else {}
        live = {**more.get("live", {"spec": spec, "batches": version, "mixed_at": 0, "mixed_from": 0,
                                       "received": None}),
                "model": model}  # fmt: skip
        saved = {live["spec"]: live}
        if more.get("shadow"):
            saved[more["shadow"]["spec"]] = more["shadow"]
        known = [trained for trained in (self.live, self.shadow) if trained and trained.spec in saved]
        if not known or x.shape[1] != len(self.features):
            return False
        for trained in known:
            trained.load(saved[trained.spec])
        self.version = version
        if more:
            self.pairs.sums = np.array(more["pairs"], np.float64)
        promoted = more.get("configured") == self.configured and spec != self.configured
        if promoted and self.shadow is not None and self.shadow.spec == spec:
            self.live, self.shadow = self.shadow, self.live
        elif spec != self.live.spec:  # the settings have changed what is at work
            self.version += 1
            self.pairs.turn()
        if len(known) < 2:
            self.pairs = PairedLoss()  # the two were never compared
        n = len(y)
        self.waiting.x[:n], self.waiting.y[:n], self.waiting.p[:n] = x / FEATURE_SCALE, y, p
        self.waiting.n[0] = n
        self.refold()
        return self.live.spec in saved
