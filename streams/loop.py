"""The compiled loop over the events of a batch, strictly in log order.

``run`` goes from event to event and stops where it needs the outside: a mini-batch of outcomes is full
(learn), the outbox is full (encode), or a model that is not linear must be asked for probabilities. The
caller does that and calls ``run`` again; the cursor remembers where it was. Because the stops depend on
events and outcomes, never on where a fetch happened to end, a batch of N and N batches of one give the
same state, the same weights and the same decisions.
"""

from __future__ import annotations

from models.compiled import compiled
from streams.decisions.churn import churn_features, decide_churn, mature_labels
from streams.decisions.demand import decay_demand
from streams.decisions.pages import decide_rows, predict
from streams.decisions.rows import decay_rates, row_qualities
from streams.events.kinds import KINDS
from streams.profiles.clock import DAY, MONTH_MS, remaining
from streams.profiles.moments import ROOM as MOMENTS
from streams.profiles.moments import MomentKind, Noted, note
from streams.profiles.observe import DUPLICATE, PREDICT, REPEATED, observe
from streams.profiles.observe_playback import DECIDE_CHURN, DECIDE_ROWS
from streams.profiles.outcomes import Examples
from streams.profiles.parameters import (
    Array,
    Columns,
    Cursor,
    Fields,
    Models,
    Outbox,
    Pages,
    Parameters,
    Scratch,
    Tables,
)

# Why the loop stopped.
DONE, LEARN_QUALITY, LEARN_CHURN, OUTBOX_FULL, ASK_QUALITY, ASK_CHURN = range(6)
# Where an event, or the visit of a silent profile, stands.
TAKE, PREDICTING, ORDERING, SCORING = range(4)
AT, STAGE, NEEDS, ANSWERED, ASKED, REPEATS, DUPLICATES = (int(field) for field in Cursor)
ON_TIME = int(MomentKind.TIME)
EXPIRED = 3
"""The kind of a decision to forget a profile."""
SWEEP_EVERY_MS = 60_000
NO_EVENT = -1
ROOM = 8
"""An event, or a visit, adds at most this many decisions."""
ROWS_DECIDED, CHURN_DECIDED = len(KINDS), len(KINDS) + 1
COUNTS = len(KINDS) + 2
"""Places behind the kinds of events in ``counts``, and how many there are."""


@compiled
def run(
    columns: Columns,
    topic: int,
    end: int,
    tables: Tables,
    pages: Pages,
    parameters: Parameters,
    models: Models,
    quality: Examples,
    churn: Examples,
    learn_batch: int,
    outbox: Outbox,
    scratch: Scratch,
    cursor: Array,
    counts: Array,
    noted: Noted,
) -> int:
    """Go on from the cursor to event ``end``; returns why it stopped. ``counts`` gathers applied events
    by kind."""
    profiles = tables.profiles
    partition = tables.partition[0]
    while True:
        if quality.n[0] >= learn_batch:
            return LEARN_QUALITY
        if churn.n[0] >= learn_batch:
            return LEARN_CHURN
        if (
            outbox.n[0] + ROOM > outbox.decisions.shape[0]
            or outbox.n[1] + 1 > outbox.prediction_event.shape[0]
            or noted.n[0] + MOMENTS > noted.moments.shape[0]
        ):
            return OUTBOX_FULL
        if partition.sweep_left > 0:
            asked = visit(tables, parameters, models, churn, outbox, scratch, cursor, counts, noted)
            if asked != DONE:
                return asked
            continue
        i = cursor[AT]
        if cursor[STAGE] == TAKE:
            if i == end:
                return DONE
            swept = partition.sweep_ts
            visits = let_time_pass(partition, min(columns.ts[i], columns.stamp[i]))
            if swept != 0 and partition.sweep_ts != swept:
                note(noted, ON_TIME, -1, -1, partition.stream_ts, topic, columns.offset[i], -1, -1, 0.0)
            if visits:
                continue
            p = profiles[columns.slot[i]]
            partition.slots = max(partition.slots, columns.slot[i] + 1)
            needs = observe(
                p, i, topic, columns, partition, tables.titles, tables.dirty_title, pages,
                quality, churn, models, scratch, parameters, noted,
            )  # fmt: skip
            if needs & REPEATED:
                cursor[REPEATS] += 1
                cursor[AT] += 1
                continue
            tables.dirty_profile[columns.slot[i]] = 1
            if needs & DUPLICATE:
                cursor[DUPLICATES] += 1
                cursor[AT] += 1
                continue
            counts[columns.kind[i]] += 1
            cursor[NEEDS] = needs
            cursor[STAGE] = PREDICTING
        slot = columns.slot[i]
        p = profiles[slot]
        if cursor[STAGE] == PREDICTING:
            if cursor[NEEDS] & PREDICT and not predict(
                p, i, columns, tables, models, quality, outbox, scratch, cursor, parameters
            ):
                return ASK_QUALITY
            cursor[STAGE] = ORDERING
        if cursor[STAGE] == ORDERING:
            if cursor[NEEDS] & DECIDE_ROWS and pages.active_n > 0:
                if models.quality_linear == 0 and cursor[ANSWERED] == 0:
                    row_qualities(p, partition, pages, models, scratch)
                    cursor[ASKED] = pages.n
                    return ASK_QUALITY
                cursor[ANSWERED] = 0
                counts[ROWS_DECIDED] += 1
                decide_rows(p, slot, i, columns.ts[i], partition, pages, parameters, models, outbox, scratch)
            cursor[STAGE] = SCORING
        if cursor[NEEDS] & DECIDE_CHURN:
            churn_features(p, columns.ts[i], scratch.churn_ask)
            if models.churn_linear == 0 and cursor[ANSWERED] == 0:
                return ASK_CHURN
            cursor[ANSWERED] = 0
            counts[CHURN_DECIDED] += 1
            decide_churn(
                p,
                slot,
                i,
                columns.ts[i],
                parameters,
                models,
                outbox,
                scratch,
                topic,
                columns.offset[i],
                noted,
            )
        cursor[STAGE] = TAKE
        cursor[AT] = i + 1


@compiled
def let_time_pass(partition: Fields, ts: int) -> bool:
    """Move the partition's event time to ``ts``; true when silent profiles are due to be visited.

    A sweep over all profiles takes 60 periods of a minute of event time, so each period visits a sixtieth
    of them.
    """
    if ts <= partition.stream_ts:
        return False
    partition.stream_ts = ts
    if partition.sweep_ts == 0:
        partition.sweep_ts = ts
        partition.decay_ts = ts
        return False
    due = (ts - partition.sweep_ts) // SWEEP_EVERY_MS
    if due <= 0:
        return False
    partition.sweep_ts += due * SWEEP_EVERY_MS
    elapsed = float(partition.sweep_ts - partition.decay_ts)
    month = remaining(elapsed, MONTH_MS)
    decay_rates(partition, month)
    decay_demand(partition, remaining(elapsed, DAY), month)
    partition.decay_ts = partition.sweep_ts
    partition.sweep_left = min(partition.slots, due * (partition.slots // 60 + 1))
    return partition.sweep_left > 0


@compiled
def visit(
    tables: Tables,
    parameters: Parameters,
    models: Models,
    churn: Examples,
    outbox: Outbox,
    scratch: Scratch,
    cursor: Array,
    counts: Array,
    noted: Noted,
) -> int:
    """Visit the next profile of the sweep: its labels mature, its churn score moves, it expires.
    ``DONE``, or ``ASK_CHURN``."""
    partition = tables.partition[0]
    slot = partition.sweep_cursor % partition.slots
    p = tables.profiles[slot]
    ts = partition.stream_ts
    if p.born and ts > p.last_ts:
        if cursor[ANSWERED] == 0:
            before = churn.n[0]
            mature_labels(p, ts, churn, parameters)
            if churn.n[0] != before:
                tables.dirty_profile[slot] = 1
            churn_features(p, ts, scratch.churn_ask)
            if models.churn_linear == 0:
                return ASK_CHURN
        cursor[ANSWERED] = 0
        counts[CHURN_DECIDED] += 1
        if ts - p.last_ts > parameters.idle_expiry_ms:
            out = outbox.decisions[outbox.n[0]]
            out.kind = EXPIRED
            out.slot = slot
            out.event = NO_EVENT
            out.ts = ts
            outbox.n[0] += 1
        else:
            topic = 0 if p.offsets[0] >= 0 else 1
            if decide_churn(
                p, slot, NO_EVENT, ts, parameters, models, outbox, scratch, topic, p.offsets[topic], noted
            ):
                tables.dirty_profile[slot] = 1
    partition.sweep_cursor = (slot + 1) % partition.slots
    partition.sweep_left -= 1
    return DONE
