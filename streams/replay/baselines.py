"""What simple counts reach at the same moments: the bar that the emitted row orders are held against.

Each count knows an outcome from the moment the log told it, as the engine does. Ties go to the catalog's
order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.float64]

TRANSITION_PRIOR = 30.0
"""A row's successors count against popularity as if that had been seen this many times."""
AFFINITY_PRIOR = 20.0
"""A profile's own counts count against the rest as if that had been seen this many times."""


class RowCounts:
    """Quality plays counted by row: in all, by profile, and by the row of the profile's one before."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._popularity: Counts = np.zeros(rows)
        self._own: dict[str, Counts] = {}
        self._last: dict[str, int] = {}
        self._after: Counts = np.zeros((rows, rows))

    def learn(self, profile_id: str, row: int) -> None:
        """A quality play of ``row`` became known."""
        self._popularity[row] += 1
        own = self._own.get(profile_id)
        if own is None:
            own = self._own[profile_id] = np.zeros(self._rows)
        own[row] += 1
        last = self._last.get(profile_id)
        if last is not None:
            self._after[last, row] += 1
        self._last[profile_id] = row

    def ranks(self, profile_id: str, row: int) -> dict[str, int]:
        """The rank (from 1) of ``row`` by each count, as known now.

        ``popularity`` counts all plays; ``affinity`` the profile's own, ties by popularity; ``transition``
        mixes both with what followed the profile's last row.
        """
        total = self._popularity.sum()
        share = self._popularity / total if total else self._popularity
        own = self._own.get(profile_id)
        transition = share
        last = self._last.get(profile_id)
        if last is not None:
            after = self._after[last]
            transition = (after + TRANSITION_PRIOR * share) / (after.sum() + TRANSITION_PRIOR)
        affinity = share
        if own is not None:
            affinity = own + share  # a share is less than one play
            transition = (own + AFFINITY_PRIOR * transition) / (own.sum() + AFFINITY_PRIOR)
        return {
            "popularity": _rank(share, row),
            "affinity": _rank(affinity, row),
            "transition": _rank(transition, row),
        }


def _rank(scores: Counts, row: int) -> int:
    score = scores[row]
    return 1 + int((scores > score).sum() + (scores[:row] == score).sum())


class TitleRates:
    """The share of quality plays among the impressions of a title, smoothed by that of all."""

    PRIOR = 20.0

    def __init__(self) -> None:
        self._titles: dict[str, tuple[int, int]] = {}
        self._shown = 0
        self._quality = 0

    def learn(self, title_id: str, quality: bool) -> None:
        shown, good = self._titles.get(title_id, (0, 0))
        self._titles[title_id] = (shown + 1, good + quality)
        self._shown += 1
        self._quality += quality

    def rate(self, title_id: str) -> float:
        overall = (self._quality + 1) / (self._shown + 2)
        shown, good = self._titles.get(title_id, (0, 0))
        return (good + self.PRIOR * overall) / (shown + self.PRIOR)
