"""What Flywheel writes: a struct for every decision and report of the contract, and for predictions.

The records themselves are encoded where they are emitted, for speed; these structs are what the published
schemas and the tests hold them to.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.events.fields import Days, EpochMs, Id, Offset, Probability, Propensity, Version


class Cause(Struct, frozen=True, gc=False, kw_only=True):
    """The event that made a decision change, and where it stands in the log."""

    event_id: str
    topic: str
    partition: Annotated[int, Meta(ge=0)]
    offset: Offset


class Model(Struct, frozen=True, gc=False, kw_only=True):
    """The model that decided."""

    name: str
    version: int | str


class Experiment(Struct, frozen=True, gc=False, kw_only=True):
    """The experiment and the arm under which was decided."""

    id: str
    arm: str


class Decision(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What every decision record carries. ``ts`` is that of the causing event."""

    profile_id: Id
    ts: EpochMs
    version: Version
    cause: Cause
    model: Model
    explore: bool
    propensity: Propensity
    experiment: Experiment | None = None
    profiled: bool = True
    """False: the profile has chosen a page that uses nothing personal."""


class RowReason(Struct, frozen=True, gc=False, kw_only=True):
    """Why a row moved: the feature that contributed (in log-odds) and by how much."""

    row_id: str
    feature: str
    contribution: float


class TitleReason(Struct, frozen=True, gc=False, kw_only=True):
    """Why a title ranks where it does."""

    title_id: str
    feature: str
    contribution: float


class CategoryReason(Struct, frozen=True, gc=False, kw_only=True):
    """Why a category is shown: the largest part of its score, in quality plays."""

    category: str
    feature: Literal["popular", "taste", "browsed"]
    contribution: float


class Driver(Struct, frozen=True, gc=False, kw_only=True):
    """What drives a churn score, in log-odds."""

    feature: str
    contribution: float


class RowOrder(Decision, frozen=True, gc=False, kw_only=True):
    """The order of a profile's rows, best first, with ``scores`` of the same length. Key: the profile."""

    rows: list[str]
    scores: list[float]
    previous: list[str] | None
    reasons: list[RowReason]


class ChurnScore(Decision, frozen=True, gc=False, kw_only=True):
    """How likely a profile cancels or falls silent within ``horizon_days``. Key: the profile."""

    probability: Probability
    horizon_days: Days
    band: Literal["low", "medium", "high"]
    previous: Probability | None
    drivers: list[Driver]


class HomepageRankings(Decision, frozen=True, gc=False, kw_only=True):
    """The best titles for a profile, best first, with ``scores`` of the same length. Key: the profile."""

    titles: list[str]
    scores: list[float]
    reasons: list[TitleReason]


class ArtworkChoice(Decision, frozen=True, gc=False, kw_only=True):
    """The artwork by which a profile sees a title. Key: profile id, ``|``, title id; ``%`` and ``|`` within an id
    are percent-encoded (``%25``, ``%7C``)."""

    title_id: str
    artwork_id: str
    previous: str | None


class TrailerChoice(Decision, frozen=True, gc=False, kw_only=True):
    """The trailer that may win a profile back. Key: the profile."""

    trailer_id: str
    title_id: str
    previous: str | None
    churn_probability: Probability


class CategoryChoice(Decision, frozen=True, gc=False, kw_only=True):
    """The categories a profile sees. Key: the profile."""

    categories: list[str]
    previous: list[str] | None
    reasons: list[CategoryReason] = []


class DeadLetterHeaders(Struct, frozen=True, gc=False, kw_only=True):
    """The headers of a dead letter. Its key and value are the bytes as they came."""

    topic: str
    partition: str
    offset: str
    reason: str
    detail: str


class Prediction(Struct, frozen=True, gc=False, kw_only=True):
    """A prediction of a quality play, made when the impression came and before its outcome. Internal."""

    event_id: str
    profile_id: str
    ts: EpochMs
    row_id: str
    probability: Probability
    offset: Offset
