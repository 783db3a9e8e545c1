"""One simulated viewer's life: sessions, pages, plays, searches, payments, and perhaps a cancellation.

A life is a generator of ``(time, topic, fields)``. It is computed one event ahead and reads the viewer's
page anew at each session, so what Flywheel decides changes what the viewer sees, does, and whether the
viewer stays.

The hidden truth: a taste over tags, a mood by time of day, a title's quality. A row is looked at with less
patience the lower it stands (position bias); what fits is clicked and watched on, what does not is given
up. Sessions that end without a play wear the viewer down, and a worn-down viewer comes back later, and in
the end cancels.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

from streams.audience.habits import (
    CLICK_THRESHOLD,
    DAY,
    GOES_ON,
    HEARTBEAT_S,
    HOUR,
    MOODS,
    PATIENCE,
    PLANS,
    SESSIONS_EVERY_H,
    WAKING,
    WORN_OUT,
)
from streams.audience.person import Fields, Happening, Person
from streams.audience.titles import TAGS

Choice = tuple[int, Fields]
"""A title, and where on the page it was shown (empty when it was not on the page)."""


class Viewer(Person):
    """A person and all that they do."""

    # --- the life ---

    def life(self, start_ms: int) -> Iterator[Happening]:
        """Everything this viewer does from ``start_ms`` until they leave for good."""
        chance = self._chance
        self._now = start_ms
        paid_until = start_ms + int(chance.uniform(1, 30) * DAY)
        yield self._paid("subscription_started", plan=chance.choice(PLANS), period_days=30)
        self._pass(chance.uniform(2, 20))
        while True:
            yield from self._visit()
            if self._leaves():
                yield self._paid("subscription_cancelled")
                if chance.random() < 0.2:
                    self._pass(30)
                    yield self._happening("profile_deleted", {})
                self.gone = True
                return
            self._now += self._away_ms()
            if self._now > paid_until:
                paid_until += 30 * DAY
                if chance.random() < 0.05:
                    yield self._paid("subscription_payment_failed")
                    self._pass(3_600)
                yield self._paid("subscription_renewed", period_days=30)

    def _leaves(self) -> bool:
        return self._contentment < WORN_OUT and self._chance.random() < 0.35

    def _away_ms(self) -> int:
        """Time until the next visit: longer when worn down, and rather in hours in which people watch."""
        hours = self._chance.expovariate(1 / SESSIONS_EVERY_H) / (0.35 + self._contentment)
        return int((0.3 + hours / WAKING[self._hour()] ** 0.5) * HOUR)

    def _hour(self) -> int:
        return self._now // HOUR % 24

    # --- one visit ---

    def _visit(self) -> Iterator[Happening]:
        chance = self._chance
        self._session = f"{self._run}-{self.profile_id}-s{self._count}"
        self._device = self._devices[0] if chance.random() < 0.75 else chance.choice(self._devices)
        quarter = (
            (self._hour() + 2) // 6 % 4
        )  # night from 22, morning from 4, afternoon from 10, evening from 16
        self._pull = [
            taste + (MOODS[tag][quarter] if tag in MOODS else 0.0)
            for taste, tag in zip(self.taste, TAGS, strict=True)
        ]
        yield self._happening("session_start", {})
        content = False
        rounds = 0
        while rounds < 4:
            rounds += 1
            self._pass(chance.uniform(1, 4))
            found = yield from self._look_at_page()
            if found is None and chance.random() < 0.5:
                found = yield from self._look_elsewhere()
            if found is None:
                break
            content = (yield from self._play(*found)) or content
            if chance.random() > GOES_ON:
                break
        self._contentment += 0.25 * ((1.0 if content else 0.0) - self._contentment)
        self._pass(chance.uniform(1, 10))
        yield self._happening("session_end", {})

    def _look_at_page(self) -> Generator[Happening, None, Choice | None]:
        """Go down the page until something is clicked or patience ends. Returns title and place, or
        ``None``.
        """
        chance = self._chance
        order = self.page or tuple(self._rows)
        place = 0
        for row_id in order:
            row = self._rows.get(row_id)
            if row is None:
                continue
            titles = list(self._unfinished) if row.rule == "continue" else self._window(row.titles)
            if not titles:
                continue
            items = [
                {"title_id": self._catalog.titles[t].title_id, "position": i, "artwork_id": self._artwork(t)}
                for i, t in enumerate(titles)
            ]
            fields: Fields = {"row_id": row_id, "row_position": place, "items": items}
            if self.page_version is not None and self.page:
                fields["decision_version"] = self.page_version
            yield self._happening("impression", fields)
            self._pass(chance.uniform(1.5, 6))
            for position, title in enumerate(titles):
                appeal = self._appeal(title) + (1.5 if row.rule == "continue" else 0.0)
                if chance.random() < _sigmoid(appeal - CLICK_THRESHOLD - 0.25 * position):
                    shown = {
                        "row_id": row_id,
                        "row_position": place,
                        "position": position,
                        "artwork_id": self._artwork(title),
                    }
                    yield self._happening(
                        "click", {"title_id": self._catalog.titles[title].title_id, **shown}
                    )
                    return title, shown
            place += 1
            if chance.random() > PATIENCE:
                return None
        return None

    def _look_elsewhere(self) -> Generator[Happening, None, Choice | None]:
        """The page had nothing: search for a favourite tag, or browse a category. Returns title and no
        place.
        """
        chance = self._chance
        tag = max(range(len(TAGS)), key=lambda number: self._pull[number] + chance.gauss(0, 0.7))
        row = self._rows[TAGS[tag]]
        titles = self._window(row.titles)
        likes = [
            title for title in titles if self._appeal(title) > CLICK_THRESHOLD - 3.0 + chance.gauss(0, 1)
        ]
        self._pass(chance.uniform(5, 25))
        if chance.random() < 0.6:
            fields: Fields = {"query": TAGS[tag]}
            fields["title_ids"] = [self._catalog.titles[title].title_id for title in titles]
            if likes:
                fields["clicked_title_id"] = self._catalog.titles[likes[0]].title_id
            yield self._happening("search", fields)
        else:
            dwell = round(chance.expovariate(1 / 20), 1)
            self._pass(dwell)
            yield self._happening("browse", {"category_id": TAGS[tag], "dwell_s": dwell})
        return (likes[0], {}) if likes else None

    # --- one play ---

    def _play(self, title: int, shown: Fields) -> Generator[Happening, None, bool]:
        """Play a title as long as it pleases. Returns whether it was watched on."""
        chance = self._chance
        shown_title = self._catalog.titles[title]
        length = shown_title.duration_s
        about: Fields = {
            "playback_id": f"{self._run}-{self.profile_id}-b{self._count}",
            "title_id": shown_title.title_id,
        }
        if chance.random() < 0.04:
            watched = round(chance.uniform(10, 90), 1)
            self._pass(watched)
            view = {
                "trailer_id": shown_title.trailer_id,
                "title_id": shown_title.title_id,
                "watched_s": watched,
            }
            yield self._happening("trailer_view", view)
        self._pass(chance.uniform(1, 3))
        yield self._happening("playback_start", {**about, "duration_s": length, "position_s": 0.0, **shown})
        pleased = chance.random() < _sigmoid(self._appeal(title) - 1.2)
        wanted = (
            length * min(1.0, chance.uniform(0.55, 1.3))
            if pleased
            else min(length, chance.expovariate(1 / 60))
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
        self._seen.append(title)
        if title in self._unfinished:
            self._unfinished.remove(title)
        if position >= length - 0.05:
            yield self._happening("playback_complete", dict(about))
        elif not pleased and chance.random() < 0.5:
            yield self._happening("playback_skip", {**about, "position_s": round(position, 1)})
        else:
            yield self._happening("playback_stop", {**about, "position_s": round(position, 1)})
            if pleased:
                self._unfinished.append(title)
        yield from self._afterwards(shown_title.title_id, pleased)
        return pleased

    def _afterwards(self, title_id: str, pleased: bool) -> Iterator[Happening]:
        chance = self._chance
        if chance.random() < 0.06:
            self._pass(4)
            yield self._happening(
                "rating", {"title_id": title_id, "value": chance.choice((1, 1, 2)) if pleased else -1}
            )
        if chance.random() < 0.05:
            self._pass(3)
            yield self._happening("list_add" if pleased else "list_remove", {"title_id": title_id})


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
