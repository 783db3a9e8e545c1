"""The kinds of events as small numbers, for the compiled loop. The order is the contract's; names are its
``type`` strings."""

from __future__ import annotations

VIEWING_KINDS = (
    "session_start",
    "session_end",
    "impression",
    "click",
    "playback_start",
    "playback_progress",
    "playback_pause",
    "playback_resume",
    "playback_stop",
    "playback_seek",
    "playback_skip",
    "playback_complete",
    "search",
    "browse",
    "rating",
    "list_add",
    "list_remove",
    "trailer_view",
    "profile_settings",
    "profile_deleted",
)
SUBSCRIPTION_KINDS = (
    "subscription_started",
    "subscription_renewed",
    "subscription_payment_failed",
    "subscription_plan_changed",
    "subscription_paused",
    "subscription_cancelled",
)
KINDS = VIEWING_KINDS + SUBSCRIPTION_KINDS

(
    SESSION_START,
    SESSION_END,
    IMPRESSION,
    CLICK,
    PLAYBACK_START,
    PLAYBACK_PROGRESS,
    PLAYBACK_PAUSE,
    PLAYBACK_RESUME,
    PLAYBACK_STOP,
    PLAYBACK_SEEK,
    PLAYBACK_SKIP,
    PLAYBACK_COMPLETE,
    SEARCH,
    BROWSE,
    RATING,
    LIST_ADD,
    LIST_REMOVE,
    TRAILER_VIEW,
    PROFILE_SETTINGS,
    PROFILE_DELETED,
    SUBSCRIPTION_STARTED,
    SUBSCRIPTION_RENEWED,
    PAYMENT_FAILED,
    SUBSCRIPTION_PLAN_CHANGED,
    SUBSCRIPTION_PAUSED,
    SUBSCRIPTION_CANCELLED,
) = range(len(KINDS))

DEVICES = ("", "tv", "phone", "tablet", "web", "console", "other")
"""Device types; the index is kept, 0 is not said."""
# The numbers are frozen into compiled code (whose cache knows this file's digest) and stored nowhere.
