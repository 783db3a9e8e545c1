"""What all decisions about one moment have in common: the key, and the beginning of the record. Made once a moment."""

from __future__ import annotations

from collections.abc import Sequence

from streams.emit.outgoing import Outgoing, Stretch
from streams.profiles.parameters import Array


class Heads:
    """Keys and heads by moment, for as long as ``moments`` (records of ``MOMENT``) are at hand."""

    def __init__(self, moments: Array, stretch: Stretch, outgoing: Outgoing) -> None:
        self._moments = moments
        self._stretch = stretch
        self._outgoing = outgoing
        self._known: dict[int, tuple[str, bytes]] = {}

    def of(self, answers: Array) -> list[tuple[str, bytes]]:
        """The profile of each answer's moment, and what every decision about it begins with. ``answers`` has ``at`` and
        ``plain`` (1: the page of that profile uses nothing personal)."""
        at, known = answers["at"], self._known
        fields = (self._moments[name][at].tolist() for name in ("slot", "ts", "event", "topic", "offset"))
        places = at.tolist()
        for place, plain, slot, ts, event, topic, offset in zip(
            places, answers["plain"].tolist(), *fields, strict=True
        ):
            if place not in known:
                known[place] = self._outgoing.head(slot, ts, event, topic, offset, plain != 0, self._stretch)
        return [known[place] for place in places]

    def add(self, topic: str, at: Array, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Decisions about the moments ``at`` (``None``: what was decided under the key holds no longer)."""
        events = self._moments["event"][at]
        self._outgoing.add_answers(topic, keys, values, self._stretch.columns.stamp[events[events >= 0]])

    def add_behind(self, topic: str, answers: Array, rests: list[bytes]) -> None:
        """Decisions under the profiles' ids: ``answers`` as above, ``rests`` how their records go on."""
        heads = self.of(answers)
        keys = [profile.encode() for profile, _ in heads]
        values = [head + rest for (_, head), rest in zip(heads, rests, strict=True)]
        self.add(topic, answers["at"], keys, values)
