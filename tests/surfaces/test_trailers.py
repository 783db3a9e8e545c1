"""Trailers: who gets one and who does not, what an offer teaches when, and that nobody is nagged."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from streams import topics
from streams.decisions.churn import band_of
from streams.decisions.trailers import VIEW_REWARD, WEEK_MS
from streams.errors import ConfigurationError
from streams.pipeline import NO_EVENTS, create_engine
from streams.profiles.moments import MOMENT, Moment, MomentKind
from streams.settings import DAY_MS, Settings
from streams.surfaces import running
from streams.surfaces.trailers import Trailers
from tests.profiles.small_partition import PLAIN, Changelog, SmallPartition, restored
from tests.streams.journeys import START_MS, Journeys, batches, catalog
from tests.surfaces.ranking import picture_catalog, put_title

DAY_S = DAY_MS / 1_000
TRAILERS = replace(PLAIN, surfaces="titles,trailers", sharing=False, churn_step=0.05, trailer_hazard=0.3)


@pytest.fixture(autouse=True)
def ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(running.SURFACES, "titles", "tests.surfaces.ranking:MetLast")


def small(titles: int = 6, trailers: int = 2, **changes: Any) -> SmallPartition:
    config = replace(TRAILERS, **changes)
    return SmallPartition(config, known=picture_catalog(config, titles, trailers=trailers))


def surface(partition: SmallPartition) -> Trailers:
    found = partition.engine.surfaces.surfaces["trailers"]
    assert isinstance(found, Trailers)
    return found


def rank(partition: SmallPartition, at_s: float, *titles: str, profile: str = "p") -> None:
    for n, name in enumerate(reversed(titles)):
        partition.send("rating", at_s + 0.001 * n, profile, title_id=name, value=1)


def worry(partition: SmallPartition, day: float, profile: str = "p") -> None:
    """A refused payment: the churn score rises."""
    partition.send("subscription_payment_failed", day * DAY_S, profile)


def offers(partition: SmallPartition) -> list[dict[str, Any]]:
    return partition.decisions(topics.TRAILER_CHOICES)


def outcomes(partition: SmallPartition) -> list[tuple[Any, ...]]:
    """Every outcome from now on, as it is told."""
    told: list[tuple[Any, ...]] = []
    surface(partition).context.policy_listeners.append(lambda *outcome: told.append(outcome))
    return told


def test_a_rising_score_is_answered_with_a_trailer() -> None:
    partition = small()
    rank(partition, 0, "t1", "t2")
    assert offers(partition) == [], "the first score is no rise"
    worry(partition, 0.5)
    (offer,) = offers(partition)
    assert offer["trailer_id"].startswith(offer["title_id"]) and offer["title_id"] in ("t1", "t2")
    assert offer["churn_probability"] >= 0.3 and offer["previous"] is None and offer["version"] == 1
    assert 0 < offer["propensity"] < 1 and offer["model"]["name"] == "trailers"
    assert offer["cause"]["topic"] in topics.INPUTS
    worry(partition, 2)
    (second,) = offers(partition)
    assert second["previous"] == offer["trailer_id"] != second["trailer_id"] and second["version"] == 2


@pytest.mark.parametrize(
    ("probability", "before", "answered"),
    [
        (0.6, 0.5, True),
        (0.31, 0.30, True),
        (0.25, 0.15, True),  # into a higher band
        (0.25, 0.21, False),  # risen, but neither high nor into a higher band
        (0.6, 0.7, False),  # fallen
        (0.6, -1.0, False),  # the first
    ],
)
def test_what_counts_as_rising(probability: float, before: float, answered: bool) -> None:
    partition = small()
    rank(partition, 0, "t1", "t2")
    slot = partition.engine.state.profiles.slots["p"]
    scored = Moment(
        int(MomentKind.SCORED), 0, band_of(probability), -1, -1, -1, slot, -1, START_MS + DAY_MS, 0, 0,
        probability, before, 0.0,
    )  # fmt: skip
    partition.drain()
    partition.engine.surfaces.follow(np.array([scored], MOMENT), NO_EVENTS)
    assert len(offers(partition)) == answered


def test_nobody_is_nagged() -> None:
    """However often the score rises: at most two offers in any seven days, a day apart, and none twice."""
    partition = small(titles=20, churn_step=0.001)
    rank(partition, 0, *(f"t{n}" for n in range(20)))
    made = []
    for step in range(1, 150):
        worry(partition, step / 4)
        made += offers(partition)
    times = [offer["ts"] for offer in made]
    assert len(times) >= 8
    for at in times:
        assert sum(at - WEEK_MS < other <= at for other in times) <= 2
    assert all(after - before >= DAY_MS for before, after in pairwise(times))
    names = [offer["trailer_id"] for offer in made]
    assert all(name not in names[max(0, n - 3) : n] for n, name in enumerate(names))


def test_a_trailer_that_was_seen_is_never_offered() -> None:
    partition = small(titles=4, trailers=1, churn_step=0.001)
    rank(partition, 0, "t0", "t1", "t2", "t3")
    for n in (0, 1, 2):
        partition.send("trailer_view", 10 + n, trailer_id=f"t{n}-v0", title_id=f"t{n}", watched_s=5.0)
    made = []
    for step in range(1, 40):
        worry(partition, step)
        made += offers(partition)
    assert {offer["trailer_id"] for offer in made} == {"t3-v0"}


def test_without_a_ranking_popular_titles_stand_in_and_age_limits_hold() -> None:
    partition = small(titles=3, surfaces="trailers")
    put_title(partition.catalog, name="adult", maturity="18")
    partition.send("profile_settings", 0, max_age=12)
    slow = partition.engine.state.title_tastes.records["slow"]
    slots = partition.engine.state.titles.slots
    slow[slots["t2"]] = 5.0
    partition.send("session_start", 1)
    slow[slots["adult"]] = 50.0
    made = []
    for step in range(1, 30):
        worry(partition, step)
        made += offers(partition)
    assert made and "adult" not in {offer["title_id"] for offer in made}


@pytest.mark.parametrize("kind", ["", "plain", "cancelled", "back again"])
def test_some_get_none(kind: str) -> None:
    """Silence alone raises the score: most are offered something, not those who said no."""
    partition = small(churn_step=0.01)
    rank(partition, 0, "t1", "t2")
    if kind == "plain":
        partition.send("profile_settings", 10, profiled=False)
    if kind in ("cancelled", "back again"):
        partition.send("subscription_cancelled", 10)
    if kind == "back again":
        partition.send("subscription_started", 20)
    for hour in range(1, 20 * 24):
        partition.send("session_start", hour * 3_600, "somebody else")
    made = [offer for offer in offers(partition) if offer["profile_id"] == "p"]
    assert bool(made) == (kind in ("", "back again"))


def test_a_plain_page_takes_the_offer_back() -> None:
    partition = small()
    rank(partition, 0, "t1", "t2")
    worry(partition, 0.5)
    assert len(offers(partition)) == 1
    partition.send("profile_settings", DAY_S, profiled=False)
    assert offers(partition) == [{}]
    told = outcomes(partition)
    partition.send("session_start", 9 * DAY_S)
    assert told == []


def test_children_are_not_experimented_on() -> None:
    partition = small(trailer_uniform=0.9)
    made = []
    for n in range(20):
        partition.send("profile_settings", n, f"kid-{n}", kids=True)
        rank(partition, 30 + n, "t1", "t2", profile=f"kid-{n}")
        worry(partition, 0.5 + n / 100, f"kid-{n}")
        made += offers(partition)
    assert len(made) == 20 and len({offer["trailer_id"] for offer in made}) == 1
    assert {(offer["propensity"], offer["explore"]) for offer in made} == {(1.0, False)}


@pytest.mark.parametrize(
    ("viewed", "returned", "reward"),
    [(False, False, 0.0), (True, False, VIEW_REWARD), (False, True, 1.0), (True, True, 1.0)],
)
def test_an_outcome_is_learned_when_a_week_has_passed_and_not_before(
    viewed: bool, returned: bool, reward: float
) -> None:
    partition = small()
    rank(partition, 0, "t1", "t2")
    worry(partition, 0.5)
    (offer,) = offers(partition)
    told = outcomes(partition)
    at = DAY_S
    if viewed:
        shown = {"trailer_id": offer["trailer_id"], "title_id": offer["title_id"]}
        partition.send("trailer_view", at, watched_s=25.0, **shown)
    if returned:
        partition.play(at + 100, 200, title_id="t5")
    partition.send("session_start", 7.4 * DAY_S, "somebody else")
    assert told == []
    partition.send("session_start", 7.6 * DAY_S, "somebody else")
    ((name, propensity, earned, shadow, _, _),) = told
    assert (name, earned) == ("trailers", reward) and propensity == pytest.approx(offer["propensity"])
    assert "greedy" in shadow
    title = partition.engine.state.titles.slots[offer["title_id"]]
    record = partition.engine.state.title_tastes.records[title]
    assert (record["trailer_offers"], record["trailer_returns"]) == (1, pytest.approx(reward))
    assert int(surface(partition).offers["learned"][0]) == 1


def test_a_glimpse_is_no_view_and_a_play_after_the_week_no_return() -> None:
    partition = small()
    rank(partition, 0, "t1", "t2")
    worry(partition, 0.5)
    (offer,) = offers(partition)
    told = outcomes(partition)
    partition.send(
        "trailer_view", DAY_S, trailer_id=offer["trailer_id"], title_id=offer["title_id"], watched_s=10.0
    )
    partition.play(7.6 * DAY_S, 200, title_id="t5")
    assert [outcome[2] for outcome in told] == [0.0]


def test_the_logged_propensity_is_the_frequency_over_profiles() -> None:
    """Profiles that are alike but for their name get the same chances, and the trailers by these chances."""
    partition = small(titles=3, trailers=1)
    made = []
    for n in range(600):
        profile = f"profile-{n}"
        rank(partition, 0, "t0", "t1", "t2", profile=profile)
        partition.send("subscription_payment_failed", 100, profile)
        made += offers(partition)
    assert len(made) == 600
    chances = {offer["trailer_id"]: offer["propensity"] for offer in made}
    assert len(chances) == 3 and sum(chances.values()) == pytest.approx(1.0, abs=1e-5)
    for trailer, chance in chances.items():
        seen = sum(offer["trailer_id"] == trailer for offer in made) / len(made)
        assert abs(seen - chance) < 4 * np.sqrt(chance * (1 - chance) / len(made))
    assert max(chances, key=lambda trailer: chances[trailer]) == "t0-v0", "the best of the ranking"


def test_what_brings_viewers_back_is_offered_more() -> None:
    """Everybody returns after a trailer of t1, nobody after another: offers learn it."""
    partition = small(titles=3, trailers=1)
    art = surface(partition)
    first, last = [], []
    for n in range(300):
        profile, day = f"profile-{n}", n * 0.1
        rank(partition, day * DAY_S, "t0", "t1", "t2", profile=profile)
        worry(partition, day + 0.001, profile)
        (offer,) = [made for made in offers(partition) if made["profile_id"] == profile]
        (first if n < 60 else last if n >= 240 else []).append(offer["title_id"])
        if offer["title_id"] == "t1":
            partition.play((day + 0.01) * DAY_S, 140, f"play-{n}", profile, title_id="t1", duration_s=240.0)
            partition.drain()
    assert int(art.offers["learned"][0]) > 150
    assert last.count("t1") > 0.6 * len(last) > first.count("t1")


def test_an_erased_profile_leaves_nothing() -> None:
    partition = small()
    rank(partition, 0, "t1", "t2")
    worry(partition, 0.5)
    partition.drain()
    told = outcomes(partition)
    slot = partition.engine.state.profiles.slots["p"]
    partition.send("profile_deleted", DAY_S)
    assert offers(partition) == [{}], "a tombstone"
    assert not partition.engine.state.tastes.records[slot].tobytes().strip(b"\0")
    rank(partition, 2 * DAY_S, "t1", profile="next")
    assert partition.engine.state.profiles.slots["next"] == slot
    partition.send("session_start", 9 * DAY_S, "next")
    assert told == [] and not partition.engine.stats.faults


def test_a_fault_falls_back_to_the_first_trailer(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = small()

    def broken(*_: Any) -> int:
        raise ArithmeticError("a broken model")

    monkeypatch.setattr("streams.surfaces.trailers.choose_trailer", broken)
    rank(partition, 0, "t1", "t2")
    worry(partition, 0.5)
    (offer,) = offers(partition)
    assert (offer["trailer_id"], offer["propensity"]) == ("t1-v0", 1.0)
    assert offer["model"]["name"] == "fallback" and partition.engine.stats.faults == {"trailers": 1}
    told = outcomes(partition)
    partition.send("session_start", 8 * DAY_S)
    assert told == [] and int(surface(partition).offers["learned"][0]) == 1


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="trailers_per_week"):
        small(trailers_per_week=9)
    with pytest.raises(ConfigurationError, match="thompson"):
        small(trailer_policy="loudest")


@pytest.mark.parametrize("size", [1, 7, 1_500])
def test_offers_do_not_depend_on_batches(size: int) -> None:
    config = Settings(
        surfaces="titles,trailers", learn_batch=16, quality_seconds=40.0, sharing=False, churn_step=0.02,
        trailer_hazard=0.05, churn_horizon_ms=2 * DAY_MS,
    )  # fmt: skip
    outputs, engines = [], []
    for cut in (size, 53):
        engine = create_engine(0, config, catalog(config))
        written: list[bytes | None] = []
        for batch in batches(Journeys(9, deletions=False).records(1_500), cut):
            engine.apply(batch, START_MS + 10_000 * DAY_MS)
            writes = engine.drain().topics.get(topics.TRAILER_CHOICES)
            written.extend(writes.values if writes is not None else [])
        outputs.append(written)
        engines.append(engine)
    assert outputs[0] == outputs[1] and len(outputs[0]) > 20
    one, other = engines
    assert one.state.tastes.records.tobytes() == other.state.tastes.records.tobytes()
    assert one.state.title_tastes.records.tobytes() == other.state.title_tastes.records.tobytes()
    learned = [engine.surfaces.surfaces["trailers"].offers.tobytes() for engine in engines]
    assert learned[0] == learned[1] and int(one.surfaces.surfaces["trailers"].offers["learned"][0]) > 5
    assert not one.stats.faults


def test_an_offer_is_settled_after_a_restart() -> None:
    partition = small()
    kept = Changelog()
    rank(partition, 0, "t1", "t2")
    worry(partition, 0.5)
    kept.take(partition.drain(), partition.settings.state_topic)
    again = SmallPartition(partition.settings, known=partition.catalog)
    again.engine = restored(partition, kept.compacted())
    later = [partition.record("session_start", 8 * DAY_S)]
    told = [outcomes(partition), outcomes(again)]
    for either in (partition, again):
        either.apply(later)
    assert told[0] == told[1] and len(told[0]) == 1
    assert surface(partition).offers.tobytes() == surface(again).offers.tobytes()
