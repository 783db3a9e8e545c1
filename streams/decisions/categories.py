"""Which categories to show a profile: scores by policy, the best few in order, and what a change is worth.
Compiled.

A score is in quality plays: what the profile played well of a tag and looked at (both fade within a month),
over a prior that spreads a few plays as the audience's are spread, so that a new profile begins with what
is popular.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.profiles.clock import DAY, MONTH_MS, remaining
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import CATEGORIES, MAX_TAGS

POPULAR, TASTE, DWELL, FIXED = range(4)
"""Policies, in the order of ``experiments.declaration.POLICIES``."""
PRIOR_PLAYS = 3.0
"""What the audience's taste weighs beside the profile's own, in quality plays."""
PLAYS_A_MINUTE = 0.2
"""Five minutes of looking around in a category say as much as one quality play in it."""
LONGEST_MINUTES = 10.0
"""A longer stay says no more: the screen was left on."""
POPULAR_HALF_LIFE_MS = 7.0 * DAY


@compiled
def count_play(popular: Floats, popular_ts: Array, group: int, tags: Array, ts: int) -> None:
    """A title with ``tags`` (1 + tag, 0 is none) was played well by somebody of ``group``: its tags share
    the play, the first ones most."""
    elapsed = float(ts - popular_ts[group])
    if elapsed > 0:
        left = remaining(elapsed, POPULAR_HALF_LIFE_MS)
        for tag in range(MAX_TAGS):
            popular[group, tag] *= left
        popular_ts[group] = ts
    weight = remaining(-elapsed, POPULAR_HALF_LIFE_MS)
    for place in range(tags.shape[0]):
        if tags[place] > 0:
            popular[group, tags[place] - 1] += weight / (1.0 + place)


@compiled
def count_browsing(tastes: Array, slot: int, tag: int, minutes: float, ts: int) -> None:
    """The profile in ``slot`` stayed in the category of ``tag`` for ``minutes``. What it looked at least
    gives way when there is no place."""
    p = tastes[slot]
    elapsed = float(ts - p.cat_ts)
    if elapsed > 0:
        left = remaining(elapsed, MONTH_MS)
        for k in range(CATEGORIES):
            p.cat_minutes[k] *= left
        p.cat_ts = ts
    amount = min(minutes, LONGEST_MINUTES) * remaining(-elapsed, MONTH_MS)
    least = 0
    for k in range(CATEGORIES):
        if p.cat_browsed[k] == tag + 1:
            p.cat_minutes[k] += amount
            return
        if p.cat_minutes[k] < p.cat_minutes[least]:
            least = k
    if amount >= p.cat_minutes[least]:
        p.cat_browsed[least] = tag + 1
        p.cat_minutes[least] = amount


@compiled
def score(
    p: Fields,
    policy: int,
    ts: int,
    popular: Floats,
    base: Floats,
    fixed: Array,
    n: int,
    parts: Floats,
    scores: Floats,
) -> None:
    """Fill ``scores[:n]``, and ``parts[:, :n]`` with what they are made of: popular, taste, browsed.
    ``base`` is each tag's share of the catalog: what is popular before anybody has played anything."""
    total = 0.0
    for tag in range(n):
        total += popular[tag]
    fade = remaining(float(ts - p.taste_ts), MONTH_MS)
    for tag in range(n):
        share = (popular[tag] + base[tag]) / (total + 1.0)
        parts[0, tag] = PRIOR_PLAYS * share
        parts[1, tag] = p.taste[tag] * fade if policy == TASTE else 0.0
        parts[2, tag] = 0.0
    if policy != POPULAR:
        fade = PLAYS_A_MINUTE * remaining(float(ts - p.cat_ts), MONTH_MS)
        for k in range(CATEGORIES):
            if p.cat_browsed[k] > 0 and p.cat_browsed[k] <= n:
                parts[2, p.cat_browsed[k] - 1] = fade * p.cat_minutes[k]
    for tag in range(n):
        scores[tag] = max(0.0, parts[0, tag] + parts[1, tag] + parts[2, tag])
    if policy == FIXED:
        for tag in range(n):
            scores[tag] = 0.0
        for place in range(fixed.shape[0]):
            if fixed[place] >= 0 and fixed[place] < n:
                scores[fixed[place]] = 1.0 + fixed.shape[0] - place


@compiled
def choose(p: Fields, scores: Floats, allowed: Array, n: int, count: int, fixed: bool, best: Array) -> float:
    """Fill ``best`` with the best allowed tags (1 + tag, then 0) and return what they are worth over those
    shown: the gain as a share of the worth, each place discounted as in DCG; 1 when nothing is shown, or
    not as many, or what may not be.

    Equal scores stand in the order of tags.
    """
    found = 0
    best[:] = 0
    for place in range(count):
        top = -1
        for tag in range(n):
            if allowed[tag] == 0 or (fixed and scores[tag] <= 0.0):
                continue
            taken = False
            for other in range(place):
                if best[other] == tag + 1:
                    taken = True
            if not taken and (top < 0 or scores[tag] > scores[top]):
                top = tag
        if top < 0:
            break
        best[place] = top + 1
        found += 1
    new = old = 0.0
    shown = 0
    for place in range(CATEGORIES):
        discount = 1.0 / np.log2(place + 2.0)
        if best[place] > 0:
            new += discount * scores[best[place] - 1]
        if p.cat_shown[place] > 0:
            shown += 1
            if p.cat_shown[place] > n or allowed[p.cat_shown[place] - 1] == 0:
                return 1.0
            old += discount * scores[p.cat_shown[place] - 1]
    if shown != found:
        return 1.0
    return (new - old) / new if new > 0.0 else 0.0


@compiled
def consider(
    tastes: Array,
    slot: int,
    policy: int,
    ts: int,
    popular: Floats,
    base: Floats,
    fixed: Array,
    allowed: Array,
    n: int,
    count: int,
    parts: Floats,
    scores: Floats,
    best: Array,
) -> float:
    """``score`` and ``choose`` for the profile in ``slot``."""
    p = tastes[slot]
    score(p, policy, ts, popular, base, fixed, n, parts, scores)
    return choose(p, scores, allowed, n, count, policy == FIXED, best)
