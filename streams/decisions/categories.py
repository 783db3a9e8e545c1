"""Which categories to show a profile: scores by policy, the best few in order, and what a change is worth.
Compiled.

A score is in quality plays: what the profile played well of a tag and looked at (both fade within a month),
over a prior that spreads a few plays as the audience's are spread, so that a new profile begins with what
is popular.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.category_counts import ALL, KIDS
from streams.profiles.clock import MONTH_MS, remaining
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import CATEGORIES

POPULAR, TASTE, DWELL, FIXED = range(4)
"""Policies, in the order of ``experiments.declaration.POLICIES``."""
KIDS_AGE = 12
"""The age limit of a kids' profile that has none of its own."""
REASONS = 3
"""Categories that a reason is given for."""
BEST, BEFORE, WHY = 2, 2 + CATEGORIES, 2 + 2 * CATEGORIES
"""Places in what a decision fills."""
OUT = WHY + REASONS
PLAYS_A_MINUTE = 0.2
"""Five minutes of looking around in a category say as much as one quality play in it."""
PRIOR_PLAYS = 3.0
"""What the audience's taste weighs beside the profile's own, in quality plays."""


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
    for tag in range(n):
        if allowed[tag] == 0 or (fixed and scores[tag] <= 0.0):
            continue
        if found == count and scores[tag] <= scores[best[found - 1] - 1]:
            continue
        place = min(found, count - 1)
        while place > 0 and scores[tag] > scores[best[place - 1] - 1]:
            best[place] = best[place - 1]
            place -= 1
        best[place] = tag + 1
        found = min(found + 1, count)
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
def decide_categories(
    tastes: Array,
    slot: int,
    policy: int,
    ts: int,
    popular: Floats,
    base: Floats,
    fixed: Array,
    fitting: Array,
    n: int,
    count: int,
    margin: float,
    arm: int,
    parts: Floats,
    scores: Floats,
    out: Array,
    reasons: Floats,
) -> bool:
    """Choose anew for the profile in ``slot``; true when its categories change, or it came under another ``arm``.

    ``fitting[limit]`` has 1 for each of ``n`` tags that may be shown under an age limit. ``out`` is filled with the
    policy that chose, the version, the categories chosen and those before (1 + tag, ``CATEGORIES`` each), and for
    the first ``REASONS`` of them the part of the score that is largest; ``reasons`` with those parts. A profile with
    a page that uses nothing personal gets what is popular, whatever the policy.
    """
    p = tastes[slot]
    group = KIDS if p.kids else ALL
    limit = p.max_age
    if limit == 0 and p.kids:
        limit = KIDS_AGE
    if p.plain or (policy == FIXED and fixed.shape[0] == 0):  # or the catalog knows none of them
        policy = POPULAR
    score(p, policy, ts, popular[group], base, fixed, n, parts, scores)
    best = out[BEST : BEST + CATEGORIES]
    gain = choose(p, scores, fitting[limit], n, count, policy == FIXED, best)
    if gain <= margin and arm == p.cat_arm:
        return False
    p.cat_version += 1
    p.cat_arm = arm
    out[0] = policy
    out[1] = p.cat_version
    for place in range(CATEGORIES):
        out[BEFORE + place] = p.cat_shown[place]
        p.cat_shown[place] = best[place]
    for place in range(REASONS):
        largest = 0
        for part in range(parts.shape[0]):
            if best[place] > 0 and parts[part, best[place] - 1] > parts[largest, best[place] - 1]:
                largest = part
        out[WHY + place] = largest
        reasons[place] = parts[largest, best[place] - 1] if best[place] > 0 else 0.0
    return True
