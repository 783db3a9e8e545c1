"""Resets a model: its weights go back to where they began, and what was merely counted stays.

- ``quality``, ``churn``: the River model (and its shadow), its rolling quality, its comparison with the shadow, drift.
  Outcomes that wait to be learned stay, and every profile's counters.
- ``rows``: the choice model over rows and the model of seen rows. Rates of rows, titles, places and devices stay.
- ``titles``: the weights of the terms of a title's score. Plays, neighbours and factors of titles stay.
- ``artwork``, ``trailers``: the weights of features with their variance, and the values of policies. Views and plays
  of images and tags stay, and offers.

Versions go on counting (one number never stands for two sets of weights), and which of two models is at work stays as
promoted. What the partition told the others of this model is withdrawn in the same transaction; so a partition that is
reset alone starts from the mix of the others, and when all are reset nobody has anything to mix.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from models.drift import DriftWatch
from models.paired_loss import PairedLoss
from streams import guarantee
from streams.decisions import artwork, trailers
from streams.decisions.demand import START_WEIGHTS, TERMS
from streams.decisions.learner import Learner
from streams.decisions.seen_rows import START, start_covariance
from streams.decisions.title_known import N_LEARNED, new_known
from streams.decisions.trained import Trained
from streams.errors import ConfigurationError
from streams.events.model_records import model_key
from streams.operations import partition_work, standing
from streams.pipeline import PartitionEngine
from streams.profiles.parameters import Array
from streams.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reset:
    """The audit of one partition's reset: one JSON line. ``before`` and ``after`` are the model's version."""

    model: str
    partition: int
    before: int
    after: int
    at_ms: int
    app_id: str

    def to_record(self) -> dict[str, Any]:
        """As the audit has it."""
        return {"what": "model reset", **asdict(self)}


def _river(learner: Learner) -> tuple[int, int]:
    before = learner.version
    learner.live = Trained(learner.live.spec, learner.features)
    if learner.shadow is not None:
        learner.shadow = Trained(learner.shadow.spec, learner.features)
    learner.pairs, learner.drift = PairedLoss(), DriftWatch()
    learner.version += 1
    learner.refold()
    return before, learner.version


def _rows(engine: PartitionEngine) -> tuple[int, int]:
    record = engine.state.table[0]
    record["demand_weight"], record["demand_gradient"] = START_WEIGHTS, 1.0
    record["seen_weight"], record["seen_covariance"] = START, start_covariance()
    demand = engine.surfaces.sharing.demand
    demand.load((demand.batches, demand.batches - engine.settings.mix_every, 0, np.zeros(len(TERMS))))
    learner = engine.state.quality  # whose version stands in a page's record
    learner.version += 1
    return learner.version - 1, learner.version


def _titles(engine: PartitionEngine) -> tuple[int, int]:
    surface: Any = _surface(engine, "titles")
    saved = surface.dump()
    fresh = new_known()[0]
    learned = saved["n"].copy()
    before = int(learned[N_LEARNED])
    learned[N_LEARNED] += 1
    surface.load({**saved, "weights": fresh["weights"], "gradients": fresh["gradients"], "n": learned})
    return before, before + 1


def _bandit(
    name: str, attribute: str, new: Callable[[], Array]
) -> Callable[[PartitionEngine], tuple[int, int]]:
    def reset(engine: PartitionEngine) -> tuple[int, int]:
        surface: Any = _surface(engine, name)
        record, fresh = getattr(surface, attribute), new()
        before = int(record["learned"][0])
        record["weight"], record["variance"] = fresh["weight"], fresh["variance"]
        record["learned"] += 1
        weights = surface.weights
        nothing = np.zeros(record["weight"].shape[1])
        weights.load((weights.batches, weights.batches - engine.settings.mix_every, 0, nothing, nothing))
        engine.surfaces.policies.values.pop(name, None)
        return before, before + 1

    return reset


def _surface(engine: PartitionEngine, name: str) -> object:
    surface = engine.surfaces.surfaces.get(name)
    if surface is None:
        raise ConfigurationError(
            f"the surface {name} is switched off: reset it with the settings of its workers (FLYWHEEL_SURFACES)"
        )
    return surface


RESETS: dict[str, tuple[Callable[[PartitionEngine], tuple[int, int]], tuple[str, ...]]] = {
    "quality": (lambda engine: _river(engine.state.quality), ("quality",)),
    "churn": (lambda engine: _river(engine.state.churn), ("hazard",)),
    "rows": (_rows, ("demand",)),
    "titles": (_titles, ()),
    "artwork": (_bandit("artwork", "art", artwork.new_art), ("artwork_weights", "artwork")),
    "trailers": (_bandit("trailers", "offers", trailers.new_offers), ("trailer_weights", "trailers")),
}
"""What resets each model, and what the partition has told of it under which names."""


def reset_engine(engine: PartitionEngine, model: str, at_ms: int) -> Reset:
    """Reset ``model`` in one engine: its next ``drain`` has the change, and withdraws what was told."""
    reset, told = RESETS[model]
    before, after = reset(engine)
    for name in told:
        engine.surfaces.sharing.withdraw(model_key(name, engine.partition))
    engine.state.changed = True
    return Reset(model, engine.partition, before, after, at_ms, engine.settings.app_id)


async def reset_model(settings: Settings, model: str, partition: int | None) -> list[Reset]:
    """Reset ``model`` in one partition, or in all; each is one checkpoint.

    Raises ``ConfigurationError`` while a worker is at work, or for a model that there is not.
    """
    if model not in RESETS:
        raise ConfigurationError(f"no model {model!r}: choose one of {', '.join(RESETS)}")
    if partition is not None and partition >= settings.partitions:
        raise ConfigurationError(f"no partition {partition}: there are 0 to {settings.partitions - 1}")
    await standing.require_stopped(settings, "each holds the model in memory")
    await standing.require_partitions(settings)
    kept = await guarantee.settle(settings)
    done = []
    for number in range(settings.partitions) if partition is None else (partition,):
        async with partition_work.hold(settings, number, kept) as held:
            audit = reset_engine(held.engine, model, int(time.time() * 1000))
            await held.save()
        log.warning("%s", audit)
        done.append(audit)
    return done
