"""What a reader of a log yields, and the merge that puts the events of many plays into one order of time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from streams.topics import VIEWING_EVENTS


class Message(NamedTuple):
    """One record to publish. ``ts`` is the event time in ms since the epoch; 0 for a catalog record."""

    topic: str
    key: bytes | None
    value: bytes
    ts: int


@dataclass(frozen=True, slots=True)
class Log:
    """A log that can be replayed: how much it is, and what it says.

    ``catalogs`` yields the rows and titles, ``events`` the events in the order of time. ``lines`` is how many
    lines of the source ``events`` is made of, ``first_ts`` and ``last_ts`` when they were written (ms, as in
    the source, without shift). ``settings`` are the worker's settings that fit this log, by field name: what
    counts as a quality play is a property of the data.
    """

    name: str
    lines: int
    first_ts: int
    last_ts: int
    catalogs: Callable[[], Iterator[Message]]
    events: Callable[[int], Iterator[Message]]
    """Takes the shift (ms) that is added to every time."""
    settings: dict[str, Any]

    def shift_to(self, end_ms: int) -> int:
        """What must be added to every time so that the log's last line is written at ``end_ms``."""
        return end_ms - self.last_ts


class Timeline:
    """Merges the events that follow from each line of a log into one stream in the order of time.

    A play ends minutes after the line that tells of it was written, when later lines have begun: its events
    wait in a heap. Events of one line keep their order even when they share a millisecond.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, bytes, bytes]] = []
        self._count = 0

    def add(self, profile_id: str, event: dict[str, Any]) -> None:
        """Take an event in; its ``ts`` must not lie before the last ``until``."""
        self._count += 1
        heapq.heappush(self._waiting, (event["ts"], self._count, profile_id.encode(), orjson.dumps(event)))

    def until(self, ts: int | None) -> Iterator[Message]:
        """Every event up to and including the time ``ts`` (ms); all that is left when ``ts`` is ``None``."""
        waiting = self._waiting
        while waiting and (ts is None or waiting[0][0] <= ts):
            moment, _, key, value = heapq.heappop(waiting)
            yield Message(VIEWING_EVENTS, key, value, moment)


def catalog_message(topic: str, key: str, record: dict[str, Any]) -> Message:
    """A catalog record, keyed by its title or row."""
    return Message(topic, key.encode(), orjson.dumps(record), 0)
