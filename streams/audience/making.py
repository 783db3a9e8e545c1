"""Makes a simulated catalog from a seed: who makes which titles, with which images, and when they arrive."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from streams.audience.habits import HOUR
from streams.audience.titles import (
    FOR_YOU,
    TAGS,
    HomeRow,
    Image,
    ShownTitle,
    SimulatedCatalog,
    Teaser,
)

RULE_ROWS = (
    ("continue", "Continue watching", "continue"),
    (FOR_YOU, "For you", "similar"),
    ("trending", "Trending now", "trending"),
    ("new", "New this week", "new"),
    ("popular", "Popular", "popular"),
)
"""Rows that are filled by a rule and not by a tag; with the 20 tags they make the 25 rows of a home page."""
KINDS: tuple[tuple[str, float, float, float], ...] = (
    ("film", 0.20, 4_800, 7_800),
    ("series", 0.45, 1_200, 2_700),
    ("short", 0.35, 180, 600),
)
"""Kind, its share, and the range of its length in seconds."""
COMING_SHARE = 0.15
"""Share of titles that arrive only later..."""
COMING_H = 24.0 * 60
"""... spread over this many hours."""
AGES = {
    "kids": 0,
    "animation": 0,
    "family": 0,
    "nature": 0,
    "horror": 18,
    "crime": 16,
    "thriller": 16,
    "action": 12,
}
"""From which age a title is, by its first tag; others are for 6 or 12."""
WAVE_MEAN = 1.2
"""Log-odds that a new title gains in its first hours, on average."""
IMAGE_QUALITY = 0.7
"""Standard deviation of an image's own quality, in log-odds of a click."""
EDITORS_ERR = 1.0
"""Standard deviation of what editors take a title's quality for, about the true one (whose own is 1)."""
PREMIERE_WAVE = 4.0
"""What everybody is talking about, in log-odds."""

ADJECTIVES = ("Silent", "Last", "Golden", "Broken", "Hidden", "Long", "Cold", "Little", "Distant", "Burning")
NOUNS = ("River", "Night", "Harbour", "Garden", "Witness", "Summer", "Train", "Kitchen", "Island", "Letter")


def simulated_catalog(
    seed: int, titles: int, now_ms: int, *, premiere_ms: int | None = None, brief: bool = False
) -> SimulatedCatalog:
    """A catalog of ``titles`` titles as of ``now_ms``, same for same arguments.

    Some of them arrive later; one with a wave of its own at ``premiere_ms``. ``brief`` makes all of them
    short, so that an hour of the audience's time has fewer heartbeats.
    """
    chance = random.Random(f"catalog-{seed}")
    made = tuple(_title(chance, index, now_ms, brief) for index in range(titles))
    if premiere_ms is not None:
        made = (*made, _title(chance, titles, premiere_ms, brief, PREMIERE_WAVE))
    by_standing = sorted(range(len(made)), key=lambda index: -made[index].standing)
    rows = [HomeRow(row_id, name, rule, None, ()) for row_id, name, rule in RULE_ROWS]
    for number, tag in enumerate(TAGS):
        fitting = [index for index in by_standing if number in made[index].tags]
        fitting.sort(key=lambda index: made[index].tags[0] != number)  # what is this above all comes first
        rows.append(HomeRow(tag, tag.capitalize(), "tag", number, tuple(fitting)))
    return SimulatedCatalog(made, tuple(rows), seed)


def _title(chance: random.Random, index: int, now_ms: int, brief: bool, premiere: float = 0.0) -> ShownTitle:
    first = index % len(TAGS)  # every tag has its share of titles, whatever the seed
    others = chance.sample([tag for tag in range(len(TAGS)) if tag != first], chance.choice((0, 1, 1, 2)))
    kind, _, shortest, longest = chance.choices(KINDS, [share for _, share, _, _ in KINDS])[0]
    if brief:
        kind, _, shortest, longest = KINDS[-1]
    title_id = f"t{index:04d}"
    name = f"The {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)} {index}"
    quality = chance.gauss(0.0, 1.0)
    before_h = 24 * chance.expovariate(1 / 400)
    arrives_ms = now_ms - int(before_h * HOUR)
    if chance.random() < COMING_SHARE:
        arrives_ms = now_ms + int(chance.uniform(0, COMING_H) * HOUR)
    if premiere:
        arrives_ms, quality = now_ms, 1.5
    # Pictures show what the title is made of, or something else that may please: the right one depends on who looks.
    shows = [first, *others, *chance.sample(range(len(TAGS)), 2)]
    images = tuple(
        Image(f"{title_id}-a{number}", shows[number % len(shows)], chance.gauss(0.0, IMAGE_QUALITY))
        for number in range(chance.randint(2, 4))
    )
    trailers = tuple(
        Teaser(f"{title_id}-v{number}", shows[number % len(shows)]) for number in range(chance.randint(1, 2))
    )
    return ShownTitle(
        title_id=title_id,
        name=name,
        kind=kind,
        tags=(first, *others),
        duration_s=float(round(chance.uniform(shortest, longest))),
        quality=quality,
        standing=quality + chance.gauss(0.0, EDITORS_ERR),
        released=datetime.fromtimestamp(arrives_ms / 1_000, UTC).date().isoformat(),
        age=AGES.get(TAGS[first], chance.choice((6, 12))),
        arrives_ms=arrives_ms,
        wave=premiere or chance.expovariate(1 / WAVE_MEAN),
        images=images,
        trailers=trailers,
    )
