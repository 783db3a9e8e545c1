"""Titles: who sees which twenty, what moves them, what never comes, and what is left when a profile goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from streams import topics
from streams.decisions.title_known import LATELY, N_FRESH, N_LEARNED, N_POPULAR, POPULAR, TITLE_TERMS
from streams.events.outputs import HomepageRankings
from streams.pipeline import create_engine
from streams.settings import DAY_MS, Settings
from streams.surfaces.titles import Titles
from tests.profiles.small_partition import PLAIN, Changelog, SmallPartition, restored
from tests.streams.journeys import START_MS, Journeys, batches, catalog
from tests.surfaces.ranking import picture_catalog, put_title

HOUR_S = 3_600.0
CONFIG = replace(PLAIN, surfaces="titles", sharing=False, titles_margin=0.0, quality_seconds=60.0)


def small(titles: int = 6, config: Settings = CONFIG, **changes: Any) -> SmallPartition:
    config = replace(config, **changes)
    return SmallPartition(config, known=picture_catalog(config, titles))


def surface(partition: SmallPartition) -> Titles:
    found = partition.engine.surfaces.surfaces["titles"]
    assert isinstance(found, Titles)
    return found


def visit(partition: SmallPartition, at_s: float, profile: str = "p") -> None:
    partition.send("session_start", at_s, profile)


def watch(
    partition: SmallPartition, at_s: float, title: str, profile: str = "p", seconds: float = 80
) -> float:
    """Play a title to its end after ``seconds`` of it were watched (80: a quality play)."""
    play = f"{profile}-{title}-{at_s}"
    end = partition.play(at_s, seconds, play, profile, title_id=title)
    partition.send("playback_stop", end + 1, profile, playback_id=play, title_id=title, position_s=3_590.0)
    return end + 1


def rankings(partition: SmallPartition, profile: str = "p") -> list[dict[str, Any]]:
    made = partition.decisions(topics.HOMEPAGE_RANKINGS)
    return [record for record in made if record.get("profile_id") == profile]


def page(partition: SmallPartition, profile: str = "p") -> list[str]:
    """The last ranking since the last drain."""
    return list(rankings(partition, profile)[-1]["titles"])


def test_a_new_profile_gets_what_is_watched_with_a_record_as_the_contract_has_it() -> None:
    partition = small()
    for n in range(5):
        watch(partition, 200 * n, "t3", f"other-{n}")
    watch(partition, 1_500, "t4", "other-9")
    partition.drain()
    visit(partition, 2_000)
    (record,) = rankings(partition)
    decision = msgspec.convert(record, HomepageRankings)
    assert decision.titles[:2] == ["t3", "t4"] and set(decision.titles) == {f"t{n}" for n in range(6)}
    assert len(decision.scores) == len(decision.titles) and decision.version == 1
    assert decision.scores[0] == max(decision.scores)
    assert decision.model.name == "titles" and decision.propensity == 1.0 and not decision.explore
    assert {reason.feature for reason in decision.reasons} <= {*TITLE_TERMS, "continue"}
    assert decision.reasons[0].title_id == "t3" and decision.reasons[0].contribution > 0
    assert record["cause"]["event_id"].startswith(topics.VIEWING_EVENTS)


def test_an_unchanged_ranking_is_not_emitted() -> None:
    partition = small()
    visit(partition, 0)
    assert len(rankings(partition)) == 1
    partition.send("session_end", 10)
    visit(partition, 20 * HOUR_S)
    assert rankings(partition) == []


def test_what_was_had_does_not_come_back_however_it_was_had() -> None:
    partition = small()
    visit(partition, 0)
    watch(partition, 10, "t0")
    watch(partition, 200, "t1", seconds=10)  # given up
    partition.send("rating", 300, title_id="t2", value=-1)
    assert set(page(partition)) == {"t3", "t4", "t5"}
    visit(partition, 90 * HOUR_S)
    top = partition.engine.state.tastes.records["top_titles"][partition.engine.state.profiles.slots["p"]]
    slots = partition.engine.state.titles.slots
    assert not {1 + slots["t0"], 1 + slots["t1"], 1 + slots["t2"]} & set(top.tolist())


def test_a_series_comes_again() -> None:
    partition = small()
    put_title(partition.catalog, name="saga", kind="series")
    visit(partition, 0)
    watch(partition, 10, "saga")
    watch(partition, 200, "t0")
    assert "saga" in page(partition)


def test_what_goes_with_what_was_watched_stands_on_top() -> None:
    partition = small(40)
    at = 0.0
    for n in range(18):
        pair = ("t20", "t21") if n % 3 == 0 else ("t10", "t11")
        for title in pair:
            at = watch(partition, at + 10, title, f"other-{n}")
    visit(partition, at + 10)
    assert set(page(partition)[:2]) == {"t10", "t11"}
    at = watch(partition, at + 20, "t20")
    assert page(partition)[0] == "t21"


def test_a_search_moves_the_page_at_once() -> None:
    partition = small(40)
    for n in range(20):
        watch(partition, 200 * n, "t1", f"other-{n}")
    put_title(partition.catalog, name="kites", tags=("wind",))
    visit(partition, 5_000)
    assert page(partition)[0] == "t1"
    partition.send("search", 5_010, query="anything", title_ids=["t30", "t31"], clicked_title_id="t31")
    record = rankings(partition)[-1]
    assert record["titles"][:2] == ["t31", "t30"] and record["reasons"][0]["feature"] == "search"
    partition.send("search", 5_020, query="Wind")  # a tag's name, whatever the case
    assert "kites" in page(partition)[:2]
    partition.send("search", 5_030, query="T17 ")  # a title's
    assert page(partition)[0] == "t17"
    visit(partition, 5_030 + 72 * HOUR_S)
    assert page(partition)[0] != "t17", "a search of three days ago is over"


def test_what_was_left_in_the_middle_leads_until_it_is_finished() -> None:
    partition = small(30)
    visit(partition, 0)
    for n, position_s in enumerate((1_800.0, 3_500.0, 60.0)):  # the middle, the credits, the beginning
        told = {"playback_id": f"b{n}", "title_id": f"t{n}"}
        partition.send("playback_start", 10 + n, duration_s=3_600.0, **told)
        partition.send("playback_stop", 12 + n, position_s=position_s, **told)
    record = rankings(partition)[-1]
    assert record["titles"][0] == "t0" and not {"t1", "t2"} & set(record["titles"])
    assert record["reasons"][0] == {"title_id": "t0", "feature": "continue", "contribution": 0.0}
    partition.send(
        "playback_start", 50, playback_id="c", title_id="t0", duration_s=3_600.0, position_s=1_800.0
    )
    partition.send("playback_complete", 60, playback_id="c", title_id="t0")
    assert "t0" not in page(partition)


@pytest.mark.parametrize(
    ("chosen", "allowed"),
    [
        ({"max_age": 12}, {"all", "six", "twelve"}),
        ({"kids": True}, {"all", "six", "twelve"}),
        ({"kids": True, "max_age": 6}, {"all", "six"}),
        ({}, {"all", "six", "twelve", "adult", "unknown"}),
    ],
)
def test_what_is_too_old_for_the_profile_never_comes(chosen: dict[str, Any], allowed: set[str]) -> None:
    partition = small(0, explore_share=0.9)
    ages = {"all": "0", "six": "FSK 6", "twelve": "12", "adult": "18", "unknown": None}
    for name, maturity in ages.items():
        put_title(partition.catalog, name=name, maturity=maturity)
    partition.send("profile_settings", 0, **chosen)
    assert set(page(partition)) == allowed
    partition.send("search", 5, query="adult", title_ids=["adult", "unknown"], clicked_title_id="adult")
    for n in range(1, 40):
        visit(partition, n * HOUR_S)
        partition.send("rating", n * HOUR_S + 1, title_id="unknown", value=1)
    for record in rankings(partition):
        assert set(record["titles"]) <= allowed
        assert not (record["explore"] and chosen.get("kids")), "kids are never experimented on"


def test_a_page_without_personal_data_shows_everybody_the_same() -> None:
    partition = small(30)
    at = 0.0
    for n in range(6):
        at = watch(partition, at + 10, f"t{n % 3}", f"other-{n}")
    at = watch(partition, at + 10, "t0", "plain")
    partition.send("search", at + 1, "plain", query="t9", clicked_title_id="t9")
    partition.send("profile_settings", at + 2, "plain", profiled=False)
    partition.send("profile_settings", at + 2, "nobody", profiled=False)
    visit(partition, at + 3, "nobody")
    made = partition.decisions(topics.HOMEPAGE_RANKINGS)
    mine = [record for record in made if record["profile_id"] == "plain"][-1]
    nobody = [record for record in made if record["profile_id"] == "nobody"][-1]
    assert mine["titles"] == nobody["titles"] and mine["scores"] == nobody["scores"]
    assert mine["titles"][0] == "t0", "even what was had: that it was is personal"
    assert mine["model"]["name"] == "popular" and mine["profiled"] is False and mine["propensity"] == 1.0


def test_a_new_title_gets_its_chance_by_its_tags_alone() -> None:
    partition = small(60)  # of tag-0
    at = 0.0
    for n in range(24):
        at = watch(partition, at + 10, f"t{n % 12}", f"other-{n}")
    for n in range(3):
        put_title(partition.catalog, name=f"jazz-{n}", tags=("jazz",))
        at = watch(partition, at + 10, f"jazz-{n}", "other-1")
        at = watch(partition, at + 10, f"jazz-{n}", "fan")
    put_title(partition.catalog, name="new-jazz", tags=("jazz",), released="2023-11-14")
    put_title(partition.catalog, name="new-other", tags=("opera",), released="2023-11-14")
    partition.send("rating", at + 5, "fan", title_id="jazz-0", value=2)
    partition.drain()
    visit(partition, at + 90 * HOUR_S, "fan")
    visit(partition, at + 90 * HOUR_S, "other-5")
    partition.send("session_end", at + 90 * HOUR_S + 5, "fan")
    records = partition.engine.state.tastes.records
    slots = partition.engine.state.titles.slots

    def place(profile: str) -> int:
        top = records["top_titles"][partition.engine.state.profiles.slots[profile]].tolist()
        return top.index(1 + slots["new-jazz"]) if 1 + slots["new-jazz"] in top else 99

    assert place("fan") < 20 and place("fan") < place("other-5")


def test_a_session_may_show_a_new_title_higher_than_it_earned_and_says_with_which_chance() -> None:
    partition = small(60, explore_share=0.5)
    at = 0.0
    for n in range(120):
        at = watch(partition, at + 10, f"t{n % 30}", f"other-{n}")
    partition.drain()
    for n in range(60):
        visit(partition, at + n, f"new-{n}")
    made = partition.decisions(topics.HOMEPAGE_RANKINGS)
    explored = [record for record in made if record["explore"]]
    assert 10 < len(explored) < 50
    shown = {record["titles"][3] for record in explored}
    names = partition.engine.state.titles.names
    known = surface(partition).known
    assert len(shown) > 5 and shown <= {names[slot] for slot in known.fresh[: known.n[N_FRESH]]}
    assert {record["propensity"] for record in made if not record["explore"]} == {0.5}
    assert all(0 < record["propensity"] < 0.05 for record in explored)


def test_titles_that_left_the_catalog_leave_the_page() -> None:
    partition = small(5)
    visit(partition, 0)
    assert "t2" in page(partition)
    partition.catalog.put(topics.TITLE_CATALOG, b"t2", None)
    partition.send("rating", 10, title_id="t4", value=1)
    assert set(page(partition)) == {"t0", "t1", "t3"}


def test_erasure_leaves_nothing_and_a_namesake_begins_anew() -> None:
    partition = small(30)
    visit(partition, 0)
    watch(partition, 10, "t1")
    slot = partition.engine.state.profiles.slots["p"]
    partition.drain()
    partition.send("profile_deleted", 500)
    assert partition.engine.state.tastes.records[slot].tobytes().strip(b"\0") == b""
    writes = partition.drain()[topics.HOMEPAGE_RANKINGS]
    assert writes.keys == [b"p"] and writes.values == [None]
    visit(partition, 600)
    (record,) = rankings(partition)
    assert record["version"] == 1 and "t1" in record["titles"]


def test_a_fault_leaves_the_popular_titles() -> None:
    partition = small(30)
    for n in range(3):
        watch(partition, 200 * n, "t7", f"other-{n}")
    partition.drain()

    def broken(moment: Any) -> None:
        raise ArithmeticError("broken")

    partition.engine.surfaces.one_by_one(lambda surface, reaction: broken)
    visit(partition, 1_000)
    (record,) = rankings(partition)
    assert record["model"]["name"] == "fallback" and len(record["titles"]) == 20
    assert partition.engine.stats.faults["titles"] == 1


def test_a_quality_play_teaches_and_learning_can_be_switched_off() -> None:
    learned = []
    for learning in (True, False):
        partition = small(12, learning=learning)
        at = 0.0
        for n in range(20):
            visit(partition, at + 5, f"p-{n}")
            at = watch(partition, at + 10, f"t{n % 4}", f"p-{n}")
        learned.append(surface(partition).known)
    assert learned[0].n[N_LEARNED] > 5 and not np.array_equal(learned[0].weights, learned[1].weights)
    assert learned[1].n[N_LEARNED] == 0


def test_lists_of_a_program_that_kept_more_are_cut() -> None:
    titles = surface(small(12))
    saved = titles.dump()
    saved["popular"] = np.arange(1, 97, dtype=np.int32)
    saved["lately"] = np.arange(1, 65, dtype=np.int32)
    saved["n"] = np.full_like(saved["n"], 96)
    titles.load(saved)
    assert titles.known.popular.tolist() == list(range(1, 1 + POPULAR))
    assert titles.known.lately.tolist() == list(range(1, 1 + LATELY))
    assert titles.known.n[N_POPULAR] == POPULAR


@pytest.mark.parametrize("size", [1, 7, 2_000])
def test_rankings_do_not_depend_on_batches_nor_on_a_restart(size: int) -> None:
    config = Settings(
        surfaces="titles", learn_batch=16, quality_seconds=40.0, sharing=False, explore_share=0.3
    )
    records = Journeys(11).records(1_500)
    whole = create_engine(0, config, catalog(config))
    cut = create_engine(0, config, catalog(config))
    log = Changelog()
    emitted: list[list[bytes | None]] = [[], []]
    for number, (engine, step) in enumerate(((whole, 2_000), (cut, size))):
        for batch in batches(records, step):
            engine.apply(batch, START_MS + 400 * DAY_MS)
            writes = engine.drain().topics
            emitted[number].extend(
                writes[topics.HOMEPAGE_RANKINGS].values if topics.HOMEPAGE_RANKINGS in writes else []
            )
            if number:
                log.take(writes, config.state_topic)
    assert emitted[0] == emitted[1] and len(emitted[0]) > 300
    used = len(whole.state.profiles.names)
    assert whole.state.tastes.records[:used].tobytes() == cut.state.tastes.records[:used].tobytes()
    titles = len(whole.state.titles.names)
    assert (
        whole.state.title_tastes.records[:titles].tobytes()
        == cut.state.title_tastes.records[:titles].tobytes()
    )
    small_one = SmallPartition(config, known=catalog(config))
    again = restored(small_one, log.compacted())
    more = batches(Journeys(11).records(1_900)[1_500:], 400)
    for engine in (whole, again):
        for batch in more:
            engine.apply(batch, START_MS + 400 * DAY_MS)
    after, before = again.drain().topics, whole.drain().topics
    assert after[topics.HOMEPAGE_RANKINGS].values == before[topics.HOMEPAGE_RANKINGS].values


def test_a_quality_play_is_told_to_the_titles_owner() -> None:
    partition = small(10, sharing=True)
    at = watch(partition, 10, "t1")
    partition.drain()
    watch(partition, at + 10, "t2")
    writes = partition.drain()[topics.TITLE_SIGNALS]
    (value,) = [orjson.loads(value or b"{}") for value in writes.values]
    assert writes.keys == [b"t2"]
    assert (value["quality"], value["played"], value["with"]) == (1.0, 1.0, [["t1", 1.0]])
