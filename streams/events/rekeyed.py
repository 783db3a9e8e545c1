"""The records that partitions write to each other: increments for a title, absolute sums for an experiment or
an audience, and what a title's owner makes of them. Structs and strict decoders.

Nothing in them says whose plays they were.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from streams.events.fields import EpochMs, Id

MAX_COUNT = 1e6
"""Of one record: far above what one play adds, far below where sums of doubles lose a unit."""
MAX_WITH = 200
"""Titles that one record counts as watched together."""
MAX_ARTWORKS = 64
"""Artworks that one record counts."""

Count = Annotated[float, Meta(ge=0, le=MAX_COUNT)]
PartitionNumber = Annotated[int, Meta(ge=0, le=1_000_000)]


class TitleSignal(Struct, frozen=True, gc=False, kw_only=True):
    """``title-signals``, key title: what to add to a title's statistics. ``ts`` is the causing event's."""

    title_id: Id
    ts: EpochMs
    quality: Count = 0.0
    """Quality plays."""
    played: Count = 0.0
    """Plays that ended, good or bad."""
    with_: Annotated[list[tuple[Id, Count]], Meta(max_length=MAX_WITH)] = msgspec.field(
        default_factory=list, name="with"
    )
    """Titles that the same profile watched before, each with a weight."""
    artworks: Annotated[list[tuple[Id, Count, Count]], Meta(max_length=MAX_ARTWORKS)] = msgspec.field(
        default_factory=list
    )
    """Artworks: id, views, quality plays that followed."""
    source: PartitionNumber
    """The partition that wrote it."""


class Tally(Struct, frozen=True, gc=False, kw_only=True):
    """``<app_id>-tallies``, key ``key``: the sums of one partition as they are now, not what was added."""

    kind: Literal["experiment", "demand"]
    key: Annotated[str, Meta(min_length=1, max_length=1_024)]
    """The experiment, or ``tag|region``."""
    source: PartitionNumber
    """The partition whose sums these are."""
    ts: EpochMs
    seq: Annotated[int, Meta(ge=0)]
    """Counts up per source and key: an older one than is known is dropped."""
    sums: dict[str, Any]


def tally(kind: str, key: str, source: int, ts: int, sums: dict[str, Any]) -> dict[str, Any]:
    """A ``Tally`` as it is sent. ``ts`` is its number too: a source tells of a key once a moment at most, and goes on
    counting up when it has forgotten the key in between."""
    return {"kind": kind, "key": key, "source": source, "ts": ts, "seq": ts, "sums": sums}


class TitleStats(Struct, frozen=True, gc=False, kw_only=True):
    """``title-stats``, key title: all partitions' signals of a title, added up by its owner as of ``ts``."""

    title_id: Id
    ts: EpochMs
    fast: float
    """Quality plays with a half-life of 6 hours."""
    slow: float
    """Quality plays with a half-life of 30 days."""
    quality: float
    """Quality plays ever."""
    plays: float
    """Plays ever, good or bad."""
    neighbours: list[tuple[str, float]] = msgspec.field(default_factory=list)
    """What those who watched it had watched before, with a half-life of 30 days, most first."""
    artworks: list[tuple[str, float, float]] = msgspec.field(default_factory=list)
    """Per artwork: views and quality plays, with a half-life of 30 days."""


TITLE_SIGNAL: msgspec.json.Decoder[TitleSignal] = msgspec.json.Decoder(TitleSignal)
"""Decodes and validates a value of ``title-signals``."""
TALLY: msgspec.json.Decoder[Tally] = msgspec.json.Decoder(Tally)
"""Decodes and validates a value of ``<app_id>-tallies``."""
TITLE_STATS: msgspec.json.Decoder[TitleStats] = msgspec.json.Decoder(TitleStats)
"""Decodes a value of ``title-stats``."""
