"""What really became of every impression, told from the input log alone: the judge's own reading of the
contract.

Written apart from the engine on purpose, in plain objects: what judges must not share the code of what is
judged. Watched time is the union of really played intervals; an outcome is a quality play when that reaches
``quality_seconds`` or ``quality_share`` of the title, whichever comes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.events.schema import (
    Event,
    Impression,
    PlaybackComplete,
    PlaybackPause,
    PlaybackProgress,
    PlaybackResume,
    PlaybackSeek,
    PlaybackSkip,
    PlaybackStart,
    PlaybackStop,
)

Following = (
    PlaybackProgress
    | PlaybackPause
    | PlaybackResume
    | PlaybackStop
    | PlaybackSeek
    | PlaybackSkip
    | PlaybackComplete
)
ENDING = (PlaybackStop, PlaybackSkip, PlaybackComplete)

FASTEST = 2.25
"""Positions may advance by this many seconds a second (double speed, and clocks are rough); more is a
jump.
"""
SLACK_S = 2.0
"""... plus this many seconds."""
ROUNDING_S = 0.0005
"""Positions are given in milliseconds: less than half of one is rounding."""


@dataclass(slots=True)
class Shown:
    """One impression: when it was shown, which rows and titles, and what became of it. ``order`` counts the
    log's records.
    """

    event_id: str
    profile_id: str
    row_id: str
    titles: tuple[str, ...]
    ts: int
    order: int
    partition: int
    offset: int
    quality: bool = False
    learned: int = -1
    """The ``order`` of the event that told the outcome; -1 while none has."""


@dataclass(slots=True)
class Play:
    """One playback: where it stands, and what was truly played of it."""

    needed_s: float
    position_s: float
    ts: int
    duration_s: float
    shown: Shown | None
    playing: bool = True
    intervals: list[tuple[float, float]] = field(default_factory=list)

    def advance(self, position_s: float | None, ts: int, gap_ms: int) -> None:
        """The player stands at ``position_s`` at ``ts``: what lies between may have been played."""
        if position_s is not None:
            elapsed_ms = ts - self.ts
            advanced = position_s - self.position_s
            fast = advanced > FASTEST * elapsed_ms / 1000 + SLACK_S
            if self.playing and 0 < elapsed_ms <= gap_ms and advanced > 0 and not fast:
                self.intervals.append((self.position_s, position_s))
            self.position_s = position_s
        self.ts = max(self.ts, ts)

    def follow(self, event: Following, gap_ms: int) -> None:
        """A later word of this playback."""
        self.advance(position_of(event, self), event.ts, gap_ms)
        if isinstance(event, PlaybackSeek):
            self.position_s = event.to_s
        self.playing = not isinstance(event, PlaybackPause)

    @property
    def good(self) -> bool:
        """It has become a quality play."""
        return self.watched_s() + ROUNDING_S >= self.needed_s

    def watched_s(self) -> float:
        total, reached = 0.0, float("-inf")
        for start, end in sorted(self.intervals):
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total


@dataclass(frozen=True, slots=True)
class QualityRule:
    """What counts as a quality play: seconds, share of the title's length, and the longest gap between
    heartbeats (ms).
    """

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
        self._plays: dict[tuple[str, str], Play] = {}
        self._open: dict[str, list[Shown]] = {}
        """Per profile, the impressions from which nothing has been played yet."""

    def add(self, order: int, partition: int, offset: int, event: Event) -> None:
        """Take the next event in; ``order`` is its place among all, ``offset`` that in its partition."""
        profile, ts = event.profile_id, event.ts
        if isinstance(event, Impression):
            titles = tuple(item.title_id for item in event.items)
            shown = Shown(event.event_id, profile, event.row_id, titles, ts, order, partition, offset)
            self.shown.append(shown)
            waiting = self._open.setdefault(profile, [])
            waiting[:] = [old for old in waiting if ts - old.ts <= self._window_ms]
            waiting.append(shown)
        elif isinstance(event, PlaybackStart):
            needed_s = self._rule.needed_s(event.duration_s)
            claimed = self._claim(event)
            play = Play(needed_s, event.position_s, ts, event.duration_s, claimed)
            self._plays[profile, event.playback_id] = play
        elif isinstance(event, Following):
            followed = self._plays.get((profile, event.playback_id or ""))
            if followed is not None:
                self._follow(order, event, followed)

    def _claim(self, start: PlaybackStart) -> Shown | None:
        """The profile's latest impression of the title that nothing was played from, in the row of the start
        if it names one.
        """
        for shown in reversed(self._open.get(start.profile_id, ())):
            fits = start.title_id in shown.titles and start.row_id in (None, shown.row_id)
            if fits and start.ts - shown.ts <= self._window_ms:
                self._open[start.profile_id].remove(shown)
                return shown
        return None

    def _follow(self, order: int, event: Following, play: Play) -> None:
        play.follow(event, self._rule.heartbeat_gap_ms)
        ended = isinstance(event, ENDING)
        if play.shown is not None and play.shown.learned < 0:
            play.shown.quality = play.good
            if play.shown.quality or ended:
                play.shown.learned = order
        if ended and event.playback_id is not None:
            del self._plays[event.profile_id, event.playback_id]


def position_of(event: Following, play: Play) -> float | None:
    """Where the player stood when it said this; ``None`` when it did not say."""
    if isinstance(event, PlaybackSeek):
        return event.from_s
    if isinstance(event, PlaybackComplete):
        return play.duration_s or None
    return event.position_s
