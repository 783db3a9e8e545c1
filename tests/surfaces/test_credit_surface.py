"""Credit through the engine: viewers whose looking and liking are known, images, trailers, erasure, batches."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest

from models.credit import split
from streams import topics
from streams.pipeline import PartitionEngine
from streams.surfaces import running
from streams.surfaces.credit import PARTS, Credit
from tests.profiles.small_partition import PLAIN, Changelog, SmallPartition, restored
from tests.streams.journeys import Journeys, batches, catalog
from tests.surfaces.ranking import picture_catalog

APPEAL = (0.30, 0.22, 0.15, 0.08, 0.04, 0.02)
LOOK = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2)
CREDITED = replace(PLAIN, surfaces="credit", sharing=False, quality_seconds=40.0)


def credit(engine: PartitionEngine) -> Credit:
    found = engine.surfaces.surfaces["credit"]
    assert isinstance(found, Credit)
    return found


def credited(engine: PartitionEngine) -> dict[str, float]:
    return {part: engine.stats.credits.get(part, 0.0) for part in PARTS}


class Viewers:
    """Profiles who look down the page that the engine has decided, and play the first row they like."""

    def __init__(self, partition: SmallPartition, seed: int, profiles: int = 40) -> None:
        self.partition = partition
        self.draw = random.Random(seed)
        self.pages: dict[str, list[str]] = {}
        self.names = [f"v{n}" for n in range(profiles)]
        self.count = 0

    def visit(self, day: float) -> None:
        """A session of every profile."""
        self.events: list[tuple[str, Any]] = []
        for name in self.names:
            self.add("session_start", day * 86_400 + self.draw.random() * 1_000, name)
        self.apply()
        for decision in self.partition.decisions(topics.ROW_ORDER):
            self.pages[decision["profile_id"]] = decision["rows"]
        for name in self.names:
            self.look(name, day * 86_400 + 2_000)
        self.apply()

    def add(self, kind: str, at_s: float, profile: str, **fields: Any) -> None:
        self.events.append(self.partition.record(kind, at_s, profile, **fields))

    def apply(self) -> None:
        self.partition.apply(self.events)
        self.events = []

    def look(self, name: str, at: float) -> None:
        for place, row in enumerate(self.pages[name]):
            if self.draw.random() >= LOOK[place]:
                continue
            title = f"{row}-0"
            shown = {"row_id": row, "row_position": place}
            items = [{"title_id": title, "position": 0}]
            self.add("impression", at, name, **shown, items=items)
            if self.draw.random() < APPEAL[int(row[1:])]:
                self.count += 1
                play = {"playback_id": f"{name}-{self.count}", "title_id": title}
                self.add("playback_start", at + 1, name, duration_s=3600.0, **play, **shown)
                self.add("playback_stop", at + 51, name, position_s=50.0, **play)
                break
        self.add("session_end", at + 60, name)


def test_the_split_is_that_of_the_true_lifts() -> None:
    partition = SmallPartition(CREDITED, rows=6, explore_share=0.3, learn_batch=64)
    viewers = Viewers(partition, seed=3)
    for day in range(20):  # the engine learns the page, and credit what chance is worth
        viewers.visit(day)
    before = credited(partition.engine)
    truth = np.zeros(3)
    for day in range(20, 75):
        viewers.visit(day)
        for name in viewers.names:
            seen = 1.0
            for place, row in enumerate(viewers.pages[name]):
                appeal = APPEAL[int(row[1:])]
                plays = seen * LOOK[place] * appeal
                seen *= 1 - LOOK[place] * appeal
                lifts = np.array([appeal / np.mean(APPEAL), LOOK[place] / np.mean(LOOK)])
                truth += plays * split(lifts)
    after = credited(partition.engine)
    found = np.array([after[part] - before[part] for part in ("row", "position", "organic")])
    assert found.sum() > 400 and after["artwork"] == after["trailer"] == 0.0
    assert found / found.sum() == pytest.approx(truth / truth.sum(), abs=0.08)
    assert found[0] > 0.15 * found.sum() and found[1] > 0.15 * found.sum()


def test_a_play_that_no_page_led_to_is_organic() -> None:
    partition = SmallPartition(CREDITED)
    partition.play(0, 60)
    assert credited(partition.engine) == dict.fromkeys(PARTS, 0.0) | {"organic": 1.0}


def test_batches_and_crashes_change_nothing() -> None:
    config = replace(CREDITED, log_credits=True, explore_share=0.3, learn_batch=16)
    records = Journeys(11).records(1_500)
    told: list[list[bytes | None]] = []
    states = []
    for size in (1, 70, 1_500):
        subject, log = SmallPartition(config, known=catalog(config)), Changelog()
        engine = subject.engine
        values: list[bytes | None] = []
        for at, batch in enumerate(batches(records, size)):
            engine.apply(batch, 2_000_000_000_000)
            writes = engine.drain().topics
            log.take(writes, config.state_topic)
            if config.credits_topic in writes:
                values.extend(writes[config.credits_topic].values)
            if size == 70 and at % 5 == 2:
                engine = restored(subject, log.records)
        told.append(values)
        states.append(credit(engine).dump())
    assert len(told[0]) > 10 and told[0] == told[1] == told[2]
    assert states[0] == states[1] == states[2]
    split_up = [orjson.loads(value or b"") for value in told[0]]
    assert all(sum(record["shares"].values()) == pytest.approx(1.0, abs=1e-5) for record in split_up)
    assert all(min(record["shares"].values()) >= 0 for record in split_up)
    assert not any(b"profile" in (value or b"") for value in told[0]), "to whom, not of whom"


def art_partition(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> SmallPartition:
    monkeypatch.setitem(running.SURFACES, "titles", "tests.surfaces.ranking:MetLast")
    config = replace(CREDITED, surfaces="titles,artwork,trailers,credit", churn_step=0.05, **changes)
    return SmallPartition(config, known=picture_catalog(config, 4, images=3, trailers=2))


def test_an_image_is_owed_what_it_is_above_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = art_partition(monkeypatch)
    state = partition.engine.state
    partition.send("session_start", 0)
    partition.send("rating", 1, title_id="t1", value=1)
    slot, title = state.profiles.slots["p"], state.titles.slots["t1"]
    taste, facts = state.tastes.records[slot], state.title_tastes.records[title]
    assert title + 1 in taste["art_title"]
    mine = int(np.flatnonzero(facts["art_id"] == taste["art_image"][taste["art_title"] == title + 1][0])[0])

    def play(at: float, playback: str) -> float:
        before = credited(partition.engine)["artwork"]
        partition.see(at, "r00", 0, ("t1",))
        partition.play(at + 1, 60, playback, title_id="t1", row_id="r00", row_position=0)
        partition.send("playback_stop", at + 70, playback_id=playback, title_id="t1", position_s=65.0)
        return credited(partition.engine)["artwork"] - before

    assert play(10, "few") == 0.0, "too little is known of the images"
    facts["art_views"][:3], facts["art_plays"][:3] = 1_000, 20
    facts["art_plays"][mine] = 60
    share = play(100, "good")
    assert 0.25 < share < 0.5
    facts["art_plays"][:3], facts["art_plays"][mine] = 60, 20
    assert play(200, "bad") == 0.0


def test_a_trailer_is_owed_a_play_only_when_it_was_offered_and_viewed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    partition = art_partition(monkeypatch, trailer_hazard=0.3)
    viewed_share: list[float] = []
    for n in range(60):
        name, day = f"p{n}", 86_400.0
        partition.send("session_start", 0, name)
        partition.send("rating", 1, name, title_id="t1", value=1)
        partition.send("subscription_payment_failed", day, name)
        offered = partition.decisions(topics.TRAILER_CHOICES)
        assert len(offered) == 1
        offer = {key: offered[0][key] for key in ("trailer_id", "title_id")}
        if n % 2:  # those who view come back, those who do not seldom do
            partition.send("trailer_view", day + 60, name, **offer, watched_s=80.0)
            partition.send("trailer_view", day + 90, name, **offer, watched_s=80.0)
        before = credited(partition.engine)["trailer"]
        if n % 2 or n % 10 == 0:
            partition.play(day + 3_600, 60, f"play-{n}", name, title_id=offer["title_id"])
        share = credited(partition.engine)["trailer"] - before
        if n % 2:
            viewed_share.append(share)
        else:
            assert share == 0.0
    counts = credit(partition.engine).counts[0]
    assert counts["offers"].tolist() == [30, 30] and counts["offer_plays"].tolist() == [6, 30]
    assert 0.3 < viewed_share[-1] < 0.8, "about 1 - 6/30, shrunk"


def test_an_erased_profile_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    partition = art_partition(monkeypatch, trailer_hazard=0.3)
    partition.send("session_start", 0)
    partition.send("rating", 1, title_id="t1", value=1)
    partition.send("subscription_payment_failed", 86_400)
    slot = partition.engine.state.profiles.slots["p"]
    assert partition.engine.state.tastes.records["credit_offers"][slot].any()
    partition.send("profile_deleted", 90_000)
    assert not partition.engine.state.tastes.records[slot : slot + 1].tobytes().strip(b"\0")


def test_a_fault_makes_the_play_organic() -> None:
    partition = SmallPartition(CREDITED)

    def broken(moment: Any) -> None:
        raise ZeroDivisionError

    partition.engine.surfaces.one_by_one(lambda surface, reaction: broken)
    partition.send("session_start", 0)
    before = partition.engine.stats.faults["credit"]
    partition.play(1, 60)
    assert credited(partition.engine)["organic"] == 1.0
    assert partition.engine.stats.faults["credit"] == before + 1
