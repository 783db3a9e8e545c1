"""What the simulated audience says a decision is worth is what really happens, and its best is the best."""

from __future__ import annotations

import itertools
import random

import pytest

from streams import topics
from streams.audience import truth
from streams.audience.crowd import FAR_MS, Audience
from streams.audience.habits import PATIENCE
from streams.audience.lifts import lifts
from streams.audience.making import simulated_catalog
from streams.audience.shown import Offer
from streams.audience.titles import TAGS
from streams.audience.truth import RANKED
from streams.audience.viewer import Viewer

START = 1_760_000_000_000
CATALOG = simulated_catalog(seed=5, titles=200, now_ms=START, brief=True)


def about_to_look(visits: int = 1, seed: int = 5) -> list[Viewer]:
    """Viewers who are about to look at their page, each in a visit of their own."""
    audience = Audience(CATALOG, profiles=40, seed=seed, start_ms=START)
    found: dict[str, Viewer] = {}
    while len(found) < 12:
        audience.step(FAR_MS, to_look=True)
        assert audience.looking is not None
        viewer = audience.looking.viewer
        if audience.looking.at == "page" and viewer.visits >= visits:
            found.setdefault(viewer.profile_id, viewer)
    return list(found.values())


def played_well(viewer: Viewer, choose: str, times: int) -> float:
    """How often what is chosen on the page, or along the categories, turns out to please."""
    good = 0
    tired, row_tired, contentment = dict(viewer.tired), dict(viewer.row_tired), viewer.contentment
    for _ in range(times):
        viewer.tired, viewer.row_tired, viewer.contentment = dict(tired), dict(row_tired), contentment
        look = viewer._look_at_page() if choose == "page" else viewer._look_at_categories()
        found = None
        while True:
            try:
                next(look)
            except StopIteration as ended:
                found = ended.value
                break
        if found is not None:
            good += viewer.chance.random() < truth.pleased_chance(viewer.appeals[found[0]])
    viewer.tired, viewer.row_tired, viewer.contentment = tired, row_tired, contentment
    return good / times


@pytest.mark.parametrize("choose", ["page", "categories"])
def test_the_worth_of_a_decision_is_how_often_it_leads_to_a_good_play(choose: str) -> None:
    times = 4_000
    for viewer in about_to_look(visits=3)[:4]:
        if choose == "page":
            told = truth.page_value(viewer, viewer.shown.order())
        else:
            told = truth.categories_value(viewer, viewer.shown.category_tags())
        happened = played_well(viewer, choose, times)
        assert abs(told - happened) < 4 * (0.25 / times) ** 0.5  # four standard errors of a share


def test_a_won_back_viewer_is_as_likely_as_the_trailer_is_worth() -> None:
    viewer = about_to_look()[0]
    offer = truth.best_offer(viewer)
    won = 0
    for _ in range(2_000):
        look = viewer._look_at_trailer(offer)
        next(look)
        with pytest.raises(StopIteration) as ended:
            next(look)
        won += ended.value.value
    assert abs(won / 2_000 * truth.habits.NOTICES - truth.trailer_value(viewer, offer)) < 0.04


def test_no_order_of_rows_is_worth_more_than_the_best_page() -> None:
    chance = random.Random(1)
    for viewer in about_to_look():
        best = truth.best_page(viewer)
        most = truth.page_value(viewer, best)
        for _ in range(40):
            order = list(best)
            if chance.random() < 0.5:
                chance.shuffle(order)
            else:  # a neighbour of the best is the hardest to beat
                i = chance.randrange(len(order) - 1)
                order[i], order[i + 1] = order[i + 1], order[i]
            assert truth.page_value(viewer, order) <= most + 1e-12
        assert 0.0 < most < 1.0
        assert truth.page_worth(viewer, best)[:2] == (most, most)


def test_leaving_rows_out_of_a_long_page_can_only_lose() -> None:
    viewer = about_to_look()[0]
    best = truth.best_page(viewer)
    values = [truth.page_value(viewer, best[:n]) for n in range(len(best) + 1)]
    assert values == sorted(values)
    assert values[0] == 0.0
    assert PATIENCE < 1.0


def test_the_best_ranking_is_as_good_as_the_best_of_all_lists_of_a_few_titles() -> None:
    for viewer in about_to_look()[:5]:
        best = truth.best_ranking(viewer)
        assert len(best) == RANKED
        few = list(best[:4]) + viewer.shelves.arrived[:2]
        lists = itertools.permutations(dict.fromkeys(few), 4)
        most = max(truth.titles_look(viewer, titles, 0.0).good for titles in lists)
        assert truth.titles_look(viewer, best[:4], 0.0).good > 0.995 * most


def test_the_best_image_trailer_and_categories_are_the_best_there_are() -> None:
    chance = random.Random(2)
    for viewer in about_to_look():
        title = chance.choice(viewer.shelves.arrived)
        images = range(len(CATALOG.titles[title].images))
        values = [truth.title_value(viewer, title, image) for image in images]
        assert values.index(max(values)) == truth.best_image(viewer, title)
        most = truth.trailer_value(viewer, truth.best_offer(viewer))
        for _ in range(20):
            other = chance.choice(viewer.shelves.arrived)
            if CATALOG.titles[other].age <= viewer.max_age:
                assert truth.trailer_value(viewer, Offer(other, 0)) <= most + 1e-12
        most = truth.categories_value(viewer, truth.best_categories(viewer))
        for _ in range(40):
            assert truth.categories_value(viewer, chance.sample(TAGS, 8)) <= most + 1e-9


def test_what_a_surface_adds_is_the_page_with_it_less_the_page_without() -> None:
    viewer = about_to_look()[0]
    shown = viewer.shown
    assert lifts(viewer) == {"rows": 0.0, "titles": 0.0, "artwork": 0.0}
    bare = truth.page_value(viewer, shown.order())
    shown.rows = truth.best_page(viewer)
    only_rows = lifts(viewer)
    assert only_rows["rows"] == truth.page_value(viewer, shown.rows) - bare > 0.0
    assert (only_rows["titles"], only_rows["artwork"]) == (0.0, 0.0)
    shown.ranking = truth.best_ranking(viewer)
    assert lifts(viewer)["titles"] > 0.0
    shown.artwork = {title: truth.best_image(viewer, title) for title in viewer.shelves.arrived}
    before = (shown.rows, shown.ranking, dict(shown.artwork))
    assert lifts(viewer)["artwork"] > 0.0
    assert (shown.rows, shown.ranking, shown.artwork) == before


def test_the_right_image_depends_on_who_looks() -> None:
    viewers = about_to_look()
    by_title = [
        {truth.best_image(viewer, title) for viewer in viewers} for title in viewers[0].shelves.arrived[:50]
    ]
    assert sum(len(images) > 1 for images in by_title) > 25


def test_what_is_decided_is_what_is_shown() -> None:
    viewer = about_to_look()[0]
    shown = viewer.shown
    names = [CATALOG.titles[title].title_id for title in (7, 3, 11)]
    shown.take(topics.HOMEPAGE_RANKINGS, {"titles": [*names, "of another catalog"]})
    assert shown.ranking == (7, 3, 11)
    fitting = [title for title in (7, 3, 11) if title in viewer.shelves.arrived]
    assert viewer.row_titles("for-you", "similar") == [
        title for title in fitting if CATALOG.titles[title].age <= viewer.max_age
    ]
    image = CATALOG.titles[7].images[1].artwork_id
    shown.take(topics.ARTWORK_CHOICES, {"title_id": names[0], "artwork_id": image})
    assert viewer._artwork(7) == image
    shown.take(topics.ARTWORK_CHOICES, {"title_id": names[0], "artwork_id": "of another catalog"})
    assert viewer._artwork(7) == image
    teaser = CATALOG.titles[3].trailers[0].trailer_id
    shown.take(topics.TRAILER_CHOICES, {"title_id": names[1], "trailer_id": teaser})
    assert shown.offer == Offer(3, 0)
    shown.take(topics.CATEGORY_CHOICES, {"categories": ["music", "crime"]})
    assert shown.category_tags() == ("music", "crime")
    assert shown.order()[0] == "continue"
    shown.take(topics.ROW_ORDER, {"rows": ["news", "kids"], "version": 9})
    assert (shown.order(), shown.rows_version) == (("news", "kids"), 9)
