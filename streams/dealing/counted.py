"""Categories, and what is only counted at a moment: outcomes of experiments, demand, trailers, credit. Compiled."""

from __future__ import annotations

import numpy as np

from models.compiled import inlined
from streams.dealing.parts import ASK, DONE, N_CHOICES, PARTS, Table
from streams.decisions.categories import decide_categories
from streams.decisions.category_counts import count_play
from streams.decisions.credit import count_shown, split_play
from streams.decisions.trailers import RETURNED, WEEK_MS, rises
from streams.events.kinds import PROFILE_SETTINGS
from streams.experiments.outcomes import QUALITY_PLAYS, VISITS, WATCHED_HOURS, count_outcome
from streams.profiles.audience_cells import watch
from streams.profiles.moments import MomentKind
from streams.profiles.taste import CATEGORIES, TITLE_TAGS, TRAILER_OFFERS

SESSION, QUALITY, OVER = int(MomentKind.SESSION), int(MomentKind.QUALITY), int(MomentKind.OVER)
SHOWN, SCORED = int(MomentKind.SHOWN), int(MomentKind.SCORED)
UNKNOWN_REGION = 1
"""Index of the region of those who never said where they are."""


@inlined
def answer_trailers(at: int, table: Table) -> int:
    """What trailers do at a moment: a score that rises may be answered with an offer; a quality play means that the
    profile came back within the week of every offer that it falls into."""
    on, records, moment = table.desk[0], table.records, table.moments[at]
    if moment.kind == SCORED:
        return ASK if rises(moment.a, moment.b, moment.band, on.trailer_hazard) else DONE
    p = records.tastes[moment.slot]
    for k in range(TRAILER_OFFERS):
        if p.trailer_state[k] != 0 and 0 < moment.ts - p.trailer_ts[k] <= WEEK_MS:
            p.trailer_state[k] |= RETURNED
            records.dirty[moment.slot] = 1
    return DONE


@inlined
def count_for_experiments(at: int, table: Table) -> None:
    """The past is kept for all, so that an experiment declared tomorrow knows it."""
    records, moment = table.records, table.moments[at]
    what, amount = QUALITY_PLAYS, 1.0
    if moment.kind == SESSION:
        what = VISITS
    elif moment.kind == OVER:
        what, amount = WATCHED_HOURS, moment.a / 3_600.0
    count_outcome(records.tastes, moment.slot, moment.ts, what, amount)
    records.dirty[moment.slot] = 1


@inlined
def choose_categories(at: int, table: Table) -> None:
    """What categories do at a moment: a new set is answered with when it is worth more than the one shown."""
    on, records = table.desk[0], table.records
    moment = table.moments[at]
    slot = moment.slot
    if moment.kind == SESSION and table.shown.kind[moment.event] == PROFILE_SETTINGS:
        return  # settings have a moment of their own, which is next
    if moment.kind == QUALITY and moment.title >= 0 and on.learning:
        count_play(on.popular, on.popular_ts, records.tastes, slot, records.titles, moment.title, moment.ts)
        on.category_plays += 1
    answer = table.answers.choices[on.n[N_CHOICES]]
    if not decide_categories(
        records.tastes, slot, on.category_policy, moment.ts, on.popular, on.base, on.popular_ts[:0], on.fitting,
        on.categories, CATEGORIES, on.category_margin, 0, on.category_parts, on.category_scores, answer.out,
        answer.reasons,
    ):  # fmt: skip
        return
    records.dirty[slot] = 1
    answer.at = at
    answer.plain = records.tastes[slot].plain
    answer.plays = on.category_plays
    on.n[N_CHOICES] += 1


@inlined
def count_demand(at: int, table: Table) -> int:
    """What demand counts at a moment: where a session takes place, and hours watched, for each tag of the title.
    Python has to when a cell is new."""
    on, records, cells = table.desk[0], table.records, table.cells
    moment = table.moments[at]
    p = records.tastes[moment.slot]
    if moment.kind == SESSION:  # later events of a session may not say where they come from
        region = table.shown.regions[at]
        if region == 0 and p.demand_region == 0:
            region = 1 + UNKNOWN_REGION
        if region != 0 and p.demand_region != region:
            p.demand_region = region
            records.dirty[moment.slot] = 1
        return DONE
    if moment.title < 0 or moment.a <= 0:
        return DONE
    here = cells.slots[p.demand_region - 1 if p.demand_region > 0 else UNKNOWN_REGION]
    tags = records.titles[moment.title].tags
    for k in range(TITLE_TAGS):
        if tags[k] > 0 and here[tags[k] - 1] == 0:
            return ASK
    who = int(records.keys[moment.slot] & np.uint64(0xFFFFFFFF))
    for k in range(TITLE_TAGS):
        if tags[k] > 0:
            cell = here[tags[k] - 1] - 1
            watch(cells.records, cell, moment.ts, moment.a / 3_600.0, who if who != 0 else 1, on.half_life_ms)
            cells.dirty[cell] = 1
    return DONE


@inlined
def count_credit(at: int, table: Table) -> int:
    """What credit counts at a moment: rows that came into view, and to whom a quality play is owed. Python has to when
    a trailer may have been offered just now."""
    on, records = table.desk[0], table.records
    moment = table.moments[at]
    if moment.kind == SHOWN:
        count_shown(on.credit, moment.row, moment.position, moment.flag)
    elif moment.kind == SCORED:
        return ASK if records.tastes[moment.slot].trailer_n != 0 else DONE
    elif moment.kind == QUALITY:
        split_play(
            on.credit, records.tastes, records.dirty, moment.slot, records.titles, moment.title, moment.row,
            moment.position, moment.flag, moment.c, on.rows, on.image_worth, on.lifts, on.shares,
        )  # fmt: skip
        for k in range(PARTS):
            on.owed[k] += on.shares[k]
    return DONE
