"""The events that Flywheel reads: viewing events and subscription events.

A field with a default may be missing or null; unknown fields are ignored. An event's kind is its class.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.events.fields import (
    MAX_LIST_ITEMS,
    Age,
    Country,
    Days,
    DeviceType,
    EpochMs,
    Id,
    Ids,
    Position,
    Seconds,
    Text,
    Version,
)

# --- what every event carries


class Event(Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """What every input event carries. The record's key is ``profile_id``."""

    event_id: Id
    profile_id: Id
    ts: EpochMs
    country: Country | None = None
    region: Id | None = None


class ViewingEvent(Event, frozen=True, gc=False, kw_only=True):
    """What every viewing event carries."""

    session_id: Id | None = None
    device_id: Id | None = None
    device_type: DeviceType | None = None


# --- viewing-events


class SessionStart(ViewingEvent, tag="session_start", frozen=True, gc=False, kw_only=True):
    """The viewer opened the service."""


class SessionEnd(ViewingEvent, tag="session_end", frozen=True, gc=False, kw_only=True):
    """The viewer left the service."""


class ImpressionItem(Struct, frozen=True, gc=False, kw_only=True):
    """One title that could be seen within an impressed row."""

    title_id: Id
    position: Position
    artwork_id: Id | None = None


class Impression(ViewingEvent, tag="impression", frozen=True, gc=False, kw_only=True):
    """One row came into view, at place ``row_position`` of the page (0 = top)."""

    row_id: Id
    row_position: Position
    items: Annotated[list[ImpressionItem], Meta(max_length=MAX_LIST_ITEMS)]
    decision_version: Version | None = None


class Click(ViewingEvent, tag="click", frozen=True, gc=False, kw_only=True):
    """A title was opened."""

    title_id: Id
    row_id: Id | None = None
    row_position: Position | None = None
    position: Position | None = None
    artwork_id: Id | None = None


class PlaybackStart(ViewingEvent, tag="playback_start", frozen=True, gc=False, kw_only=True):
    """A title of ``duration_s`` begins to play at ``position_s``."""

    playback_id: Id
    title_id: Id
    duration_s: Seconds
    position_s: Seconds = 0.0
    row_id: Id | None = None
    row_position: Position | None = None
    position: Position | None = None
    artwork_id: Id | None = None
    autoplay: bool = False


class PlaybackProgress(ViewingEvent, tag="playback_progress", frozen=True, gc=False, kw_only=True):
    """Heartbeat of a playback."""

    playback_id: Id
    title_id: Id
    position_s: Seconds


class PlaybackPause(ViewingEvent, tag="playback_pause", frozen=True, gc=False, kw_only=True):
    """The viewer paused."""

    playback_id: Id
    title_id: Id
    position_s: Seconds


class PlaybackResume(ViewingEvent, tag="playback_resume", frozen=True, gc=False, kw_only=True):
    """The viewer went on after a pause."""

    playback_id: Id
    title_id: Id
    position_s: Seconds


class PlaybackStop(ViewingEvent, tag="playback_stop", frozen=True, gc=False, kw_only=True):
    """The playback ended before the title did."""

    playback_id: Id
    title_id: Id
    position_s: Seconds


class PlaybackSeek(ViewingEvent, tag="playback_seek", frozen=True, gc=False, kw_only=True):
    """The viewer jumped; a rewind when ``to_s`` is smaller than ``from_s``."""

    playback_id: Id
    title_id: Id
    from_s: Seconds
    to_s: Seconds


class PlaybackSkip(ViewingEvent, tag="playback_skip", frozen=True, gc=False, kw_only=True):
    """The title was given up for something else."""

    title_id: Id
    playback_id: Id | None = None
    position_s: Seconds | None = None


class PlaybackComplete(ViewingEvent, tag="playback_complete", frozen=True, gc=False, kw_only=True):
    """The title was played to its end."""

    playback_id: Id
    title_id: Id


class Search(ViewingEvent, tag="search", frozen=True, gc=False, kw_only=True):
    """A search, the results shown and, when one was opened, which."""

    query: Text
    title_ids: Ids | None = None
    clicked_title_id: Id | None = None


class Browse(ViewingEvent, tag="browse", frozen=True, gc=False, kw_only=True):
    """The viewer stayed on a category for ``dwell_s``."""

    category_id: Id
    dwell_s: Seconds


class Rating(ViewingEvent, tag="rating", frozen=True, gc=False, kw_only=True):
    """Thumb down (-1), up (1) or two up (2)."""

    title_id: Id
    value: Literal[-1, 1, 2]


class ListAdd(ViewingEvent, tag="list_add", frozen=True, gc=False, kw_only=True):
    """A title was put on the viewer's list."""

    title_id: Id


class ListRemove(ViewingEvent, tag="list_remove", frozen=True, gc=False, kw_only=True):
    """A title was taken off the viewer's list."""

    title_id: Id


class TrailerView(ViewingEvent, tag="trailer_view", frozen=True, gc=False, kw_only=True):
    """A trailer was watched for ``watched_s``."""

    trailer_id: Id
    title_id: Id
    watched_s: Seconds


class ProfileSettings(ViewingEvent, tag="profile_settings", frozen=True, gc=False, kw_only=True):
    """What the viewer has chosen for the profile; what is not said stays as it was.

    ``profiled`` false asks for a page that uses nothing personal; ``kids`` profiles are never experimented on;
    titles for viewers older than ``max_age`` years are not shown (0 lifts the limit).
    """

    profiled: bool | None = None
    kids: bool | None = None
    max_age: Age | None = None


class ProfileDeleted(ViewingEvent, tag="profile_deleted", frozen=True, gc=False, kw_only=True):
    """All that is known of the profile must be erased."""


ViewingEvents = (
    SessionStart
    | SessionEnd
    | Impression
    | Click
    | PlaybackStart
    | PlaybackProgress
    | PlaybackPause
    | PlaybackResume
    | PlaybackStop
    | PlaybackSeek
    | PlaybackSkip
    | PlaybackComplete
    | Search
    | Browse
    | Rating
    | ListAdd
    | ListRemove
    | TrailerView
    | ProfileSettings
    | ProfileDeleted
)

# --- subscription-events


class SubscriptionEvent(Event, frozen=True, gc=False, kw_only=True):
    """What every subscription event carries."""

    plan: Id | None = None
    period_days: Days | None = None


class SubscriptionStarted(SubscriptionEvent, tag="subscription_started", frozen=True, gc=False, kw_only=True):
    """A subscription began."""


class SubscriptionRenewed(SubscriptionEvent, tag="subscription_renewed", frozen=True, gc=False, kw_only=True):
    """A period was paid for."""


class SubscriptionPaymentFailed(
    SubscriptionEvent, tag="subscription_payment_failed", frozen=True, gc=False, kw_only=True
):
    """A payment was refused."""


class SubscriptionPlanChanged(
    SubscriptionEvent, tag="subscription_plan_changed", frozen=True, gc=False, kw_only=True
):
    """The subscriber changed to ``plan``."""


class SubscriptionPaused(SubscriptionEvent, tag="subscription_paused", frozen=True, gc=False, kw_only=True):
    """The subscription rests."""


class SubscriptionCancelled(
    SubscriptionEvent, tag="subscription_cancelled", frozen=True, gc=False, kw_only=True
):
    """The subscriber leaves."""


SubscriptionEvents = (
    SubscriptionStarted
    | SubscriptionRenewed
    | SubscriptionPaymentFailed
    | SubscriptionPlanChanged
    | SubscriptionPaused
    | SubscriptionCancelled
)
