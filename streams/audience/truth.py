"""The truth about a simulated viewer at a moment: what every decision of Flywheel's is worth, and the best one.

The reward is always the chance of a good play (one that is watched on). The moment is the visit that the viewer
is in: ``Person.feel`` has been called, and ``turn`` says which part of long rows is on the screen. Everything
follows from the formulas by which viewers live (``seeking``, ``viewer``), so it is exact unless said otherwise:

- *a row* is looked at from the left; title ``i`` is clicked with chance ``c_i`` and then watched on with ``q_i``;
  the first click ends it. Its worth is ``v = sum_i q_i c_i prod_{j<i} (1 - c_j)``.
- *a page* is rows from the top, each left for the next one with patience (a cascade: Craswell et al. 2008; with
  abandonment: Kempe and Mahdian 2008). The best order is by ``v / (1 - s)``, where ``s`` is the chance to go on.
- *titles* of a row and *categories* are a cascade without abandonment: the best list is found by dynamic
  programming over the order by what each is worth once it is taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.audience import habits
from streams.audience.cascade import best_cascade
from streams.audience.habits import CATEGORIES_SHOWN, ITEMS_SHOWN
from streams.audience.playing import pleased_chance, sigmoid
from streams.audience.seeking import Seeker
from streams.audience.shown import Offer
from streams.audience.titles import FOR_YOU, TAGS

RANKED = 20
"""Titles of a home page ranking."""


class Look(NamedTuple):
    """What one look at a row comes to: the chance that something is clicked, and that it is a good play."""

    clicked: float
    good: float


# --- rows


def row_look(viewer: Seeker, row_id: str) -> Look | None:
    """A look at a row as it is on this viewer's screen; ``None`` for a row that is empty, and left out."""
    rule = viewer.shelves.rules.get(row_id)
    titles = [] if rule is None else viewer.row_titles(row_id, rule)
    if rule is None or not titles:
        return None
    return titles_look(viewer, titles, viewer.row_gain(row_id, rule))


def page_value(viewer: Seeker, order: Sequence[str]) -> float:
    """Chance of a good play from one look at the page with its rows in this order."""
    return _page_value([row_look(viewer, row_id) for row_id in order])


def best_page(viewer: Seeker) -> tuple[str, ...]:
    """The order of rows that is worth most."""
    return page_worth(viewer, ())[2]


def page_worth(viewer: Seeker, order: Sequence[str]) -> tuple[float, float, tuple[str, ...]]:
    """What an order of rows is worth, what the best is worth, and the best."""
    looks = {row_id: row_look(viewer, row_id) for row_id in viewer.shelves.rules}

    def worth(row_id: str) -> float:
        look = looks[row_id]
        return -1.0 if look is None else look.good / (1.0 - habits.PATIENCE * (1.0 - look.clicked))

    best = tuple(sorted(looks, key=worth, reverse=True))
    value = _page_value([looks.get(row_id) for row_id in order])
    return value, _page_value([looks[row_id] for row_id in best]), best


def _page_value(looks: Sequence[Look | None]) -> float:
    value, still_there = 0.0, 1.0
    for look in looks:
        if look is not None:
            value += still_there * look.good
            still_there *= (1.0 - look.clicked) * habits.PATIENCE
    return value


# --- titles


def titles_look(viewer: Seeker, titles: Sequence[int], gain: float) -> Look:
    """A look at titles side by side, each with the image that stands for it now; ``gain`` as in
    ``Seeker.click_chance``."""
    good, unclicked = 0.0, 1.0
    for position, title in enumerate(titles):
        click = viewer.click_chance(title, position, gain)
        good += unclicked * click * pleased_chance(viewer.appeals[title])
        unclicked *= 1.0 - click
    return Look(1.0 - unclicked, good)


def ranking_value(viewer: Seeker, ranking: Sequence[int]) -> float:
    """Chance of a good play when the viewer looks at the first screen of this ranking, in its own row."""
    catalog, there = viewer.catalog, viewer.shelves.there
    titles = [t for t in ranking if there[t] == 0.0 and catalog.titles[t].age <= viewer.max_age][:ITEMS_SHOWN]
    return titles_look(viewer, titles, viewer.row_gain(FOR_YOU, "similar")).good


def best_ranking(viewer: Seeker) -> tuple[int, ...]:
    """The ranking whose first screen is worth most, of the titles that are likeliest to be clicked and watched on;
    those follow that did not get there (a test compares it with all lists of a few titles)."""
    catalog = viewer.catalog
    pull = np.array(viewer.pull)
    charm = habits.IMAGE_TASTE * pull[catalog.first_image] + catalog.first_image_quality
    for title, image in viewer.shown.artwork.items():
        charm[title] = viewer.charm_of(title, image)
    appeals = np.array(viewer.appeals)
    good = 1.0 / (1.0 + np.exp(habits.PLEASED_AT - appeals))
    good /= 1.0 + np.exp(habits.CLICK_AT - appeals - charm)
    good[(viewer.shelves.there != 0.0) | (catalog.ages > viewer.max_age)] = -1.0
    order = [int(title) for title in np.argsort(-good, kind="stable") if good[title] >= 0.0]
    gain = viewer.row_gain(FOR_YOU, "similar")
    likeliest = sorted(order[:RANKED], key=lambda title: -viewer.appeals[title])
    first = best_cascade(
        [pleased_chance(viewer.appeals[title]) for title in likeliest],
        lambda i, place: viewer.click_chance(likeliest[i], place, gain),
        ITEMS_SHOWN,
    )
    shown = [likeliest[i] for i in first]
    return (*shown, *[title for title in order if title not in shown][: RANKED - len(shown)])


# --- images


def title_value(viewer: Seeker, title: int, image: int) -> float:
    """Chance of a good play when the viewer sees this title alone, by this image."""
    click = sigmoid(viewer.appeals[title] + viewer.charm_of(title, image) - habits.CLICK_AT)
    return click * pleased_chance(viewer.appeals[title])


def best_image(viewer: Seeker, title: int) -> int:
    """The image that pleases most: a click is all that it can change."""
    images = range(len(viewer.catalog.titles[title].images))
    return max(images, key=lambda image: viewer.charm_of(title, image))


# --- trailers


def trailer_value(viewer: Seeker, offer: Offer | None) -> float:
    """Chance that a trailer wins this viewer back, each time they look at their messages while they hesitate."""
    if offer is None:
        return 0.0
    return habits.NOTICES * sigmoid(viewer.liking(*offer) - habits.WON_AT)


def best_offer(viewer: Seeker) -> Offer:
    """The trailer that is most likely to win this viewer back."""
    titles = viewer.catalog.titles
    liking = viewer.catalog.weights @ viewer.taste + habits.QUALITY_WEIGHT * viewer.catalog.quality
    best, highest = Offer(viewer.shelves.arrived[0], 0), -math.inf
    for title in viewer.shelves.arrived:
        for teaser, made in enumerate(titles[title].trailers):
            liked = liking[title] + habits.TEASER_TASTE * viewer.taste[made.tag]
            if titles[title].age <= viewer.max_age and liked > highest and title not in viewer.seen:
                best, highest = Offer(title, teaser), float(liked)
    return best


# --- categories


def categories_value(viewer: Seeker, categories: Sequence[str]) -> float:
    """Chance of a good play when this viewer goes along these categories."""
    value, still_there = 0.0, 1.0
    for position, category in enumerate(categories[:CATEGORIES_SHOWN]):
        entered = viewer.entry_chance(category, position)
        value += still_there * entered * _entered(viewer, category)
        still_there *= 1.0 - entered
    return value


def best_categories(viewer: Seeker) -> tuple[str, ...]:
    """The list of categories that is worth most: among the lists in the order of what a category is worth to
    those who enter it, exactly."""
    worth = sorted(((_entered(viewer, tag), tag) for tag in TAGS), reverse=True)
    chosen = best_cascade(
        [good for good, _ in worth],
        lambda i, place: viewer.entry_chance(worth[i][1], place),
        CATEGORIES_SHOWN,
    )
    return tuple(worth[i][1] for i in chosen)


def _entered(viewer: Seeker, category: str) -> float:
    titles = viewer.shown.window(category, viewer.turn, viewer.max_age)
    return titles_look(viewer, titles, habits.WILLING).good
