"""Titles: what all partitions know of a title, taken into the own record.

The larger of the own count and the told one, brought to one time: the told one holds the own one, and both fade
with the same half-life, so the result is at most the truth, and what was told twice changes nothing.
"""

from __future__ import annotations

import numpy as np

from streams.decisions.title_counts import take_over_title
from streams.state.partition_state import PartitionState
from streams.state.shared import SharedTitles


def take_over(shared: SharedTitles, since: int, state: PartitionState) -> int:
    """Take over every title that changed after version ``since``; returns the version that is known now."""
    if shared.version == since:
        return since
    companion, slots = state.title_tastes, state.titles.slots
    for name in reversed(list(shared.changed_since(since))):
        told = shared.get(name)
        slot = slots.get(name, 0)
        if told is None or slot == 0:
            continue
        stats, neighbours, counts = told
        near = np.fromiter((slots.get(neighbour, 0) for neighbour in neighbours), np.int32, len(neighbours))
        take_over_title(
            companion.records,
            slot,
            stats.ts,
            stats.fast,
            stats.slow,
            stats.quality,
            stats.plays,
            near,
            counts,
        )
        companion.dirty[slot] = 1
        state.changed = True
    return shared.version
