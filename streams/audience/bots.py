"""Bots: programs with a profile, which play one kind of title all day long to make it look wanted."""

from __future__ import annotations

from collections.abc import Iterator

from streams.audience.habits import MINUTE
from streams.audience.person import Happening
from streams.audience.titles import TAGS
from streams.audience.viewer import Viewer

PUSHED = TAGS.index("reality")
"""The tag whose titles bots push."""
EVERY_MS = 20 * MINUTE
"""A bot's visits never rest: seventy times a day, where a viewer comes once or twice."""
PLAYED_S = 130.0
"""Just long enough to count as a good play."""


class Bot(Viewer):
    """A viewer that is none. It looks at one row, plays a title of it, and nobody likes it."""

    def life(self, start_ms: int) -> Iterator[Happening]:
        """The same visit for ever."""
        self._now = start_ms
        chance = self.chance
        made = self.catalog.titles
        while True:
            self._begin_visit()
            yield self._happening("session_start", {})
            self._pass(2)
            titles = self.shown.window(TAGS[PUSHED], self.turn, self.max_age)
            order = [row for row in self.shown.order() if row in self.shelves.rules]
            place = order.index(TAGS[PUSHED])
            yield self._impression(TAGS[PUSHED], place, titles)
            self._pass(1)
            title = chance.choice(titles)
            about = {
                "title_id": made[title].title_id,
                "playback_id": f"{self._run}-{self.profile_id}-b{self._count}",
            }
            where = {"row_id": TAGS[PUSHED], "row_position": place, "position": titles.index(title)}
            yield self._happening(
                "playback_start", {**about, **where, "duration_s": made[title].duration_s, "position_s": 0.0}
            )
            played = min(made[title].duration_s, PLAYED_S)
            for position in (played / 2, played):
                self._pass(played / 2)
                yield self._happening("playback_progress", {**about, "position_s": round(position, 1)})
            yield self._happening("playback_stop", {**about, "position_s": round(played, 1)})
            yield self._happening("session_end", {})
            self._now += EVERY_MS
