"""How a simulated viewer finds something: what is seen of a row, what is clicked, and where to look when the page
has nothing (categories, search)."""

from __future__ import annotations

from collections.abc import Generator

from streams.audience import habits
from streams.audience.person import Fields, Happening
from streams.audience.playing import Player, sigmoid
from streams.audience.titles import TAGS

Choice = tuple[int, Fields]
"""A title, and where on the page it was shown (empty when it was not on the page)."""


class Seeker(Player):
    """A player who looks for something to play."""

    def row_titles(self, row_id: str, rule: str) -> list[int]:
        """What this viewer sees of a row at this look."""
        if rule == "continue":
            return list(self.unfinished)
        return self.shown.window(row_id, self.turn, self.max_age)

    def click_chance(self, title: int, position: int, gain: float) -> float:
        """Chance that a title that is looked at is clicked; ``gain`` (log-odds) is what its place gives."""
        return sigmoid(
            self.appeals[title]
            + self.image_charm(title)
            + gain
            - habits.CLICK_AT
            - habits.PLACE_COST * position
        )

    def row_gain(self, row_id: str, rule: str) -> float:
        """What a row gives its titles, in log-odds: what it is for, less the fatigue of seeing it again."""
        gain = habits.UNFINISHED_GAIN if rule == "continue" else 0.0
        return gain - habits.ROW_FATIGUE * self.row_tired.get(row_id, 0.0)

    def _look_at_categories(self) -> Generator[Happening, None, Choice | None]:
        """Go along the categories until one is entered; look at its titles. None entered annoys."""
        chance = self.chance
        for position, category in enumerate(self.shown.category_tags()):
            if chance.random() >= self.entry_chance(category, position):
                continue
            found = self._pick(category)
            dwell = round(chance.uniform(15, 60) if found is not None else chance.uniform(2, 15), 1)
            self._pass(dwell)
            yield self._happening("browse", {"category_id": category, "dwell_s": dwell})
            return None if found is None else (found, {})
        self.contentment = max(0.0, self.contentment - habits.ANNOYED)
        return None

    def entry_chance(self, category: str, position: int) -> float:
        """Chance that a category that is looked at is entered. Those that are no tag are for nobody's mood."""
        wanted = self.pull[TAGS.index(category)] if category in TAGS else 0.0
        return sigmoid(wanted - habits.CATEGORY_AT - habits.CATEGORY_COST * position)

    def _pick(self, row_id: str) -> int | None:
        """The title that is clicked among those that a search or a category shows, if any."""
        for position, title in enumerate(self.shown.window(row_id, self.turn, self.max_age)):
            if self.chance.random() < self.click_chance(title, position, habits.WILLING):
                return title
        return None

    def _search(self, craved: int | None) -> Generator[Happening, None, Choice | None]:
        """Search for what is wanted: a tag that is craved, a title heard of, or a favourite tag."""
        chance = self.chance
        titles: list[int]
        if craved is None and chance.random() < 0.3:
            arrived = self.shelves.arrived
            heard_of = [arrived[chance.randrange(len(arrived))] for _ in range(12)]
            wanted = max(heard_of, key=lambda title: self.appeals[title])
            query, titles = self.catalog.titles[wanted].name, [wanted]
        else:
            tag = craved if craved is not None else self._favourite()
            query = TAGS[tag]
            titles = self.shown.window(query, self.turn, self.max_age)
        fields: Fields = {"query": query}
        fields["title_ids"] = [self.catalog.titles[title].title_id for title in titles]
        found = None
        for position, title in enumerate(titles):
            if chance.random() < self.click_chance(title, position, habits.WILLING):
                found = title
                fields["clicked_title_id"] = self.catalog.titles[title].title_id
                break
        self._pass(chance.uniform(5, 25))
        yield self._happening("search", fields)
        return None if found is None else (found, {})

    def _favourite(self) -> int:
        chance = self.chance
        return max(range(len(TAGS)), key=lambda tag: self.pull[tag] + chance.gauss(0, 0.7))
