"""Who is in which experiment and arm. A pure function of names: sticky, the same on every worker, nothing
to store.

Hashes of different things are independent: being held out, where a profile falls in a layer, and its arm. So
layers are orthogonal, experiments of one layer exclude each other, and arms of successive experiments mix
anew.

Source: overlapping experiment infrastructure (Tang, Agarwal, O'Brien, Meyer, KDD 2010).
"""

from __future__ import annotations

from collections.abc import Sequence

from xxhash import xxh3_64_intdigest

from streams.experiments.declaration import BUCKETS, Declaration, Experiment


def bucket(salt: str, profile: str) -> int:
    """Where ``profile`` falls among ``BUCKETS`` under ``salt``.

    >>> bucket("layer", "p1") == bucket("layer", "p1")
    True
    """
    return xxh3_64_intdigest(f"{salt}|{profile}".encode()) % BUCKETS


def held_out(declaration: Declaration, profile: str) -> bool:
    """Whether ``profile`` is in the global holdout: never in any experiment, so that what all experiments
    together have changed can be measured against it."""
    return bucket(f"{declaration.salt}|holdout", profile) < declaration.holdout * BUCKETS


def experiments_of(declaration: Declaration, profile: str, ts: int) -> list[Experiment]:
    """The experiments that ``profile`` joins at ``ts``: at most one a layer."""
    if not declaration.experiments or held_out(declaration, profile):
        return []
    found = []
    for experiment in declaration.experiments:
        if experiment.enrols(ts):
            place = bucket(f"{declaration.salt}|layer|{experiment.layer}", profile)
            if experiment.low <= place < experiment.high:
                found.append(experiment)
    return found


def arm_of(salt: str, experiment: Experiment, profile: str, shares: Sequence[float]) -> int:
    """The arm that ``profile`` gets under ``shares`` (they add up to 1)."""
    at = xxh3_64_intdigest(f"{salt}|arm|{experiment.id}|{profile}".encode()) / 2**64
    last = 0
    for arm, share in enumerate(shares):
        if share > 0:
            last = arm
            if at < share:
                return arm
        at -= share
    return last  # shares add up to 1 but for rounding
