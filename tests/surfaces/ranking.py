"""A stand-in for the ranking of titles: the titles that a profile met last, newest first; and a catalog whose
titles have images and trailers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from streams import topics
from streams.profiles.moments import Moment, MomentKind
from streams.profiles.taste import TOP_TITLES
from streams.settings import Settings
from streams.state.catalog import Catalog
from streams.surfaces.surface import Reaction, SurfaceContext


class MetLast:
    """Keeps ``top_titles`` as a ranking would, without deciding anything."""

    name = "titles"

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context

    def reactions(self) -> Mapping[int, Reaction]:
        kinds = (MomentKind.SHOWN, MomentKind.RATED, MomentKind.LISTED, MomentKind.SEARCHED)
        return dict.fromkeys(map(int, kinds), self.remember)

    def remember(self, moment: Moment) -> None:
        met = self.context.items(moment) if moment.kind == MomentKind.SHOWN else [moment.title]
        tastes = self.context.state.tastes
        top = tastes.records["top_titles"][moment.slot].tolist()
        for title in met:
            if title > 0:
                top = [1 + title, *(known for known in top if known != 1 + title)]
        tastes.records["top_titles"][moment.slot] = top[:TOP_TITLES]
        tastes.dirty[moment.slot] = 1

    def fall_back(self, moment: Moment) -> None: ...
    def wake(self, slot: int, moment: Moment) -> None: ...
    def follow_shared(self) -> None: ...
    def forget(self, slot: int) -> None: ...
    def restored(self) -> None: ...
    def dump(self) -> Any: ...
    def load(self, dumped: Any) -> None: ...


def title(
    name: str, images: int = 3, trailers: int = 1, tags: tuple[str, ...] = ("tag-0",), **fields: Any
) -> dict[str, Any]:
    """A title whose image ``n`` shows ``tag-n``, as a record of the catalog."""
    return {
        "title_id": name,
        "name": name,
        "kind": "film",
        "tags": list(tags),
        "duration_s": 3600,
        "maturity": "0",
        "artworks": [{"artwork_id": f"{name}-a{n}", "tags": [f"tag-{n}"]} for n in range(images)],
        "trailers": [
            {"trailer_id": f"{name}-v{n}", "tags": [f"tag-{n}"], "duration_s": 90} for n in range(trailers)
        ],
    } | fields


def put_title(known: Catalog, **fields: Any) -> None:
    """Add or change a title; arguments are those of ``title``."""
    entry = title(**fields)
    known.put(topics.TITLE_CATALOG, entry["title_id"].encode(), orjson.dumps(entry))


def picture_catalog(settings: Settings, titles: int = 4, **fields: Any) -> Catalog:
    """A row and titles ``t0``, ``t1``, ..., each with images and a trailer."""
    known = Catalog(settings)
    row = {"row_id": "r00", "name": "R", "rule": "tag", "tag": "tag-0"}
    known.put(topics.ROW_CATALOG, b"r00", orjson.dumps(row))
    for n in range(titles):
        put_title(known, **({"name": f"t{n}"} | fields))
    return known
