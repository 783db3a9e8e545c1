"""Artwork: who gets which image, how long it stands, what its views teach, and what is left when a profile goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from streams import topics
from streams.decisions.artwork import USUAL_PLAYS, USUAL_RATE
from streams.decisions.artwork_choices import ENOUGH_VIEWS
from streams.errors import ConfigurationError
from streams.events.outputs import ArtworkChoice
from streams.events.rekeyed import TITLE_SIGNAL, TitleStats
from streams.pipeline import create_engine
from streams.profiles.taste import ART_CHOICES
from streams.settings import DAY_MS, Settings
from streams.surfaces import running
from streams.surfaces.artwork import Artwork
from streams.topics import choice_key, choice_of, profile_of
from tests.profiles.small_partition import PLAIN, Changelog, SmallPartition, restored
from tests.streams.journeys import START_MS, Journeys, batches, catalog
from tests.surfaces.ranking import picture_catalog, put_title

DAY_S = DAY_MS / 1_000
ART = replace(PLAIN, surfaces="titles,artwork", sharing=False)


@pytest.fixture(autouse=True)
def ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(running.SURFACES, "titles", "tests.surfaces.ranking:MetLast")


def small(titles: int = 4, config: Settings = ART, **changes: Any) -> SmallPartition:
    config = replace(config, **changes)
    return SmallPartition(config, known=picture_catalog(config, titles))


def surface(partition: SmallPartition) -> Artwork:
    found = partition.engine.surfaces.surfaces["artwork"]
    assert isinstance(found, Artwork)
    return found


def rank(partition: SmallPartition, at_s: float, *titles: str, profile: str = "p") -> None:
    """Make these the profile's best titles (a rating each)."""
    for n, name in enumerate(reversed(titles)):
        partition.send("rating", at_s + 0.001 * n, profile, title_id=name, value=1)


def choices(partition: SmallPartition) -> dict[str, dict[str, Any]]:
    """The last choice of each key since the last drain, by key; a tombstone is empty."""
    writes = partition.drain().get(topics.ARTWORK_CHOICES)
    if writes is None:
        return {}
    return {
        (key or b"").decode(): orjson.loads(value or b"{}")
        for key, value in zip(writes.keys, writes.values, strict=True)
    }


def view(partition: SmallPartition, at_s: float, name: str, artwork: str, profile: str = "p") -> None:
    partition.send(
        "impression", at_s, profile, row_id="r00", row_position=0,
        items=[{"title_id": name, "position": 0, "artwork_id": artwork}],
    )  # fmt: skip


def counts(partition: SmallPartition, name: str) -> tuple[list[float], list[float]]:
    record = partition.engine.state.title_tastes.records[partition.engine.state.titles.slots[name]]
    return record["art_views"].tolist(), record["art_plays"].tolist()


def test_a_title_that_enters_the_ranking_gets_an_image() -> None:
    partition = small()
    rank(partition, 0, "t0", "t1")
    made = choices(partition)
    assert set(made) == {"p|t0", "p|t1"}
    for key, record in made.items():
        assert record["artwork_id"].startswith(record["title_id"]) and key.endswith(record["title_id"])
        assert record["previous"] is None and record["model"]["name"] == "artwork"
        assert 0 < record["propensity"] < 1
        assert record["cause"]["topic"] == topics.VIEWING_EVENTS
        ArtworkChoice(**(record | {"model": None, "cause": None}))
    assert sorted(record["version"] for record in made.values()) == [1, 2]
    rank(partition, 60, "t1", "t0")
    assert choices(partition) == {}, "a choice stands"


def test_one_image_is_no_choice_and_none_is_no_fault() -> None:
    partition = small(titles=1)
    put_title(partition.catalog, name="bare", images=0)
    put_title(partition.catalog, name="single", images=1)
    rank(partition, 0, "bare", "single", "unknown")
    assert choices(partition) == {}
    assert not partition.engine.stats.faults


def test_the_logged_propensity_is_the_frequency_over_seeds() -> None:
    """Learn a little first, so that images differ; then the same choice for many profiles: their draws differ."""
    partition = small(titles=1, artwork_uniform=0.1)
    art = surface(partition)
    rank(partition, 0, "t0", profile="first")
    title = partition.engine.state.titles.slots["t0"]
    record = partition.engine.state.title_tastes.records[title]
    record["art_views"][:3], record["art_plays"][:3] = [400, 300, 200], [4, 9, 1]
    art.art["views"], art.art["plays"] = 900, 14
    partition.drain()
    made = []
    for n in range(1_500):
        rank(partition, 1, "t0", profile=f"profile-{n}")
    made = [record for record in choices(partition).values() if record]
    assert len(made) == 1_500
    logged = {record["artwork_id"]: record["propensity"] for record in made}
    assert len(logged) == 3 and sum(logged.values()) == pytest.approx(1.0, abs=1e-6)
    assert len({record["propensity"] for record in made}) == 3, "the same state gives the same chances"
    for artwork, propensity in logged.items():
        seen = sum(record["artwork_id"] == artwork for record in made) / len(made)
        assert abs(seen - propensity) < 4 * np.sqrt(propensity * (1 - propensity) / len(made))
    assert max(logged, key=lambda artwork: logged[artwork]) == "t0-a1"
    assert {record["explore"] for record in made if record["artwork_id"] == "t0-a1"} == {False}
    assert {record["explore"] for record in made if record["artwork_id"] != "t0-a1"} == {True}


def test_a_quality_play_from_a_view_is_a_reward_and_an_ignored_view_none() -> None:
    partition = small()
    rank(partition, 0, "t0", "t1")
    made = choices(partition)
    resolved: list[tuple[Any, ...]] = []
    surface(partition).context.policy_listeners.append(lambda *told: resolved.append(told))
    view(partition, 10, "t0", made["p|t0"]["artwork_id"])
    view(partition, 11, "t1", made["p|t1"]["artwork_id"])
    partition.play(20, 200, title_id="t0")
    assert [told[:3] for told in resolved] == [("artwork", pytest.approx(made["p|t0"]["propensity"]), 1.0)]
    assert sum(counts(partition, "t0")[1]) == 1
    view(partition, 1_000, "t1", made["p|t1"]["artwork_id"])
    assert [told[2] for told in resolved] == [1.0, 0.0], "its window was over"
    assert counts(partition, "t1")[0].count(1.0) == 1 and sum(counts(partition, "t1")[1]) == 0
    shadow = resolved[0][3]
    assert 0 <= shadow["greedy"] <= 1
    assert int(surface(partition).art["learned"][0]) == 2


def test_an_abandoned_play_is_no_reward() -> None:
    partition = small()
    rank(partition, 0, "t0")
    view(partition, 10, "t0", choices(partition)["p|t0"]["artwork_id"])
    at = partition.play(20, 60, title_id="t0")
    assert sum(counts(partition, "t0")[0]) == 0, "not known yet"
    partition.send("playback_stop", at + 1, playback_id="play", title_id="t0", position_s=60.0)
    assert sum(counts(partition, "t0")[0]) == 1 and sum(counts(partition, "t0")[1]) == 0


def test_an_image_that_was_not_ours_is_counted_and_says_nothing_of_the_policy() -> None:
    partition = small()
    rank(partition, 0, "t0")
    chosen = choices(partition)["p|t0"]["artwork_id"]
    other = next(f"t0-a{n}" for n in range(3) if f"t0-a{n}" != chosen)
    told: list[Any] = []
    surface(partition).context.policy_listeners.append(lambda *outcome: told.append(outcome))
    weights = surface(partition).art["weight"].copy()
    view(partition, 10, "t0", other)
    partition.play(20, 200, title_id="t0")
    view(partition, 500, "t0", "no image of this title")
    place = surface(partition).places.ids(partition.engine.state.titles.slots["t0"]).index(other)
    assert counts(partition, "t0")[0][place] == 1 and counts(partition, "t0")[1][place] == 1
    assert told == [] and (surface(partition).art["weight"] == weights).all()


def test_a_choice_stands_until_enough_views_and_for_a_day() -> None:
    partition = small(titles=1)
    rank(partition, 0, "t0")
    artwork = choices(partition)["p|t0"]["artwork_id"]
    draws = lambda: int(partition.engine.state.tastes.records["art_draws"][0])  # noqa: E731
    for n in range(ENOUGH_VIEWS + 1):
        view(partition, 10 + n, "t0", artwork)
    rank(partition, 3_600, "t0")
    assert draws() == 1, "not on the same day"
    rank(partition, DAY_S + 60, "t0")
    assert draws() == 2, "then it is chosen anew"
    rank(partition, 3 * DAY_S, "t0")
    assert draws() == 2, "which stands, as nobody has seen it"


def test_a_clearly_worse_image_goes_the_next_day() -> None:
    partition = small(titles=1, artwork_policy="greedy", artwork_uniform=0.0)
    rank(partition, 0, "t0")
    chosen = choices(partition)["p|t0"]["artwork_id"]
    title = partition.engine.state.titles.slots["t0"]
    record = partition.engine.state.title_tastes.records[title]
    place = surface(partition).places.ids(title).index(chosen)
    record["art_views"][:3], record["art_plays"][:3] = 2_000, 60
    record["art_plays"][place] = 4
    rank(partition, 100, "t0")
    assert choices(partition) == {}
    rank(partition, DAY_S + 60, "t0")
    made = choices(partition)["p|t0"]
    assert made["previous"] == chosen != made["artwork_id"]


def test_an_image_that_left_the_catalog_is_replaced_at_once() -> None:
    partition = small(titles=1)
    rank(partition, 0, "t0")
    chosen = choices(partition)["p|t0"]["artwork_id"]
    left = [{"artwork_id": f"t0-a{n}", "tags": []} for n in range(3) if f"t0-a{n}" != chosen]
    put_title(partition.catalog, name="t0", artworks=left)
    rank(partition, 10, "t0")
    made = choices(partition)["p|t0"]
    assert made["artwork_id"] in {artwork["artwork_id"] for artwork in left}


def test_children_are_not_experimented_on_and_a_plain_page_is_not_personal() -> None:
    partition = small(artwork_uniform=0.5)
    for n in range(30):
        partition.send("profile_settings", n, f"kid-{n}", kids=True)
        rank(partition, 100 + n, "t0", profile=f"kid-{n}")
        partition.send("profile_settings", n, f"plain-{n}", profiled=False)
        rank(partition, 100 + n, "t0", profile=f"plain-{n}")
    made = choices(partition)
    kids = [record for key, record in made.items() if key.startswith("kid")]
    plain = [record for key, record in made.items() if key.startswith("plain")]
    assert len(kids) == len(plain) == 30
    assert {(record["propensity"], record["explore"]) for record in made.values()} == {(1.0, False)}
    assert {record["model"]["name"] for record in plain} == {"popular"}
    assert {record["profiled"] for record in plain} == {False}
    assert len({record["artwork_id"] for record in plain}) == 1


def test_another_kind_of_page_makes_choices_anew() -> None:
    partition = small()
    rank(partition, 0, "t0", "t1")
    partition.drain()
    partition.send("profile_settings", 10, profiled=False)
    made = choices(partition)
    assert {key: record["model"]["name"] for key, record in made.items()} == {
        "p|t0": "popular", "p|t1": "popular",
    }  # fmt: skip
    partition.send("profile_settings", 20, profiled=False, max_age=18)
    assert choices(partition) == {}


def test_an_erased_profile_leaves_nothing() -> None:
    """30 titles pass through 16 places: every key that was ever written must end as a tombstone."""
    partition = small(titles=30)
    last: dict[str, dict[str, Any]] = {}
    for n in range(30):
        rank(partition, n, f"t{n}", profile="p|%1")
        last |= choices(partition)
    assert sum(bool(record) for record in last.values()) == 16
    slot = partition.engine.state.profiles.slots["p|%1"]
    partition.send("profile_deleted", 100, "p|%1")
    last |= choices(partition)
    assert len(last) == 30 and not any(last.values())
    assert all(key.startswith("p%7C%251|t") for key in last)
    assert not partition.engine.state.tastes.records[slot].tobytes().strip(b"\0")


def test_keys_do_not_collide() -> None:
    assert choice_key("a|b", "c") != choice_key("a", "b|c")
    assert choice_key("a%7Cb", "c") != choice_key("a|b", "c")
    for profile in ("a|b", "a%7Cb", "50%", "%25|"):
        assert choice_of(choice_key(profile, profile[::-1])) == (profile, profile[::-1])
        assert profile_of(topics.ARTWORK_CHOICES, choice_key(profile, "t")) == profile
        assert profile_of(topics.ROW_ORDER, profile) == profile
    assert profile_of(topics.EXPERIMENT_RESULTS, "e") is None


def test_a_withdrawn_choice_says_nothing_of_other_pages() -> None:
    """Answers are written where earlier ones stood: what those said of their page must not be taken for this one's."""
    partition = small(titles=ART_CHOICES + 4)
    partition.engine.surfaces.dealing._answers.images["plain"] = 1
    for n in range(ART_CHOICES + 4):
        rank(partition, n * 90_000, f"t{n}")
    written = partition.drain()[topics.ARTWORK_CHOICES]
    assert None in written.values
    assert all(orjson.loads(value).get("profiled", True) for value in written.values if value is not None)


def test_a_fault_falls_back_to_the_first_image() -> None:
    partition = small()
    art = partition.engine.surfaces.dealing.desk["art"][0]
    art["views"] = -USUAL_PLAYS / USUAL_RATE  # the rate over all images has nothing to divide by
    rank(partition, 0, "t1")
    record = choices(partition)["p|t1"]
    assert (record["artwork_id"], record["model"]["name"], record["propensity"]) == ("t1-a0", "fallback", 1.0)
    assert set(partition.engine.stats.faults) == {"artwork"}
    art["views"] = 0.0
    view(partition, 5, "t1", "t1-a0")
    partition.play(10, 200, title_id="t1")
    assert sum(counts(partition, "t1")[1]) == 1


def test_the_titles_owner_is_told_every_view_once_and_what_all_know_is_used() -> None:
    """50 views make two records of 20; the rest waits. What comes back for all partitions outweighs the own."""
    partition = small(titles=1, sharing=True, artwork_policy="greedy", artwork_uniform=0.0)
    rank(partition, 0, "t0")
    artwork = choices(partition)["p|t0"]["artwork_id"]
    for n in range(50):
        view(partition, 10 + n, "t0", artwork)
    writes = partition.drain()[topics.TITLE_SIGNALS]
    told = [TITLE_SIGNAL.decode(value or b"") for value in writes.values]
    assert [signal.artworks for signal in told] == [[(artwork, 20.0, 0.0)]] * 2
    assert {signal.source for signal in told} == {0}
    shared = surface(partition).context.shared
    liked = "t0-a2" if artwork != "t0-a2" else "t0-a1"
    stats = TitleStats(
        title_id="t0", ts=START_MS, fast=0.0, slow=0.0, quality=0.0, plays=0.0,
        artworks=[("t0-a0", 500.0, 5.0), ("t0-a1", 500.0, 5.0), (artwork, 500.0, 4.0), (liked, 500.0, 60.0)],
    )  # fmt: skip
    shared.put(topics.TITLE_STATS, b"t0", msgspec.json.encode(stats))
    rank(partition, 100, "t0", profile="another")
    assert choices(partition)["another|t0"]["artwork_id"] == liked
    assert not partition.engine.stats.faults


def test_an_unknown_policy_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="thompson"):
        small(artwork_policy="best")


@pytest.mark.parametrize("size", [1, 7, 2_000])
def test_choices_do_not_depend_on_batches(size: int) -> None:
    config = Settings(
        surfaces="titles,artwork", learn_batch=16, quality_seconds=40.0, sharing=False, artwork_uniform=0.2
    )
    outputs, engines = [], []
    for cut in (size, 53):
        engine = create_engine(0, config, catalog(config))
        written: list[tuple[bytes | None, bytes | None]] = []
        for batch in batches(Journeys(6).records(2_000), cut):
            engine.apply(batch, START_MS + 10_000 * DAY_MS)
            writes = engine.drain().topics.get(topics.ARTWORK_CHOICES)
            if writes is not None:
                written.extend(zip(writes.keys, writes.values, strict=True))
        outputs.append(written)
        engines.append(engine)
    assert outputs[0] == outputs[1] and len(outputs[0]) > 100
    one, other = engines
    assert one.state.tastes.records.tobytes() == other.state.tastes.records.tobytes()
    assert one.state.title_tastes.records.tobytes() == other.state.title_tastes.records.tobytes()
    dumps = [engine.surfaces.surfaces["artwork"].dump()["art"] for engine in engines]
    assert all(np.array_equal(dumps[0][name], dumps[1][name]) for name in dumps[0])
    assert int(dumps[0]["learned"]) > 20
    assert not one.stats.faults


def test_what_was_learned_and_chosen_survives_a_restart() -> None:
    partition = small()
    kept = Changelog()
    rank(partition, 0, "t0", "t1")
    made = choices_and_log(partition, kept)
    view(partition, 10, "t0", made["p|t0"]["artwork_id"])
    partition.play(20, 200, title_id="t0")
    choices_and_log(partition, kept)
    again = SmallPartition(partition.settings, known=partition.catalog)
    again.engine = restored(partition, kept.compacted())
    before, after = surface(partition).art, surface(again).art
    assert before.tobytes() == after.tobytes()
    items = [{"title_id": "t1", "position": 0, "artwork_id": made["p|t1"]["artwork_id"]}]
    more = [partition.record("impression", 500, row_id="r00", row_position=0, items=items)]
    for n in (2, 3):
        more.append(partition.record("rating", 2 * DAY_S + n, title_id=f"t{n}", value=1))
    for either in (partition, again):
        either.apply(more)
    assert choices(partition) == choices(again) != {}
    assert surface(partition).art.tobytes() == surface(again).art.tobytes()


def choices_and_log(partition: SmallPartition, kept: Changelog) -> dict[str, dict[str, Any]]:
    writes = partition.drain()
    kept.take(writes, partition.settings.state_topic)
    made = writes.get(topics.ARTWORK_CHOICES)
    if made is None:
        return {}
    return {
        (key or b"").decode(): orjson.loads(value or b"{}")
        for key, value in zip(made.keys, made.values, strict=True)
    }
