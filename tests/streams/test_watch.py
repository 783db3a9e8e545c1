"""The watch's judgement: lag without progress ends the process, everything else does not."""

from __future__ import annotations

import pytest

from streams.errors import StalledError
from streams.watch import Progress

KEY = ("viewing-events", 0)


def test_no_lag_is_no_stall_however_long() -> None:
    progress = Progress(60.0)
    for now in range(0, 1_000, 10):
        assert progress.look({KEY: 5}, {KEY: 5}, now) == {KEY: 0}


def test_lag_with_progress_is_no_stall() -> None:
    progress = Progress(60.0)
    for now in range(0, 1_000, 50):
        assert progress.look({KEY: now}, {KEY: 5_000}, now) == {KEY: 5_000 - now}


def test_lag_without_progress_is_a_stall_after_the_deadline() -> None:
    progress = Progress(60.0)
    progress.look({KEY: 5}, {KEY: 9}, 100.0)
    progress.look({KEY: 5}, {KEY: 20}, 159.9)
    with pytest.raises(StalledError, match="viewing-events-0 stood at 5 for 60 s, 16 records to go"):
        progress.look({KEY: 5}, {KEY: 21}, 160.0)


def test_the_time_begins_with_the_lag_not_with_the_last_event() -> None:
    progress = Progress(60.0)
    progress.look({KEY: 5}, {KEY: 5}, 0.0)
    progress.look({KEY: 5}, {KEY: 5}, 1_000.0)
    progress.look({KEY: 5}, {KEY: 6}, 1_002.0)
    progress.look({KEY: 5}, {KEY: 6}, 1_059.0)
    with pytest.raises(StalledError):
        progress.look({KEY: 5}, {KEY: 6}, 1_060.0)


def test_one_partition_that_stands_is_enough() -> None:
    progress = Progress(60.0)
    other = ("viewing-events", 1)
    progress.look({KEY: 5, other: 0}, {KEY: 9, other: 9}, 0.0)
    with pytest.raises(StalledError, match="viewing-events-0"):
        progress.look({KEY: 5, other: 7}, {KEY: 9, other: 9}, 60.0)


def test_a_revoked_partition_is_forgotten() -> None:
    progress = Progress(60.0)
    progress.look({KEY: 5}, {KEY: 9}, 0.0)
    progress.look({}, {}, 30.0)
    assert progress.look({KEY: 5}, {KEY: 9}, 61.0) == {KEY: 4}


def test_an_unknown_end_of_the_log_is_no_lag() -> None:
    progress = Progress(60.0)
    assert progress.look({KEY: 5}, {}, 0.0) == {}
    assert progress.look({KEY: 5}, {}, 100.0) == {}
