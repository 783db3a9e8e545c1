"""What a worker learns from the other partitions' topics: the latest of each key, and what is new."""

from __future__ import annotations

import logging

import orjson
import pytest

from streams import topics
from streams.settings import Settings
from streams.state.shared import Shared


def stats(title: str, quality: float) -> bytes:
    fields = {"title_id": title, "ts": 1, "fast": 0.5, "slow": 0.9, "quality": quality, "plays": 2}
    return orjson.dumps({**fields, "neighbours": [["n", 1.5]], "artworks": [["i", 3, 1]], "new": "ignored"})


def test_the_latest_counts_and_every_engine_sees_what_is_new_to_it() -> None:
    shared = Shared(Settings())
    for title in "abc":
        shared.put(topics.TITLE_STATS, title.encode(), stats(title, 1))
    seen = shared.titles.version
    assert list(shared.titles.changed_since(0)) == ["c", "b", "a"]
    assert list(shared.titles.changed_since(seen)) == []
    shared.put(topics.TITLE_STATS, b"a", stats("a", 2))
    shared.put(topics.TITLE_STATS, b"b", None)
    assert list(shared.titles.changed_since(seen)) == ["b", "a"]
    found = shared.titles.get("a")
    assert found is not None and found.stats.quality == 2
    assert found.neighbours == ["n"] and found.counts.tolist() == [1.5]
    assert found.stats.artworks == [("i", 3.0, 1.0)]
    assert shared.titles.get("b") is None and shared.titles.get("z") is None
    assert len(shared.titles) == 2


def test_a_record_that_cannot_be_read_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    shared = Shared(Settings())
    shared.put(topics.TITLE_STATS, b"a", stats("a", 2))
    seen = shared.titles.version
    with caplog.at_level(logging.WARNING):
        shared.put(topics.TITLE_STATS, b"a", b'{"title_id":"a"}')
        shared.put(topics.TITLE_STATS, b"\xff", stats("a", 3))
        shared.put(topics.TITLE_STATS, b"a", b"nonsense")
    assert shared.rejected == len(caplog.records) == 3
    assert shared.titles.version == seen
    found = shared.titles.get("a")
    assert found is not None and found.stats.quality == 2


def test_titles_that_changed_long_ago_are_still_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.state.shared.RECENT_TITLES", 3)
    shared = Shared(Settings())
    for number in range(10):
        shared.put(topics.TITLE_STATS, b"t%d" % number, stats(f"t{number}", number))
    found = [shared.titles.get(f"t{number}") for number in range(10)]
    assert [entry and entry.stats.quality for entry in found] == list(range(10))
    assert len(shared.titles._recent) == 3
