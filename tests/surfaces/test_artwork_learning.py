"""Artwork learns: with images of differing appeal at a play rate of 1.5 %, most of what can be gained comes within some
thousand views of a title; new images get their chance and bad ones lose it.

The simulation drives the surface's compiled functions, view by view, against a hidden truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.decisions import artwork_outcomes as outcomes
from streams.decisions.artwork import POLICIES, choose, new_art
from streams.decisions.artwork_choices import (
    ENOUGH_VIEWS,
    STAND_S,
    clearly_worse,
    entry_of,
    make_room,
    place_of,
)
from streams.profiles.parameters import Array
from streams.profiles.taste import ART_CHOICES, TASTE, TITLE_TASTE

BASE = -4.2
"""Log-odds of a quality play after a view: 1.5 %."""
DIFFER = 0.5
"""Standard deviation of an image's appeal, in log-odds."""
TAGS, IMAGES = 20, 4
BETWEEN_MS = 60_000


@dataclass
class Seen:
    """For each view: the true rate of the image shown, of the best one, and of one drawn alike."""

    shown: list[float]
    best: list[float]
    alike: list[float]

    def gain(self, begin: int, end: int) -> float:
        """Share of what the best image earns over any, that was earned."""
        shown, best, alike = (np.mean(rates[begin:end]) for rates in (self.shown, self.best, self.alike))
        return float((shown - alike) / (best - alike))


class Gallery:
    """Titles with images, profiles with tastes, and the truth about them."""

    def __init__(
        self, titles: int, profiles: int, affinity: float, seed: int, policy: str = "thompson"
    ) -> None:
        self.chance = np.random.default_rng(seed)
        self.tastes: Array = np.zeros(profiles, TASTE)
        self.titles: Array = np.zeros(titles, TITLE_TASTE)
        self.dirty: Array = np.zeros(titles, np.uint8)
        self.art = new_art()
        self.policy = POLICIES.index(policy)
        self.hidden = self.chance.dirichlet(np.full(TAGS, 0.3), profiles)
        for p in range(profiles):
            self.tastes["taste"][p, :TAGS] = self.chance.multinomial(15, self.hidden[p])
        self.tags = np.array([self.chance.choice(TAGS, IMAGES, replace=False) for _ in range(titles)])
        self.appeal = self.chance.normal(0.0, DIFFER, (titles, IMAGES))
        self.affinity = affinity
        self.titles["artworks"], self.titles["art_first"] = IMAGES, 1
        self.titles["art_id"][:, :IMAGES] = np.arange(1, IMAGES + 1)
        self.titles["art_tags"][:, :IMAGES, 0] = 1 + self.tags
        self.ts = 1_700_000_000_000
        self.resolved: Array = np.zeros(ART_CHOICES, outcomes.RESOLVED)
        self.shown = np.zeros((titles, IMAGES))

    def rates(self, p: int, t: int) -> Array:
        liking = self.affinity * (3.0 * np.sqrt(self.hidden[p][self.tags[t]]) - 0.6)
        return 1.0 / (1.0 + np.exp(-(BASE + self.appeal[t] + liking)))

    def view(self, seen: Seen) -> None:
        """One profile looks at one title."""
        p, t = int(self.chance.integers(len(self.tastes))), int(self.chance.integers(len(self.titles)))
        self.ts += BETWEEN_MS
        e = entry_of(self.tastes[p], t)
        if e < 0 or self._falls(p, t, e):
            e = make_room(self.tastes, p, t)
            title = self.titles[t]
            choose(
                self.tastes, p, e, self.titles, t, title["art_views"], title["art_plays"], 0, self.art, self.ts,
                self.policy, -1, 0.02, 0, self.chance.random(),
            )  # fmt: skip
        image, rates = int(self.tastes[p]["art_image"][e]), self.rates(p, t)
        self.shown[t, image - 1] += 1
        outcomes.note_view(
            self.tastes, p, e, image, self.ts, self.titles, self.dirty, self.art, self.resolved
        )
        played = self.chance.random() < rates[image - 1]
        if played:
            outcomes.note_start(self.tastes, p, t, self.ts, 600_000)
            outcomes.note_outcome(self.tastes, p, t, 1, self.titles, self.dirty, self.art, self.resolved)
        self.titles["art_untold_views"] = 0
        seen.shown.append(rates[image - 1])
        seen.best.append(rates.max())
        seen.alike.append(rates.mean())

    def _falls(self, p: int, t: int, e: int) -> bool:
        choice = self.tastes[p]
        if self.ts // 1_000 < int(choice["art_chosen_s"][e]) + STAND_S:
            return False
        place = place_of(self.titles[t], choice["art_image"][e])
        return bool(
            choice["art_views"][e] >= ENOUGH_VIEWS or clearly_worse(self.titles[t], place, self.art[0])
        )


def look(gallery: Gallery, views: int) -> Seen:
    seen = Seen([], [], [])
    for _ in range(views):
        gallery.view(seen)
    return seen


def test_most_of_the_gain_comes_within_some_thousand_views() -> None:
    """Images differ for everybody alike, tags say nothing: galleries of three titles, 4,000 views a title."""
    early = Seen([], [], [])
    late = Seen([], [], [])
    for seed in range(4):
        seen = look(Gallery(3, 800, 0.0, seed), 12_000)
        for rates, last, pooled in (
            (seen.shown, late.shown, early.shown),
            (seen.best, late.best, early.best),
            (seen.alike, late.alike, early.alike),
        ):
            pooled.extend(rates[:1_500])
            last.extend(rates[9_000:])
    assert late.gain(0, 12_000) > 0.5
    assert late.gain(0, 12_000) > early.gain(0, 6_000) + 0.15


def test_taste_chooses_better_than_the_images_own_rates() -> None:
    personal = look(Gallery(20, 600, 1.2, 5), 12_000)
    alike = look(Gallery(20, 600, 1.2, 5, "no_context"), 12_000)
    assert personal.gain(0, 12_000) > alike.gain(0, 12_000) + 0.2
    assert personal.gain(0, 12_000) > 0.45


def test_without_learning_there_is_no_gain() -> None:
    gallery = Gallery(3, 800, 0.0, 1)
    gallery.art["frozen"] = 1
    seen = look(gallery, 6_000)
    assert abs(seen.gain(3_000, 6_000)) < 0.15
    assert not gallery.titles["art_views"].any()


def test_a_bad_image_loses_its_chance_and_a_new_good_one_gets_it() -> None:
    gallery = Gallery(1, 1_500, 0.0, 3)
    gallery.appeal[0] = [-1.5, 0.0, 0.0, 0.0]
    gallery.titles["art_id"][0, 3] = 0  # the fourth image comes later
    gallery.titles["artworks"] = 3
    look(gallery, 4_000)
    share = gallery.shown[0] / gallery.shown[0].sum()
    assert share[0] < 0.2 and share[3] == 0
    gallery.titles["art_id"][0, 3] = 4
    gallery.titles["artworks"] = 4
    gallery.appeal[0, 3] = 1.2
    gallery.shown[:] = 0
    look(gallery, 6_000)
    gallery.shown[:] = 0
    look(gallery, 3_000)
    share = gallery.shown[0] / gallery.shown[0].sum()
    assert share[3] > 0.5 and share[0] < 0.1
