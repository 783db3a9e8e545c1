"""The simulated catalog: 24 rows and a few hundred titles with tags, artworks and trailers, from a seed.

What viewers cannot see is here too: each title's ``quality``, the hidden reason why some are watched to the
end.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from streams import topics

TAGS = (
    "crime", "comedy", "drama", "thriller", "romance", "sci-fi", "documentary", "kids", "animation", "horror",
    "action", "reality", "news", "sport", "cooking", "travel", "music", "history", "nature", "family",
)  # fmt: skip
RULES = ("continue", "trending", "new", "popular")
"""Rows that are filled by a rule and not by a tag; with the 20 tags they make the 24 rows of a home page."""
RULE_NAMES = {
    "continue": "Continue watching",
    "trending": "Trending now",
    "new": "New this week",
    "popular": "Popular",
}

KINDS: tuple[tuple[str, float, float, float], ...] = (
    ("film", 0.20, 4_800, 7_800),
    ("series", 0.45, 1_200, 2_700),
    ("short", 0.35, 180, 600),
)
"""Kind, its share, and the range of its length in seconds."""

ADJECTIVES = ("Silent", "Last", "Golden", "Broken", "Hidden", "Long", "Cold", "Little", "Distant", "Burning")
NOUNS = ("River", "Night", "Harbour", "Garden", "Witness", "Summer", "Train", "Kitchen", "Island", "Letter")


class Produced(NamedTuple):
    """A record to publish. ``event_id`` is empty for catalog records."""

    topic: str
    key: bytes
    value: bytes
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class ShownTitle:
    """A title as viewers meet it. ``tags`` are indexes into ``TAGS``, the first weighs most; ``quality`` is
    about 0, sd 1.
    """

    title_id: str
    name: str
    kind: str
    tags: tuple[int, ...]
    duration_s: float
    quality: float
    released: str
    artworks: tuple[str, ...]
    trailer_id: str


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A row of the home page: filled by ``rule``; ``titles`` are indexes of titles, best first (empty for
    "continue").
    """

    row_id: str
    name: str
    rule: str
    tag: int | None
    titles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SimulatedCatalog:
    """All titles and rows, and the records that publish them."""

    titles: tuple[ShownTitle, ...]
    rows: tuple[HomeRow, ...]

    def records(self) -> list[Produced]:
        """The catalog as records of ``row-catalog`` and ``title-catalog``."""
        produced: list[Produced] = []
        for row in self.rows:
            value: dict[str, Any] = {"row_id": row.row_id, "name": row.name, "rule": row.rule}
            if row.tag is not None:
                value["tag"] = TAGS[row.tag]
            produced.append(Produced(topics.ROW_CATALOG, row.row_id.encode(), orjson.dumps(value)))
        for title in self.titles:
            tags = [TAGS[tag] for tag in title.tags]
            value = {
                "title_id": title.title_id,
                "name": title.name,
                "kind": title.kind,
                "tags": tags,
                "released": title.released,
                "duration_s": title.duration_s,
                "artworks": [
                    {"artwork_id": artwork, "tags": [tags[i % len(tags)]]}
                    for i, artwork in enumerate(title.artworks)
                ],
                "trailers": [{"trailer_id": title.trailer_id, "tags": tags, "duration_s": 90}],
            }
            produced.append(Produced(topics.TITLE_CATALOG, title.title_id.encode(), orjson.dumps(value)))
        return produced


def simulated_catalog(seed: int, titles: int, now_ms: int) -> SimulatedCatalog:
    """A catalog of ``titles`` titles as of ``now_ms`` (for release dates), same for same arguments."""
    chance = random.Random(f"catalog-{seed}")
    today = datetime.fromtimestamp(now_ms / 1_000, UTC).date()
    made = tuple(_title(chance, index, today) for index in range(titles))
    best = sorted(range(titles), key=lambda index: -made[index].quality)
    newest = sorted(range(titles), key=lambda index: made[index].released, reverse=True)
    trending = sorted(best[: max(20, titles // 4)], key=lambda index: made[index].released, reverse=True)
    by_rule = {
        "continue": (),
        "trending": tuple(trending[:20]),
        "new": tuple(newest[:20]),
        "popular": tuple(best[:20]),
    }
    rows = [HomeRow(rule, RULE_NAMES[rule], rule, None, by_rule[rule]) for rule in RULES]
    for number, tag in enumerate(TAGS):
        fitting = tuple(index for index in best if number in made[index].tags)
        rows.append(HomeRow(tag, tag.capitalize(), "tag", number, fitting))
    return SimulatedCatalog(made, tuple(rows))


def _title(chance: random.Random, index: int, today: Any) -> ShownTitle:
    first = index % len(TAGS)  # every tag has its share of titles, whatever the seed
    others = chance.sample([tag for tag in range(len(TAGS)) if tag != first], chance.choice((0, 1, 1, 2)))
    kind, _, shortest, longest = chance.choices(KINDS, [share for _, share, _, _ in KINDS])[0]
    name = f"The {chance.choice(ADJECTIVES)} {chance.choice(NOUNS)}"
    title_id = f"t{index:04d}"
    return ShownTitle(
        title_id=title_id,
        name=name,
        kind=kind,
        tags=(first, *others),
        duration_s=float(round(chance.uniform(shortest, longest))),
        quality=chance.gauss(0.0, 1.0),
        released=(today - timedelta(days=int(chance.expovariate(1 / 400)))).isoformat(),
        artworks=tuple(f"{title_id}-a{number}" for number in range(chance.randint(2, 3))),
        trailer_id=f"{title_id}-v0",
    )
