"""All images of a profile's page at once: which choices are due, what each turned out to be, and what had to go for it.
Compiled.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.artwork import CHILD, PERSONAL, PLAIN, choose
from streams.decisions.artwork_choices import find_due, make_room
from streams.decisions.artwork_outcomes import resolve_view
from streams.decisions.ordering import chance
from streams.profiles.parameters import Array
from streams.profiles.taste import ARTWORKS

MADE = np.dtype(
    [
        ("title", "i4"),
        ("place", "i1"),
        ("explores", "u1"),
        ("propensity", "f8"),
        ("before", "u4"),  # hash of the image that stood for the title before, 0 is none
        ("gone", "i4"),  # 1 + title whose choice had to go, 0 is none
        ("resolved", "u1"),  # 1: ... while a view of it waited, whose outcome is in ``resolved``
        ("whom", "u1"),  # for whom it was made
    ],
    align=True,
)
"""One choice on its way out; never stored."""


@compiled
def choose_due(
    tastes: Array,
    slot: int,
    title_tastes: Array,
    dirty_title: Array,
    arts: Array,
    shared: Array,
    ts: int,
    among: int,
    live: int,
    shadow: int,
    share: float,
    keys: Array,
    seed: int,
    due: Array,
    made: Array,
    resolved: Array,
) -> int:
    """Choose an image for each of the ``among`` best titles that needs one; fills ``made`` and returns how many.

    ``shared[title, 2, place]`` are views and plays of all partitions; the own counts are taken where these are more
    (the sum is told with a delay).
    """
    p = tastes[slot]
    whom = PLAIN if p.plain else CHILD if p.kids else PERSONAL
    n = find_due(tastes, slot, title_tastes, arts, ts, among, due)
    views, plays = np.empty(ARTWORKS, np.float32), np.empty(ARTWORKS, np.float32)
    for k in range(n):
        title, out = due[k], made[k]
        t = title_tastes[title]
        e = make_room(tastes, slot, title)
        out.gone = 0
        out.before = 0
        out.resolved = 0
        if p.art_title[e] == 1 + title:
            out.before = p.art_image[e]
        elif p.art_title[e] != 0:
            out.gone = p.art_title[e]
            if p.art_waiting[e] != 0:
                resolve_view(tastes, slot, e, 0, title_tastes, dirty_title, arts, resolved[k])
                out.resolved = 1
        told, own = 0.0, 0.0
        for a in range(ARTWORKS):
            if title < shared.shape[0]:
                told += shared[title, 0, a]
            own += t.art_views[a]
        for a in range(ARTWORKS):
            if told > 0.0 and told >= own:
                views[a] = shared[title, 0, a] + t.art_untold_views[a]
                plays[a] = shared[title, 1, a] + t.art_untold_plays[a]
            else:
                views[a] = t.art_views[a]
                plays[a] = t.art_plays[a]
        draw = chance(keys[slot], p.art_draws, seed)
        p.art_draws += 1
        p.art_whom = 1 + whom
        place = choose(
            tastes, slot, e, title_tastes, title, views, plays, t.art_first - 1, arts, ts, live, shadow, share, whom,
            draw,
        )  # fmt: skip
        out.title = title
        out.whom = whom
        out.explores = 1 if place < 0 else 0
        out.place = place if place >= 0 else -1 - place
        out.propensity = p.art_propensity[e]
        if p.art_image[e] != out.before:
            p.art_version += 1
    return n
