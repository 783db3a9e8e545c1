"""One partition's models and those of all others: tells what its own have learned, takes in what the others'
have, and obeys promotions.

What is told, and when, depends on learned mini-batches alone, so that replaying a log tells the same. What is
taken in arrives when it arrives: it changes weights between two batches, is state from then on, and is in the
next checkpoint, so that a crash after it changes nothing. With ``settings.sharing`` off nothing of this happens.

The rule: after every ``mix_every`` mini-batches of its own, a model tells its evidence, and, when there is news
since, replaces what it was told before by what the others tell now. Evidence is each partition's own, so it goes
round once and cannot oscillate (``models.mixing``). A model that has learned nothing yet takes in whatever comes:
a new partition starts from the mix.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from xxhash import xxh3_64_intdigest

from models.mixing import Evidence, averaged
from streams.decisions.demand import TERMS
from streams.decisions.learner import Learner
from streams.decisions.trained import Trained
from streams.events.model_records import ModelRecord, ModelState, model_key
from streams.profiles.parameters import Array
from streams.settings import Settings
from streams.state.partition_state import PartitionState
from streams.state.shared import Shared

log = logging.getLogger(__name__)

DEMAND = "demand"
SOFTMAX = "streams.decisions.demand:conditional_logit"
FIRST_GRADIENT = 1.0
"""AdaGrad's sum of squared gradients before the first quality play."""
Put = Callable[[str, bytes, bytes | None], None]


class Shareable(Protocol):
    """A model that can tell what it has learned itself, and take in what others have."""

    spec: str
    batches: int
    mixed_at: int
    mixed_from: int

    @property
    def mixable(self) -> bool: ...
    @property
    def evidence(self) -> Evidence: ...
    def mix(self, others: Sequence[Evidence]) -> None: ...


class SharedDemand:
    """The conditional logit of the rows, whose weights are the partition's record. It has no posterior: weights
    are averaged, each by its sum of squared gradients (how much this partition's plays had to say of it)."""

    spec = SOFTMAX
    mixable = True

    def __init__(self, table: Array) -> None:
        self.batches = 0
        """Mini-batches of the quality model, by which it keeps time."""
        self.mixed_at = 0
        self.mixed_from = 0
        self._table = table
        self._received = np.zeros(len(TERMS))

    @property
    def evidence(self) -> Evidence:
        record = self._table[0]
        precision = np.maximum(0.0, record["demand_gradient"] - FIRST_GRADIENT - self._received)
        return Evidence(precision, precision * record["demand_weight"])

    def mix(self, others: Sequence[Evidence]) -> None:
        """A model without plays of its own takes over how sure the others are, too, on average: or its first
        steps would throw away what it was told."""
        own, record = self.evidence, self._table[0]
        record["demand_weight"] = averaged([own, *others], record["demand_weight"])
        if own.empty and others:
            self._received = sum((told.precision for told in others), np.zeros(len(TERMS))) / len(others)
            record["demand_gradient"] = FIRST_GRADIENT + self._received
        self.mixed_at = self.batches

    def dump(self) -> tuple[int, int, int, Array]:
        """What is not in the partition's record."""
        return self.batches, self.mixed_at, self.mixed_from, self._received.copy()

    def load(self, dumped: tuple[int, int, int, Array]) -> None:
        """Go on from a dump."""
        self.batches, self.mixed_at, self.mixed_from, self._received = dumped


class ModelSharing:
    """The models of one partition among those of all."""

    def __init__(
        self, partition: int, settings: Settings, state: PartitionState, shared: Shared, put: Put
    ) -> None:
        self._partition = partition
        self._settings = settings
        self._state = state
        self._models = shared.models
        self._put = put
        self.demand = SharedDemand(state.table)
        self._more: dict[str, tuple[Shareable, tuple[str, ...]]] = {}
        self._seen: dict[str, int] = {}
        """By model, the version of what is shared when it was last mixed."""
        self._alone: set[str] = set()

    def register(self, name: str, model: Shareable, features: tuple[str, ...]) -> None:
        """Share another model, of a surface. Its owner calls ``told`` when it has learned a mini-batch."""
        self._more[name] = (model, features)

    # --- telling -------------------------------------------------------------------------------------------

    def learned(self, learner: Learner) -> bool:
        """``learner`` has learned a mini-batch; true when it is time to :meth:`tell` the others."""
        if learner.name == "quality":
            self.demand.batches += 1
        return self._settings.sharing and learner.live.batches % self._settings.mix_every == 0

    def told(self, name: str) -> None:
        """The registered model ``name`` has learned a mini-batch: tell the others, if it is time."""
        model, features = self._more[name]
        if self._settings.sharing and model.batches % self._settings.mix_every == 0:
            self._write(name, model.batches, features, [_told(model, "live")])

    def tell(self, learner: Learner) -> None:
        """Tell the others what this learner's models have learned, and how good they are."""
        models = [_told(learner.live, "live")]
        if learner.shadow is not None:
            models.append(_told(learner.shadow, "shadow"))
        self._write(learner.name, learner.version, learner.features, models, learner.pairs.sums.tolist())
        if learner.name == "quality":
            self._write(DEMAND, self.demand.batches, TERMS, [_told(self.demand, "live")])

    def withdraw(self, key: bytes) -> None:
        """Take back what was told under ``key`` (the model was reset)."""
        self._put(self._settings.models_topic, key, None)

    def _write(
        self,
        name: str,
        version: int,
        features: Sequence[str],
        models: list[ModelState],
        pairs: list[float] | None = None,
    ) -> None:
        record = ModelRecord(
            name=name,
            partition=self._partition,
            ts=int(self._state.table["stream_ts"][0]),
            version=version,
            features=list(features),
            models=models,
            pairs=pairs or [],
        )
        self._put(self._settings.models_topic, model_key(name, self._partition), msgspec.json.encode(record))

    # --- taking in -----------------------------------------------------------------------------------------

    def follow(self) -> None:
        """A batch is about to begin: obey promotions, and take in what others have learned where it is time."""
        if not self._models.version:
            return
        for learner in (self._state.quality, self._state.churn):
            self._obey(learner)
            if self._mix(learner.name, learner.live, learner.features):
                learner.version += 1
                learner.refold()
            if learner.shadow is not None:
                self._mix(learner.name, learner.shadow, learner.features)
        self._mix(DEMAND, self.demand, TERMS)
        for name, (model, features) in self._more.items():
            self._mix(name, model, features)

    def _mix(self, name: str, model: Shareable, features: Sequence[str]) -> bool:
        news = self._models.version
        seen = f"{name} {model.spec}"
        if self._seen.get(seen) == news:
            return False
        if model.batches and model.batches - model.mixed_at < self._settings.mix_every:
            return False
        if not self._settings.learning:
            return False
        self._seen[seen] = news
        if not model.mixable:
            if seen not in self._alone:
                self._alone.add(seen)
                log.info("the %s model %s learns alone: only linear models are mixed", name, model.spec)
            return False
        others = self._models.others(name, model.spec, features, self._partition)
        if not others or len(others[0].precision) != len(model.evidence.precision):
            return False
        digest = xxh3_64_intdigest(
            b"".join(told.precision.tobytes() + told.shift.tobytes() for told in others)
        )
        if digest == model.mixed_from:
            return False
        model.mixed_from = digest
        model.mix(others)
        self._state.changed = True
        return True

    def _obey(self, learner: Learner) -> None:
        shadow = learner.shadow
        if shadow is None:
            return
        if self._models.at_work(learner.name, learner.spec, shadow.spec) != learner.spec:
            log.warning("the %s model %s is promoted over %s", learner.name, shadow.spec, learner.spec)
            learner.promote()
            self._state.changed = True
            self.tell(learner)

    # --- checkpoint ----------------------------------------------------------------------------------------

    def dump(self) -> Any:
        """What is not in the models' own dumps; ``None`` while there is nothing."""
        return self.demand.dump() if self._settings.sharing else None

    def load(self, dumped: Any) -> None:
        """Go on from a dump."""
        self.demand.load(dumped)


def _told(model: Shareable, role: Any) -> ModelState:
    evidence = model.evidence if model.mixable else None
    rolling = model.rolling if isinstance(model, Trained) else None
    auc, log_loss = (math.nan, math.nan) if rolling is None else (rolling.auc, rolling.log_loss)
    return ModelState(
        spec=model.spec,
        role=role,
        batches=model.batches,
        precision=[] if evidence is None else evidence.precision.tolist(),
        shift=[] if evidence is None else evidence.shift.tolist(),
        seen=0 if rolling is None else len(rolling),
        auc=None if math.isnan(auc) else auc,
        log_loss=None if math.isnan(log_loss) else log_loss,
    )
