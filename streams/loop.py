"""The compiled loop over the events of a batch, strictly in log order.

``run`` goes from event to event and stops where it needs the outside: a mini-batch of outcomes is full (learn), the outbox is full
(encode), or a model that is not linear must be asked for probabilities. The caller does that and calls ``run`` again; the cursor
remembers where it was. Because the stops depend on events and outcomes, never on where a fetch happened to end, a batch of
N and N batches of one give the same state, the same weights and the same decisions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.compiled import compiled
from streams.decisions.churn import (
    band_of,
    churn_features,
    keep_snapshot,
    linear_probability,
    mature_labels,
)
from streams.decisions.ordering import arrange, movable, page_gain, propensity, sort_rows
from streams.decisions.demand import decay_demand, demand_scores, demand_terms
from streams.decisions.rows import (
    base_rate,
    count_title,
    decay_rates,
    row_features,
    row_qualities,
    row_rate,
    title_appeal,
)
from streams.events.kinds import KINDS
from streams.profiles.clock import DAY, MONTH_MS, remaining
from streams.profiles.layout import DEMAND_TERMS, MAX_POSITIONS, MAX_ROWS
from streams.profiles.observe import DECIDE_CHURN, DECIDE_ROWS, DUPLICATE, PREDICT, REPEATED, observe
from streams.profiles.outcomes import Examples, await_outcome, place_for_impression
from streams.profiles.parameters import Array, Columns, Floats, Models, Pages, Parameters, Scratch, Tables

# Why the loop stopped.
DONE, LEARN_QUALITY, LEARN_CHURN, OUTBOX_FULL, ASK_QUALITY, ASK_CHURN = range(6)
# Where an event, or the visit of a silent profile, stands.
TAKE, PREDICTING, ORDERING, SCORING, VISITING = range(5)
# The cursor's fields.
AT, STAGE, NEEDS, ANSWERED, ASKED, REPEATS, DUPLICATES = range(7)
CURSOR_FIELDS = 7
# Kinds of what leaves.
ROW_ORDER, CHURN_SCORE, EXPIRED = 1, 2, 3
NO_EVENT = -1
ROOM = 8
"""An event, or a visit, adds at most this many decisions."""
ROWS_DECIDED, CHURN_DECIDED = len(KINDS), len(KINDS) + 1
"""Places behind the kinds of events in ``counts``."""


class Outbox(NamedTuple):
    """Decisions and predictions on their way out; ``n`` counts them: [decisions, predictions]."""

    decisions: Array
    prediction_event: Array
    prediction_p: Floats
    n: Array


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
) -> int:
    """Go on from the cursor to event ``end``; returns why it stopped. ``counts`` gathers applied events by kind."""
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
        ):
            return OUTBOX_FULL
        if partition.sweep_left > 0:
            asked = visit(tables, parameters, models, churn, outbox, scratch, cursor, counts)
            if asked != DONE:
                return asked
            continue
        i = cursor[AT]
        if cursor[STAGE] == TAKE:
            if i == end:
                return DONE
            if let_time_pass(partition, min(columns.ts[i], columns.stamp[i]), parameters):
                continue
            p = profiles[columns.slot[i]]
            partition.slots = max(partition.slots, columns.slot[i] + 1)
            needs = observe(
                p, i, topic, columns, partition, tables.titles, tables.dirty_title, pages,
                quality, churn, models, scratch, parameters,
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
            decide_churn(p, slot, i, columns.ts[i], parameters, models, outbox, scratch)
        cursor[STAGE] = TAKE
        cursor[AT] = i + 1


@compiled
def let_time_pass(partition: Array, ts: int, parameters: Parameters) -> bool:
    """Move the partition's event time to ``ts``; true when silent profiles are due to be visited.

    A sweep over all profiles takes 60 periods of ``sweep_every_ms`` of event time, so each period visits a sixtieth of them.
    """
    if ts <= partition.stream_ts:
        return False
    partition.stream_ts = ts
    if partition.sweep_ts == 0:
        partition.sweep_ts = ts
        partition.decay_ts = ts
        return False
    due = (ts - partition.sweep_ts) // parameters.sweep_every_ms
    if due <= 0:
        return False
    partition.sweep_ts += due * parameters.sweep_every_ms
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
) -> int:
    """Visit the next profile of the sweep: its labels mature, its churn score moves, it expires. ``DONE``, or ``ASK_CHURN``."""
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
        elif decide_churn(p, slot, NO_EVENT, ts, parameters, models, outbox, scratch):
            tables.dirty_profile[slot] = 1
    partition.sweep_cursor = (slot + 1) % partition.slots
    partition.sweep_left -= 1
    return DONE


@compiled
def predict(
    p: Array,
    i: int,
    columns: Columns,
    tables: Tables,
    models: Models,
    quality: Examples,
    outbox: Outbox,
    scratch: Scratch,
    cursor: Array,
    parameters: Parameters,
) -> bool:
    """An impression came: keep its features and its predicted probability until the outcome. False: the model must be asked."""
    partition = tables.partition[0]
    row = columns.row[i]
    position = min(columns.position[i], MAX_POSITIONS - 1)
    features = scratch.ask[0]
    if cursor[ANSWERED] == 0:
        base = base_rate(partition)
        appeal = 0.0
        n = columns.items_to[i] - columns.items_from[i]
        rate = row_rate(partition, row, base)
        for j in range(columns.items_from[i], columns.items_to[i]):
            appeal += title_appeal(tables.titles, columns.items[j], base, rate)
        if n > 0:
            appeal /= n
            if partition.row_appeal_n[row] < 50.0:
                partition.row_appeal_n[row] += 1.0
            partition.row_appeal[row] += (appeal - partition.row_appeal[row]) / partition.row_appeal_n[row]
        else:
            appeal = partition.row_appeal[row]
        row_features(p, partition, row, position, appeal, base, features)
        for j in range(columns.items_from[i], columns.items_to[i]):
            tables.titles[columns.items[j]].seen += 1.0
            tables.dirty_title[columns.items[j]] = 1
        if models.quality_linear == 0:
            cursor[ASKED] = 1
            return False
        probability = linear_probability(features, models.quality_weights, models.quality_intercept)
    else:
        probability = scratch.answer[0]
        cursor[ANSWERED] = 0
    place = place_for_impression(p, row, columns.ts[i], partition, quality, scratch.weights)
    await_outcome(p, place, row, position, columns.ts[i], features, probability)
    if parameters.log_predictions:
        n = outbox.n[1]
        outbox.prediction_event[n] = i
        outbox.prediction_p[n] = probability
        outbox.n[1] = n + 1
    return True


@compiled
def decide_rows(
    p: Array,
    slot: int,
    event: int,
    ts: int,
    partition: Array,
    pages: Pages,
    parameters: Parameters,
    models: Models,
    outbox: Outbox,
    scratch: Scratch,
) -> None:
    """Order the rows anew; a page that differs from the one last shown becomes a decision."""
    n = pages.n
    row_qualities(p, partition, pages, models, scratch)
    if models.quality_linear == 0:
        for row in range(n):
            chance = min(1.0 - 1e-6, max(1e-6, scratch.answer[row]))
            scratch.quality[row] = np.log(chance / (1.0 - chance))
    demand_terms(p, partition, n, scratch.quality, scratch.terms)
    demand_scores(partition, n, scratch.terms, scratch.scores)
    for row in range(p.ordered, n):  # rows that came since stand last
        p.order[row] = row
    before = np.int64(p.shown_n)
    sort_rows(scratch.scores, n, p.order, scratch.page)
    if p.row_version == 0 or page_gain(scratch.scores, n, p.order, scratch.page) > parameters.page_margin:
        for k in range(n):
            p.order[k] = scratch.page[k]
    p.ordered = n
    length = arrange(p.order, n, pages.active, pages.pins, -1, scratch.page)
    explored = p.explore_row - 1
    explores = False
    if explored >= 0:
        greedy = 0
        for k in range(length):
            greedy = greedy * 31 + scratch.page[k]
        arrange(p.order, n, pages.active, pages.pins, explored, scratch.page)
        shown = 0
        for k in range(length):
            shown = shown * 31 + scratch.page[k]
        explores = greedy != shown
    changed = p.row_version == 0 or length != before
    for k in range(length):
        if not changed and p.shown[k] != scratch.page[k]:
            changed = True
    if not changed:
        return
    out = outbox.decisions[outbox.n[0]]
    outbox.n[0] += 1
    p.row_version += 1
    out.kind = ROW_ORDER
    out.model = models.quality_version
    out.slot = slot
    out.event = event
    out.ts = ts
    out.version = p.row_version
    out.explore = explores
    out.propensity = propensity(
        explores, pages.active_n, movable(p.order, n, pages.active, pages.pins), parameters.explore_share
    )
    out.previous_rows = before
    for k in range(before):
        out.previous[k] = p.shown[k]
    out.rows = length
    p.shown_n = length
    for k in range(length):
        row = scratch.page[k]
        out.order[k] = row
        out.scores[k] = round(scratch.scores[row] * 1e4) / 1e4
        p.shown[k] = row
    explain_rows(partition, pages, scratch, out)


@compiled
def explain_rows(partition: Array, pages: Pages, scratch: Scratch, out: Array) -> None:
    """For the three rows that moved most: the term of its score that sets it apart most from the mean of the page."""
    for reason in range(3):
        out.reason_row[reason] = -1
    length, before = np.int64(out.rows), np.int64(out.previous_rows)  # signed, like the indexes they meet
    for reason in range(3):
        best, moved = -1, 0
        for k in range(length):
            taken = False
            for other in range(reason):
                if out.reason_row[other] == out.order[k]:
                    taken = True
            if taken:
                continue
            was = length
            for j in range(before):
                if out.previous[j] == out.order[k]:
                    was = j
            distance = abs(was - k)
            if distance > moved:
                best, moved = k, distance
        if best < 0:
            return
        row = out.order[best]
        out.reason_row[reason] = row
        strongest = 0.0
        for t in range(DEMAND_TERMS):
            mean = 0.0
            for q in range(pages.n):
                mean += scratch.terms[q, t] / pages.n
            part = partition.demand_weight[t] * (scratch.terms[row, t] - mean)
            if abs(part) > abs(strongest):
                strongest = part
                out.reason_feature[reason] = t
        out.reason[reason] = round(strongest * 1e4) / 1e4


@compiled
def decide_churn(
    p: Array,
    slot: int,
    event: int,
    ts: int,
    parameters: Parameters,
    models: Models,
    outbox: Outbox,
    scratch: Scratch,
) -> bool:
    """Score churn from ``scratch.churn_ask``; true when the profile's record changed.

    A decision leaves when the band changes or the probability moved by ``churn_step``.
    """
    features = scratch.churn_ask
    if models.churn_linear == 1:
        probability = linear_probability(features, models.churn_weights, models.churn_intercept)
    else:
        probability = scratch.answer[0]
    snapshot_before = p.last_snapshot_ts
    keep_snapshot(p, ts, features, probability, parameters)
    band = band_of(probability)
    if p.churn_version > 0 and band == p.churn_band and abs(probability - p.churn_p) < parameters.churn_step:
        return bool(p.last_snapshot_ts != snapshot_before)
    out = outbox.decisions[outbox.n[0]]
    outbox.n[0] += 1
    out.kind = CHURN_SCORE
    out.offsets[0] = p.offsets[0]
    out.offsets[1] = p.offsets[1]
    out.model = models.churn_version
    out.slot = slot
    out.event = event
    out.ts = ts
    out.explore = 0
    out.propensity = 1.0
    out.had_previous = 1 if p.churn_version > 0 else 0
    out.previous_p = p.churn_p
    p.churn_version += 1
    p.churn_p = probability
    p.churn_band = band
    out.version = p.churn_version
    out.probability = probability
    out.band = band
    for reason in range(3):
        out.reason_row[reason] = -1
        out.reason_feature[reason] = -1
    if models.churn_linear == 1:
        for reason in range(3):
            strongest = 0.0
            for f in range(features.shape[0]):
                part = models.churn_weights[f] * (features[f] - models.churn_centre[f])
                taken = False
                for other in range(reason):
                    if out.reason_feature[other] == f:
                        taken = True
                if not taken and abs(part) > abs(strongest):
                    strongest = part
                    out.reason_feature[reason] = f
            out.reason[reason] = round(strongest * 1e4) / 1e4
    return True


def new_scratch(quality_features: int, churn_features_n: int) -> Scratch:
    """Working memory for one loop."""
    return Scratch(
        weights=np.ones(6),
        ask=np.zeros((MAX_ROWS, quality_features)),
        answer=np.zeros(MAX_ROWS),
        churn_ask=np.zeros(churn_features_n),
        quality=np.zeros(MAX_ROWS),
        terms=np.zeros((MAX_ROWS, DEMAND_TERMS)),
        scores=np.zeros(MAX_ROWS),
        page=np.zeros(MAX_ROWS, np.int8),
    )
