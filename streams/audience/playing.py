"""How a simulated viewer plays a title: heartbeats, pauses, rewinds, skips, and giving up when it does not
please."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

from streams.audience.habits import HEARTBEAT_S, PLEASED_AT, SEEN_COST
from streams.audience.person import Fields, Happening, Person


def sigmoid(log_odds: float) -> float:
    """The probability of some log-odds."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def pleased_chance(appeal: float) -> float:
    """Chance that a play is watched on: the title's appeal counts, not what its image promised."""
    return 1.0 / (1.0 + math.exp(PLEASED_AT - appeal))


class Player(Person):
    """A person with something to play on. ``good_plays`` counts the plays that pleased."""

    good_plays = 0

    def _play(self, title: int, shown: Fields) -> Generator[Happening, None, bool]:
        """Play a title as long as it pleases. Returns whether it was watched on."""
        chance = self.chance
        playing = self.catalog.titles[title]
        length = playing.duration_s
        about: Fields = {
            "playback_id": f"{self._run}-{self.profile_id}-b{self._count}",
            "title_id": playing.title_id,
        }
        self._pass(chance.uniform(1, 3))
        yield self._happening("playback_start", {**about, "duration_s": length, "position_s": 0.0, **shown})
        pleased = chance.random() < pleased_chance(self.appeals[title])
        self.good_plays += pleased
        wanted = (
            length * min(1.0, chance.uniform(0.55, 1.3))
            if pleased
            else min(length, chance.expovariate(1 / 30))
        )
        position = 0.0
        while position < wanted:
            stride = min(HEARTBEAT_S, wanted - position)
            self._pass(stride)
            position += stride
            if position >= wanted:
                break
            yield self._happening("playback_progress", {**about, "position_s": round(position, 1)})
            chances = chance.random()
            if chances < 0.010:
                yield self._happening("playback_pause", {**about, "position_s": round(position, 1)})
                self._pass(chance.uniform(5, 400))
                yield self._happening("playback_resume", {**about, "position_s": round(position, 1)})
            elif chances < 0.020:
                there = max(0.0, position - chance.uniform(8, 60))
                yield self._seek(about, position, there)
                position = there
            elif chances < 0.024:
                there = min(wanted, position + chance.uniform(20, 300))
                yield self._seek(about, position, there)
                position = there
        self._remember(title)
        if position >= length - 0.05:
            yield self._happening("playback_complete", dict(about))
        elif not pleased and chance.random() < 0.5:
            yield self._happening("playback_skip", {**about, "position_s": round(position, 1)})
        else:
            yield self._happening("playback_stop", {**about, "position_s": round(position, 1)})
            if pleased:
                self.unfinished.append(title)
        yield from self._afterwards(playing.title_id, pleased)
        return pleased

    def _remember(self, title: int) -> None:
        if title not in self.seen:
            self.appeals[title] -= SEEN_COST
        self.seen.append(title)
        if title in self.unfinished:
            self.unfinished.remove(title)

    def _afterwards(self, title_id: str, pleased: bool) -> Iterator[Happening]:
        chance = self.chance
        if chance.random() < 0.06:
            self._pass(4)
            yield self._happening(
                "rating", {"title_id": title_id, "value": chance.choice((1, 1, 2)) if pleased else -1}
            )
        if chance.random() < 0.05:
            self._pass(3)
            yield self._happening("list_add" if pleased else "list_remove", {"title_id": title_id})

    def _trailer(self, title: int, teaser: int, watched_s: float) -> Happening:
        playing = self.catalog.titles[title]
        self._pass(watched_s)
        view = {
            "trailer_id": playing.trailers[teaser].trailer_id,
            "title_id": playing.title_id,
            "watched_s": watched_s,
        }
        return self._happening("trailer_view", view)
