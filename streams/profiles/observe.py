"""One event changes one profile: the step of the loop that knows every kind of event. Compiled.

Returns what has to be decided anew. An event is applied at most once: not when the profile's record already stands at its offset (a repeat
after a crash on a broker without transactions), and not when its id is among the profile's last ones (a producer's repeat).
"""

from __future__ import annotations

from models.compiled import compiled
from streams.decisions.churn import mature_labels, observe_life
from streams.decisions.ordering import chance
from streams.decisions.demand import (
    count_interest,
    count_play,
    count_quality_play,
    demand_scores,
    demand_terms,
    learn_demand,
)
from streams.decisions.rows import count_watched, row_qualities
from streams.events.kinds import (
    BROWSE,
    IMPRESSION,
    LIST_ADD,
    LIST_REMOVE,
    PLAYBACK_COMPLETE,
    PLAYBACK_PAUSE,
    PLAYBACK_PROGRESS,
    PLAYBACK_RESUME,
    PLAYBACK_SEEK,
    PLAYBACK_SKIP,
    PLAYBACK_START,
    PLAYBACK_STOP,
    RATING,
    SEARCH,
    SESSION_END,
    SUBSCRIPTION_CANCELLED,
    SUBSCRIPTION_STARTED,
    TRAILER_VIEW,
)
from streams.profiles.clock import MONTH, advance, count
from streams.profiles.layout import DEDUP_EVENTS, OTHER_ROW, PLAYBACKS, Counter
from streams.profiles.outcomes import Examples, impression_of, resolve, resolve_expired, resolve_ignored
from streams.profiles.parameters import Array, Columns, Floats, Models, Pages, Parameters, Scratch
from streams.profiles.playback import (
    advance_playback,
    close_playback,
    find_playback,
    open_playback,
    reaches_quality,
)
from streams.profiles.sessions import close_search, observe_device, observe_session, observe_subscription

DECIDE_ROWS = 1
DECIDE_CHURN = 2
PREDICT = 4
REPEATED = 8
"""The event was applied before a crash already: nothing may happen."""
DUPLICATE = 16
"""The producer sent the event twice: nothing happens but the position."""

WATCHED_HOURS = int(Counter.WATCHED_HOURS)
PLAYS = int(Counter.PLAYS)
QUALITY_PLAYS = int(Counter.QUALITY_PLAYS)
COMPLETES = int(Counter.COMPLETES)
SKIPS = int(Counter.SKIPS)
PAUSES = int(Counter.PAUSES)
REWINDS = int(Counter.REWINDS)
SEARCHES = int(Counter.SEARCHES)
IMPRESSIONS = int(Counter.IMPRESSIONS)
BROWSES = int(Counter.BROWSES)
RATINGS = int(Counter.RATINGS)
LIST_CHANGES = int(Counter.LIST_CHANGES)
TRAILERS = int(Counter.TRAILERS)

REWIND_CREDIT = 0.25
SEARCH_CREDIT = 0.5
LIST_CREDIT = 0.5
LIKE_CREDIT = 0.5
"""What a signal is worth as interest in a row, in quality plays."""


@compiled
def is_new(p: Array, topic: int, offset: int, event: int) -> int:
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
    p: Array,
    i: int,
    topic: int,
    columns: Columns,
    partition: Array,
    titles: Array,
    dirty_title: Array,
    pages: Pages,
    examples: Examples,
    churn_examples: Examples,
    models: Models,
    scratch: Scratch,
    parameters: Parameters,
) -> int:
    """Apply event ``i`` to its profile; returns the ``DECIDE_`` flags of what has to be looked at again."""
    weights = scratch.weights
    seen = is_new(p, topic, columns.offset[i], columns.event[i])
    if seen != 0:
        return seen
    kind = columns.kind[i]
    ts = columns.ts[i]
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
        observe_subscription(p, kind, ts, columns.b[i], weights)
        if kind == SUBSCRIPTION_CANCELLED:
            observe_life(p, ts, True, parameters)
        return needs | DECIDE_CHURN
    p.active_ts = max(p.active_ts, ts)
    observe_life(p, ts, False, parameters)
    if observe_session(p, kind, ts, previous_ts, weights, parameters):
        resolve_ignored(p, ts, partition, examples, weights)
        p.explore_row = 0
        active = pages.active_n
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
        if row >= 0:
            needs |= PREDICT
    elif PLAYBACK_START <= kind <= PLAYBACK_COMPLETE:
        needs |= observe_playback(
            p, i, row, columns, partition, titles, dirty_title, pages, examples, models, scratch, parameters
        )
    elif kind == SEARCH:
        close_search(p, weights)
        count(p, SEARCHES, 1.0, weights)
        p.open_search = 1
        if row >= 0:
            count_interest(p, partition, row, SEARCH_CREDIT, ts)
            needs |= DECIDE_ROWS
    elif kind == RATING:
        count(p, RATINGS, 1.0, weights)
        if row >= 0:
            count_interest(p, partition, row, max(0.0, columns.a[i]) * LIKE_CREDIT, ts)
            needs |= DECIDE_ROWS
    elif kind == LIST_ADD:
        count(p, LIST_CHANGES, 1.0, weights)
        if row >= 0:
            count_interest(p, partition, row, LIST_CREDIT, ts)
            needs |= DECIDE_ROWS
    elif kind == LIST_REMOVE:
        count(p, LIST_CHANGES, 1.0, weights)
    elif kind == BROWSE:
        count(p, BROWSES, 1.0, weights)
    elif kind == TRAILER_VIEW:
        count(p, TRAILERS, 1.0, weights)
    elif kind == SESSION_END:
        resolve_ignored(p, ts, partition, examples, weights)
        p.explore_row = 0
        needs |= DECIDE_CHURN
    return needs


@compiled
def observe_playback(
    p: Array,
    i: int,
    row: int,
    columns: Columns,
    partition: Array,
    titles: Array,
    dirty_title: Array,
    pages: Pages,
    examples: Examples,
    models: Models,
    scratch: Scratch,
    parameters: Parameters,
) -> int:
    """The part of ``observe`` for playback events; ``row`` is the row played from (or the title's), -1 is none."""
    weights = scratch.weights
    kind = columns.kind[i]
    ts = columns.ts[i]
    title = columns.title[i]
    playback = columns.playback[i]
    position = columns.a[i]
    needs = 0
    k = find_playback(p, playback) if playback != 0 else -1
    if kind == PLAYBACK_SKIP:
        count(p, SKIPS, 1.0, weights)
        if k < 0:  # the id is optional here: the title tells which
            for j in range(PLAYBACKS):
                if p.play_id[j] != 0 and p.play_title[j] == title:
                    k = j
    elif k < 0 and (
        kind == PLAYBACK_START
        or kind == PLAYBACK_PROGRESS
        or kind == PLAYBACK_RESUME
        or kind == PLAYBACK_SEEK
    ):
        # A heartbeat without a start: the start was lost or is older than this profile's state; count from here.
        start_s = columns.b[i] if kind == PLAYBACK_SEEK else position
        duration_s = columns.b[i] if kind == PLAYBACK_START else titles[title].duration_s
        k = 0
        for j in range(PLAYBACKS):
            if p.play_id[j] == 0:
                k = j
                break
            if p.play_ts[j] < p.play_ts[k]:
                k = j
        if p.play_id[k] != 0:
            needs |= end_playback(p, k, ts, partition, examples, weights)
        open_playback(p, k, playback, title, row + 1, start_s, duration_s, ts)
        p.open_search = 0
        if kind == PLAYBACK_START:
            count(p, PLAYS, 1.0, weights)
            if columns.row[i] >= 0:
                j = impression_of(p, row)
                if j >= 0:
                    p.play_pending[k] = j + 1
                    p.play_position[k] = 1 + p.pending_position[j]
                    p.pending_playing[j] = 1
        if kind == PLAYBACK_SEEK:
            return needs
    if k < 0:
        return needs

    if kind == PLAYBACK_COMPLETE:
        position = p.play_duration_s[k] if p.play_duration_s[k] > 0 else p.play_position_s[k]
    elif kind == PLAYBACK_SKIP and position < 0:
        position = p.play_position_s[k]
    fresh = advance_playback(p, k, position, ts, parameters)
    if fresh > 0:
        count(p, WATCHED_HOURS, fresh / 3600.0, weights)
        p.watched_s += fresh
        p.session_watched_s += fresh
        if reaches_quality(p, k, parameters):
            count(p, QUALITY_PLAYS, 1.0, weights)
            needs |= DECIDE_ROWS | DECIDE_CHURN
            row = p.play_row[k] - 1
            if 0 <= row < pages.n:
                # First learned with what was known before, then counted.
                row_qualities(p, partition, pages, models, scratch)
                demand_terms(p, partition, pages.n, scratch.quality, scratch.terms)
                demand_scores(partition, pages.n, scratch.terms, scratch.scores)
                if parameters.learning:
                    learn_demand(partition, pages.n, row, scratch.terms, scratch.scores)
                count_quality_play(p, partition, pages.n, row, ts)
                count_play(p, row, ts)
            titles[p.play_title[k]].quality += 1.0
            dirty_title[p.play_title[k]] = 1
            j = p.play_pending[k] - 1
            if j >= 0:
                resolve(p, j, 1, ts, partition, examples, weights)
            resolve_ignored(p, ts, partition, examples, weights)

    if kind == PLAYBACK_RESUME:
        p.play_playing[k] = 1
    elif kind == PLAYBACK_PAUSE:
        p.play_playing[k] = 0
        count(p, PAUSES, 1.0, weights)
    elif kind == PLAYBACK_SEEK:
        if columns.b[i] < columns.a[i]:
            count(p, REWINDS, 1.0, weights)
            if p.play_row[k] > 0:
                count_interest(p, partition, p.play_row[k] - 1, REWIND_CREDIT, ts)
                needs |= DECIDE_ROWS
        if ts >= p.play_ts[k]:
            p.play_position_s[k] = columns.b[i]
    elif kind == PLAYBACK_STOP or kind == PLAYBACK_SKIP or kind == PLAYBACK_COMPLETE:
        if kind == PLAYBACK_COMPLETE:
            count(p, COMPLETES, 1.0, weights)
        needs |= end_playback(p, k, ts, partition, examples, weights)
    return needs


@compiled
def end_playback(p: Array, k: int, ts: int, partition: Array, examples: Examples, weights: Floats) -> int:
    """A playback ended: without a quality play its impression was abandoned."""
    needs = 0
    j = p.play_pending[k] - 1
    if j >= 0:
        resolve(p, j, 0, ts, partition, examples, weights)
        needs = DECIDE_ROWS
    if p.play_position[k] > 0:
        count_watched(p, partition, p.play_position[k] - 1, p.play_watched_s[k], weights[MONTH])
    if p.play_quality[k] == 0 and 0 < p.play_row[k] < OTHER_ROW + 1:
        count_play(p, p.play_row[k] - 1, ts)
        needs = DECIDE_ROWS
    close_playback(p, k)
    return needs
