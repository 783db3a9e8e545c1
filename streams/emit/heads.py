"""What all decisions about one moment have in common: the key, and the beginning of the record. Made once a moment."""

from __future__ import annotations

from collections.abc import Sequence

from streams.emit.outgoing import Outgoing, Stretch
from streams.profiles.moments import Moment
from streams.profiles.parameters import Array


class Heads:
    """Keys and heads by moment, for as long as ``moments`` (records of ``MOMENT``) are at hand."""

    def __init__(self, moments: Array, stretch: Stretch, outgoing: Outgoing) -> None:
        self._moments = moments
        self._stretch = stretch
        self._outgoing = outgoing
        self._known: dict[int, tuple[str, bytes]] = {}

    def of(self, at: int, plain: int) -> tuple[str, bytes]:
        """The profile of a moment, and what every decision about it begins with. ``plain`` 1: the page of that profile
        uses nothing personal."""
        known = self._known.get(at)
        if known is None:
            moment = tuple.__new__(Moment, self._moments[at].item())  # as _make does, in half the time
            known = self._known[at] = self._outgoing.head(moment, self._stretch, plain != 0)
        return known

    def add(self, topic: str, at: Array, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Decisions about the moments ``at`` (``None``: what was decided under the key holds no longer)."""
        events = self._moments["event"][at]
        self._outgoing.add_answers(topic, keys, values, self._stretch.columns.stamp[events[events >= 0]])

    def add_behind(self, topic: str, answers: Array, rests: list[bytes]) -> None:
        """Decisions under the profiles' ids: ``answers`` has ``at`` and ``plain``, ``rests`` how records go on."""
        keys, values = [], []
        for at, plain, rest in zip(answers["at"].tolist(), answers["plain"].tolist(), rests, strict=True):
            profile, head = self.of(at, plain)
            keys.append(profile.encode())
            values.append(head + rest)
        self.add(topic, answers["at"], keys, values)
