"""Playbacks, case by case: heartbeats, pauses, seeks, gaps, lost starts, and what makes a quality play."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.profiles.layout import PLAYBACKS, Counter
from tests.profiles.small_partition import SmallPartition


def watched(small: SmallPartition, name: str = "p") -> float:
    return float(small.profile(name)["watched_s"])


def beats(
    small: SmallPartition, *beats: tuple[float, float], playback: str = "play", title: str = "r00-0"
) -> None:
    for ts, position in beats:
        small.send("playback_progress", ts, playback_id=playback, title_id=title, position_s=position)


@pytest.fixture
def started() -> Iterator[SmallPartition]:
    small = SmallPartition()
    small.send("playback_start", 0, playback_id="play", title_id="r00-0", duration_s=3600.0)
    yield small


def test_heartbeats_add_up(started: SmallPartition) -> None:
    beats(started, (20, 20), (40, 40), (60, 60))
    assert watched(started) == 60
    assert started.counter(Counter.WATCHED_HOURS) == pytest.approx(60 / 3600, rel=1e-4)


def test_a_gap_without_heartbeats_does_not_count(started: SmallPartition) -> None:
    beats(started, (20, 20), (20 + 90, 110), (110 + 90.001, 200))
    assert watched(started) == 110


def test_a_pause_does_not_count_and_a_resume_goes_on(started: SmallPartition) -> None:
    started.send("playback_pause", 30, playback_id="play", title_id="r00-0", position_s=30)
    beats(started, (50, 50))  # a client that reports while it is paused
    started.send("playback_resume", 60, playback_id="play", title_id="r00-0", position_s=50)
    beats(started, (70, 60))
    assert watched(started) == 40


def test_a_late_heartbeat_changes_nothing(started: SmallPartition) -> None:
    beats(started, (40, 40), (20, 20), (60, 60))
    assert watched(started) == 60


def test_a_late_pause_does_not_stop_what_was_resumed(started: SmallPartition) -> None:
    started.send("playback_resume", 40, playback_id="play", title_id="r00-0", position_s=20)
    started.send("playback_pause", 20, playback_id="play", title_id="r00-0", position_s=20)
    beats(started, (60, 40))
    assert watched(started) == 40


def test_what_a_seek_jumps_over_does_not_count(started: SmallPartition) -> None:
    started.send("playback_seek", 20, playback_id="play", title_id="r00-0", from_s=20, to_s=100)
    beats(started, (40, 120))
    assert watched(started) == 40
    started.send("playback_seek", 50, playback_id="play", title_id="r00-0", from_s=130, to_s=0)
    beats(started, (70, 20), (90, 40))  # 0-20 is known, 20-40 is new
    assert watched(started) == 40 + 10 + 20
    assert started.counter(Counter.REWINDS) == pytest.approx(1, abs=1e-4)


def test_double_speed_counts_and_a_jump_does_not(started: SmallPartition) -> None:
    beats(started, (20, 40))
    assert watched(started) == 40
    beats(started, (40, 140))
    assert watched(started) == 40


def test_a_lost_start_counts_from_the_first_heartbeat() -> None:
    small = SmallPartition()
    beats(small, (0, 300), (20, 320))
    assert watched(small) == 20
    assert small.counter(Counter.PLAYS) == 0
    assert small.profile()["play_duration_s"][0] == 3600  # as the catalog says
    small.send("playback_stop", 30, playback_id="other", title_id="r00-0", position_s=5)  # no start, no end
    assert watched(small) == 20 and small.profile()["play_id"].astype(bool).sum() == 1


def test_one_playback_too_many_ends_the_one_silent_for_longest() -> None:
    small = SmallPartition()
    for n in range(PLAYBACKS):
        small.send("playback_start", n, playback_id=f"b{n}", title_id="r00-0", duration_s=3600.0)
    beats(small, (20, 20), playback="b0")
    small.send("playback_start", 21, playback_id="b3", title_id="r00-0", duration_s=3600.0)
    beats(small, (40, 40), playback="b0")
    beats(small, (41, 20), playback="b3")
    assert watched(small) == 40 + 20  # b0 went on: b1 was the one that gave way
    beats(small, (42, 20), (43, 21), playback="b1")
    assert watched(small) == 61


def test_a_live_channel_that_counts_from_the_epoch_counts_its_seconds() -> None:
    small = SmallPartition()
    epoch = 1_800_000_010.0
    small.send("playback_start", 0, playback_id="play", title_id="r00-0", duration_s=0.0, position_s=epoch)
    beats(small, *((20.0 * n, epoch + 20.0 * n) for n in range(1, 10)))
    assert watched(small) == pytest.approx(180, abs=1)


# --- what makes a quality play


@pytest.mark.parametrize(
    ("duration", "seconds", "quality"),
    [(3600.0, 120.0, 1), (3600.0, 119.9995, 1), (3600.0, 119.998, 0), (100.0, 50.0, 1), (100.0, 49.998, 0),
     (0.0, 120.0, 1), (0.0, 119.998, 0), (240.0, 119.998, 0), (239.0, 119.6, 1)],
)  # fmt: skip
def test_a_quality_play_is_long_enough_or_enough_of_the_title(
    duration: float, seconds: float, quality: int
) -> None:
    small = SmallPartition()
    small.send("playback_start", 0, playback_id="play", title_id="unknown", duration_s=duration)
    beats(small, (60, min(60, seconds / 2)), (120, seconds), title="unknown")
    assert small.counter(Counter.QUALITY_PLAYS) == pytest.approx(quality, abs=1e-3)
    assert small.profile()["play_quality"][0] == quality


def test_a_quality_play_counts_once(started: SmallPartition) -> None:
    beats(started, *((20.0 * n, 20.0 * n) for n in range(1, 30)))
    started.send("playback_complete", 600, playback_id="play", title_id="r00-0")
    assert started.counter(Counter.QUALITY_PLAYS) == pytest.approx(1, abs=1e-3)
    assert started.counter(Counter.PLAYS) == pytest.approx(1, abs=1e-3)
