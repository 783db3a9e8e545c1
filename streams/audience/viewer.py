"""One simulated viewer's life: sessions, pages, plays, searches, categories, trailers, payments, and perhaps a
cancellation.

A life is a generator of ``(time, topic, fields)``. What Flywheel has decided is read anew at each visit and
each look, so it changes what the viewer sees, does, and whether the viewer stays.

The hidden truth: a taste over tags, a mood by time of day and device, a title's quality, an image's charm,
fatigue. A row is looked at with less patience the lower it stands, a title the further right (position bias);
what fits is clicked and watched on, what does not is given up. Visits without a good play wear the viewer
down; a worn-down viewer comes back later, falls silent and in the end cancels, unless a trailer of the right
kind wins them back. ``truth`` says what each choice of Flywheel's is worth.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from streams.audience import habits
from streams.audience.habits import DAY, HOUR
from streams.audience.person import Fields, Happening
from streams.audience.scenarios import STEADY, Scenario
from streams.audience.seeking import Choice
from streams.audience.shelves import Shelves
from streams.audience.subscribing import Subscriber
from streams.audience.titles import TAGS


class Viewer(Subscriber):
    """A subscriber and all that they do. After ``turn_ms`` the scenario's turn has come."""

    def __init__(
        self,
        profile_id: str,
        seed: str,
        shelves: Shelves,
        run: str,
        scenario: Scenario = STEADY,
        turn_ms: int = 1 << 60,
    ) -> None:
        super().__init__(profile_id, seed, shelves, run)
        self._turn_ms = turn_ms
        self._drifts = self.chance.random() < scenario.drift_share
        self._rushes = scenario.premiere and self.chance.random() < 0.8
        self.offline_share = scenario.late_share

    # --- the life ---

    def life(self, start_ms: int) -> Iterator[Happening]:
        """Everything this viewer does from ``start_ms`` until they leave for good."""
        chance = self.chance
        self._now = start_ms
        paid_until = start_ms + int(chance.uniform(1, 30) * DAY)
        plan = chance.choice(habits.PLANS)
        yield self._paid("subscription_started", plan=plan, period_days=30)
        self._pass(1)
        if self.kids:
            yield self._happening("profile_settings", {"kids": True, "max_age": self.max_age})
        elif self.plain:
            yield self._happening("profile_settings", {"profiled": False})
        self._pass(chance.uniform(2, 20))
        while True:
            yield from self._visit()
            if (
                self.contentment < habits.WORN_OUT
                and chance.random() < habits.LEAVES
                and not (yield from self._hesitate())
            ):
                yield self._paid("subscription_cancelled")
                if chance.random() < 0.2:
                    self._pass(30)
                    yield self._happening("profile_deleted", {})
                self.gone = True
                return
            self._come_back_at(self._now + self._away_ms())
            if self._now > paid_until:
                paid_until = self._now + 30 * DAY
                if not (yield from self._pay()):
                    self.gone = True
                    return
            yield self._moment("nothing")  # an offer that has arrived until then is what they will find
            if self._drifts and self._now >= self._turn_ms:
                self._drifts = False
                self.taste = self._new_taste()

    def _come_back_at(self, at_ms: int) -> None:
        if self._rushes and self._now < self._turn_ms < at_ms:
            at_ms = self._turn_ms + int(self.chance.expovariate(1 / 1.5) * HOUR)  # to see the premiere
        self._now = at_ms

    def _hesitate(self) -> Generator[Happening, None, bool]:
        """About to leave: some do at once, others fall silent first. Returns whether an offered trailer has won
        them back."""
        chance = self.chance
        silences = 1 if chance.random() < habits.LEAVES_AT_ONCE else habits.SILENCES
        for _ in range(silences):
            self._now += int(habits.SILENCE_MS * chance.uniform(0.5, 1.5))
            yield self._moment("message")
            offer = self.shown.offer
            if offer is None or offer == self._noticed or chance.random() > habits.NOTICES:
                continue
            self._session = ""  # a message, not a visit
            if (yield from self._look_at_trailer(offer)):
                self.contentment = 0.6
                self._begin_visit()
                yield self._happening("session_start", {})
                yield from self._play(offer.title, {})
                yield self._happening("session_end", {})
                return True
        return False

    # --- one visit ---

    def _begin_visit(self) -> None:
        chance = self.chance
        self.visits += 1
        self._session = f"{self._run}-{self.profile_id}-s{self._count}"
        self._device = self._devices[0] if chance.random() < 0.75 else chance.choice(self._devices)
        self.turn = chance.random()
        if self._now > self._craves_until:
            self._craved = -1
        self.feel()

    def _visit(self) -> Iterator[Happening]:
        chance = self.chance
        craves = self._craved < 0 and chance.random() < habits.CRAVING_CHANCE
        if craves:
            self._craved = chance.randrange(len(TAGS))
            self._craves_until = self._now + habits.CRAVING_MS
        self._begin_visit()
        yield self._happening("session_start", {})
        content = False
        offer = self.shown.offer
        news = offer if offer != self._noticed and chance.random() < habits.NOTICES else None
        if news is not None and (yield from self._look_at_trailer(news)):
            content = yield from self._play(news.title, {})
        for _ in range(4):
            self._pass(chance.uniform(1, 4))
            yield self._moment("page")
            if craves:
                craves = False
                found: Choice | None = yield from self._search(self._craved)
            else:
                found = yield from self._look_at_page()
                if found is None and chance.random() < habits.LOOKS_ELSEWHERE:
                    if chance.random() < habits.CATEGORIES_SHARE:
                        found = yield from self._look_at_categories()
                    else:
                        found = yield from self._search(None)
            if found is None:
                break
            if chance.random() < 0.04:
                yield self._trailer(found[0], 0, round(chance.uniform(10, 90), 1))
            content = (yield from self._play(*found)) or content
            if chance.random() > habits.GOES_ON:
                break
            self.turn = chance.random()
        self.contentment += 0.25 * ((1.0 if content else 0.0) - self.contentment)
        self._pass(chance.uniform(1, 10))
        yield self._happening("session_end", {})

    def _look_at_page(self) -> Generator[Happening, None, Choice | None]:
        """Go down the page until something is clicked or patience ends. Returns title and place, or
        ``None``.
        """
        chance = self.chance
        rules = self.shelves.rules
        place = 0
        shown = self.shown
        for row_id in shown.order():
            rule = rules.get(row_id)
            if rule is None:
                continue
            titles = self.row_titles(row_id, rule)
            if not titles:
                continue
            yield self._impression(row_id, place, titles)
            self._pass(chance.uniform(1.5, 6))
            gain = self.row_gain(row_id, rule)
            for position, title in enumerate(titles):
                if chance.random() < self.click_chance(title, position, gain):
                    self.row_tired.pop(row_id, None)
                    where: Fields = {"row_id": row_id, "row_position": place, "position": position}
                    where["artwork_id"] = self._artwork(title)
                    made = self.catalog.titles[title]
                    yield self._happening("click", {"title_id": made.title_id, **where})
                    return title, where
                self.tired[title] = self.tired.get(title, 0.0) + 1.0
            self.row_tired[row_id] = self.row_tired.get(row_id, 0.0) + 1.0
            place += 1
            if chance.random() > habits.PATIENCE:
                return None
        return None

    def _impression(self, row_id: str, place: int, titles: list[int]) -> Happening:
        made = self.catalog.titles
        items = [
            {"title_id": made[title].title_id, "position": i, "artwork_id": self._artwork(title)}
            for i, title in enumerate(titles)
        ]
        fields: Fields = {"row_id": row_id, "row_position": place, "items": items}
        if self.shown.rows_version is not None:
            fields["decision_version"] = self.shown.rows_version
        return self._happening("impression", fields)

    def _artwork(self, title: int) -> str:
        return self.catalog.titles[title].images[self.shown.artwork.get(title, 0)].artwork_id
