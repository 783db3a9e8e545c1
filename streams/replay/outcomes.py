"""What really became of every impression, told from the input log alone: the judge's own reading of the contract.

Written apart from the engine on purpose, in plain objects: what judges must not share the code of what is judged. Watched
time is the union of really played intervals; an outcome is a quality play when that reaches ``quality_seconds`` or
``quality_share`` of the title, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FASTEST = 2.25
"""Positions may advance by this many seconds a second (double speed, and clocks are rough); more is a jump."""
SLACK_S = 2.0
"""... plus this many seconds."""
ROUNDING_S = 0.0005
"""Positions are given in milliseconds: less than half of one is rounding."""


@dataclass(slots=True)
class Shown:
    """One impression: when it was shown, which rows and titles, and what became of it. ``order`` counts the log's records."""

    event_id: str
    profile_id: str
    row_id: str
    titles: tuple[str, ...]
    ts: int
    order: int
    partition: int
    offset: int
    claimed: bool = False
    quality: bool = False
    learned: int = -1
    """The ``order`` of the event that told the outcome; -1 while none has."""


@dataclass(slots=True)
class _Play:
    needed_s: float
    position_s: float
    ts: int
    title_id: str
    duration_s: float
    shown: Shown | None
    playing: bool = True
    intervals: list[tuple[float, float]] = field(default_factory=list)

    def watched_s(self) -> float:
        total, reached = 0.0, float("-inf")
        for start, end in sorted(self.intervals):
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total


@dataclass(frozen=True, slots=True)
class QualityRule:
    """What counts as a quality play: seconds, share of the title's length, and the longest gap between heartbeats (ms)."""

    seconds: float
    share: float
    heartbeat_gap_ms: int

    def needed_s(self, duration_s: float) -> float:
        return min(self.seconds, self.share * duration_s) if duration_s > 0 else self.seconds


class Outcomes:
    """Follows the viewing events of a log, in its order, and finds each impression's outcome."""

    def __init__(self, rule: QualityRule, outcome_window_ms: int) -> None:
        self.shown: list[Shown] = []
        self._rule = rule
        self._window_ms = outcome_window_ms
        self._plays: dict[tuple[str, str], _Play] = {}
        self._open: dict[str, list[Shown]] = {}
        """Per profile, the impressions from which nothing has been played yet."""

    def add(self, order: int, partition: int, offset: int, event: Mapping[str, Any]) -> None:
        """Take the next event in; ``order`` is its place among all."""
        kind, profile, ts = event["type"], event["profile_id"], event["ts"]
        if kind == "impression":
            titles = tuple(item["title_id"] for item in event["items"])
            shown = Shown(event["event_id"], profile, event["row_id"], titles, ts, order, partition, offset)
            self.shown.append(shown)
            waiting = self._open.setdefault(profile, [])
            waiting[:] = [old for old in waiting if ts - old.ts <= self._window_ms]
            waiting.append(shown)
        elif kind == "playback_start":
            duration = float(event["duration_s"])
            shown_from = self._claim(profile, event)
            self._plays[profile, event["playback_id"]] = _Play(
                self._rule.needed_s(duration),
                float(event.get("position_s") or 0.0),
                ts,
                event["title_id"],
                duration,
                shown_from,
            )
        elif kind.startswith("playback_"):
            play = self._plays.get((profile, event.get("playback_id") or ""))
            if play is not None:
                self._follow(order, kind, event, play)

    def _claim(self, profile: str, event: Mapping[str, Any]) -> Shown | None:
        """The profile's latest impression of the title that nothing was played from, in the row of the start if it names one."""
        row = event.get("row_id")
        for shown in reversed(self._open.get(profile, ())):
            fits = event["title_id"] in shown.titles and (row is None or row == shown.row_id)
            if fits and event["ts"] - shown.ts <= self._window_ms:
                shown.claimed = True
                self._open[profile].remove(shown)
                return shown
        return None

    def _follow(self, order: int, kind: str, event: Mapping[str, Any], play: _Play) -> None:
        ts = event["ts"]
        position = event.get("from_s") if kind == "playback_seek" else event.get("position_s")
        if kind == "playback_complete" and play.duration_s > 0:
            position = play.duration_s
        if position is not None:
            elapsed_ms = ts - play.ts
            advanced = position - play.position_s
            if (
                play.playing
                and 0 < elapsed_ms <= self._rule.heartbeat_gap_ms
                and 0 < advanced <= FASTEST * elapsed_ms / 1000 + SLACK_S
            ):
                play.intervals.append((play.position_s, position))
            play.position_s = position
        play.ts = max(play.ts, ts)
        if kind == "playback_seek":
            play.position_s = event["to_s"]
        play.playing = kind != "playback_pause"
        ended = kind in ("playback_stop", "playback_complete", "playback_skip")
        if play.shown is not None and play.shown.learned < 0:
            play.shown.quality = play.watched_s() + ROUNDING_S >= play.needed_s
            if play.shown.quality or ended:
                play.shown.learned = order
        if ended:
            del self._plays[event["profile_id"], event["playback_id"]]
