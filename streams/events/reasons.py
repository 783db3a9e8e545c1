"""Why a record goes to ``dead-letters``: the fixed list that its ``reason`` header is taken from."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One reason per kind of fault, in the order in which they are judged."""

    EMPTY = "empty"
    """The record has no value."""
    TOO_LARGE = "too_large"
    """The value is larger than ``max_event_bytes``."""
    NOT_JSON = "not_json"
    """The value is not JSON in UTF-8."""
    TOO_DEEP = "too_deep"
    """The value is nested deeper than can be read."""
    UNKNOWN_EVENT_TYPE = "unknown_event_type"
    """``type`` is none of this topic's event types."""
    MISSING_FIELD = "missing_field"
    """A field that the event type needs is not there."""
    WRONG_TYPE = "wrong_type"
    """A field, or the whole value, has another JSON type than the contract says."""
    BAD_VALUE = "bad_value"
    """A field has the right type and a value outside the contract: empty id, negative seconds, a 7."""
    KEY_MISMATCH = "key_mismatch"
    """The record's key is missing or is not its ``profile_id``."""
    ABSURD_CLOCK = "absurd_clock"
    """``ts`` lies before ``earliest_ts_ms`` or more than ``future_tolerance_ms`` ahead."""
