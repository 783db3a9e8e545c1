"""Pages: a prediction for every impression, and the order of rows decided anew. Compiled."""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.churn import linear_probability
from streams.decisions.demand import POPULARITY, ROW_LIFT, demand_scores, demand_terms
from streams.decisions.ordering import arrange, movable, page_gain, propensity, sort_rows
from streams.decisions.rows import (
    base_rate,
    count_title,
    length_class,
    length_rate,
    row_features,
    row_qualities,
    row_rate,
    title_appeal,
)
from streams.decisions.seen_rows import DEMAND, await_seen, order_weight, seen_scores
from streams.profiles.layout import DEMAND_TERMS, MAX_POSITIONS, SEEN_TERMS
from streams.profiles.outcomes import Examples, await_outcome, place_for_impression
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

ROW_ORDER = 1
"""The kind of a decision that is a page."""
ANSWERED, ASKED = int(Cursor.ANSWERED), int(Cursor.ASKED)


@compiled
def predict(
    p: Fields,
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
    """An impression came: keep its features and its predicted probability until the outcome. False: the
    model must be asked."""
    partition = tables.partition[0]
    row = columns.row[i]
    position = min(columns.position[i], MAX_POSITIONS - 1)
    features = scratch.ask[0]
    if cursor[ANSWERED] == 0:
        base = base_rate(partition)
        appeal = 0.0
        length = 0.0
        n = columns.items_to[i] - columns.items_from[i]
        rate = row_rate(partition, row, base)
        for j in range(columns.items_from[i], columns.items_to[i]):
            appeal += title_appeal(tables.titles, columns.items[j], base, rate)
            kind = length_class(tables.titles[columns.items[j]].duration_s)
            length += length_rate(partition, kind, position, base)
        if n > 0:
            appeal /= n
            length /= n
            if partition.row_appeal_n[row] < 50.0:
                partition.row_appeal_n[row] += 1.0
            partition.row_appeal[row] += (appeal - partition.row_appeal[row]) / partition.row_appeal_n[row]
        else:
            appeal = partition.row_appeal[row]
        row_features(p, partition, row, position, appeal, length, base, features)
        for j in range(columns.items_from[i], columns.items_to[i]):
            count_title(tables.titles[columns.items[j]])
            tables.dirty_title[columns.items[j]] = 1
        if models.quality_linear == 0:
            cursor[ASKED] = 1
            return False
        probability = linear_probability(features, models.quality_weights, models.quality_intercept)
    else:
        probability = scratch.answer[0]
        cursor[ANSWERED] = 0
    place = place_for_impression(p, row, partition, quality, scratch.weights)
    first = 0
    if columns.items_to[i] > columns.items_from[i]:
        first = length_class(tables.titles[columns.items[columns.items_from[i]]].duration_s)
    await_outcome(p, place, row, position, first, columns.ts[i], features, probability)
    await_seen(p, partition, place, row, features, parameters.learning and p.own_page == 1, scratch)
    if parameters.log_predictions:
        n = outbox.n[1]
        outbox.prediction_event[n] = i
        outbox.prediction_p[n] = probability
        outbox.n[1] = n + 1
    return True


@compiled
def decide_rows(
    p: Fields,
    slot: int,
    event: int,
    ts: int,
    partition: Fields,
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
    demand_terms(p, partition, n, scratch.quality, scratch.ask, ts, scratch.terms)
    demand_scores(partition, n, scratch.terms, scratch.scores)
    seen_scores(p, partition, n, scratch)
    if p.plain:  # a page without personal data: what everybody plays, and plays more than its place earns
        for row in range(n):
            scratch.scores[row] = scratch.terms[row, POPULARITY] + scratch.terms[row, ROW_LIFT]
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
    changed = p.row_version == 0 or length != before or p.shown_plain != p.plain
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
    out.band = p.plain
    share = 0.0 if p.plain or p.kids else parameters.explore_share
    out.propensity = propensity(
        explores, pages.active_n, movable(p.order, n, pages.active, pages.pins), share
    )
    out.previous_rows = before
    for k in range(before):
        out.previous[k] = p.shown[k]
    out.rows = length
    p.shown_n = length
    p.shown_plain = p.plain
    for k in range(length):
        row = scratch.page[k]
        out.order[k] = row
        out.scores[k] = round(scratch.scores[row] * 1e4) / 1e4
        p.shown[k] = row
    explain_rows(partition, pages, p.plain, scratch, out)


@compiled
def explain_rows(partition: Fields, pages: Pages, plain: int, scratch: Scratch, out: Fields) -> None:
    """For the three rows that moved most: the term of its score that sets it apart most from the mean of
    the page."""
    for reason in range(3):
        out.reason_row[reason] = -1
        out.reason_feature[reason] = -1  # no term sets the row apart; the place in the outbox was another's
    length, before = np.int64(out.rows), np.int64(out.previous_rows)  # signed, like the indexes they meet
    for reason in range(3):
        best, moved = -1, np.int64(0)
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
                    was = np.int64(j)
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
            weight = partition.demand_weight[t] * partition.seen_weight[DEMAND]
            if plain:
                weight = 1.0 if t in (POPULARITY, ROW_LIFT) else 0.0
            part = weight * (scratch.terms[row, t] - mean)
            if abs(part) > abs(strongest):
                strongest = part
                out.reason_feature[reason] = t
        for t in range(1, 1 if plain else SEEN_TERMS):
            mean = 0.0
            for q in range(pages.n):
                mean += scratch.seen[q, t] / pages.n
            part = order_weight(partition, t) * (scratch.seen[row, t] - mean)
            if abs(part) > abs(strongest):
                strongest = part
                out.reason_feature[reason] = DEMAND_TERMS + t - 1
        out.reason[reason] = round(strongest * 1e4) / 1e4
