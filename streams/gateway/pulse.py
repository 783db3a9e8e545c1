"""A second's figures, for the live page and for metrics: rates, freshness, where what is played stood. Pure."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import msgspec
from msgspec import Struct

from streams import topics

FRESH_SECONDS = 10
"""Freshness is that of the decisions of so many seconds."""
FRESH_SAMPLES = 500
"""Delays kept of one second; the first of more."""
CLICK_SECONDS = 10
ONLINE = frozenset(
    (topics.ROW_ORDER, topics.HOMEPAGE_RANKINGS, topics.ARTWORK_CHOICES, topics.CATEGORY_CHOICES)
)
"""Decisions that an event causes at once. A churn score may be due to time alone, its cause is then long past."""


class Watched(Struct, frozen=True, gc=False):
    """What the pulse needs of an input event."""

    type: str
    row_position: int | None = None


WATCHED = msgspec.json.Decoder(Watched)


class Pulse:
    """Counts during a second; :meth:`beat` ends it."""

    def __init__(self) -> None:
        self._decisions: Counter[str] = Counter()
        self._events = 0
        self._delays: deque[list[int]] = deque([[]], maxlen=FRESH_SECONDS)
        self._places: deque[list[int]] = deque([[]], maxlen=CLICK_SECONDS)

    def decision(self, topic: str, delay_ms: int | None) -> None:
        """One decision came in, ``delay_ms`` after the event that caused it (``None``: that cannot be said)."""
        self._decisions[topic] += 1
        delays = self._delays[-1]
        if delay_ms is not None and topic in ONLINE and len(delays) < FRESH_SAMPLES:
            delays.append(delay_ms)

    def event(self, value: bytes | None) -> None:
        """One input event came in."""
        self._events += 1
        if value is not None and b'"playback_start"' in value:
            try:
                watched = WATCHED.decode(value)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return
            if watched.type == "playback_start" and watched.row_position is not None:
                self._places[-1].append(watched.row_position)

    def beat(self, seconds: float, *, profiles: int, stale_ms: int, watching: bool) -> dict[str, Any]:
        """The figures of the last ``seconds``; then count anew."""
        delays = sorted(delay for second in self._delays for delay in second)
        places = [place for second in self._places for place in second]
        figures = {
            "events_per_s": round(self._events / seconds, 1) if watching else None,
            "decisions_per_s": {topic: round(n / seconds, 1) for topic, n in sorted(self._decisions.items())},
            "fresh_p50_ms": _at(delays, 0.5),
            "fresh_p99_ms": _at(delays, 0.99),
            "profiles": profiles,
            "stale_ms": stale_ms,
            "click_place": round(sum(places) / len(places), 3) if places else None,
        }
        self._decisions.clear()
        self._events = 0
        self._delays.append([])
        self._places.append([])
        return figures


def _at(ordered: list[int], share: float) -> int | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
