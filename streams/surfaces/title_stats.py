"""Titles: what a partition tells the owner of a title, and what all partitions know of it, taken into the own
record.

The larger of the own count and the told one, brought to one time: the told one holds the own one, and both fade
with the same half-life, so the result is at most the truth, and what was told twice changes nothing.
"""

from __future__ import annotations

from typing import Any

from streams import topics
from streams.decisions.title_counts import CO_DECAY, CO_WATCHED, advance_title
from streams.events.rekeyed import TitleStats
from streams.profiles.clock import FAST_MS, MONTH_MS
from streams.profiles.moments import Moment
from streams.profiles.taste import RECENT_TITLES
from streams.state.partition_state import PartitionState
from streams.state.shared import SharedTitles
from streams.surfaces.surface import SurfaceContext

WEIGHTS = [round(CO_DECAY**back, 3) for back in range(CO_WATCHED)]
"""What the titles watched before count for, the latest first."""


def signal_play(context: SurfaceContext, moment: Moment, quality: float) -> None:
    """Tell the title's owner of a play that is resolved, and of what was watched before a good one."""
    if not context.settings.sharing:
        return
    name = context.title(moment.title)
    record: dict[str, Any] = {
        "title_id": name,
        "ts": moment.ts,
        "quality": quality,
        "played": 1.0,
        "source": context.partition,
    }
    if quality:
        taste = context.state.tastes.records[moment.slot]
        n, recent, names = (
            int(taste["title_recent_n"]),
            taste["title_recent"].tolist(),
            context.state.titles.names,
        )
        record["with"] = [
            (names[recent[(n - 1 - back) % RECENT_TITLES] - 1], WEIGHTS[back])
            for back in range(min(CO_WATCHED, n))
        ]
    context.signal(topics.TITLE_SIGNALS, name, record)


def take_over(shared: SharedTitles, since: int, state: PartitionState) -> int:
    """Take over every title that changed after version ``since``; returns the version that is known now."""
    if shared.version == since:
        return since
    companion = state.title_tastes
    for name in reversed(list(shared.changed_since(since))):
        stats = shared.get(name)
        slot = state.titles.slots.get(name, 0)
        if stats is None or slot == 0:
            continue
        take_over_title(companion.records[slot], stats, state.titles.slots)
        companion.dirty[slot] = 1
        state.changed = True
    return shared.version


def take_over_title(record: Any, stats: TitleStats, slots: dict[str, int]) -> None:
    """Raise a title's counts, and those of its neighbours, to what was told."""
    advance_title(record, stats.ts)
    elapsed = float(int(record["ts"]) - stats.ts)  # the own counts may be of later
    slow = stats.slow * 2.0 ** (-elapsed / MONTH_MS)
    record["fast"] = max(float(record["fast"]), stats.fast * 2.0 ** (-elapsed / FAST_MS))
    record["slow"] = max(float(record["slow"]), slow)
    if stats.quality > 0:  # plays are told as of ever: of them only the share that was good is of use
        record["plays"] = max(float(record["plays"]), slow * stats.plays / stats.quality)
    near, counts = record["near"].tolist(), record["near_n"].tolist()
    together = 0.0
    for name, count in stats.neighbours:
        together += count
        slot = slots.get(name, 0)
        if slot == 0:
            continue
        if 1 + slot in near:
            at = near.index(1 + slot)
        else:
            at = min(range(len(near)), key=lambda place: counts[place] if near[place] else -1.0)
        if not near[at] or counts[at] < count:
            near[at], counts[at] = 1 + slot, count
    record["near"], record["near_n"] = near, counts
    record["near_all"] = max(float(record["near_all"]), together)
