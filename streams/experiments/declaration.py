"""Experiments as an operator declares them. How they are read from a file is ``reading``'s.

An arm may set what the categories surface does: which ``policy`` chooses, how many categories are shown
(``count``), how much better a new set must be (``margin``). An arm that sets nothing is what everybody gets.
"""

from __future__ import annotations

from dataclasses import dataclass

from xxhash import xxh3_64_intdigest

BUCKETS = 10_000
"""Parts into which a layer divides the audience: shares are exact to a hundredth of a percent."""
METRICS = ("quality_plays", "watched_hours", "returned")
"""What can be measured within the window: quality plays, hours truly watched, and whether the viewer came
back in its second half."""
POLICIES = ("popular", "taste", "dwell", "fixed")
"""How categories are chosen: as the audience watches, as the profile watches and browses, as it browses, as
told."""
ALPHA = 0.05
MINIMUM = 50
"""Observed profiles an arm before anything is concluded: the intervals' normal limit needs a few dozen."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm. ``None`` means: as for everybody."""

    name: str
    weight: float = 1.0
    policy: str | None = None
    categories: tuple[str, ...] = ()
    count: int | None = None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Guardrail:
    """A metric that must not get worse by more than ``margin`` (in its unit, per profile and window).
    ``up``: more is better."""

    metric: str
    up: bool
    margin: float


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment; its first arm is the control. ``place`` is its layer's number, ``low`` to ``high``
    are the buckets of the layer that it has. Times are ms since the epoch."""

    id: str
    layer: str
    place: int
    low: int
    high: int
    arms: tuple[Arm, ...]
    metric: str
    window_ms: int
    bandit: bool
    guardrails: tuple[Guardrail, ...]
    minimum: int
    alpha: float
    indifference: float
    starts_ms: int
    ends_ms: int

    @property
    def digest(self) -> int:
        """Stands for the experiment in records: another window, metric or set of arms is another
        experiment."""
        told = (self.id, self.metric, self.window_ms, *(arm.name for arm in self.arms))
        return xxh3_64_intdigest("|".join(map(str, told)).encode()) % (2**32 - 1) + 1

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metric, then those that only guardrails need."""
        names = dict.fromkeys((self.metric, *(guardrail.metric for guardrail in self.guardrails)))
        return tuple(names)

    @property
    def shares(self) -> tuple[float, ...]:
        """The share of each arm as declared."""
        total = sum(arm.weight for arm in self.arms)
        return tuple(arm.weight / total for arm in self.arms)

    def enrols(self, ts: int) -> bool:
        """Whether profiles join it at ``ts``."""
        return self.starts_ms <= ts < self.ends_ms


@dataclass(frozen=True, slots=True)
class Declaration:
    """All experiments. ``holdout`` is the share of profiles that are never in any; ``salt`` shuffles the
    audience anew."""

    experiments: tuple[Experiment, ...] = ()
    holdout: float = 0.0
    salt: str = ""

    def by_digest(self) -> dict[int, Experiment]:
        """The experiments by what stands for them in records."""
        return {experiment.digest: experiment for experiment in self.experiments}

    def by_id(self) -> dict[str, Experiment]:
        """The experiments by name."""
        return {experiment.id: experiment for experiment in self.experiments}


NOBODY = Declaration()
"""Nobody is experimented on."""
