"""How bad a simulated run is, and what came of it."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chances:
    """How the run is: all chances are per occasion. Drawn by :func:`chances_of`, or given by a test."""

    exactly_once: bool = True
    events: int = 40
    """Records of each input log."""
    faults: int = 2
    lost_batch: float = 0.1
    repeated_batch: float = 0.1
    overlapping_batch: float = 0.1
    slow: float = 0.0
    refused: float = 0.0
    crash: float = 0.4
    """A fault is a crash, a freeze, a revocation, or (what is left) a rebalance that gives the same worker
    the same.
    """
    freeze: float = 0.3
    revoke: float = 0.2
    crash_at: tuple[int, str] | None = None
    """The first worker dies at this request, ``before`` or ``after`` it took effect; instead of a fault by
    chance.
    """


def chances_of(rng: random.Random, *, exactly_once: bool) -> Chances:
    """The chances of a seed: from calm to terrible.

    At least once promises nothing against two writers at a time (nothing fences a worker that wakes up), so
    there workers only crash and leave.
    """
    return Chances(
        exactly_once=exactly_once,
        events=rng.choice([5, 20, 60]),
        faults=rng.choice([1, 2, 4]),
        lost_batch=rng.choice([0.0, 0.1, 0.4]),
        repeated_batch=rng.choice([0.0, 0.1, 0.4]),
        overlapping_batch=rng.choice([0.0, 0.1, 0.4]),
        slow=rng.choice([0.0, 0.0, 0.01, 0.03]),
        refused=rng.choice([0.0, 0.0, 0.01]),
        crash=0.4 if exactly_once else 0.7,
        freeze=0.3 if exactly_once else 0.0,
        revoke=0.2 if exactly_once else 0.3,
    )


@dataclass(slots=True)
class Counts:
    """What happened in a run, so that a suite can show that it really tried what it says."""

    crashes: int = 0
    freezes: int = 0
    seeks: int = 0
    dropped: int = 0
    checkpoints: int = 0
    fenced: int = 0
    failed: int = 0
    steps_of_first: int = 0
