"""What a simulated service has: titles with images and trailers, and the rows of its home page; as records, too.

What viewers cannot see is here as well: a title's ``quality`` (why some are watched to the end), an image's
own ``quality``, how large a ``wave`` of interest a title's arrival makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from streams import topics

TAGS = (
    "crime", "comedy", "drama", "thriller", "romance", "sci-fi", "documentary", "kids", "animation", "horror",
    "action", "reality", "news", "sport", "cooking", "travel", "music", "history", "nature", "family",
)  # fmt: skip
FIRST_TAG_WEIGHT = 0.7
"""What the first tag of a title says of it; the others share the rest."""
FOR_YOU = "for-you"
"""The row that shows the viewer's home page ranking, from its top."""

Floats = npt.NDArray[np.float64]


class Produced(NamedTuple):
    """A record to publish. ``event_id`` is empty for catalog records."""

    topic: str
    key: bytes
    value: bytes
    event_id: str = ""


class Image(NamedTuple):
    """A picture of a title. ``tag`` (an index into ``TAGS``) is what it shows; ``quality`` (log-odds) is
    hidden."""

    artwork_id: str
    tag: int
    quality: float


class Teaser(NamedTuple):
    """A trailer of a title. ``tag`` (an index into ``TAGS``) is what it shows most of."""

    trailer_id: str
    tag: int


@dataclass(frozen=True, slots=True)
class ShownTitle:
    """A title as viewers meet it. ``tags`` are indexes into ``TAGS``, the first weighs most; ``quality`` is
    about 0, sd 1; ``age`` in years; it is there from ``arrives_ms`` on, and its ``wave`` (log-odds) with it.
    """

    title_id: str
    name: str
    kind: str
    tags: tuple[int, ...]
    duration_s: float
    quality: float
    standing: float
    released: str
    age: int
    arrives_ms: int
    wave: float
    images: tuple[Image, ...]
    trailers: tuple[Teaser, ...]

    def record(self) -> Produced:
        """The title as a record of ``title-catalog``."""
        value = {
            "title_id": self.title_id,
            "name": self.name,
            "kind": self.kind,
            "tags": [TAGS[tag] for tag in self.tags],
            "released": self.released,
            "duration_s": self.duration_s,
            "maturity": str(self.age),
            "artworks": [
                {"artwork_id": image.artwork_id, "tags": [TAGS[image.tag]]} for image in self.images
            ],
            "trailers": [
                {"trailer_id": teaser.trailer_id, "tags": [TAGS[teaser.tag]], "duration_s": 90}
                for teaser in self.trailers
            ],
        }
        return Produced(topics.TITLE_CATALOG, self.title_id.encode(), orjson.dumps(value))


@dataclass(frozen=True, slots=True)
class HomeRow:
    """A row of the home page, filled by ``rule``; ``titles`` are indexes of titles as the service's editors
    order them (empty for rows that are filled for each viewer or change with time).
    """

    row_id: str
    name: str
    rule: str
    tag: int | None
    titles: tuple[int, ...]

    def record(self) -> Produced:
        """The row as a record of ``row-catalog``."""
        value: dict[str, Any] = {"row_id": self.row_id, "name": self.name, "rule": self.rule}
        if self.tag is not None:
            value["tag"] = TAGS[self.tag]
        return Produced(topics.ROW_CATALOG, self.row_id.encode(), orjson.dumps(value))


class SimulatedCatalog:
    """All titles, those that are still to come included, and all rows. ``seed`` made them.

    ``weights[title, tag]`` is what a title is made of; ``short[title]`` and ``film[title]`` are 1 for titles of that
    kind; ``first_image[title]`` is the tag that its first image shows; ``quality``, ``first_image_quality``,
    ``ages`` and ``arrives_ms`` are as in the titles.
    """

    def __init__(self, titles: tuple[ShownTitle, ...], rows: tuple[HomeRow, ...], seed: int) -> None:
        self.titles = titles
        self.rows = rows
        self.seed = seed
        self.index = {title.title_id: number for number, title in enumerate(titles)}
        self.weights: Floats = np.zeros((len(titles), len(TAGS)))
        for number, title in enumerate(titles):
            rest = len(title.tags) - 1
            self.weights[number, title.tags[0]] = FIRST_TAG_WEIGHT if rest else 1.0
            for tag in title.tags[1:]:
                self.weights[number, tag] = (1 - FIRST_TAG_WEIGHT) / rest
        self.quality: Floats = np.array([title.quality for title in titles])
        self.short: Floats = np.array([float(title.kind == "short") for title in titles])
        self.film: Floats = np.array([float(title.kind == "film") for title in titles])
        self.first_image = np.array([title.images[0].tag for title in titles], np.int64)
        self.first_image_quality: Floats = np.array([title.images[0].quality for title in titles])
        self.ages = np.array([title.age for title in titles], np.int64)
        self.arrives_ms = np.array([title.arrives_ms for title in titles], np.int64)

    def records(self, now_ms: int) -> list[Produced]:
        """The catalog as of ``now_ms`` as records of ``row-catalog`` and ``title-catalog``."""
        rows = [row.record() for row in self.rows]
        return rows + [title.record() for title in self.titles if title.arrives_ms <= now_ms]
