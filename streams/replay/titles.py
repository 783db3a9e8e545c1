"""Judges the homepage rankings: at which place did the title stand that was played well next?

What keeps it honest:

1. A ranking counts for a play only if the event that caused it stands *before the play's first event* (the
   impression that showed the title, or else the start of the play) in the log.
2. Only a title that the profile has not had (played, however badly, or rated) is asked for, among those it has
   not had: the simple counts rank the whole catalog without these, and in a ranking they are passed over (what is
   to be continued leads a page, and is never asked for). Both at the same moments.
3. They know a quality play from the event on that made it one, as the engine does, and the half-life of
   popularity is the best in hindsight.
4. The first tenth of the log is not scored.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.events.schema import Event, Impression, PlaybackStart, Rating
from streams.replay.outcomes import ENDING, Following, Play, QualityRule
from streams.settings import HOUR_MS
from streams.topics import VIEWING_EVENTS

HALF_LIVES_H = (1.0, 2.0, 4.0, 6.0, 9.0, 12.0, 24.0, 48.0, 96.0, 720.0, math.inf)
RECENT_H = 6.0
UNSCORED = 0.1
HISTORY = 32
"""Titles played well last by which item-item counts rank."""
LARGEST_MATRIX = 20_000
"""Titles of a catalog up to which item-item counts are kept: 1.6 GB if every title is played."""
AT = 10


@dataclass(slots=True)
class _Watched:
    play: Play
    title: str
    asked: int
    offset: int
    good: bool = False


class TitleRanks:
    """Hits among the first ten and their discounted gain."""

    def __init__(self) -> None:
        self.n = 0
        self._hits = 0
        self._gain = 0.0

    def add(self, rank: int) -> None:
        """The title that was played stood at ``rank`` (from 1)."""
        self.n += 1
        if rank <= AT:
            self._hits += 1
            self._gain += 1 / math.log2(rank + 1)

    def quality(self) -> dict[str, Any]:
        """HR@10 and nDCG@10 (``None`` without any) and how many there were."""
        if self.n == 0:
            return {"hr_at_10": None, "ndcg_at_10": None, "n": 0}
        return {"hr_at_10": self._hits / self.n, "ndcg_at_10": self._gain / self.n, "n": self.n}


class TitleJudge:
    """Takes in the input log and the rankings in the order of their logs; ``report`` judges them.

    ``titles`` is the title catalog in its order, by which ties of the simple counts go.
    """

    def __init__(self, titles: Sequence[str], rule: QualityRule, outcome_window_ms: int) -> None:
        self._titles = {title: number for number, title in enumerate(titles)}
        self._rule = rule
        self._window_ms = outcome_window_ms
        self._plays: dict[tuple[str, str], _Watched] = {}
        self._shown: dict[tuple[str, str], tuple[int, int, int]] = {}
        self._rankings: dict[str, tuple[list[int], list[tuple[str, ...]]]] = {}
        self._moments: list[tuple[int, int, int, str, int, int]] = []
        """(order, what, ts, profile, title, offset); what: 0 had, 1 played well, 2 asked for."""
        self._count = 0

    def add_ranking(self, decision: Mapping[str, Any]) -> None:
        """A record of ``homepage-rankings``. One that no viewing event caused has no place in that log."""
        cause = decision["cause"]
        if cause["topic"] != VIEWING_EVENTS:
            return
        offsets, rankings = self._rankings.setdefault(decision["profile_id"], ([], []))
        if offsets and cause["offset"] < offsets[-1]:
            return  # a duplicate of an older version, sent again after a crash
        offsets.append(cause["offset"])
        rankings.append(tuple(decision["titles"]))

    def add_event(self, order: int, offset: int, event: Event) -> None:
        """A viewing event; ``order`` is its place among all, ``offset`` that in its partition."""
        self._count = order + 1
        profile, ts = event.profile_id, event.ts
        if isinstance(event, Impression):
            for item in event.items:
                self._shown[profile, item.title_id] = (order, offset, ts)
        elif isinstance(event, PlaybackStart):
            asked, at, seen_ts = self._shown.pop((profile, event.title_id), (order, offset, ts))
            if ts - seen_ts > self._window_ms:
                asked, at = order, offset
            play = Play(self._rule.needed_s(event.duration_s), event.position_s, ts, event.duration_s, None)
            self._plays[profile, event.playback_id] = _Watched(play, event.title_id, asked, at)
        elif isinstance(event, Rating):
            self._note(order, 0, ts, profile, event.title_id)
        elif isinstance(event, Following):
            watched = self._plays.get((profile, event.playback_id or ""))
            if watched is not None:
                self._follow(order, event, watched)

    def _follow(self, order: int, event: Any, watched: _Watched) -> None:
        watched.play.follow(event, self._rule.heartbeat_gap_ms)
        if not watched.good and watched.play.good:
            watched.good = True
            self._note(watched.asked, 2, event.ts, event.profile_id, watched.title, watched.offset)
            self._note(order, 1, event.ts, event.profile_id, watched.title)
            self._note(order, 0, event.ts, event.profile_id, watched.title)
        if isinstance(event, ENDING):
            self._note(order, 0, event.ts, event.profile_id, watched.title)
            if event.playback_id is not None:
                del self._plays[event.profile_id, event.playback_id]

    def _note(self, order: int, what: int, ts: int, profile: str, title: str, offset: int = -1) -> None:
        number = self._titles.get(title)
        if number is not None:
            self._moments.append((order, what, ts, profile, number, offset))

    def report(self) -> dict[str, Any]:
        """HR@10 and nDCG@10 of the rankings and of the simple counts, and how many plays had no ranking yet."""
        names = list(self._titles)
        ours, without = TitleRanks(), 0
        counts = _SimpleCounts(len(names))
        had: dict[str, NDArray[np.bool_]] = {}
        first = self._count * UNSCORED
        # Of one event: asked before it is known, known before it counts as had (stable: in log order).
        for order, what, ts, profile, title, offset in sorted(self._moments, key=lambda m: (m[0], -m[1])):
            mine = had.get(profile)
            if mine is None:
                mine = had[profile] = np.zeros(len(names), np.bool_)
            if what == 0:
                mine[title] = True
            elif what == 1:
                counts.learn(profile, title, ts)
            elif order >= first and not mine[title]:
                offsets, rankings = self._rankings.get(profile, ([], []))
                before = bisect_left(offsets, offset)
                without += before == 0
                ours.add(self._place(rankings[before - 1] if before else (), names[title], mine))
                counts.rank(profile, title, ts, mine)
        rankings_n = sum(len(offsets) for offsets, _ in self._rankings.values())
        return {
            **ours.quality(),
            "without_decision": without,
            "decisions": rankings_n,
            "baselines": counts.quality(),
        }

    def _place(self, page: tuple[str, ...], title: str, had: NDArray[np.bool_]) -> int:
        """At which place of the page, from 1, among what the profile has not had; ``AT + 1``: at none."""
        place = 1
        for shown in page:
            if shown == title:
                return place
            number = self._titles.get(shown)
            place += number is None or not had[number]
        return AT + 1


class _SimpleCounts:
    """Popularity with every half-life, and item-item counts, at the moments at which they are asked."""

    def __init__(self, titles: int) -> None:
        self._half_lives_ms = np.array(HALF_LIVES_H) * HOUR_MS
        self._popularity = np.zeros((len(HALF_LIVES_H), titles))
        self._ts = 0
        self._company: dict[int, NDArray[np.float32]] | None = {} if titles <= LARGEST_MATRIX else None
        self._history: dict[str, list[int]] = {}
        self._titles = titles
        self._by_half_life = [TitleRanks() for _ in HALF_LIVES_H]
        self._item_item = TitleRanks()

    def learn(self, profile: str, title: int, ts: int) -> None:
        """``profile`` played ``title`` well."""
        if ts > self._ts:
            passed = ts - self._ts if self._ts else 0
            self._popularity *= np.exp2(-passed / self._half_lives_ms)[:, None]
            self._ts = ts
        self._popularity[:, title] += 1
        history = self._history.setdefault(profile, [])
        if self._company is not None and title not in history:
            mine = self._row(title)
            for other in history[-HISTORY:]:
                self._row(other)[title] += 1
                mine[other] += 1
        history.append(title)

    def _row(self, title: int) -> NDArray[np.float32]:
        assert self._company is not None
        if title not in self._company:
            self._company[title] = np.zeros(self._titles, np.float32)
        return self._company[title]

    def rank(self, profile: str, title: int, ts: int, had: NDArray[np.bool_]) -> None:
        """Where would ``title`` stand for ``profile``? All counts fade alike: between plays no rank changes."""
        for scores, ranks in zip(self._popularity, self._by_half_life, strict=True):
            ranks.add(_rank(scores, title, had))
        if self._company is not None:
            scores = self._popularity[-1] / (self._popularity[-1].sum() + 1)  # breaks ties: less than one
            for other in self._history.get(profile, [])[-HISTORY:]:
                scores = scores + self._row(other)
            self._item_item.add(_rank(scores, title, had))

    def quality(self) -> dict[str, Any]:
        """By name; ``popularity`` is the one with the best half-life by HR@10, which it tells."""
        by_half_life = {
            hours: ranks.quality() for hours, ranks in zip(HALF_LIVES_H, self._by_half_life, strict=True)
        }
        best = max(HALF_LIVES_H, key=lambda hours: by_half_life[hours]["hr_at_10"] or 0.0)
        gain = max(HALF_LIVES_H, key=lambda hours: by_half_life[hours]["ndcg_at_10"] or 0.0)
        told = {
            "popularity": {
                **by_half_life[best],
                "half_life_h": _hours(best),
                "best_ndcg_at_10": by_half_life[gain]["ndcg_at_10"],
                "best_ndcg_half_life_h": _hours(gain),
            },
            "recent_popularity": {**by_half_life[RECENT_H], "half_life_h": RECENT_H},
            "popularity_ever": by_half_life[math.inf],
        }
        if self._company is not None:
            told["item_item"] = self._item_item.quality()
        return told


def _hours(half_life: float) -> float | None:
    return None if math.isinf(half_life) else half_life


def _rank(scores: NDArray[Any], title: int, had: NDArray[np.bool_]) -> int:
    score = scores[title]
    free = ~had
    above = int(((scores > score) & free).sum())
    return 1 + above + int(((scores[:title] == score) & free[:title]).sum())
