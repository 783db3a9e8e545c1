"""Titles at a moment: the homepage ranking is made anew, and learns from what was played. Compiled.

A ranking is made anew when a session begins, after each outcome, search, rating and change of settings; it is answered
with when it is worth more than the one that stands, or that one shows what may not come any more.
"""

from __future__ import annotations

from models.compiled import inlined
from streams.dealing.parts import N_RANKINGS, N_SIGNALS, TITLE_REASONS, Table
from streams.decisions.title_bench import TOLD
from streams.decisions.title_counts import CO_WATCHED
from streams.decisions.title_known import N_FRESH, N_LEARNED, N_SINCE, open_known
from streams.decisions.title_lists import make_lists
from streams.decisions.title_reactions import draw_new_title, end_play, play_well, show_interest
from streams.decisions.titles import decide_titles
from streams.profiles.moments import MomentKind
from streams.profiles.taste import RECENT_TITLES, TOP_TITLES

LISTS_EVERY, LISTS_SHARE = 64, 64
"""The lists of competitors are made anew after so many quality plays, or a quality play for every so many titles."""
LIKE, LIST = 0.5, 0.5
"""Interest in a title's tags that a thumb, or the viewer's list, is worth, in quality plays."""
SESSION, SESSION_OVER = int(MomentKind.SESSION), int(MomentKind.SESSION_OVER)
RATED, LISTED = int(MomentKind.RATED), int(MomentKind.LISTED)
QUALITY, OVER = int(MomentKind.QUALITY), int(MomentKind.OVER)


@inlined
def follow_lists(table: Table, ts: int) -> None:
    """Make the lists anew when enough was played since, or the catalog has changed."""
    on, known = table.desk[0], open_known(table.desk[0].known)
    if on.titles_stale or known.n[N_SINCE] >= LISTS_EVERY + on.titles // LISTS_SHARE:
        on.titles_stale = 0
        make_lists(table.records.titles, on.titles, known, max(ts, known.ts[0]), on.tags)


@inlined
def signal_play(at: int, table: Table, good: int) -> None:
    """Tell the title's owner of a play that is resolved, and of what was watched before a good one."""
    on, moment = table.desk[0], table.moments[at]
    if not on.sharing:
        return
    signal = table.answers.signals[on.n[N_SIGNALS]]
    signal.at = at
    signal.title = moment.title
    signal.good = good
    signal.watched = 0
    if good:
        p = table.records.tastes[moment.slot]
        n = int(p.title_recent_n)
        signal.watched = min(CO_WATCHED, n)
        for back in range(signal.watched):
            signal.recent[back] = p.title_recent[(n - 1 - back) % RECENT_TITLES]
    on.n[N_SIGNALS] += 1


@inlined
def rank(at: int, table: Table) -> None:
    """Make the ranking anew, and answer with it when it changes. The lists have been followed."""
    on, records, moment = table.desk[0], table.records, table.moments[at]
    slot = moment.slot
    length = decide_titles(
        records.tastes, slot, records.titles, on.known, table.marks, on.bench, moment.ts, on.titles_margin,
        on.features, on.parts,
    )  # fmt: skip
    records.dirty[slot] = 1
    if length == 0:
        return
    known, told, scores = open_known(on.known), on.bench[0].told, on.bench[0].told_scores
    ranking = table.answers.rankings[on.n[N_RANKINGS]]
    ranking.at = at
    ranking.version = told[0]
    ranking.plain = told[1]
    ranking.explores = 1 if length < 0 else 0
    ranking.length = abs(length)
    ranking.learned = known.n[N_LEARNED]
    fresh = known.n[N_FRESH]
    ranking.propensity = 1.0
    if length < 0:  # without fresh titles: the lists were made anew since the session began
        ranking.propensity = on.explore_share / max(fresh, 1)
    elif fresh > 0 and told[1] == 0 and told[2] == 0:
        ranking.propensity = 1.0 - on.explore_share
    for k in range(TOP_TITLES):
        ranking.titles[k] = told[TOLD + k]
        ranking.scores[k] = scores[k]
    for k in range(TITLE_REASONS):
        ranking.features[k] = on.features[k]
        ranking.parts[k] = on.parts[k]
    on.n[N_RANKINGS] += 1


@inlined
def rank_titles(at: int, table: Table) -> None:
    """What titles do at a moment."""
    on, records, moment = table.desk[0], table.records, table.moments[at]
    slot, kind = moment.slot, moment.kind
    good, ended = kind == QUALITY and moment.title > 0, kind == OVER and moment.title > 0
    rated, listed = kind == RATED and moment.title > 0, kind == LISTED and moment.title > 0
    if kind == SESSION or good or ended or rated:
        follow_lists(table, moment.ts)
    if good or (ended and moment.flag == 0):
        signal_play(at, table, 1 if good else 0)
    if kind == SESSION:  # some show a new title higher than it earned, so that it is seen at all
        draw_new_title(records.tastes, slot, records.keys, on.known, on.explore_share, on.titles_seed)
    elif kind == SESSION_OVER:  # the new title has had its chance
        if records.tastes[slot].title_explored != 0:
            records.tastes[slot].title_explored = 0
            records.dirty[slot] = 1
    elif good:
        play_well(
            records.tastes, slot, records.titles, records.dirty_title, on.known, table.marks, on.bench,
            moment.title, moment.ts, on.learning == 1,
        )  # fmt: skip
        records.dirty[slot] = 1
    elif ended:  # what was left in the middle is to be continued, what was not is had
        end_play(
            records.tastes, slot, records.titles, records.dirty_title, on.known, moment.title, moment.ts,
            moment.flag == 1, moment.b, moment.c,
        )  # fmt: skip
    elif rated or listed:  # what is rated is known to the viewer, and both say what is liked
        interest = moment.a * (LIKE if rated else LIST)
        show_interest(records.tastes, slot, records.titles, moment.title, interest, moment.ts, rated)
        records.dirty[slot] = 1
    # After a quality play the page can wait until the viewer looks at it again: when the play is over. After a change
    # of the viewer's list it can wait for the next outcome.
    if kind == SESSION or ended or rated:
        rank(at, table)
