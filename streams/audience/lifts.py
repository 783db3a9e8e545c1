"""What each surface adds to a simulated viewer's page: the truth that credit for plays can be compared with."""

from __future__ import annotations

from streams.audience.seeking import Seeker
from streams.audience.truth import page_value


def lifts(viewer: Seeker) -> dict[str, float]:
    """What each surface's decisions add to the chance of a good play from a look at the page: the page as it is,
    less the same page without that surface's decision (the editors' order, the first image). What surfaces add
    together is more or less than the sum."""
    shown = viewer.shown
    whole = page_value(viewer, shown.order())
    found: dict[str, float] = {}
    kept = shown.rows, shown.ranking, shown.artwork
    try:
        shown.rows = ()
        found["rows"] = whole - page_value(viewer, shown.order())
        shown.rows, shown.ranking = kept[0], ()
        found["titles"] = whole - page_value(viewer, shown.order())
        shown.ranking, shown.artwork = kept[1], {}
        found["artwork"] = whole - page_value(viewer, shown.order())
    finally:
        shown.rows, shown.ranking, shown.artwork = kept
    return found
