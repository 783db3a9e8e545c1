"""What contenders learn from: the event log, turned into outcomes as Flywheel itself defines them.

A play is good when it was played for two minutes or half of the title; an impression that led to none by the end
of the session was in vain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

QUALITY_S, QUALITY_SHARE = 120.0, 0.5


class Outcome(NamedTuple):
    """A title that was shown or played, and whether it was played well. ``row`` and ``artwork`` are empty for
    plays that no impression led to; ``row_end`` says that this stands for its whole row, too."""

    profile: str
    title: str
    row: str
    artwork: str
    good: bool
    ts: int
    row_end: bool


@dataclass(slots=True)
class _Playing:
    title: str
    row: str
    artwork: str
    needed_s: float


@dataclass(slots=True)
class _Open:
    shown: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Titles and artworks of each row that came into view and led to nothing yet."""
    playing: dict[str, _Playing] = field(default_factory=dict)


class Outcomes:
    """Follows the event log; ``follow`` yields the outcomes that an event makes known."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}

    def follow(self, event: dict[str, Any]) -> Iterator[Outcome]:
        """The outcomes that this event makes known."""
        kind, profile = event["type"], event["profile_id"]
        if kind == "impression":
            shown = self._open.setdefault(profile, _Open()).shown
            shown[event["row_id"]] = [(i["title_id"], i.get("artwork_id", "")) for i in event["items"]]
        elif kind == "playback_start":
            needed = min(QUALITY_S, QUALITY_SHARE * event["duration_s"])
            play = _Playing(event["title_id"], event.get("row_id", ""), event.get("artwork_id", ""), needed)
            self._open.setdefault(profile, _Open()).playing[event["playback_id"]] = play
        elif kind in ("playback_progress", "playback_stop", "playback_skip", "playback_complete"):
            yield from self._played(event, kind)
        elif kind in ("session_end", "profile_deleted"):
            yield from self._ended(profile, event["ts"])

    def _played(self, event: dict[str, Any], kind: str) -> Iterator[Outcome]:
        profile = event["profile_id"]
        known = self._open.get(profile)
        play = known.playing.get(event.get("playback_id", "")) if known else None
        if known is None or play is None:
            return
        good = kind == "playback_complete" or event.get("position_s", 0.0) >= play.needed_s
        if not good and kind == "playback_progress":
            return
        del known.playing[event["playback_id"]]
        shown = known.shown.get(play.row)
        if shown is not None and good:
            known.shown[play.row] = [one for one in shown if one[0] != play.title]
        yield Outcome(profile, play.title, play.row, play.artwork, good, event["ts"], good and bool(play.row))
        if good and play.row:
            for title, artwork in known.shown.pop(play.row, []):
                yield Outcome(profile, title, play.row, artwork, False, event["ts"], False)

    def _ended(self, profile: str, ts: int) -> Iterator[Outcome]:
        known = self._open.pop(profile, None)
        if known is None:
            return
        for row, titles in known.shown.items():
            for number, (title, artwork) in enumerate(titles):
                yield Outcome(profile, title, row, artwork, False, ts, number == 0)
