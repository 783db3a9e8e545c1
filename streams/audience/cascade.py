"""The best list of things to show to somebody who takes the first that pleases."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def best_cascade(worth: Sequence[float], chance: Callable[[int, int], float], places: int) -> list[int]:
    """Which of some things to show in which order, when the first that is taken ends it: ``worth`` is what each
    is worth once taken, best first, ``chance`` how likely thing ``i`` is taken at a place. The best of all lists
    in the order of ``worth``, by dynamic programming; that order is the best one but for what places cost."""
    n = len(worth)
    value = [[0.0] * (places + 1) for _ in range(n + 1)]
    takes = [[False] * places for _ in range(n)]
    for i in range(n - 1, -1, -1):
        for place in range(min(i, places - 1), -1, -1):
            taken = chance(i, place)
            with_it = taken * worth[i] + (1.0 - taken) * value[i + 1][place + 1]
            takes[i][place] = with_it >= value[i + 1][place]
            value[i][place] = max(with_it, value[i + 1][place])
    chosen: list[int] = []
    for i in range(n):
        if len(chosen) < places and takes[i][len(chosen)]:
            chosen.append(i)
    return chosen
