"""What Flywheel reports of the audience as a whole: how experiments stand, and what is watched where."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.events.fields import EpochMs, Probability


class ExperimentArm(Struct, frozen=True, gc=False, kw_only=True):
    """One arm: its mean, its lift over the control, and the always-valid interval of the lift (``None`` while
    there are too few profiles to have one). ``observed`` of those exposed have their outcome; ``share`` is
    the arm's of new profiles."""

    arm: str
    exposures: Annotated[int, Meta(ge=0)]
    mean: float
    lift: float
    low: float | None
    high: float | None
    observed: Annotated[int, Meta(ge=0)] = 0
    share: Probability = 0.0
    stopped: bool = False


class ExperimentCuped(Struct, frozen=True, gc=False, kw_only=True):
    """By how much the past explains the outcome of an arm and the control (``theta``), and the standard
    error of the lift with and without it."""

    arm: str
    theta: float | None
    error: float | None
    unadjusted_error: float | None


class ExperimentGuardrail(Struct, frozen=True, gc=False, kw_only=True):
    """A metric that must not get worse by more than ``margin``, and whether an arm has surely made it so."""

    arm: str
    metric: str
    direction: Literal["up", "down"]
    margin: float
    lift: float
    harmed: bool


class ExperimentAllocation(Struct, frozen=True, gc=False, kw_only=True):
    """The shares of new profiles, in the order of the arms; ``version`` counts the changes."""

    version: Annotated[int, Meta(ge=0)]
    shares: list[Probability]
    stopped: list[str]
    moved_ts: EpochMs


class ExperimentResult(Struct, frozen=True, gc=False, kw_only=True):
    """Where an experiment stands as of ``ts``. Key: the experiment.

    ``sample_ratio_p`` is Pearson's, for one look; the verdict rests on ``sample_ratio_valid_p``, which may be
    looked at at any time.
    """

    experiment_id: str
    arms: list[ExperimentArm]
    sample_ratio_p: Probability
    sample_ratio_valid_p: Probability = 1.0
    verdict: Literal["running", "winner", "no_difference", "broken_split"]
    winner: str | None = None
    ts: EpochMs = 0
    digest: Annotated[int, Meta(ge=0)] = 0
    """Stands for the declaration (window, metric, arms) that was judged."""
    mode: Literal["fixed", "bandit"] = "fixed"
    metric: str = ""
    window_days: float = 0.0
    alpha: float = 0.05
    correction: str = "bonferroni"
    cuped: list[ExperimentCuped] = []
    guardrails: list[ExperimentGuardrail] = []
    allocation: ExperimentAllocation | None = None
    sources: int = 0
    """Partitions whose sums are in it."""


class AudienceDemand(Struct, frozen=True, gc=False, kw_only=True):
    """Demand for a tag in a region, in decayed hours. Key: tag and region."""

    tag: str
    region: str
    demand: Annotated[float, Meta(ge=0)]
    ts: EpochMs
