"""The catalogs that Flywheel reads: titles and rows."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streams.events.fields import (
    MAX_LIST_ITEMS,
    Id,
    Ids,
    IsoDate,
    Position,
    Seconds,
    Text,
)


class Artwork(Struct, frozen=True, gc=False, kw_only=True):
    """A picture that may stand for a title."""

    artwork_id: Id
    tags: Ids
    url: Text | None = None


class Trailer(Struct, frozen=True, gc=False, kw_only=True):
    """A trailer of a title."""

    trailer_id: Id
    tags: Ids
    url: Text | None = None
    duration_s: Seconds | None = None


class Title(Struct, frozen=True, gc=False, kw_only=True):
    """A title of the catalog. The record's key is ``title_id``; a null value removes it."""

    title_id: Id
    name: Text
    kind: Literal["film", "series", "short", "live"]
    tags: Ids
    released: IsoDate | None = None
    duration_s: Seconds | None = None
    maturity: Text | None = None
    artworks: Annotated[list[Artwork], Meta(max_length=MAX_LIST_ITEMS)] | None = None
    trailers: Annotated[list[Trailer], Meta(max_length=MAX_LIST_ITEMS)] | None = None


class Row(Struct, frozen=True, gc=False, kw_only=True):
    """A row that a home page may show. The record's key is ``row_id``; a null value removes it."""

    row_id: Id
    name: Text
    rule: Literal["tag", "trending", "continue", "similar", "search", "new", "popular", "list"]
    tag: Id | None = None
    pinned_position: Position | None = None
