"""The choices of images that stand for a profile: which have to be made (anew), and where they are kept. Compiled."""

from __future__ import annotations

import math

import numpy as np

from models.compiled import compiled
from streams.decisions.artwork import own_posterior, title_rate
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import ART_CHOICES, ARTWORKS, TOP_TITLES

CHOOSE_AMONG, CHOOSE_WITHIN = 6, 3
"""When a visit begins, images are chosen for the best titles of the ranking: what a viewer sees without scrolling.
(With 12 the simulated audience gained nothing more, at twice the records.) Within a visit only for the first of a
ranking that a search or a rating has just changed: most titles that come up within a visit go again. (Choosing after
each play, too, gained nothing: 86.4 and 86.0 % of the best possible, at a third more records.) So, too, at a profile's
first visit: nothing is known of it, and many never come again."""
ENOUGH_VIEWS = 8
"""Views without a quality play after which a choice is made anew."""
STAND_S = 86_400
"""A choice stands for a day at least: an image that changes under the viewer's eyes spoils the credit."""
CLEARLY = 2.0
"""... and falls when another image is better by this many standard deviations."""


@compiled
def entry_of(p: Fields, title: int) -> int:
    """Where the choice for ``title`` is kept, or -1."""
    for e in range(ART_CHOICES):
        if p.art_title[e] == 1 + title:
            return e
    return -1


@compiled
def place_of(t: Fields, image: int) -> int:
    """The place of an image of a title, or -1."""
    for a in range(ARTWORKS):
        if t.art_id[a] == image:
            return a
    return -1


@compiled
def clearly_worse(t: Fields, place: int, art: Fields) -> bool:
    """Whether another image of the title has done better than the one at ``place`` beyond doubt."""
    rate = title_rate(art, t.art_views, t.art_plays)
    mean, variance = own_posterior(rate, t.art_views[place], t.art_plays[place])
    for a in range(ARTWORKS):
        if a != place and t.art_id[a] != 0:
            other, unsure = own_posterior(rate, t.art_views[a], t.art_plays[a])
            if other - mean > CLEARLY * math.sqrt(variance + unsure):
                return True
    return False


@compiled
def find_due(
    tastes: Array, slot: int, title_tastes: Array, arts: Array, ts: int, among: int, due: Array
) -> int:
    """Fill ``due`` with those of the ``among`` best titles of the profile's ranking whose image has to be chosen
    (anew); returns how many.

    Titles with a choice that stands, with fewer than two images, or whose view still waits for its outcome are not.
    """
    p = tastes[slot]
    n = 0
    now_s = ts // 1_000
    for at in range(min(among, TOP_TITLES)):
        title = p.top_titles[at] - 1
        if title < 0 or title_tastes[title].artworks < 2 or title_tastes[title].art_first == 0:
            continue
        t = title_tastes[title]
        e = entry_of(p, title)
        if e >= 0:
            place = place_of(t, p.art_image[e])
            if place >= 0:
                if p.art_waiting[e] != 0 or now_s < np.int64(p.art_chosen_s[e]) + STAND_S:
                    continue
                if p.art_views[e] < ENOUGH_VIEWS and not clearly_worse(t, place, arts[0]):
                    continue
        due[n] = title
        n += 1
    return n


@compiled
def make_room(tastes: Array, slot: int, title: int) -> int:
    """Where to keep a choice for ``title``: where one is, a free place, or that of the oldest choice for a title that
    is not among the best any more (one that waits for its outcome is spared while there is another)."""
    p = tastes[slot]
    e = entry_of(p, title)
    if e >= 0:
        return e
    oldest, least = 0, math.inf
    for e in range(ART_CHOICES):
        if p.art_title[e] == 0:
            return e
        age = float(p.art_chosen_s[e])
        if p.art_waiting[e] != 0:
            age += 1e10
        for at in range(min(CHOOSE_AMONG, TOP_TITLES)):
            if p.top_titles[at] == p.art_title[e]:
                age += 1e11
        if age < least:
            oldest, least = e, age
    return oldest
