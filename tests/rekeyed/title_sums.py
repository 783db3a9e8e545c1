"""Title signals drawn from a seed, and what they add up to, by hand."""

from __future__ import annotations

import random
from typing import Any

from streams.settings import DAY_MS, HOUR_MS
from tests.rekeyed.small_owners import START_MS, signal


def some_signals(seed: int, count: int, others: int = 30) -> list[dict[str, Any]]:
    """Signals of three titles over some days, out of order by up to an hour."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        made.append(
            {
                "title": rng.choice("abc"),
                "ts": START_MS + number * 20 * 60_000 - rng.randrange(HOUR_MS),
                "quality": float(rng.random() < 0.6),
                "played": 1.0,
                "with": [[f"o{rng.randrange(others)}", rng.choice([1.0, 0.5])] for _ in range(3)],
                "artworks": [[f"i{rng.randrange(3)}", 20.0, float(rng.randrange(3))]],
            }
        )
    return made


def oracle(signals: list[dict[str, Any]], title: str) -> dict[str, Any]:
    """The same sums, each signal weighed by its age at the end."""
    mine = [s for s in signals if s["title"] == title]
    ts = max(s["ts"] for s in mine)

    def left(s: dict[str, Any], half_life: float) -> float:
        return float(2.0 ** ((s["ts"] - ts) / half_life))

    slow = 30.0 * DAY_MS
    neighbours: dict[str, float] = {}
    artworks: dict[str, list[float]] = {}
    for s in mine:
        for other, weight in s["with"]:
            neighbours[other] = neighbours.get(other, 0.0) + weight * left(s, slow)
        for artwork, views, plays in s["artworks"]:
            counts = artworks.setdefault(artwork, [0.0, 0.0])
            counts[0] += views * left(s, slow)
            counts[1] += plays * left(s, slow)
    return {
        "ts": ts,
        "fast": sum(s["quality"] * left(s, 6.0 * HOUR_MS) for s in mine),
        "slow": sum(s["quality"] * left(s, slow) for s in mine),
        "quality": sum(s["quality"] for s in mine),
        "plays": float(len(mine)),
        "neighbours": neighbours,
        "artworks": artworks,
    }


def logged(signals: list[dict[str, Any]]) -> list[tuple[bytes, bytes]]:
    return [signal(s["title"], **{k: v for k, v in s.items() if k != "title"}) for s in signals]
