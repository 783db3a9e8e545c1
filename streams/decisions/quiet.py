"""Moments at which surfaces only count, and nobody has to decide: gone over without Python, all surfaces at once.
Compiled.

Most moments are of this kind: a row came into view without an image that was chosen for this profile, a churn score
moved without a reason to act. What a surface does here is what its reaction does at such a moment; where one would
have more to do, the pass ends before the moment has changed anything.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.artwork_outcomes import note_start, shows_choice
from streams.decisions.credit import count_shown
from streams.decisions.trailers import rises
from streams.profiles.moments import MomentKind
from streams.profiles.parameters import Array

SHOWN, STARTED = int(MomentKind.SHOWN), int(MomentKind.STARTED)
SCORED, SESSION_OVER = int(MomentKind.SCORED), int(MomentKind.SESSION_OVER)

SWITCHES = np.dtype(
    [
        (
            "quiet",
            "u1",
            (len(MomentKind),),
        ),  # by kind, 1: those who react to it count here what it is to them
        ("titles", "u1"),
        ("artwork", "u1"),
        ("trailers", "u1"),
        ("credit", "u1"),
        ("window_ms", "i8"),  # settings.outcome_window_ms
        ("hazard", "f8"),  # settings.trailer_hazard
        ("at", "i8"),  # the moment being looked at
    ],
    align=True,
)
"""Which surfaces are on, and what they go by here."""


@compiled
def pass_quiet(
    moments: Array,
    at: int,
    switches: Array,
    tastes: Array,
    dirty: Array,
    counts: Array,
    devices: Array,
    items: Array,
    items_from: Array,
    items_to: Array,
) -> int:
    """Go over ``moments`` (records of ``profiles.moments.MOMENT``) from ``at`` on, to the first that some surface has
    to react to; returns its place. ``counts`` is the credit's record, the last four are columns of the stretch."""
    on = switches[0]
    while at < moments.shape[0]:
        on.at = at
        moment = moments[at]
        slot = moment.slot
        if not on.quiet[moment.kind]:
            return at
        if moment.kind == SHOWN:
            if on.artwork and shows_choice(
                tastes,
                dirty,
                slot,
                moment.event,
                moment.ts,
                devices,
                items,
                items_from,
                items_to,
                on.window_ms,
            ):
                return at
            if on.credit and moment.row >= 0 and moment.position >= 0:
                count_shown(counts, moment.row, moment.position, moment.flag)
        elif moment.kind == STARTED:
            if on.artwork and note_start(tastes, slot, moment.title, moment.ts, on.window_ms):
                dirty[slot] = 1
        elif moment.kind == SCORED:
            if on.trailers and rises(moment.a, moment.b, moment.band, on.hazard):
                return at
            if on.credit and tastes[slot].trailer_n != 0:
                return at
        elif moment.kind == SESSION_OVER and on.titles and tastes[slot].title_explored != 0:
            tastes[slot].title_explored = 0
            dirty[slot] = 1
        at += 1
    return at
