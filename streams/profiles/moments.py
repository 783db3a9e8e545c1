"""Moments: what the compiled loop tells the other surfaces, one record for each thing they may react to, in log
order.

The loop only notes them; ``surfaces.running`` deals them out after the loop has gone on. So a moment carries
everything that a reaction needs to know of the profile at that time: by then the profile's own record may be
some events ahead, by how many depends on how records were batched.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from models.compiled import compiled
from streams.profiles.parameters import Array, Fields


class MomentKind(IntEnum):
    """What happened. The numbers are frozen into compiled code: they may only be added to."""

    SESSION = 0
    """A session began (before the moment of the event that began it)."""
    SESSION_OVER = 1
    SHOWN = 2
    """An impression: ``row`` and ``position`` (vertical); titles are the event's items; ``flag`` 1 when the row is
    the one explored in this session."""
    CLICKED = 3
    STARTED = 4
    """A playback began: ``title``, ``row`` it was played from (-1: none), ``a`` its length in seconds."""
    QUALITY = 5
    """A playback became a quality play: ``a`` seconds watched so far, ``b`` length, ``position`` the place of the
    row it was played from (-1: no impression led to it), ``flag`` 1 when that row is the explored one, ``c`` the
    chance of a quality play that was predicted when the row came into view (0: it is not known)."""
    OVER = 6
    """A playback ended: ``flag`` 1 when it was a quality play, ``a`` seconds truly watched, ``b`` where it
    stopped in the title (seconds), ``c`` length (0: unknown)."""
    SEARCHED = 7
    """``title`` is the result that was opened, or -1."""
    RATED = 8
    """``a`` is -1, 1 or 2."""
    LISTED = 9
    """``a`` is 1 (added) or -1 (removed)."""
    BROWSED = 10
    """``a`` is the dwell time in seconds; the category is the event's."""
    TRAILER = 11
    """A trailer of ``title`` was watched for ``a`` seconds; which one is the event's."""
    SCORED = 12
    """A churn score changed: ``a`` probability, ``band``, ``b`` the one emitted before (-1: none). ``event`` is -1
    when time alone did it."""
    SETTINGS = 13
    """The profile's settings: ``flag`` bit 0 non-profiled page, bit 1 kids; ``a`` the age limit (0: none)."""
    SUBSCRIPTION = 14
    """``flag`` is the ``Subscription`` state after a subscription event."""
    TIME = 15
    """A minute of event time has passed; ``slot`` is -1."""


MOMENT = np.dtype(
    [
        ("kind", "u1"),
        ("flag", "u1"),
        ("band", "u1"),
        ("row", "i2"),  # index, -1: none
        ("position", "i4"),
        ("event", "i4"),  # index in the stretch, -1: time passed
        ("slot", "i4"),  # the profile's
        ("title", "i4"),  # slot, -1: none
        ("ts", "i8"),
        ("topic", "u1"),  # of the causing event
        ("offset", "i8"),  # ... and where it stands; for time, the profile's last event
        ("a", "f8"),
        ("b", "f8"),
        ("c", "f8"),
    ],
    align=True,
)
"""One moment; never stored."""


class Moment(NamedTuple):
    """One moment as surfaces read it: the fields of ``MOMENT`` as Python numbers, in its order."""

    kind: int
    flag: int
    band: int
    row: int
    position: int
    event: int
    slot: int
    title: int
    ts: int
    topic: int
    offset: int
    a: float
    b: float
    c: float


class Noted(NamedTuple):
    """Moments on their way to the surfaces; ``n[0]`` counts them, ``wanted[kind]`` is 1 when somebody reacts to that
    kind."""

    moments: Array
    n: Array
    wanted: Array


CAPACITY = 8_192
"""Moments that gather before they are dealt out."""
ROOM = 8
"""One event, or one visit, notes at most this many."""


def new_noted(kinds: Iterable[int]) -> Noted:
    """Room for the loop's moments of these kinds."""
    wanted = np.zeros(len(MomentKind), np.int64)
    wanted[list(kinds)] = 1
    return Noted(np.zeros(CAPACITY, MOMENT), np.zeros(1, np.int64), wanted)


def take(noted: Noted) -> Array:
    """The moments noted so far (records of ``MOMENT``, to be used before the next is noted), and room for more."""
    n = int(noted.n[0])
    noted.n[0] = 0
    return noted.moments[:n]


@compiled
def note(
    noted: Noted,
    kind: int,
    event: int,
    slot: int,
    ts: int,
    topic: int,
    offset: int,
    title: int,
    row: int,
    a: float,
) -> Fields:
    """Note a moment and return its record, for what few kinds have beside; the caller has made sure of room."""
    moment = noted.moments[noted.n[0]]
    moment.kind = kind
    moment.flag = 0
    moment.band = 0
    moment.position = -1
    moment.event = event
    moment.slot = slot
    moment.ts = ts
    moment.topic = topic
    moment.offset = offset
    moment.title = title
    moment.row = row
    moment.a = a
    moment.b = 0.0
    moment.c = 0.0
    noted.n[0] += noted.wanted[kind]
    return moment
