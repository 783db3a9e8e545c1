"""Replaying a window: the same settings decide what was decided at work; others differ, and it is told how."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams import topics
from streams.brokers.embedded import EmbeddedBroker
from streams.cli import cli
from streams.errors import ConfigurationError
from streams.operations import difference, window
from streams.operations.difference import Version, compare
from streams.operations.measures import Places
from streams.settings import ENV_PREFIX, Settings, load
from tests.operations import offline_worker
from tests.operations.offline_worker import in_loop

SETTINGS = {"partitions": 2, "guarantee": "at_least_once", "sharing": False, "learn_batch": 16}
"""Alone, partitions decide the same whenever they hear of each other."""


@pytest.fixture(scope="module")
def at_work() -> Iterator[Settings]:
    """A broker with an application that has applied everything."""
    with EmbeddedBroker() as broker:
        settings = load({}, brokers=broker.address, **SETTINGS)

        async def scene() -> None:
            audience = offline_worker.audience_of(24)
            await offline_worker.begin(settings, audience)
            await offline_worker.play(settings, audience, 1_500)
            await offline_worker.work(settings)

        asyncio.run(scene())
        yield settings


def replayed(live: Settings, folder: Path, *changes: str, from_ms: int = 0) -> window.Report:
    fresh, changed = window.changed_settings(live, "fresh", ["sharing=false", "learn_batch=16", *changes])
    now = int(time.time() * 1000) + 1
    return asyncio.run(window.replay_window(live, fresh, changed, from_ms, now, folder))


def test_the_same_settings_decide_the_same(at_work: Settings, tmp_path: Path) -> None:
    before = asyncio.run(offline_worker.positions(at_work))
    report = replayed(at_work, tmp_path / "same")
    assert asyncio.run(offline_worker.positions(at_work)) == before  # nobody at work has noticed
    live = asyncio.run(difference.load_version("live", at_work))
    fresh = asyncio.run(difference.load_version(str(tmp_path / "same"), at_work))
    assert fresh.decisions == live.decisions
    assert sum(map(len, fresh.decisions.values())) > 100
    told = compare(live, fresh)
    for topic, surface in told["surfaces"].items():
        assert surface["only_left"] == surface["only_right"] == 0, topic
        assert surface.get("differ", 0) == 0 and surface.get("rank_correlation", 1) == 1
    plays = report.measures["plays"]
    assert plays["rows"]["plays"] > 20 and 0 < plays["rows"]["mrr"] <= 1
    assert plays["titles"]["plays"] > 20 and 0 <= plays["titles"]["hit_rate"] <= 1
    assert report.measures["models"]["quality"]["predictions"] > 0
    assert report.events > 1_300 and report.changed == {"sharing": "false", "learn_batch": "16"}


def test_other_settings_differ_and_the_commands_say_how(at_work: Settings, tmp_path: Path) -> None:
    replayed(at_work, tmp_path / "same")
    environ = {
        ENV_PREFIX + "SHARING": "false",
        ENV_PREFIX + "LEARN_BATCH": "16",
        ENV_PREFIX + "GUARANTEE": "at_least_once",
    }
    where = ["--brokers", at_work.brokers, "--partitions", "2"]
    done = CliRunner(env=environ).invoke(
        cli,
        ["replay-window", "--from", "2020-01-01", "--set", "titles_margin=0.2", "--set", "FLYWHEEL_SEED=9",
         "--as", "slow", "--out", str(tmp_path / "slow"), *where],
    )  # fmt: skip
    assert done.exit_code == 0, (done.output, done.exception)
    assert "decisions stand" in done.output and "rows: " in done.output
    asked = ["diff", str(tmp_path / "same"), str(tmp_path / "slow"), *where]
    shown = CliRunner(env=environ).invoke(cli, [*asked, "--json"])
    assert shown.exit_code == 0, shown.exception
    told = json.loads(shown.output)
    titles = told["surfaces"][topics.HOMEPAGE_RANKINGS]
    assert titles["both"] > 10 and titles["differ"] > 0.3 and titles["rank_correlation"] < 1
    assert told["surfaces"][topics.CHURN_SCORES]["differ"] == 0
    assert told["measures"]["right"]["plays"]["titles"]["plays"] > 20
    table = CliRunner(env=environ).invoke(cli, asked)
    assert table.exit_code == 0 and "rank correlation" in table.output and "plays: titles" in table.output


def test_a_window_is_cut_by_time(at_work: Settings, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothing of this window"):
        replayed(at_work, tmp_path / "later", from_ms=int(time.time() * 1000))
    with pytest.raises(ConfigurationError, match="later than --from"):
        replayed(at_work, tmp_path / "never", from_ms=2**45)


def test_settings_that_cannot_be_changed_are_told() -> None:
    live = load({})
    for change, why in (
        ("partitions=8", "cannot change partitions"),
        ("nonsense", "write name=value"),
        ("no_such=1", "FLYWHEEL_NO_SUCH is no setting"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            window.changed_settings(live, "fresh", [change])


@in_loop
async def test_what_is_no_version_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is no folder"):
        await difference.load_version(str(tmp_path / "nothing"), load({}))
    with pytest.raises(ConfigurationError, match="no whole backup"):
        await difference.load_version(str(tmp_path), load({}))


def rows(*names: str) -> dict[str, Any]:
    return {"rows": list(names)}


def test_differences_by_hand() -> None:
    left = Version("a", {
        topics.ROW_ORDER: {"p": rows("a", "b", "c"), "q": rows("a", "b"), "gone": rows("a")},
        topics.CHURN_SCORES: {"p": {"probability": 0.25, "band": "low"}, "q": {"probability": 0.5, "band": "high"}},
        topics.ARTWORK_CHOICES: {"p|t": {"artwork_id": "x"}, "q|t": {"artwork_id": "y"}},
    })  # fmt: skip
    right = Version("b", {
        topics.ROW_ORDER: {"p": rows("c", "b", "a"), "q": rows("a", "b"), "new": rows("b")},
        topics.CHURN_SCORES: {"p": {"probability": 0.5, "band": "medium"}, "q": {"probability": 0.5, "band": "high"}},
        topics.ARTWORK_CHOICES: {"p|t": {"artwork_id": "z"}, "q|t": {"artwork_id": "y"}},
    })  # fmt: skip
    told = compare(left, right)["surfaces"]
    order = told[topics.ROW_ORDER]
    assert (order["both"], order["only_left"], order["only_right"]) == (2, 1, 1)
    assert (order["differ"], order["first_differs"], order["first_5_differ"]) == (0.5, 0.5, 0.0)
    assert order["shared_of_first_5"] == 1.0 and order["rank_correlation"] == 0.0  # -1 and 1
    churn = told[topics.CHURN_SCORES]
    assert churn == {"both": 2, "only_left": 0, "only_right": 0, "differ": 0.5, "mean_left": 0.375,
                     "mean_right": 0.5, "mean_distance": 0.125}  # fmt: skip
    assert told[topics.ARTWORK_CHOICES]["differ"] == 0.5
    assert told[topics.TRAILER_CHOICES] == {"both": 0, "only_left": 0, "only_right": 0}


def test_a_play_is_judged_by_what_stood_before_it() -> None:
    from streams.engine import TopicWrites
    from streams.events.inputs import PlaybackStart

    def play(row: str) -> PlaybackStart:
        return PlaybackStart(
            event_id="e", profile_id="p", ts=offline_worker.START_MS, playback_id="x", title_id="t", duration_s=9.0,
            row_id=row,
        )  # fmt: skip

    def page(offset: int, *names: str) -> bytes:
        cause = {"event_id": "e", "topic": topics.VIEWING_EVENTS, "partition": 0, "offset": offset}
        return json.dumps({"cause": cause, "rows": names}).encode()

    places = Places()
    written = TopicWrites(keys=[b"p", b"p"], values=[page(4, "a", "b"), page(6, "b", "a")])
    plays = [(4, play("a")), (5, play("b")), (6, play("b")), (7, play("b")), (8, play("z"))]
    places.follow(topics.VIEWING_EVENTS, plays, {topics.ROW_ORDER: written})
    placing = places.placings["rows"]
    # The first has no page yet; then b is second, second (its own page does not count for it), first, and z nowhere.
    assert placing.to_record() == {"plays": 4, "mrr": (1 / 2 + 1 / 2 + 1 + 0) / 4, "hit_rate": 3 / 4}
