"""The answers of the API as structs: what ``/openapi.json`` and the tests hold them to."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from streams.events.outputs import RowReason, TitleReason
from streams.events.reasons import Reason
from streams.events.reports import AudienceDemand, ExperimentResult


class PageTitle(Struct, frozen=True, kw_only=True):
    """A title on a page. No ``artwork_id``: nothing was chosen for this profile, show the title's first image."""

    title_id: str
    name: str
    artwork_id: str | None


class PageRow(Struct, frozen=True, kw_only=True):
    """A row and its titles, in order. Rows that only the viewer's own history fills have none."""

    row_id: str
    name: str
    titles: list[PageTitle]


class PageReasons(Struct, frozen=True, kw_only=True):
    """Why rows moved, and why titles rank where they do."""

    rows: list[RowReason]
    titles: list[TitleReason]


class Page(Struct, frozen=True, kw_only=True):
    """A profile's home page. ``personal`` false: nothing is known of the profile and everybody's page is shown.

    ``decided_ts`` is the time of the event behind the newest decision, ``as_of_ts`` the time up to which everything
    committed has been read, ``stale_ms`` how long ago that was; all in milliseconds.
    """

    profile_id: str
    rows: list[PageRow]
    ranking: list[PageTitle]
    categories: list[str]
    trailer: dict[str, Any] | None
    reasons: PageReasons
    versions: dict[str, int]
    profiled: bool
    personal: bool
    decided_ts: int | None
    as_of_ts: int
    stale_ms: int


class Experiments(Struct, frozen=True, kw_only=True):
    """All experiments, as on ``experiment-results``."""

    experiments: list[ExperimentResult]


class Demand(Struct, frozen=True, kw_only=True):
    """Demand by tag and region, most first."""

    demand: list[AudienceDemand]


class FoundTitle(Struct, frozen=True, kw_only=True):
    """A title that a search has found."""

    title_id: str
    name: str
    artwork_id: str | None
    kind: str
    tags: list[str]
    duration_s: float | None


class FoundTitles(Struct, frozen=True, kw_only=True):
    """What a search has found, best first."""

    titles: list[FoundTitle]


class RejectedEvent(Struct, frozen=True, kw_only=True):
    """An event that was not taken: its place in the request from 0, why, and what exactly."""

    index: int
    reason: Reason
    detail: str


class EventsTaken(Struct, frozen=True, kw_only=True):
    """How many events Kafka has acknowledged, and what was wrong with the others."""

    accepted: int
    rejected: list[RejectedEvent]


class Problem(Struct, frozen=True, kw_only=True):
    """Why there is no other answer: a word for programs, a sentence for people."""

    error: str
    detail: str
