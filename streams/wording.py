"""Decisions in words: what moved on a page, by how much and why, for people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]
"""A decision record of the contract, parsed."""


@dataclass(frozen=True, slots=True)
class Move:
    """A row that changed its place on a page; places count from 1, ``before`` is ``None`` for a row new to
    it.
    """

    row_id: str
    before: int | None
    after: int

    @property
    def distance(self) -> int:
        """Places gained (positive) or lost."""
        return 0 if self.before is None else self.before - self.after


def moves(previous: Sequence[str] | None, rows: Sequence[str]) -> list[Move]:
    """What moved between two pages, the longest way first, a way up before an equally long way down."""
    if previous is None:
        return []
    places = {row_id: place for place, row_id in enumerate(previous, start=1)}
    changed = [
        Move(row_id, places.get(row_id), place)
        for place, row_id in enumerate(rows, start=1)
        if places.get(row_id) != place
    ]
    return sorted(changed, key=lambda move: (-abs(move.distance), move.after))


def because(contributions: Sequence[Record]) -> str:
    """``own_plays +0.8, recency -0.2``: the largest contributions, in log-odds."""
    largest = sorted(contributions, key=lambda one: -abs(one["contribution"]))
    return ", ".join(f"{one['feature']} {one['contribution']:+.2f}" for one in largest[:3])


def row_order_in_words(decision: Record, names: Mapping[str, str]) -> str:
    """``profile p12: 'Crime' 5 -> 1 because own_plays +0.80``, or the first page of a profile."""
    who = f"profile {decision['profile_id']}: "
    if decision["previous"] is None:
        first = ", ".join(names.get(row_id, row_id) for row_id in decision["rows"][:3])
        return f"{who}first page begins with {first}"
    changed = moves(decision["previous"], decision["rows"])
    if not changed:
        return f"{who}same order"
    move = _best_explained(changed, decision["reasons"])
    words = f"{who}{names.get(move.row_id, move.row_id)!r} {move.before or 'new'} -> {move.after}"
    reasons = [reason for reason in decision["reasons"] if reason["row_id"] == move.row_id]
    if reasons:
        words += f" because {because(reasons)}"
    if decision["explore"]:
        words += f" (exploring, propensity {decision['propensity']:.3g})"
    others = len(changed) - 1
    return words + (f" ({others} more moved)" if others else "")


def _best_explained(changed: Sequence[Move], reasons: Sequence[Record]) -> Move:
    """The longest move that a reason of its own direction explains; else one with any reason; else the
    longest.
    """
    pulls = {reason["row_id"]: reason["contribution"] for reason in reasons}
    fitting = (move for move in changed if pulls.get(move.row_id, 0.0) * move.distance > 0)
    explained = (move for move in changed if move.row_id in pulls)
    return next(fitting, None) or next(explained, None) or changed[0]


def churn_in_words(decision: Record) -> str:
    """``profile p12: churn 0.12 -> 0.31 (medium) because days_silent +0.90``."""
    before = "" if decision["previous"] is None else f"{decision['previous']:.2f} -> "
    words = (
        f"profile {decision['profile_id']}: churn {before}{decision['probability']:.2f} ({decision['band']})"
    )
    return words + (f" because {because(decision['drivers'])}" if decision["drivers"] else "")
