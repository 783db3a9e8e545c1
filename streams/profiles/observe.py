"""One event changes one profile: the step of the loop that knows every kind of event. Compiled.

Returns what has to be decided anew. An event is applied at most once: not when the profile's record
already stands at its offset (a repeat after a crash on a broker without transactions), and not when its
id is among the profile's last ones (a producer's repeat).
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.churn import mature_labels, observe_life
from streams.decisions.demand import count_interest
from streams.decisions.ordering import chance
from streams.events.kinds import (
    BROWSE,
    CLICK,
    IMPRESSION,
    LIST_ADD,
    LIST_REMOVE,
    PLAYBACK_COMPLETE,
    PLAYBACK_START,
    PROFILE_SETTINGS,
    RATING,
    SEARCH,
    SESSION_END,
    SUBSCRIPTION_CANCELLED,
    SUBSCRIPTION_STARTED,
    TRAILER_VIEW,
)
from streams.profiles.clock import advance, count
from streams.profiles.layout import DEDUP_EVENTS, Counter
from streams.profiles.moments import MomentKind, Noted, note
from streams.profiles.observe_playback import DECIDE_CHURN, DECIDE_ROWS, observe_playback
from streams.profiles.outcomes import Examples, resolve_expired, resolve_ignored
from streams.profiles.parameters import Array, Columns, Fields, Models, Pages, Parameters, Scratch
from streams.profiles.sessions import close_search, observe_device, observe_session, observe_subscription

ON_SESSION = int(MomentKind.SESSION)
ON_SESSION_OVER = int(MomentKind.SESSION_OVER)
ON_SHOWN = int(MomentKind.SHOWN)
ON_CLICKED = int(MomentKind.CLICKED)
ON_SEARCHED = int(MomentKind.SEARCHED)
ON_RATED = int(MomentKind.RATED)
ON_LISTED = int(MomentKind.LISTED)
ON_BROWSED = int(MomentKind.BROWSED)
ON_TRAILER = int(MomentKind.TRAILER)
ON_SETTINGS = int(MomentKind.SETTINGS)
ON_SUBSCRIPTION = int(MomentKind.SUBSCRIPTION)

PREDICT = 4
REPEATED = 8
"""The event was applied before a crash already: nothing may happen."""
DUPLICATE = 16
"""The producer sent the event twice: nothing happens but the position."""

SEARCHES = int(Counter.SEARCHES)
IMPRESSIONS = int(Counter.IMPRESSIONS)
BROWSES = int(Counter.BROWSES)
RATINGS = int(Counter.RATINGS)
LIST_CHANGES = int(Counter.LIST_CHANGES)
TRAILERS = int(Counter.TRAILERS)

SEARCH_CREDIT = 0.5
LIST_CREDIT = 0.5
LIKE_CREDIT = 0.5
"""What a signal is worth as interest in a row, in quality plays."""


@compiled
def is_new(p: Fields, topic: int, offset: int, event: int) -> int:
    """0 when the event is new; it is then remembered. ``REPEATED`` or ``DUPLICATE`` otherwise."""
    if p.born and offset <= p.offsets[topic]:
        return REPEATED
    if not p.born:
        p.offsets[0] = -1
        p.offsets[1] = -1
    p.offsets[topic] = offset
    for j in range(DEDUP_EVENTS):
        if p.recent[j] == event:
            return DUPLICATE
    p.recent[p.events % DEDUP_EVENTS] = event
    p.events += 1
    return 0


@compiled
def observe(
    p: Fields,
    i: int,
    topic: int,
    columns: Columns,
    partition: Fields,
    titles: Array,
    dirty_title: Array,
    pages: Pages,
    examples: Examples,
    churn_examples: Examples,
    models: Models,
    scratch: Scratch,
    parameters: Parameters,
    noted: Noted,
) -> int:
    """Apply event ``i`` to its profile; returns the ``DECIDE_`` flags of what has to be looked at again."""
    weights = scratch.weights
    seen = is_new(p, topic, columns.offset[i], columns.event[i])
    if seen != 0:
        return seen
    kind = columns.kind[i]
    ts = columns.ts[i]
    slot = columns.slot[i]
    offset = columns.offset[i]
    viewing = kind < SUBSCRIPTION_STARTED
    needs = 0
    if not p.born:
        p.born = 1
        p.first_ts = ts
        p.last_ts = ts
        p.active_ts = ts
        needs |= DECIDE_CHURN
    previous_ts = p.active_ts
    mature_labels(p, ts, churn_examples, parameters)
    advance(p, ts, weights)
    observe_device(p, columns.device[i], columns.place[i], weights)
    if not viewing:
        observe_subscription(p, kind, ts, weights)
        if kind == SUBSCRIPTION_CANCELLED:
            observe_life(p, ts, True, parameters)
        note(noted, ON_SUBSCRIPTION, i, slot, ts, topic, offset, -1, -1, 0.0).flag = p.subscription
        return needs | DECIDE_CHURN
    p.active_ts = max(p.active_ts, ts)
    observe_life(p, ts, False, parameters)
    if kind == PROFILE_SETTINGS:  # before the session that it may begin: its first page must know
        if columns.flag[i] > 0:
            p.plain = 2 - columns.flag[i]  # 1: profiled no, 2: profiled yes
        if columns.b[i] >= 0:
            p.kids = np.uint8(columns.b[i])
        if columns.a[i] >= 0:
            p.max_age = np.uint8(columns.a[i])
        if p.plain or p.kids:
            p.explore_row = 0
        note(noted, ON_SETTINGS, i, slot, ts, topic, offset, -1, -1, float(p.max_age)).flag = (
            p.plain + 2 * p.kids
        )
        needs |= DECIDE_ROWS
    if observe_session(p, kind, ts, previous_ts, weights, parameters):
        resolve_ignored(p, partition, examples, weights)
        note(noted, ON_SESSION, i, slot, ts, topic, offset, -1, -1, 0.0)
        p.explore_row = 0
        active = 0 if p.plain or p.kids else pages.active_n  # neither is explored with
        if active > 0 and chance(p.key_hash, 2 * p.sessions, parameters.seed) < parameters.explore_share:
            pick = int(chance(p.key_hash, 2 * p.sessions + 1, parameters.seed) * active)
            for row in range(pages.n):
                if pages.active[row]:
                    if pick == 0:
                        p.explore_row = row + 1
                    pick -= 1
        needs |= DECIDE_ROWS | DECIDE_CHURN
    resolve_expired(p, ts, partition, examples, weights, parameters)

    row = columns.row[i]
    title = columns.title[i]
    if row < 0 and title >= 0:
        row = titles[title].row - 1
    if kind == IMPRESSION:
        count(p, IMPRESSIONS, 1.0, weights)
        shown = note(noted, ON_SHOWN, i, slot, ts, topic, offset, title, row, 0.0)
        shown.position = columns.position[i]
        p.own_page = columns.flag[i]
        shown.flag = 1 if p.explore_row > 0 and p.explore_row == row + 1 else 0
        if row >= 0:
            needs |= PREDICT
    elif PLAYBACK_START <= kind <= PLAYBACK_COMPLETE:
        needs |= observe_playback(
            p, i, row, topic, columns, partition, titles, dirty_title, pages, examples, models, scratch,
            parameters, noted,
        )  # fmt: skip
    elif kind == SEARCH:
        close_search(p, weights)
        count(p, SEARCHES, 1.0, weights)
        p.open_search = 1
        note(noted, ON_SEARCHED, i, slot, ts, topic, offset, title, row, columns.a[i])
        if row >= 0:
            count_interest(p, partition, row, SEARCH_CREDIT, ts)
            needs |= DECIDE_ROWS
    elif kind == RATING:
        count(p, RATINGS, 1.0, weights)
        note(noted, ON_RATED, i, slot, ts, topic, offset, title, row, columns.a[i])
        if row >= 0:
            count_interest(p, partition, row, max(0.0, columns.a[i]) * LIKE_CREDIT, ts)
            needs |= DECIDE_ROWS
    elif kind == LIST_ADD:
        count(p, LIST_CHANGES, 1.0, weights)
        note(noted, ON_LISTED, i, slot, ts, topic, offset, title, row, 1.0)
        if row >= 0:
            count_interest(p, partition, row, LIST_CREDIT, ts)
            needs |= DECIDE_ROWS
    elif kind == LIST_REMOVE:
        count(p, LIST_CHANGES, 1.0, weights)
        note(noted, ON_LISTED, i, slot, ts, topic, offset, title, row, -1.0)
    elif kind == BROWSE:
        count(p, BROWSES, 1.0, weights)
        note(noted, ON_BROWSED, i, slot, ts, topic, offset, title, row, columns.a[i])
    elif kind == TRAILER_VIEW:
        count(p, TRAILERS, 1.0, weights)
        note(noted, ON_TRAILER, i, slot, ts, topic, offset, title, row, columns.a[i])
    elif kind == CLICK:
        clicked = note(noted, ON_CLICKED, i, slot, ts, topic, offset, title, row, 0.0)
        clicked.position = columns.position[i]
    elif kind == SESSION_END:
        note(noted, ON_SESSION_OVER, i, slot, ts, topic, offset, -1, -1, 0.0)
        resolve_ignored(p, partition, examples, weights)
        p.explore_row = 0
        needs |= DECIDE_CHURN
    return needs
