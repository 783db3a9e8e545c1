"""The event contract as code: every record that Flywheel reads or writes is a frozen struct named here.

This module is the door: fields and their limits are in ``fields.py``, what is read in ``inputs.py`` and
``catalog.py``, what is written in ``outputs.py`` and ``reports.py``. Decoding and validating are one pass
(msgspec). The JSON Schemas and the AsyncAPI document (``asyncapi.py``) are derived from these structs, so
they cannot disagree with what the stream accepts.

Times are named ``ts`` and are integer milliseconds since the epoch (UTC); names ending in ``_s`` are seconds.
"""

from __future__ import annotations

import msgspec

from streams import topics
from streams.events.catalog import Artwork, Row, Title, Trailer
from streams.events.inputs import (
    Browse,
    Click,
    Event,
    Impression,
    ImpressionItem,
    ListAdd,
    ListRemove,
    PlaybackComplete,
    PlaybackPause,
    PlaybackProgress,
    PlaybackResume,
    PlaybackSeek,
    PlaybackSkip,
    PlaybackStart,
    PlaybackStop,
    ProfileDeleted,
    ProfileSettings,
    Rating,
    Search,
    SessionEnd,
    SessionStart,
    SubscriptionCancelled,
    SubscriptionEvent,
    SubscriptionEvents,
    SubscriptionPaused,
    SubscriptionPaymentFailed,
    SubscriptionPlanChanged,
    SubscriptionRenewed,
    SubscriptionStarted,
    TrailerView,
    ViewingEvent,
    ViewingEvents,
)
from streams.events.outputs import (
    ArtworkChoice,
    CategoryChoice,
    Cause,
    ChurnScore,
    DeadLetterHeaders,
    Decision,
    Driver,
    Experiment,
    HomepageRankings,
    Model,
    Prediction,
    RowOrder,
    RowReason,
    TitleReason,
    TrailerChoice,
)
from streams.events.reports import AudienceDemand, ExperimentArm, ExperimentResult

__all__ = [
    "ROW",
    "SUBSCRIPTION",
    "TITLE",
    "VALUES",
    "VIEWING",
    "Artwork",
    "ArtworkChoice",
    "AudienceDemand",
    "Browse",
    "CategoryChoice",
    "Cause",
    "ChurnScore",
    "Click",
    "DeadLetterHeaders",
    "Decision",
    "Driver",
    "Event",
    "Experiment",
    "ExperimentArm",
    "ExperimentResult",
    "HomepageRankings",
    "Impression",
    "ImpressionItem",
    "ListAdd",
    "ListRemove",
    "Model",
    "PlaybackComplete",
    "PlaybackPause",
    "PlaybackProgress",
    "PlaybackResume",
    "PlaybackSeek",
    "PlaybackSkip",
    "PlaybackStart",
    "PlaybackStop",
    "Prediction",
    "ProfileDeleted",
    "ProfileSettings",
    "Rating",
    "Row",
    "RowOrder",
    "RowReason",
    "Search",
    "SessionEnd",
    "SessionStart",
    "SubscriptionCancelled",
    "SubscriptionEvent",
    "SubscriptionEvents",
    "SubscriptionPaused",
    "SubscriptionPaymentFailed",
    "SubscriptionPlanChanged",
    "SubscriptionRenewed",
    "SubscriptionStarted",
    "Title",
    "TitleReason",
    "Trailer",
    "TrailerChoice",
    "TrailerView",
    "ViewingEvent",
    "ViewingEvents",
    "type_name",
]

VIEWING: msgspec.json.Decoder[ViewingEvents] = msgspec.json.Decoder(ViewingEvents)
"""Decodes and validates a value of ``viewing-events``. Raises msgspec's errors (``decode.py`` reads them)."""
SUBSCRIPTION: msgspec.json.Decoder[SubscriptionEvents] = msgspec.json.Decoder(SubscriptionEvents)
"""Decodes and validates a value of ``subscription-events``."""
TITLE: msgspec.json.Decoder[Title] = msgspec.json.Decoder(Title)
"""Decodes and validates a value of ``title-catalog``."""
ROW: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
"""Decodes and validates a value of ``row-catalog``."""

VALUES: dict[str, object] = {
    topics.VIEWING_EVENTS: ViewingEvents,
    topics.SUBSCRIPTION_EVENTS: SubscriptionEvents,
    topics.TITLE_CATALOG: Title,
    topics.ROW_CATALOG: Row,
    topics.ROW_ORDER: RowOrder,
    topics.CHURN_SCORES: ChurnScore,
    topics.HOMEPAGE_RANKINGS: HomepageRankings,
    topics.ARTWORK_CHOICES: ArtworkChoice,
    topics.TRAILER_CHOICES: TrailerChoice,
    topics.CATEGORY_CHOICES: CategoryChoice,
    topics.EXPERIMENT_RESULTS: ExperimentResult,
    topics.AUDIENCE_DEMAND: AudienceDemand,
}
"""The type of each topic's values. A dead letter's value is whatever came; only its headers have a schema."""


def type_name(kind: type[Event]) -> str:
    """The ``type`` that stands in the JSON of an event class, for example ``playback_start``."""
    return str(kind.__struct_config__.tag)
