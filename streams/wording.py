"""Decisions in words: what moved on a page, by how much and why, for people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams import topics

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
    words += _exploring(decision)
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


def ranking_in_words(decision: Record, names: Mapping[str, str]) -> str:
    """``profile p12: 'The Last Train' ranks first because search +1.20, then 'The Cold Night'``."""
    titles = [repr(names.get(title, title)) for title in decision["titles"][:2]]
    if not titles:
        return f"profile {decision['profile_id']}: nothing to rank"
    why = [reason for reason in decision["reasons"] if reason["title_id"] == decision["titles"][0]]
    words = f"profile {decision['profile_id']}: {titles[0]} ranks first"
    words += f" because {because(why)}" if why else ""
    return words + (f", then {titles[1]}" if len(titles) > 1 else "")


def artwork_in_words(decision: Record, names: Mapping[str, str]) -> str:
    """``profile p12: 'The Last Train' by image t0012-a1 instead of t0012-a0``."""
    title = names.get(decision["title_id"], decision["title_id"])
    words = f"profile {decision['profile_id']}: {title!r} by image {decision['artwork_id']}"
    return (
        words + (f" instead of {decision['previous']}" if decision["previous"] else "") + _exploring(decision)
    )


def trailer_in_words(decision: Record, names: Mapping[str, str]) -> str:
    """``profile p12: churn 0.61, so trailer t0012-v0 of 'The Last Train'``."""
    title = names.get(decision["title_id"], decision["title_id"])
    who, churn = decision["profile_id"], decision["churn_probability"]
    return f"profile {who}: churn {churn:.2f}, so trailer {decision['trailer_id']} of {title!r}" + _exploring(
        decision
    )


def categories_in_words(decision: Record) -> str:
    """``profile p12: categories crime, news, music ... (experiment navigation, arm taste)``."""
    words = f"profile {decision['profile_id']}: categories {', '.join(decision['categories'][:4])}"
    words += " ..." if len(decision["categories"]) > 4 else ""
    experiment = decision.get("experiment")
    return words + (f" (experiment {experiment['id']}, arm {experiment['arm']})" if experiment else "")


def decision_in_words(topic: str, decision: Record, names: Mapping[str, str]) -> str:
    """One record of a topic of decisions about a profile; ``names`` are those of rows and titles."""
    if topic == topics.ROW_ORDER:
        return row_order_in_words(decision, names)
    if topic == topics.HOMEPAGE_RANKINGS:
        return ranking_in_words(decision, names)
    if topic == topics.ARTWORK_CHOICES:
        return artwork_in_words(decision, names)
    if topic == topics.TRAILER_CHOICES:
        return trailer_in_words(decision, names)
    if topic == topics.CATEGORY_CHOICES:
        return categories_in_words(decision)
    return churn_in_words(decision)


def experiment_in_words(result: Record) -> str:
    """``experiment navigation: running; taste +0.02 [-0.01, 0.05], 240 exposures``: the arm that gains most."""
    words = f"experiment {result['experiment_id']}: {result['verdict'].replace('_', ' ')}"
    if result.get("winner"):
        words += f" {result['winner']}"
    if not result["arms"]:
        return words
    arm = max(result["arms"], key=lambda one: float(one["lift"]))
    if arm["low"] is None or arm["high"] is None:
        return f"{words}; {arm['arm']}: no interval yet, {arm['exposures']:,} exposures"
    interval = f"[{arm['low']:+.3g}, {arm['high']:+.3g}]"
    return f"{words}; {arm['arm']} {arm['lift']:+.3g} {interval}, {arm['exposures']:,} exposures"


def _exploring(decision: Record) -> str:
    return f" (exploring, propensity {decision['propensity']:.3g})" if decision["explore"] else ""
