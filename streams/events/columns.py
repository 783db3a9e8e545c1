"""From decoded events to columns: what the compiled loop needs of each event, as numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from streams.events import kinds, schema
from streams.profiles.parameters import Columns
from streams.transport.batch import Record

Numbers = tuple[int, str | None, str | None, int, int, float, float, int]
"""kind, title, row, position, playback, a, b, flag: see ``Columns``."""

_DEVICE: dict[str | None, int] = {name: number for number, name in enumerate(kinds.DEVICES)}
_DEVICE[None] = 0  # not said
NO_NUMBER = -1.0


def _plain(kind: int) -> Callable[[Any], Numbers]:
    return lambda e: (kind, None, None, 0, 0, 0.0, 0.0, 0)


def _titled(kind: int) -> Callable[[Any], Numbers]:
    return lambda e: (kind, e.title_id, None, 0, 0, 0.0, 0.0, 0)


def _played(kind: int) -> Callable[[Any], Numbers]:
    return lambda e: (
        kind,
        e.title_id,
        None,
        0,
        xxh3_64_intdigest(e.playback_id.encode()),
        e.position_s,
        0.0,
        0,
    )


def _skip(e: schema.PlaybackSkip) -> Numbers:
    playback = 0 if e.playback_id is None else xxh3_64_intdigest(e.playback_id.encode())
    position = NO_NUMBER if e.position_s is None else e.position_s
    return (kinds.PLAYBACK_SKIP, e.title_id, None, 0, playback, position, 0.0, 0)


def _start(e: schema.PlaybackStart) -> Numbers:
    playback = xxh3_64_intdigest(e.playback_id.encode())
    return (
        kinds.PLAYBACK_START,
        e.title_id,
        e.row_id,
        e.row_position or 0,
        playback,
        e.position_s,
        e.duration_s,
        e.autoplay,
    )


def _search(e: schema.Search) -> Numbers:
    found = len(e.title_ids or ())
    return (kinds.SEARCH, e.clicked_title_id, None, 0, 0, float(found), 0.0, e.clicked_title_id is not None)


def _impression(e: schema.Impression) -> Numbers:
    ours = e.decision_version is not None
    return (kinds.IMPRESSION, None, e.row_id, e.row_position, 0, 0.0, 0.0, ours)


def _settings(e: schema.ProfileSettings) -> Numbers:
    age = NO_NUMBER if e.max_age is None else float(e.max_age)
    return (kinds.PROFILE_SETTINGS, None, None, 0, 0, age, float(_choice(e.kids)), _choice(e.profiled) + 1)


def _choice(said: bool | None) -> int:
    """-1 is not said."""
    return -1 if said is None else int(said)


_NUMBERS: dict[type, Callable[[Any], Numbers]] = {
    schema.SessionStart: _plain(kinds.SESSION_START),
    schema.SessionEnd: _plain(kinds.SESSION_END),
    schema.Impression: _impression,
    schema.Click: lambda e: (kinds.CLICK, e.title_id, e.row_id, e.row_position or 0, 0, 0.0, 0.0, 0),
    schema.PlaybackStart: _start,
    schema.PlaybackProgress: _played(kinds.PLAYBACK_PROGRESS),
    schema.PlaybackPause: _played(kinds.PLAYBACK_PAUSE),
    schema.PlaybackResume: _played(kinds.PLAYBACK_RESUME),
    schema.PlaybackStop: _played(kinds.PLAYBACK_STOP),
    schema.PlaybackSeek: lambda e: (
        kinds.PLAYBACK_SEEK,
        e.title_id,
        None,
        0,
        xxh3_64_intdigest(e.playback_id.encode()),
        e.from_s,
        e.to_s,
        0,
    ),
    schema.PlaybackSkip: _skip,
    schema.PlaybackComplete: lambda e: (
        kinds.PLAYBACK_COMPLETE,
        e.title_id,
        None,
        0,
        xxh3_64_intdigest(e.playback_id.encode()),
        NO_NUMBER,
        0.0,
        0,
    ),
    schema.Search: _search,
    schema.Browse: lambda e: (kinds.BROWSE, None, None, 0, 0, e.dwell_s, 0.0, 0),
    schema.Rating: lambda e: (kinds.RATING, e.title_id, None, 0, 0, float(e.value), 0.0, 0),
    schema.ListAdd: _titled(kinds.LIST_ADD),
    schema.ListRemove: _titled(kinds.LIST_REMOVE),
    schema.TrailerView: lambda e: (kinds.TRAILER_VIEW, e.title_id, None, 0, 0, e.watched_s, 0.0, 0),
    schema.ProfileSettings: _settings,
    schema.ProfileDeleted: _plain(kinds.PROFILE_DELETED),
    schema.SubscriptionStarted: _plain(kinds.SUBSCRIPTION_STARTED),
    schema.SubscriptionRenewed: _plain(kinds.SUBSCRIPTION_RENEWED),
    schema.SubscriptionPaymentFailed: _plain(kinds.PAYMENT_FAILED),
    schema.SubscriptionPlanChanged: _plain(kinds.SUBSCRIPTION_PLAN_CHANGED),
    schema.SubscriptionPaused: _plain(kinds.SUBSCRIPTION_PAUSED),
    schema.SubscriptionCancelled: _plain(kinds.SUBSCRIPTION_CANCELLED),
}


class Places:
    """Country and region as a number, stable across processes; 0 is not said."""

    def __init__(self) -> None:
        self._known: dict[tuple[str | None, str | None], int] = {(None, None): 0}

    def number(self, country: str | None, region: str | None) -> int:
        """A 32-bit number of the place."""
        place = self._known.get((country, region))
        if place is None:
            place = xxh3_64_intdigest(f"{country}|{region}".encode()) & 0xFFFFFFFF or 1
            if len(self._known) < 100_000:  # there are fewer real regions: the rest is not worth remembering
                self._known[country, region] = place
        return place


def to_columns(
    events: Sequence[schema.Event],
    indexes: Sequence[int],
    records: Sequence[Record],
    profile_slot: Callable[[str], int],
    title_slot: Callable[[str], int],
    row_index: Callable[[str], int],
    places: Places,
) -> Columns:
    """The columns of ``events``; ``indexes`` says which record each came from. Unknown rows become -1."""
    n = len(events)
    numbers = _NUMBERS
    rows = [numbers[e.__class__](e) for e in events]
    kind, title, row, position, playback, a, b, flag = zip(*rows, strict=True) if rows else ((),) * 8
    # Titles get their slots in log order, whatever the batch: slots are part of the state.
    titles: list[int] = []
    items: list[int] = []
    items_to: list[int] = []
    for name, number, event in zip(title, kind, events, strict=True):
        titles.append(-1 if name is None else title_slot(name))
        if number == kinds.IMPRESSION:
            items.extend([title_slot(item.title_id) for item in event.items])  # type: ignore[attr-defined]
        items_to.append(len(items))
    ends = np.array(items_to, np.int32)
    device = _DEVICE
    place = places.number
    return Columns(
        kind=np.array(kind, np.uint8),
        slot=np.array([profile_slot(e.profile_id) for e in events], np.int32),
        offset=np.array([records[i].offset for i in indexes], np.int64),
        ts=np.array([e.ts for e in events], np.int64),
        stamp=np.array([records[i].timestamp for i in indexes], np.int64),
        event=np.array([xxh3_64_intdigest(e.event_id.encode()) for e in events], np.uint64),
        title=np.array(titles, np.int32),
        row=np.array([-1 if name is None else row_index(name) for name in row], np.int16),
        position=np.array(position, np.int32),
        playback=np.array(playback, np.uint64),
        a=np.array(a, np.float64),
        b=np.array(b, np.float64),
        flag=np.array(flag, np.uint8),
        device=np.array([device[getattr(e, "device_type", None)] for e in events], np.uint8),
        place=np.array(
            [place(e.country, e.region) if e.country or e.region else 0 for e in events], np.uint32
        ),
        items_from=np.append(np.zeros(min(n, 1), np.int32), ends[:-1]),
        items_to=ends,
        items=np.array(items, np.int32),
    )
