"""What the compiled dealing works on: the surfaces' own memory, a tuple each, and the answers on their way out.

Surfaces decide in compiled code and leave an answer; ``emit.answers`` makes records of them later, in order. So an
answer holds all that its record says and that may change until then; names (of profiles, titles, images) do not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streams.decisions.artwork import ART, new_art
from streams.decisions.artwork_choices import CHOOSE_AMONG
from streams.decisions.artwork_outcomes import RESOLVED
from streams.decisions.artwork_pages import MADE
from streams.decisions.categories import OUT
from streams.decisions.categories import REASONS as CATEGORY_REASONS
from streams.decisions.credit import CREDIT
from streams.decisions.title_bench import BENCH
from streams.decisions.title_counts import CO_WATCHED
from streams.decisions.title_known import KNOWN, new_known
from streams.profiles.audience_cells import CELL
from streams.profiles.moments import MOMENT, MomentKind
from streams.profiles.parameters import Array
from streams.profiles.taste import ART_CHOICES, ARTWORKS, MAX_TAGS, TOP_TITLES

OWN, TITLES, ARTWORK, TRAILERS, EXPERIMENTS, CATEGORIES, DEMAND, CREDITS = range(8)
"""Turns at a moment, in order: what all surfaces have in common, then each surface. Those of ``running.SURFACES``."""
TURNS = 8
NOBODY, COMPILED, PYTHON = range(3)
"""How the one whose turn it is reacts to a kind of moment."""
DONE, ASK, TELL, FULL = range(4)
"""What dealing out says: it is done; nothing has changed, and Python has to react; it is done, but Python has to tell
what it resolved; there is no room for more answers."""
LATE_VIEWS = ART_CHOICES
"""Places in ``desk.resolved`` of views whose window is over; behind them are those that ended as another image was
chosen."""
TITLE_REASONS = 3
"""Titles of a page whose strongest term is told."""
AGES = 256
"""Age limits: 0 is none."""
PARTS = 5
"""To whom a play is owed: row, position, artwork, trailer, or nobody."""

DESK = np.dtype(
    [
        ("ways", "u1", (len(MomentKind), TURNS)),  # NOBODY, COMPILED or PYTHON
        ("at", "i8"),  # the moment that is dealt out
        ("turn", "i8"),  # ... and whose turn it is
        ("n", "i8", (4,)),  # answers: rankings, images, choices, signals
        ("learning", "u1"),  # these are settings
        ("sharing", "u1"),
        ("window_ms", "i8"),
        ("explore_share", "f8"),
        # titles, see decisions.titles
        ("titles_margin", "f8"),
        ("titles_seed", "i8"),
        ("titles_stale", "u1"),  # 1: the lists are to be made anew
        ("titles", "i8"),  # how many there are
        ("tags", "i8"),
        ("known", KNOWN, (1,)),
        ("bench", BENCH, (1,)),
        ("features", "i1", (TITLE_REASONS,)),
        ("parts", "f8", (TITLE_REASONS,)),
        # images, see decisions.artwork_pages
        ("art_live", "i8"),  # the policy at work, and the shadow (-1: none)
        ("art_shadow", "i8"),
        ("art_uniform", "f8"),
        ("art_seed", "i8"),
        ("art", ART, (1,)),
        ("due", "i8", (CHOOSE_AMONG,)),
        ("made", MADE, (CHOOSE_AMONG,)),
        ("resolved", RESOLVED, (LATE_VIEWS + CHOOSE_AMONG,)),
        ("to_tell", "i8"),  # bit k: what ``resolved[k]`` says is to be told
        # trailers
        ("trailer_hazard", "f8"),
        # categories, see decisions.categories
        ("category_policy", "i8"),
        ("category_margin", "f8"),
        ("categories", "i8"),  # tags that can be one
        ("popular", "f8", (2, MAX_TAGS)),
        ("popular_ts", "i8", (2,)),
        ("category_plays", "i8"),  # counted so far
        ("base", "f8", (MAX_TAGS,)),
        ("fitting", "u1", (AGES, MAX_TAGS)),
        ("category_parts", "f8", (3, MAX_TAGS)),
        ("category_scores", "f8", (MAX_TAGS,)),
        # demand
        ("half_life_ms", "f8"),
        # credit, see decisions.credit
        ("rows", "i8"),  # that a page has
        ("image_worth", "f8"),  # measured worth of choosing images over chance, 0: not known
        ("credit", CREDIT, (1,)),
        ("lifts", "f8", (PARTS - 1,)),
        ("shares", "f8", (PARTS,)),
        ("owed", "f8", (PARTS,)),  # shares since they were counted last
    ],
    align=True,
)
"""All that is of one size: who reacts to what, what they go by, and the memory they work in. One record, for each array
that is handed to compiled code costs a quarter of a microsecond."""

RANKING = np.dtype(
    [
        ("at", "i4"),
        ("plain", "u1"),
        ("explores", "u1"),
        ("length", "i4"),
        ("version", "i8"),
        ("learned", "i8"),
        ("propensity", "f8"),
        ("titles", "i4", (TOP_TITLES,)),  # 1 + slot
        ("scores", "f8", (TOP_TITLES,)),
        ("features", "i1", (TITLE_REASONS,)),
        ("parts", "f8", (TITLE_REASONS,)),
    ],
    align=True,
)
"""A homepage ranking; ``at`` is its moment."""
IMAGE = np.dtype(
    [
        ("at", "i4"),
        ("title", "i4"),
        (
            "withdrawn",
            "u1",
        ),  # 1: no image is chosen for the title any more; what follows plain does not count
        ("plain", "u1"),
        ("explores", "u1"),
        ("place", "i1"),
        ("before", "u4"),  # as in ``MADE``
        ("version", "i8"),
        ("learned", "i8"),
        ("propensity", "f8"),
    ],
    align=True,
)
"""An image chosen for a title."""
CHOICE = np.dtype(
    [
        ("at", "i4"),
        ("plain", "u1"),
        ("plays", "i8"),
        ("out", "i8", (OUT,)),  # as ``decide_categories`` fills it
        ("reasons", "f8", (CATEGORY_REASONS,)),
    ],
    align=True,
)
"""The categories of a profile."""
SIGNAL = np.dtype(
    [
        ("at", "i4"),
        ("title", "i4"),
        ("good", "u1"),
        ("watched", "i4"),  # how many titles were played well before it
        ("recent", "i4", (CO_WATCHED,)),  # ... which: 1 + slot, the latest first
    ],
    align=True,
)
"""A play of a title, for the title's owner."""


class Records(NamedTuple):
    """State that surfaces share: a profile's and a title's second record, what is dirty, and the profiles' hashes."""

    tastes: Array
    dirty: Array
    titles: Array
    dirty_title: Array
    keys: Array


class Shown(NamedTuple):
    """Columns of the stretch (``Columns``). ``regions`` has a place for every moment: 1 + index of the region that a
    session's first event names, 0 where it names none."""

    kind: Array
    device: Array
    items: Array
    items_from: Array
    items_to: Array
    regions: Array


class Answers(NamedTuple):
    """What was decided and is to become records; ``desk.n`` counts them."""

    rankings: Array
    images: Array
    choices: Array
    signals: Array


class Cells(NamedTuple):
    """Demand's cells, and where each is: 1 + slot by region and tag, 0: it is not known here."""

    records: Array
    dirty: Array
    slots: Array


class Table(NamedTuple):
    """Everything that lies on the table when moments are dealt out. ``marks`` has a place for every title,
    ``shared`` what all partitions counted of images (``decisions.artwork_pages``)."""

    moments: Array
    desk: Array
    records: Records
    shown: Shown
    answers: Answers
    marks: Array
    shared: Array
    cells: Cells


CAPACITY = 1_024
"""Answers of each kind that gather before records are made of them."""
ROOM = 2 * CHOOSE_AMONG
"""A surface leaves at most this many answers of a kind at one moment."""
N_RANKINGS, N_IMAGES, N_CHOICES, N_SIGNALS = range(4)
"""Places in ``desk.n``."""


def new_desk() -> Array:
    """A desk (an array of one) of which nothing is known yet."""
    desk = np.zeros(1, DESK)
    desk["known"], desk["art"] = new_known(), new_art()
    return desk


def new_answers() -> Answers:
    """Room for answers."""
    return Answers(
        np.zeros(CAPACITY, RANKING), np.zeros(CAPACITY, IMAGE), np.zeros(CAPACITY, CHOICE),
        np.zeros(CAPACITY, SIGNAL),
    )  # fmt: skip


NO_MOMENTS: Array = np.zeros(0, MOMENT)
NO_MARKS: Array = np.zeros(0, np.int32)
NO_IMAGES: Array = np.zeros((0, 2, ARTWORKS), np.float32)
NO_CELLS = Cells(np.zeros(0, CELL), np.zeros(0, np.uint8), np.zeros((0, MAX_TAGS), np.int32))
