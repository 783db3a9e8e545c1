"""How often: a token bucket per caller. Time is passed in, in seconds."""

from __future__ import annotations

from collections import OrderedDict

BURST_S = 2.0
"""A caller that was silent may ask for this many seconds' worth at once."""
CALLERS = 50_000
"""Callers remembered; who was silent longest is forgotten first, with a full bucket."""


class Rates:
    """The buckets of all callers."""

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, name: str, rate: float, now_s: float) -> float:
        """Take one from the bucket of ``name``, which fills with ``rate`` a second: 0 when there was one, else the
        seconds until there will be, and nothing is taken."""
        full = max(1.0, rate * BURST_S)
        level, at = self._buckets.pop(name, (full, now_s))
        level = min(full, level + (now_s - at) * rate)
        wait = 0.0 if level >= 1.0 else (1.0 - level) / rate
        self._buckets[name] = (level - 1.0 if not wait else level, now_s)
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        return wait
