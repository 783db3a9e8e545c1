"""What categories are chosen by: plays of the audience by tag, and what a profile has looked at. Compiled."""

from __future__ import annotations

from models.compiled import compiled
from streams.profiles.clock import DAY, MONTH_MS, remaining
from streams.profiles.parameters import Array, Floats
from streams.profiles.taste import CATEGORIES, MAX_TAGS

ALL, KIDS = 0, 1
"""Groups with a popularity of their own."""
LONGEST_MINUTES = 10.0
"""A longer stay says no more: the screen was left on."""
POPULAR_HALF_LIFE_MS = 7.0 * DAY


@compiled
def count_play(
    popular: Floats, popular_ts: Array, tastes: Array, slot: int, titles: Array, title: int, ts: int
) -> None:
    """The profile in ``slot`` played ``title`` well: its tags share the play, the first ones most, in the popularity
    of the profile's group (``ALL`` or ``KIDS``)."""
    group = KIDS if tastes[slot].kids else ALL
    tags = titles[title].tags
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
