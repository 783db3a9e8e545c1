"""Titles: what is counted of them, and of whom has had which. Compiled.

Quality plays of a title are kept with four half-lives, from an hour (what is watched just now) to 30 days; they
are as of the title's ``ts`` and brought up to date when they are looked at. Company (played well by the same
profiles) and succession (played next, well or not) are bounded lists (``models.co_watch``).
"""

from __future__ import annotations

import numpy as np

from models.co_watch import count_neighbour
from models.compiled import compiled
from models.factorisation import begin_vector
from streams.decisions.title_known import (
    LATELY,
    N_LATELY,
    N_SINCE,
    PLAYS,
    PLAYS_HOUR,
    SLOW,
    Known,
    advance_known,
)
from streams.profiles.clock import DAY, FAST_MS, HOUR_MS, MONTH_MS, remaining
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import (
    HAD_WORDS,
    MAX_TAGS,
    NEIGHBOURS,
    PLAYED_TITLES,
    RECENT_TITLES,
    TITLE_TAGS,
    UNFINISHED,
)

BLOOM_LIMIT = 1_000
"""Titles after which the filter of what a profile has had (4,096 bits) would take 15 % of all others for had:
it is emptied and filled with what was played well last, so that a very heavy viewer meets old titles again
rather than missing new ones."""
CO_WATCHED = 16
"""Titles played well last that tell what is wanted next..."""
CO_DECAY = 0.9
"""... each worth so much less than the one after it."""
PLAY_DECAY = 0.9
"""Likewise of titles played, well or not. How long ago does not matter: on KuaiRand, where three of four plays come
after half an hour or more, 16 titles with this decay instead of 4 with a half found 4 % more of the next ones (with
lists without bounds; with these 1 %)."""
LED_BY, LED_DECAY = 8, 0.8
"""Titles played before that are counted as leading to a play, and what each is worth of the one after it. Half of
those that are looked up: that found as many, and every one is two lists to look through."""
BACKWARD = 1.0
"""That B followed A says as much of A after B: plays are mostly hours apart, and the pair counts, not its order. On
KuaiRand a half found 1.3 % less by nDCG, on MovieLens 0.8 % more."""


@compiled
def in_ring(count: int, size: int) -> int:
    """How many of ``count`` entries a ring of ``size`` still has; ``count`` may be unsigned."""
    return min(size, int(np.int64(count)))


@compiled
def advance_title(title: Fields, ts: int) -> None:
    """Bring a title's counts to ``ts``; a late event is counted as if it were of now."""
    elapsed = float(ts - title.ts)
    if elapsed <= 0:
        return
    day = np.float32(remaining(elapsed, DAY))
    month = np.float32(remaining(elapsed, MONTH_MS))
    hour = np.float32(remaining(elapsed, HOUR_MS))
    title.hour *= hour
    title.plays_hour *= hour
    title.fast *= day * day * day * day
    title.day *= day
    title.slow *= month
    title.plays *= month
    title.ts = ts


@compiled
def take_over_title(
    titles: Array,
    slot: int,
    ts: int,
    fast: float,
    slow: float,
    quality: float,
    plays: float,
    near: Array,
    counts: Array,
) -> None:
    """Raise a title's counts, and those of its neighbours, to what its owner told as of ``ts`` (``title-stats``);
    ``near`` are the slots of the neighbours told (0: not known here) and ``counts`` how often each was watched with
    it. The least of the own neighbours makes room."""
    title = titles[slot]
    advance_title(title, ts)
    elapsed = float(title.ts - ts)  # the own counts may be of later
    slow *= remaining(elapsed, MONTH_MS)
    title.fast = max(title.fast, fast * remaining(elapsed, FAST_MS))
    title.slow = max(title.slow, slow)
    if quality > 0:  # plays are told as of ever: of them only the share that was good is of use
        title.plays = max(title.plays, slow * plays / quality)
    together = 0.0
    for told in range(near.shape[0]):
        together += counts[told]
        if near[told] == 0:
            continue
        at = 0
        for k in range(NEIGHBOURS):
            if title.near[k] == 1 + near[told] or title.near[k] == 0:
                at = k  # itself, or room: the free places are behind
                break
            if title.near_n[k] < title.near_n[at]:
                at = k
        if title.near[at] == 0 or title.near_n[at] < counts[told]:
            title.near[at] = 1 + near[told]
            title.near_n[at] = counts[told]
    title.near_all = max(title.near_all, together)


# --- had


@compiled
def _probe(title: int, probe: int) -> int:
    z = (np.uint64(title) * np.uint64(3) + np.uint64(probe + 1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    return int(np.int64(z % np.uint64(64 * HAD_WORDS)))


@compiled
def has_had(p: Fields, title: int) -> bool:
    """Whether the profile has had the title, as far as its filter tells: never a false no."""
    for probe in range(3):
        bit = _probe(title, probe)
        if not (p.title_had[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
            return False
    return True


@compiled
def _note_had(p: Fields, title: int) -> None:
    if not has_had(p, title):
        p.title_had_n += 1
        for probe in range(3):
            bit = _probe(title, probe)
            p.title_had[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)


@compiled
def mark_had(p: Fields, titles: Array, title: int) -> None:
    """The profile has had the title now; of a series or a channel there is more."""
    if titles[title].again:
        return
    if p.title_had_n >= BLOOM_LIMIT:
        p.title_had_n = 0
        for word in range(HAD_WORDS):
            p.title_had[word] = 0
        for k in range(RECENT_TITLES):
            if p.title_recent[k] > 0:
                _note_had(p, p.title_recent[k] - 1)
    _note_had(p, title)


# --- plays


@compiled
def count_title_play(p: Fields, titles: Array, dirty: Array, known: Known, title: int, ts: int) -> None:
    """A play of ``title``, good or bad, once its outcome is known; what the profile played before leads to
    it."""
    record = titles[title]
    advance_title(record, ts)
    advance_known(known, ts)
    record.plays_hour += 1.0
    record.plays += 1.0
    known.totals[PLAYS_HOUR] += 1.0
    known.totals[PLAYS] += 1.0
    dirty[title] = 1
    weight = 1.0
    for back in range(in_ring(p.title_played_n, PLAYED_TITLES)):
        before = p.title_played[(np.int64(p.title_played_n) - 1 - back) % PLAYED_TITLES] - 1
        if before == title:
            return  # again: it says nothing of what goes with it
    for back in range(in_ring(p.title_played_n, LED_BY)):
        before = p.title_played[(np.int64(p.title_played_n) - 1 - back) % PLAYED_TITLES] - 1
        other = titles[before]
        other.next_all = count_neighbour(other.next, other.next_n, other.next_all, title + 1, weight)
        record.next_all = count_neighbour(
            record.next, record.next_n, record.next_all, before + 1, BACKWARD * weight
        )
        dirty[before] = 1
        weight *= LED_DECAY
    p.title_played[np.int64(p.title_played_n) % PLAYED_TITLES] = title + 1
    p.title_played_n += 1


@compiled
def count_title_quality(p: Fields, titles: Array, dirty: Array, known: Known, title: int, ts: int) -> None:
    """A quality play of ``title``: for everybody, for the titles that go with it, for the profile's taste."""
    record = titles[title]
    advance_title(record, ts)
    advance_known(known, ts)
    record.hour += 1.0
    record.fast += 1.0
    record.day += 1.0
    record.slow += 1.0
    for total in range(SLOW + 1):
        known.totals[total] += 1.0
    dirty[title] = 1
    n = int(np.int64(p.title_recent_n))
    known_before = False
    for k in range(RECENT_TITLES):
        if p.title_recent[k] == title + 1:
            known_before = True
    if not known_before:
        weight = 1.0
        for back in range(in_ring(n, CO_WATCHED)):
            before = p.title_recent[(n - 1 - back) % RECENT_TITLES] - 1
            other = titles[before]
            other.near_all = count_neighbour(other.near, other.near_n, other.near_all, title + 1, weight)
            record.near_all = count_neighbour(record.near, record.near_n, record.near_all, before + 1, weight)
            dirty[before] = 1
            weight *= CO_DECAY
        p.title_recent[n % RECENT_TITLES] = title + 1
        p.title_recent_n += 1
    for k in range(TITLE_TAGS):
        if record.tags[k] > 0:
            known.tag_plays[record.tags[k] - 1] += 1.0
    add_taste(p, titles, title, 1.0, ts)
    known.lately[known.n[N_LATELY] % LATELY] = title
    known.n[N_LATELY] += 1
    known.n[N_SINCE] += 1


@compiled
def add_taste(p: Fields, titles: Array, title: int, amount: float, ts: int) -> None:
    """Interest in the tags of ``title``, worth ``amount`` quality plays (negative: it was disliked)."""
    elapsed = float(ts - p.taste_ts)
    if elapsed > 0:
        left = np.float32(remaining(elapsed, MONTH_MS))
        for g in range(MAX_TAGS):
            p.taste[g] *= left
        p.taste_ts = ts
    record = titles[title]
    for k in range(TITLE_TAGS):
        if record.tags[k] > 0:
            tag = record.tags[k] - 1
            p.taste[tag] = max(0.0, p.taste[tag] + amount)


# --- to be continued


@compiled
def forget_unfinished(p: Fields, title: int) -> bool:
    """The title is not to be continued; true when it was."""
    for k in range(UNFINISHED):
        if p.title_unfinished[k] == title + 1:
            p.title_unfinished[k] = 0
            p.title_unfinished_ts[k] = 0
            return True
    return False


@compiled
def note_unfinished(p: Fields, title: int, position_s: float, ts: int) -> None:
    """The title was left at ``position_s``; the one left longest ago makes room."""
    forget_unfinished(p, title)
    oldest = 0
    for k in range(UNFINISHED):
        if p.title_unfinished_ts[k] < p.title_unfinished_ts[oldest]:
            oldest = k
    p.title_unfinished[oldest] = title + 1
    p.title_unfinished_s[oldest] = position_s
    p.title_unfinished_ts[oldest] = ts


@compiled
def give_vector(title: Fields, number: int) -> None:
    """A title that has no factors yet begins with some."""
    if title.vector[0] == 0.0:
        begin_vector(title.vector, number)
