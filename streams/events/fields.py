"""The kinds of value that records consist of, and their limits, each wide of anything honest.

JSON knows no NaN and no infinity, and the decoder refuses a number beyond the range of a double: every number
is finite.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

MAX_ID_CHARACTERS = 256
"""Ids go into record keys: at most 1,024 bytes of UTF-8."""
MAX_TEXT_CHARACTERS = 1_024
"""Names, search queries and addresses."""
MAX_LIST_ITEMS = 500
"""Titles of one impressed row, results of one search, tags, artworks and trailers of one title."""
MAX_SECONDS = 1e10
"""A live channel may count its position from the epoch (1.8e9 s today); float32 holds it without overflow."""
MAX_POSITION = 1_000_000
"""A place in a row or on a page."""

Id = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARACTERS)]
EpochMs = Annotated[int, Meta(description="Milliseconds since the epoch (UTC).")]
Seconds = Annotated[float, Meta(ge=0, le=MAX_SECONDS, description="Seconds.")]
Days = Annotated[float, Meta(gt=0, le=36_500, description="Days.")]
Age = Annotated[int, Meta(ge=0, le=120, description="Years; 0 is no limit.")]
Position = Annotated[int, Meta(ge=0, le=MAX_POSITION, description="Place counted from 0.")]
Version = Annotated[int, Meta(ge=1, description="Counts up by one per profile and topic.")]
Offset = Annotated[int, Meta(ge=0)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Propensity = Annotated[
    float, Meta(gt=0, le=1, description="Chance with which this was chosen; 1 when not random.")
]
Ids = Annotated[list[Id], Meta(max_length=MAX_LIST_ITEMS)]
DeviceType = Literal["tv", "phone", "tablet", "web", "console", "other"]
Country = Annotated[str, Meta(min_length=2, max_length=2, description="ISO 3166-1 alpha-2.")]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="ISO 8601 date.")]
