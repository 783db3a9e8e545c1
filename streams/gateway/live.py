"""The live stream: every listener has a backlog of its own, so a slow one loses its oldest messages and delays
nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import orjson

HEARTBEAT_S = 5.0
"""A comment after so much silence: proxies close connections that say nothing."""
HEARTBEAT = b": still here\n\n"


class Listener:
    """One open stream: what it wants, and what waits for it."""

    def __init__(self, profile: str | None, topics: frozenset[str], backlog: int) -> None:
        self.profile = profile
        self.topics = topics
        self.lost = 0
        """Messages that were dropped and not yet told."""
        self.closed = False
        self._waiting: deque[bytes] = deque()
        self._backlog = backlog
        self._news = asyncio.Event()

    def tell(self, message: bytes) -> int:
        """Add a message; returns how many older ones it drove out."""
        lost = 0
        if len(self._waiting) >= self._backlog:
            self._waiting.popleft()
            self.lost += 1
            lost = 1
        self._waiting.append(message)
        self._news.set()
        return lost

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._news.set()

    async def messages(self) -> bytes | None:
        """All that waits, as bytes of the stream; a heartbeat after silence; ``None`` at the end."""
        if not self._waiting and not self.closed:
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._news.wait()
            except TimeoutError:
                return HEARTBEAT
        self._news.clear()
        told = b"".join(self._waiting)
        if self.lost:
            told = message("lost", b'{"messages":%d}' % self.lost) + told
            self.lost = 0
        self._waiting.clear()
        if self.closed:
            return told or None
        return told


class Feed:
    """All listeners. ``lost`` counts what slow ones have missed."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self.lost = 0
        self._clock_ms = clock_ms
        self._everybody: set[Listener] = set()
        self._of_profile: dict[str, set[Listener]] = {}
        self._of_all: set[Listener] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._everybody)

    def join(self, listener: Listener) -> None:
        """Tell ``listener`` from now on; one that comes after the end is ended at once."""
        if self._closed:
            listener.close()
        self._everybody.add(listener)
        if listener.profile is None:
            self._of_all.add(listener)
        else:
            self._of_profile.setdefault(listener.profile, set()).add(listener)

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        self._everybody.discard(listener)
        self._of_all.discard(listener)
        if listener.profile is not None:
            others = self._of_profile.get(listener.profile)
            if others is not None:
                others.discard(listener)
                if not others:
                    del self._of_profile[listener.profile]

    def decided(
        self, topic: str, key: str, profile: str | None, value: bytes | None, delay_ms: int | None
    ) -> None:
        """Tell of a record of ``topic``; ``profile`` is whose it is, ``None`` for what concerns nobody."""
        wanting: list[Listener] = [each for each in self._of_all if topic in each.topics]
        if profile is not None:
            wanting += [each for each in self._of_profile.get(profile, ()) if topic in each.topics]
        else:
            wanting += [each for them in self._of_profile.values() for each in them if topic in each.topics]
        if not wanting:
            return
        record = value if value is not None else b"null"
        if b"\n" in record or b"\r" in record:  # a line ends a field of the stream
            record = orjson.dumps(orjson.loads(record))
        told = message(
            "decision",
            b'{"topic":%b,"key":%b,"record":%b,"delay_ms":%b}'
            % (
                orjson.dumps(topic),
                orjson.dumps(key),
                record,
                b"null" if delay_ms is None else b"%d" % delay_ms,
            ),
        )
        self._tell(wanting, told)

    def pulse(self, figures: dict[str, object]) -> None:
        """Tell everybody a second's figures."""
        self._tell(self._everybody, message("pulse", orjson.dumps(figures)))

    def close(self) -> None:
        """End every stream, after what still waits."""
        self._closed = True
        for listener in self._everybody:
            listener.close()

    def _tell(self, listeners: Iterable[Listener], told: bytes) -> None:
        for listener in listeners:
            self.lost += listener.tell(told)


def message(event: str, data: bytes) -> bytes:
    """One server-sent event; ``data`` without line ends."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data)
