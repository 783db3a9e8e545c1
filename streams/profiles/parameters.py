"""What the compiled loop is told: settings as numbers, and the arrays it works on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


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
    sweep_every_ms: int
    page_margin: float
    explore_share: float
    seed: int
    learning: bool
    log_predictions: bool


class Columns(NamedTuple):
    """The accepted events of one batch, a column a field; all arrays have one entry an event, in log order.

    ``kind`` is an ``EventKind``; ``slot`` the profile's; ``title`` and ``row`` indexes or -1; ``a`` and ``b`` what the kind needs:
    positions and lengths in seconds (start: position, length; seek: from, to; heartbeats: position), search: number of results,
    browse: dwell seconds, rating: value, renewal: period in days. ``items_from``/``items_to`` point into ``items``, the titles of an impression.
    """

    kind: Array
    slot: Array
    offset: Array
    ts: Array
    stamp: Array
    event: Array
    title: Array
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
    """The state of a partition: a record a profile, a record a title, one record for the partition, and what is dirty."""

    profiles: Array
    titles: Array
    partition: Array
    dirty_profile: Array
    dirty_title: Array


class Pages(NamedTuple):
    """The rows a page may show: ``n`` known rows of which ``active_n`` are active, and the place each is pinned to (-1: none)."""

    n: int
    active_n: int
    active: Array
    pins: Array


class Models(NamedTuple):
    """How the loop scores: linear models folded into weights (``linear`` 1), or by stopping for an answer (0).

    A model's version is the number of mini-batches it has learned. ``churn_centre`` is what features are compared with for reasons.
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
    """Memory of the loop that is never state: decay weights of the event at hand, features and scores of the page's rows, what is asked
    of a model that is not linear and its answers.
    """

    weights: Floats
    ask: Floats
    answer: Floats
    churn_ask: Floats
    quality: Floats
    terms: Floats
    scores: Floats
    page: Array
