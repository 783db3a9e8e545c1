"""What the compiled loop is told: settings as numbers, and the arrays it works on."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.hazard import FEATURES as CHURN_FEATURES
from models.quality import FEATURES as QUALITY_FEATURES
from streams.profiles.layout import DEMAND_TERMS, HALF_LIVES_DAYS, MAX_ROWS, SEEN_TERMS
from streams.settings import Settings

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Fields = Any
"""One record of a structured array: its fields are attributes in compiled code, unknown to mypy."""


class Parameters(NamedTuple):
    """Settings of the engine as plain numbers. Times are ms, video lengths seconds."""

    session_gap_ms: int
    heartbeat_gap_ms: int
    outcome_window_ms: int
    quality_seconds: float
    quality_share: float
    churn_horizon_ms: int
    churn_step: float
    idle_expiry_ms: int
    page_margin: float
    explore_share: float
    seed: int
    learning: bool
    log_predictions: bool


class Columns(NamedTuple):
    """The accepted events of one batch, a column a field; all arrays have one entry an event, in log order.

    ``kind`` is an ``EventKind``; ``slot`` the profile's; ``title`` and ``row`` indexes or -1; ``a`` and
    ``b`` what the kind needs: positions and lengths in seconds (start: position, length; seek: from, to;
    heartbeats: position), search: number of results, browse: dwell seconds, rating: value.
    ``items_from``/``items_to`` point into ``items``, the titles of an impression.
    """

    kind: Array
    slot: Array
    offset: Array
    ts: Array
    stamp: Array
    event: Array
    title: Fields
    row: Array
    position: Array
    playback: Array
    a: Array
    b: Array
    flag: Array
    device: Array
    place: Array
    items_from: Array
    items_to: Array
    items: Array


class Tables(NamedTuple):
    """The state of a partition: a record a profile, a record a title, one record for the partition, and
    what is dirty."""

    profiles: Array
    titles: Array
    partition: Fields
    dirty_profile: Array
    dirty_title: Array


class Pages(NamedTuple):
    """The rows a page may show: ``n`` known rows of which ``active_n`` are active, and the place each is
    pinned to (-1: none)."""

    n: int
    active_n: int
    active: Array
    pins: Array


class Models(NamedTuple):
    """How the loop scores: linear models folded into weights (``linear`` 1), or by stopping for an answer
    (0).

    A model's version is the number of mini-batches it has learned. ``churn_centre`` is what features are
    compared with for reasons.
    """

    quality_version: int
    quality_linear: int
    quality_weights: Floats
    quality_intercept: float
    churn_version: int
    churn_linear: int
    churn_weights: Floats
    churn_centre: Floats
    churn_intercept: float


class Scratch(NamedTuple):
    """Memory of the loop that is never state: decay weights of the event at hand, features and scores of
    the page's rows, what is asked of a model that is not linear and its answers.
    """

    weights: Floats
    ask: Floats
    answer: Floats
    churn_ask: Floats
    quality: Floats
    terms: Floats
    seen: Floats
    scores: Floats
    page: Array


class Outbox(NamedTuple):
    """Decisions and predictions on their way out; ``n`` counts them: [decisions, predictions]."""

    decisions: Array
    prediction_event: Array
    prediction_p: Floats
    n: Array


class Cursor(IntEnum):
    """Fields of the loop's cursor."""

    AT = 0
    """The event it is at."""
    STAGE = 1
    NEEDS = 2
    """What that event made necessary to decide."""
    ANSWERED = 3
    """1: the answer to what was asked last is in ``scratch.answer``."""
    ASKED = 4
    """How many rows were asked about."""
    REPEATS = 5
    DUPLICATES = 6


def new_scratch() -> Scratch:
    """Working memory for one loop."""
    return Scratch(
        weights=np.ones(len(HALF_LIVES_DAYS) + 2),
        ask=np.zeros((MAX_ROWS, len(QUALITY_FEATURES))),
        answer=np.zeros(MAX_ROWS),
        churn_ask=np.zeros(len(CHURN_FEATURES)),
        quality=np.zeros(MAX_ROWS),
        terms=np.zeros((MAX_ROWS, DEMAND_TERMS)),
        seen=np.zeros((MAX_ROWS, SEEN_TERMS)),
        scores=np.zeros(MAX_ROWS),
        page=np.zeros(MAX_ROWS, np.int8),
    )


def parameters_from(settings: Settings) -> Parameters:
    """The settings that the loop knows."""
    return Parameters(*(getattr(settings, name) for name in Parameters._fields))
