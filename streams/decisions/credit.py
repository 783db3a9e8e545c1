"""What credit is measured against: outcomes by row and place, explored rows, trailers viewed and not. Compiled.

Everything is counted from what surfaces may see (impressions shown, quality plays), so it is the credit surface's
own and small: one record a partition.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from models.credit import calibrated, position_effects, shapley_shares
from streams.decisions.ordering import EXPLORE_AT
from streams.profiles.layout import MAX_POSITIONS, MAX_ROWS
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import ART_CHOICES, ARTWORKS, TRAILER_OFFERS

CREDIT = np.dtype(
    [
        ("seen", "f4", (MAX_ROWS, MAX_POSITIONS)),  # impressions by row and place
        ("plays", "f4", (MAX_ROWS, MAX_POSITIONS)),  # ... and the quality plays that they led to
        ("total", "f8"),
        # at the place where rows are explored: [0] the page's own choice, [1] a row drawn by chance
        ("place_seen", "f8", (2,)),
        ("place_plays", "f8", (2,)),
        # offers of a trailer: [0] not viewed, [1] viewed; and those whose title was then played well
        ("offers", "f8", (2,)),
        ("offer_plays", "f8", (2,)),
        # what the images' lifts say of themselves: plays, and what would be left of them
        ("image_plays", "f8"),
        ("image_left", "f8"),
        ("effects", "f8", (MAX_POSITIONS,)),
        ("effects_due", "i8"),  # plays until they are computed anew
    ],
    align=True,
)
"""The counts of one partition: 4.5 KB."""

REMEMBERED = 200_000.0
"""Impressions after which the older half is forgotten: pages and viewers change."""
EFFECTS_EVERY = 256
"""Quality plays between two computations of the places' effects."""
EFFECT_PRIOR = 5.0
RATE_PRIOR = 100.0
"""Impressions that a rate of its own needs to weigh as much as the one it is shrunk to."""
OFFER_PRIOR = 10.0
IMAGE_PRIOR_VIEWS = 200.0
"""Views that an image needs for its own rate to weigh as much as the title's."""
OFFER_COUNTED, VIEW_COUNTED, PLAY_COUNTED = 1, 2, 4
"""Bits of ``credit_offers``, for each place of an offer."""
USUAL_RATE = 0.1
FEW_SEEN = 200.0
"""Impressions without which nothing is said of places."""


@compiled
def count_shown(counts: Array, row: int, place: int, explored: int) -> None:
    """A row came into view at ``place`` (-1: neither is known); ``explored`` 1: it was drawn by chance."""
    if row < 0 or place < 0:
        return
    c = counts[0]
    at = min(place, MAX_POSITIONS - 1)
    if c.total >= REMEMBERED:
        c.total *= 0.5
        for r in range(MAX_ROWS):
            for k in range(MAX_POSITIONS):
                c.seen[r, k] *= np.float32(0.5)
                c.plays[r, k] *= np.float32(0.5)
        for i in range(2):
            c.place_seen[i] *= 0.5
            c.place_plays[i] *= 0.5
    c.total += 1.0
    c.seen[row, at] += np.float32(1.0)
    if place == EXPLORE_AT:
        c.place_seen[explored] += 1.0


@compiled
def count_played(c: Fields, row: int, place: int, explored: int) -> None:
    """A row that was seen at ``place`` led to a quality play (after its lifts were asked for)."""
    c.plays[row, min(place, MAX_POSITIONS - 1)] += np.float32(1.0)
    if place == EXPLORE_AT:
        c.place_plays[explored] += 1.0
    c.effects_due -= 1
    if c.effects_due <= 0:
        c.effects_due = EFFECTS_EVERY
        seen = c.seen.astype(np.float64)
        plays = c.plays.astype(np.float64)
        effects = np.empty(MAX_POSITIONS)
        position_effects(seen, plays, EFFECT_PRIOR, effects)
        for k in range(MAX_POSITIONS):
            c.effects[k] = effects[k]


@compiled
def row_lift(c: Fields, place: int, predicted: float) -> float:
    """How much likelier the play became because this row stood there and not one drawn by chance.

    ``predicted`` is the quality model's chance for this row, profile and place. What a row drawn by chance is
    worth is measured where rows are explored: there each is drawn with the same propensity, so the
    inverse-propensity value of chance is the plain rate of the explored ones. At another place chance is worth
    as much more as that place makes any row (``effects``).
    """
    at = min(place, MAX_POSITIONS - 1)
    seen, plays = 0.0, 0.0
    for r in range(MAX_ROWS):
        for k in range(MAX_POSITIONS):
            seen += c.seen[r, k]
            plays += c.plays[r, k]
    base = (plays + USUAL_RATE * 10.0) / (seen + 10.0)
    own = (c.place_plays[0] + base * RATE_PRIOR) / (c.place_seen[0] + RATE_PRIOR)
    # Without explored rows nothing is known of chance: then the page's choices are taken to be no better.
    chance = (c.place_plays[1] + own * RATE_PRIOR) / (c.place_seen[1] + RATE_PRIOR)
    here = c.effects[at] if c.effects[at] > 0 else 1.0
    there = c.effects[EXPLORE_AT] if c.effects[EXPLORE_AT] > 0 else 1.0
    return float(predicted / (chance * here / there))


@compiled
def place_lift(c: Fields, place: int, places: int) -> float:
    """How much likelier the play became because the row stood at ``place`` and not anywhere among ``places``:
    more look there at all, and those who look play more, with the rows' own appeal taken out."""
    if c.total < FEW_SEEN or places < 2:
        return 1.0
    last = min(places, MAX_POSITIONS)
    worth = np.zeros(last)
    total = 0.0
    for k in range(last):
        n = 0.0
        for r in range(MAX_ROWS):
            n += c.seen[r, k]
        if k == MAX_POSITIONS - 1:
            n /= max(1, places - k)  # lower places share the last count
        effect = c.effects[k]
        worth[k] = n * (effect if effect > 0 else 1.0)
        total += worth[k] * (max(1, places - k) if k == MAX_POSITIONS - 1 else 1)
    if total <= 0:
        return 1.0
    return float(worth[min(place, last - 1)] * places / total)


@compiled
def trailer_lift(c: Fields) -> float:
    """How much likelier a title is played well within the week when its trailer was viewed than when it was
    offered and not viewed. Who views is keener anyway: the lift is too high rather than too low."""
    ignored = (c.offer_plays[0] + 1.0) / (c.offers[0] + OFFER_PRIOR)
    viewed = (c.offer_plays[1] + ignored * OFFER_PRIOR) / (c.offers[1] + OFFER_PRIOR)
    return float(viewed / ignored)


@compiled
def image_lift(c: Fields, p: Fields, t: Fields, title: int, measured: float) -> float:
    """The image that the profile was shown of the title, against any of the title's images; ``measured`` is what
    choosing images was measured to be worth over chance (0: not known), which calibrates it."""
    image, images, views, plays = 0, 0, 0.0, 0.0
    for e in range(ART_CHOICES - 1, -1, -1):
        if p.art_title[e] == title + 1:
            image = p.art_image[e]
    for a in range(ARTWORKS):
        if t.art_id[a] != 0:
            images += 1
            views += t.art_views[a]
            plays += t.art_plays[a]
    if image == 0 or images < 2 or plays <= 0.0 or views < IMAGE_PRIOR_VIEWS:
        return 1.0
    rate, own, total = plays / views, 0.0, 0.0
    for a in range(ARTWORKS):
        if t.art_id[a] != 0:
            here = (t.art_plays[a] + rate * IMAGE_PRIOR_VIEWS) / (t.art_views[a] + IMAGE_PRIOR_VIEWS)
            total += here
            if t.art_id[a] == image:
                own = here
    if own <= 0.0:
        return 1.0
    lift = own * images / total
    c.image_plays += 1.0
    c.image_left += 1.0 / max(1.0, lift)
    if measured <= 0.0:
        return lift
    return float(calibrated(lift, measured, c.image_plays / c.image_left))


@compiled
def split_play(
    counts: Array,
    tastes: Array,
    dirty: Array,
    slot: int,
    titles: Array,
    title: int,
    row: int,
    place: int,
    explored: int,
    predicted: float,
    places: int,
    measured: float,
    lifts: Floats,
    shares: Floats,
) -> None:
    """A quality play of ``title``, led to by ``row`` at ``place`` (-1: by none): fill ``lifts`` (row, place, image,
    trailer) and ``shares`` (those, and what is organic), and count the play."""
    c, p = counts[0], tastes[slot]
    lifts[:] = 1.0
    if place >= 0 and 0 <= row < MAX_ROWS:
        if predicted > 0.0:
            lifts[0] = row_lift(c, place, predicted)
        lifts[1] = place_lift(c, place, places)
        count_played(c, row, place, explored)
    if place >= 0 and title >= 0:
        lifts[2] = image_lift(c, p, titles[title], title, measured)
    for k in range(TRAILER_OFFERS):
        noted = int(p.credit_offers[k])
        mine = p.trailer_title[k] == title + 1 and p.trailer_state[k] != 0
        if noted & OFFER_COUNTED and mine:
            viewed = 1 if noted & VIEW_COUNTED else 0
            if viewed:
                lifts[3] = trailer_lift(c)
            if not noted & PLAY_COUNTED:
                p.credit_offers[k] = noted | PLAY_COUNTED
                dirty[slot] = 1
                c.offer_plays[viewed] += 1.0
    shapley_shares(lifts, shares)
