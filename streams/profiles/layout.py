"""The columns of a profile, a title and a partition: one packed record each, which is also their
changelog form.

Everything is fixed size, so that the compiled loop works on plain memory, a changelog record is a copy of
a row, and the memory of a partition is a product. Sizes with their arithmetic stand beside the limits;
``tests/profiles`` asserts them.

A field is only ever added, never changed in place: ``state.codec`` reads an older record by field names.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from models.hazard import FEATURES as CHURN_FEATURES
from models.quality import FEATURES as QUALITY_FEATURES

LAYOUT_VERSION = 4

MAX_ROWS = 32
"""Rows a home page may choose from. 2 float32, 3 uint16 and 3 int8 per row and profile: 544 bytes of a profile."""
DEDUP_EVENTS = 16
"""Event ids remembered per profile, 8 bytes each: a repeat within the profile's last 16 events counts
once."""
PLAYBACKS = 2
"""Playbacks open at once per profile (more than one screen); the one silent for longest gives way to a
third."""
INTERVALS = 4
"""Played intervals kept per open playback; a fifth closes the gap between the two nearest (counted as not
watched)."""
PENDING = 8
"""Impressions of a profile that await their outcome; a ninth resolves the oldest as ignored."""
SNAPSHOTS = 3
"""Churn predictions of a profile that await their label; a new one every horizon / SNAPSHOTS at most."""
HALF_LIVES_DAYS = (1.0, 7.0, 30.0)
"""Half-lives of every behaviour counter."""
MAX_POSITIONS = 16
"""Vertical positions with a rate of their own; lower ones share the last."""
LENGTH_CLASSES = 16
"""Classes of a title's length, each about 1.6 times the one before."""
OUTCOME_SCALE = 64
"""A profile's outcomes per row are kept as uint16 in units of 1/64: 4 bytes a row for both."""
OTHER_ROW = MAX_ROWS - 1
"""Stands for every row that the catalog does not know: it teaches the quality model, and is never
ordered."""
DAYPARTS = 8
"""Parts of the day (UTC), three hours each."""
DEVICE_TYPES = 7
"""As in ``events.kinds.DEVICES``."""
DEMAND_TERMS = 12
"""Terms of the demand model (``decisions.demand``)."""
SEEN_TERMS = 5
"""Terms of the model of seen rows (``decisions.seen_rows``), ..."""
SEEN_WEIGHTS = SEEN_TERMS + 3
"""... and its weights: those of what is not the row's doing, too."""
FEATURE_SCALE = 1024.0
"""Waiting feature vectors are kept as int16 in units of 1/1024: +-32 at a precision of 0.001."""


class Counter(IntEnum):
    """Decayed behaviour counters, each with every half-life."""

    SESSIONS = 0
    WATCHED_HOURS = 1
    PLAYS = 2
    QUALITY_PLAYS = 3
    COMPLETES = 4
    SKIPS = 5
    PAUSES = 6
    REWINDS = 7
    SEARCHES = 8
    SEARCHES_WITHOUT_PLAY = 9
    IMPRESSIONS = 10
    BROWSES = 11
    RATINGS = 12
    LIST_CHANGES = 13
    TRAILERS = 14
    DEVICE_CHANGES = 15
    PLACE_CHANGES = 16
    PAYMENT_FAILURES = 17


class RowStat(IntEnum):
    """Decayed counts per profile and row."""

    QUALITY_FAST = 0
    """Quality plays and signals worth as much; half-life 6 hours."""
    PLAYS = 1
    """Plays, good and bad; 30 days, like the rest."""


class Subscription(IntEnum):
    """What the subscription topic last said of a profile."""

    UNKNOWN = 0
    ACTIVE = 1
    PAUSED = 2
    PAYMENT_FAILED = 3
    CANCELLED = 4


PROFILE = np.dtype(
    [
        # In an order in which little is lost to alignment. Who, and where in the log:
        ("key_hash", "u8"),
        ("offsets", "i8", (2,)),  # the last record applied, of viewing-events and subscription-events
        ("events", "u4"),
        ("sessions", "u4"),
        ("recent", "u8", (DEDUP_EVENTS,)),
        # time
        ("first_ts", "i8"),
        ("last_ts", "i8"),  # the counters are as of this time
        ("active_ts", "i8"),  # last viewing event: a renewal is no sign of life
        # session
        ("session_events", "u4"),
        ("born", "u1"),
        ("in_session", "u1"),
        ("device_type", "u1"),  # not "device": numpy's scalars have that already
        ("open_search", "u1"),
        ("place", "u4"),
        # the profile's own settings, and its subscription
        ("plain", "u1"),  # 1: its page uses nothing personal
        ("kids", "u1"),
        ("max_age", "u1"),  # 0: no limit
        ("subscription", "u1"),
        # behaviour
        ("counters", "f4", (len(HALF_LIVES_DAYS), len(Counter))),
        ("watched_s", "f8"),  # all time, for the oracle and for people
        ("subscription_ts", "i8"),
        # playbacks under way
        ("play_id", "u8", (PLAYBACKS,)),
        ("play_ts", "i8", (PLAYBACKS,)),
        ("play_title", "i4", (PLAYBACKS,)),
        ("play_row", "i1", (PLAYBACKS,)),  # 1 + row, 0 is none
        ("play_playing", "u1", (PLAYBACKS,)),
        ("play_quality", "u1", (PLAYBACKS,)),
        ("play_pending", "i1", (PLAYBACKS,)),  # 1 + index of the impression that led to it
        ("play_position", "u1", (PLAYBACKS,)),  # 1 + vertical position of that impression
        ("play_intervals", "u1", (PLAYBACKS,)),
        (
            "play_base_s",
            "f8",
            (PLAYBACKS,),
        ),  # where it began; positions count from here
        ("play_duration_s", "f4", (PLAYBACKS,)),
        ("play_position_s", "f4", (PLAYBACKS,)),
        ("play_watched_s", "f4", (PLAYBACKS,)),
        ("play_from", "f4", (PLAYBACKS, INTERVALS)),
        ("play_to", "f4", (PLAYBACKS, INTERVALS)),
        # impressions that await their outcome
        ("pending_row", "i1", (PENDING,)),  # 1 + row, 0 is free
        ("pending_position", "u1", (PENDING,)),
        ("pending_length", "u1", (PENDING,)),  # class of the first title's length
        ("pending_ts", "i8", (PENDING,)),
        ("pending_playing", "u1", (PENDING,)),
        ("pending_p", "f4", (PENDING,)),
        ("pending_x", "i2", (PENDING, len(QUALITY_FEATURES))),
        ("pending_device", "u1", (PENDING,)),  # 1 + type of device; more (seen_rows.LEARNS) on a page of ours
        ("pending_terms", "i2", (PENDING, SEEN_TERMS)),  # only on a page of ours
        # rows
        ("rows", "f4", (MAX_ROWS, len(RowStat))),
        ("row_seen", "u2", (MAX_ROWS,)),  # impressions with a known outcome, in units of 1/OUTCOME_SCALE
        ("row_quality", "u2", (MAX_ROWS,)),  # ... of which led to a quality play
        ("row_elsewhere", "u2", (MAX_ROWS,)),  # plays not led to by an impression of the row, in those units
        ("outcome_ts", "i8"),  # row_seen, row_quality and row_elsewhere are as of this time, to a day
        ("demand_ts", "i8"),  # as of this time
        ("seen", "f4"),  # impressions with a known outcome, and those that led to a quality play: 30 days
        ("quality", "f4"),
        ("seen_hour", "f4"),  # the same with a half-life of an hour
        ("quality_hour", "f4"),
        ("watch", "f4"),  # watched more than usual at that position: 30 days
        ("last_quality", "i1"),  # 1 + row of the last quality play
        ("last_play", "i1"),  # 1 + row of the last play, good or bad
        # last decisions
        ("row_version", "u4"),
        ("explore_row", "i1"),  # 1 + row shown higher than earned in this session
        ("ordered", "u1"),  # how many entries of order and shown are valid
        ("order", "i1", (MAX_ROWS,)),  # by score, with hysteresis
        ("row_score", "i1", (MAX_ROWS,)),  # what the demand model gave it, against the mean of the page
        ("shown", "i1", (MAX_ROWS,)),  # as emitted
        ("shown_n", "u1"),
        ("own_page", "u1"),  # the rows that came into view last were those of a decision of ours
        ("shown_plain", "u1"),  # that page used nothing personal
        ("churn_version", "u4"),
        ("churn_p", "f4"),
        ("churn_band", "u1"),
        # churn predictions that await their label
        ("snapshot_ts", "i8", (SNAPSHOTS,)),
        ("snapshot_state", "u1", (SNAPSHOTS,)),  # 0 free, 1 silent so far, 2 came back, 3 cancelled
        ("snapshot_p", "f4", (SNAPSHOTS,)),
        ("snapshot_x", "i2", (SNAPSHOTS, len(CHURN_FEATURES))),
        ("last_snapshot_ts", "i8"),
    ],
    align=True,
)
"""One profile. Zero bytes are a profile that has not been born."""

TITLE = np.dtype(
    [
        ("seen", "f4"),
        ("quality", "f4"),
        ("duration_s", "f4"),
        ("row", "i1"),  # 1 + row by the catalog's tags, 0 is none
    ],
    align=True,
)
"""One title: decayed outcomes of its impressions."""

PARTITION = np.dtype(
    [
        ("stream_ts", "i8"),  # the largest event time, bounded by the broker's clock
        ("slots", "i8"),  # slots of profiles, free ones included
        ("sweep_ts", "i8"),  # when silent profiles were last visited
        ("sweep_cursor", "i8"),
        ("sweep_left", "i8"),
        ("decay_ts", "i8"),
        # outcomes of impressions, half-life 30 days
        ("seen", "f8"),
        ("quality", "f8"),
        ("row_seen", "f8", (MAX_ROWS,)),
        ("row_quality", "f8", (MAX_ROWS,)),
        ("row_appeal", "f8", (MAX_ROWS,)),  # running mean of the title rates that the row shows
        ("row_appeal_n", "f8", (MAX_ROWS,)),
        ("position_seen", "f8", (MAX_POSITIONS,)),
        ("position_quality", "f8", (MAX_POSITIONS,)),
        ("position_watch", "f8", (MAX_POSITIONS,)),
        ("length_seen", "f4", (LENGTH_CLASSES, MAX_POSITIONS)),
        ("length_quality", "f4", (LENGTH_CLASSES, MAX_POSITIONS)),
        ("unshown_plays", "f8"),  # plays that no impression led to, and how long they were watched
        ("unshown_watch", "f8"),
        ("row_position_seen", "f4", (MAX_ROWS, MAX_POSITIONS)),
        ("row_position_quality", "f4", (MAX_ROWS, MAX_POSITIONS)),
        ("device_seen", "f4", (DEVICE_TYPES, MAX_ROWS)),
        ("device_quality", "f4", (DEVICE_TYPES, MAX_ROWS)),
        # demand: quality plays by row
        ("share", "f8", (MAX_ROWS,)),  # half-life 30 days
        ("recent", "f8", (MAX_ROWS,)),  # one day
        ("by_daypart", "f4", (DAYPARTS, MAX_ROWS)),  # 30 days
        ("by_device", "f4", (DEVICE_TYPES, MAX_ROWS)),
        (
            "after_quality",
            "f4",
            (MAX_ROWS, MAX_ROWS),
        ),  # quality play in the column's row after one in the line's row
        ("after_play", "f4", (MAX_ROWS, MAX_ROWS)),  # ... after any play in the line's row
        ("company", "f4", (MAX_ROWS, MAX_ROWS)),  # ... by profiles whose plays were in the line's row
        ("demand_weight", "f8", (DEMAND_TERMS,)),
        ("demand_gradient", "f8", (DEMAND_TERMS,)),
        ("seen_weight", "f8", (SEEN_WEIGHTS,)),
        ("seen_covariance", "f8", (SEEN_WEIGHTS, SEEN_WEIGHTS)),
    ],
    align=True,
)
"""What a partition knows of its audience as a whole."""

DECISION = np.dtype(
    [
        ("kind", "u1"),
        ("explore", "u1"),
        ("band", "u1"),
        ("rows", "u1"),
        ("had_previous", "u1"),
        ("slot", "i4"),
        ("event", "i4"),  # index in the batch, -1: time passed
        ("offsets", "i8", (2,)),  # the profile's last events at that moment
        ("model", "u4"),  # version of the model that decided
        ("version", "u4"),
        ("ts", "i8"),
        ("propensity", "f8"),
        ("probability", "f8"),
        ("previous_p", "f8"),
        ("order", "i1", (MAX_ROWS,)),
        ("previous", "i1", (MAX_ROWS,)),
        ("previous_rows", "u1"),
        ("scores", "f8", (MAX_ROWS,)),
        ("reason_row", "i1", (3,)),
        ("reason_feature", "i1", (3,)),
        ("reason", "f8", (3,)),
    ],
    align=True,
)
"""A decision on its way out of the loop; never stored."""
