"""Playback events: the part of ``observe`` for starts, heartbeats, seeks and ends. Compiled."""

from __future__ import annotations

from models.compiled import compiled
from streams.decisions.demand import (
    count_interest,
    count_play,
    count_quality_play,
    demand_scores,
    demand_terms,
    learn_demand,
)
from streams.decisions.rows import count_own_outcome, count_unshown_watched, count_watched, row_qualities
from streams.decisions.seen_rows import count_elsewhere
from streams.events.kinds import (
    PLAYBACK_COMPLETE,
    PLAYBACK_PAUSE,
    PLAYBACK_PROGRESS,
    PLAYBACK_RESUME,
    PLAYBACK_SEEK,
    PLAYBACK_SKIP,
    PLAYBACK_START,
    PLAYBACK_STOP,
)
from streams.profiles.clock import HOUR, MONTH, count
from streams.profiles.layout import OTHER_ROW, PLAYBACKS, Counter
from streams.profiles.moments import MomentKind, Noted, note
from streams.profiles.outcomes import Examples, impression_of, resolve, resolve_ignored
from streams.profiles.parameters import Array, Columns, Fields, Models, Pages, Parameters, Scratch
from streams.profiles.playback import (
    advance_playback,
    close_playback,
    find_playback,
    open_playback,
    reaches_quality,
)

ON_STARTED = int(MomentKind.STARTED)
ON_QUALITY = int(MomentKind.QUALITY)
ON_OVER = int(MomentKind.OVER)
DECIDE_ROWS = 1
DECIDE_CHURN = 2
WATCHED_HOURS = int(Counter.WATCHED_HOURS)
PLAYS = int(Counter.PLAYS)
QUALITY_PLAYS = int(Counter.QUALITY_PLAYS)
COMPLETES = int(Counter.COMPLETES)
SKIPS = int(Counter.SKIPS)
PAUSES = int(Counter.PAUSES)
REWINDS = int(Counter.REWINDS)
REWIND_CREDIT = 0.25
"""What a rewind is worth as interest in a row, in quality plays."""


@compiled
def observe_playback(
    p: Fields,
    i: int,
    row: int,
    topic: int,
    columns: Columns,
    partition: Fields,
    titles: Array,
    dirty_title: Array,
    pages: Pages,
    examples: Examples,
    models: Models,
    scratch: Scratch,
    parameters: Parameters,
    noted: Noted,
) -> int:
    """The part of ``observe`` for playback events; ``row`` is the row played from (or the title's), -1 is
    none."""
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
    elif k < 0 and (kind in (PLAYBACK_START, PLAYBACK_PROGRESS, PLAYBACK_RESUME, PLAYBACK_SEEK)):
        if kind != PLAYBACK_START and ts < p.active_ts:
            return needs  # a late word of a playback that has ended
        # A heartbeat without a start: the start was lost or is older than this profile's state; count
        # from here.
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
            needs |= end_playback(p, k, i, topic, columns, partition, titles, examples, weights, noted)
        note(noted, ON_STARTED, i, columns.slot[i], ts, topic, columns.offset[i], title, row, duration_s)
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

    base = p.play_base_s[k]
    if kind == PLAYBACK_COMPLETE:
        position = p.play_duration_s[k] - base if p.play_duration_s[k] > 0 else p.play_position_s[k]
    elif kind == PLAYBACK_SKIP and position < 0:
        position = p.play_position_s[k]
    else:
        position -= base
    fresh = advance_playback(p, k, position, ts, parameters)
    if fresh > 0:
        count(p, WATCHED_HOURS, fresh / 3600.0, weights)
        p.watched_s += fresh
        if reaches_quality(p, k, parameters):
            count(p, QUALITY_PLAYS, 1.0, weights)
            needs |= DECIDE_ROWS | DECIDE_CHURN
            row = p.play_row[k] - 1
            if 0 <= row < pages.n:
                # First learned with what was known before, then counted.
                row_qualities(p, partition, pages, models, scratch)
                demand_terms(p, partition, pages.n, scratch.quality, scratch.ask, ts, scratch.terms)
                demand_scores(partition, pages.n, scratch.terms, scratch.scores)
                if parameters.learning and not p.own_page:
                    learn_demand(partition, pages.n, row, scratch.terms, scratch.scores)
                count_quality_play(p, partition, pages.n, row, ts)
                count_play(p, row, ts)
            count_elsewhere(p, row, titles[p.play_title[k]].row - 1, p.play_position[k] > 0, ts)
            titles[p.play_title[k]].quality += 1.0
            dirty_title[p.play_title[k]] = 1
            j = p.play_pending[k] - 1
            well = note(
                noted, ON_QUALITY, i, columns.slot[i], ts, topic, columns.offset[i], p.play_title[k], row,
                p.play_watched_s[k],
            )  # fmt: skip
            well.b = p.play_duration_s[k]
            if p.play_position[k] > 0:
                place = p.play_position[k] - 1
                well.position = place
                well.flag = 1 if p.explore_row > 0 and p.explore_row == row + 1 else 0
                well.c = p.pending_p[j] if j >= 0 else 0.0
            if j >= 0:
                resolve(p, j, 1, partition, examples, weights)
            resolve_ignored(p, partition, examples, weights)
            if p.play_position[k] == 0:
                count_own_outcome(p, 1, weights[MONTH], weights[HOUR])

    if kind == PLAYBACK_RESUME:
        p.play_playing[k] = 1
    elif kind == PLAYBACK_PAUSE:
        if ts >= p.play_ts[k]:  # a late pause is over by now
            p.play_playing[k] = 0
        count(p, PAUSES, 1.0, weights)
    elif kind == PLAYBACK_SEEK:
        if columns.b[i] < columns.a[i]:
            count(p, REWINDS, 1.0, weights)
            if p.play_row[k] > 0:
                count_interest(p, partition, p.play_row[k] - 1, REWIND_CREDIT, ts)
                needs |= DECIDE_ROWS
        if ts >= p.play_ts[k]:
            p.play_position_s[k] = columns.b[i] - base
    elif kind in (PLAYBACK_STOP, PLAYBACK_SKIP, PLAYBACK_COMPLETE):
        if kind == PLAYBACK_COMPLETE:
            count(p, COMPLETES, 1.0, weights)
        needs |= end_playback(p, k, i, topic, columns, partition, titles, examples, weights, noted)
    return needs


@compiled
def end_playback(
    p: Fields,
    k: int,
    i: int,
    topic: int,
    columns: Columns,
    partition: Fields,
    titles: Array,
    examples: Examples,
    weights: Array,
    noted: Noted,
) -> int:
    """A playback ended: without a quality play its impression was abandoned."""
    needs = 0
    ts = columns.ts[i]
    over = note(
        noted, ON_OVER, i, columns.slot[i], ts, topic, columns.offset[i], p.play_title[k], p.play_row[k] - 1,
        p.play_watched_s[k],
    )  # fmt: skip
    over.flag = p.play_quality[k]
    over.b = p.play_base_s[k] + p.play_position_s[k]
    over.c = p.play_duration_s[k]
    j = p.play_pending[k] - 1
    if j >= 0:
        resolve(p, j, 0, partition, examples, weights)
        needs = DECIDE_ROWS
    if p.play_position[k] > 0:
        count_watched(p, partition, p.play_position[k] - 1, p.play_watched_s[k], weights[MONTH])
    else:
        count_unshown_watched(p, partition, p.play_watched_s[k], weights[MONTH])
        if p.play_quality[k] == 0:
            count_own_outcome(p, 0, weights[MONTH], weights[HOUR])
    if p.play_quality[k] == 0 and 0 < p.play_row[k] < OTHER_ROW + 1:
        count_play(p, p.play_row[k] - 1, ts)
        needs = DECIDE_ROWS
    if p.play_quality[k] == 0:
        count_elsewhere(p, p.play_row[k] - 1, titles[p.play_title[k]].row - 1, p.play_position[k] > 0, ts)
    close_playback(p, k)
    return needs
