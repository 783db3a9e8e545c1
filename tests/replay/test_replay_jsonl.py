"""The reader of JSON lines: topics by file name or content, order, times, and lines that are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from streams.errors import ConfigurationError
from streams.replay import jsonl


def viewing(number: int, ts: int) -> bytes:
    return orjson.dumps({"event_id": f"e{number}", "type": "session_start", "profile_id": "p", "ts": ts})


def test_topics_follow_from_the_content_of_a_file_without_a_topic_in_its_name(tmp_path: Path) -> None:
    paid = orjson.dumps({"event_id": "s", "type": "subscription_renewed", "profile_id": "p", "ts": 7})
    title = orjson.dumps({"title_id": "t", "name": "T", "kind": "film", "tags": []})
    row = orjson.dumps({"row_id": "r", "name": "R", "rule": "popular"})
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"\n".join([viewing(1, 5), title, b"", paid, row, viewing(2, 9)]) + b"\n")
    log = jsonl.read(file)
    assert [(m.topic, m.key, m.ts) for m in log.catalogs()] == [
        ("title-catalog", b"t", 0),
        ("row-catalog", b"r", 0),
    ]
    assert [(m.topic, m.key, m.ts) for m in log.events(0)] == [
        ("viewing-events", b"p", 5),
        ("subscription-events", b"p", 7),
        ("viewing-events", b"p", 9),
    ]
    assert (log.lines, log.first_ts, log.last_ts) == (3, 5, 9)


def test_files_are_merged_by_time_and_each_keeps_its_order(tmp_path: Path) -> None:
    (tmp_path / "viewing-events-1.jsonl").write_bytes(
        b"\n".join([viewing(1, 10), viewing(2, 5), viewing(3, 30)])
    )
    (tmp_path / "viewing-events-2.jsonl.gz").write_bytes(
        gzip.compress(b"\n".join([viewing(4, 7), viewing(5, 20)]))
    )
    ids = [orjson.loads(message.value)["event_id"] for message in jsonl.read(tmp_path).events(0)]
    assert ids == ["e4", "e1", "e2", "e5", "e3"]


def test_shifting_moves_every_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(viewing(1, 10) + b"\n" + viewing(2, 40))
    log = jsonl.read(tmp_path / "x.jsonl")
    messages = list(log.events(log.shift_to(1_000)))
    assert [orjson.loads(m.value)["ts"] for m in messages] == [970, 1_000] == [m.ts for m in messages]
    assert {**orjson.loads(messages[0].value), "ts": 10} == orjson.loads(viewing(1, 10))


def test_what_is_no_event_is_published_as_it_is(tmp_path: Path) -> None:
    bad = [b"no json", b"[1, 2]", b'{"type": "session_start", "profile_id": 3}', b'{"ts": "soon"}']
    (tmp_path / "x.jsonl").write_bytes(b"\n".join([viewing(1, 10), *bad, viewing(2, 11)]))
    messages = list(jsonl.read(tmp_path / "x.jsonl").events(0))
    assert [m.value for m in messages[1:5]] == bad
    assert [(m.topic, m.key, m.ts) for m in messages[1:5]] == [("viewing-events", None, 10)] * 4


def test_a_limit_counts_events_and_leaves_catalogs_whole(tmp_path: Path) -> None:
    rows = [orjson.dumps({"row_id": f"r{n}", "name": "R", "rule": "popular"}) for n in range(3)]
    (tmp_path / "row-catalog.jsonl").write_bytes(b"\n".join(rows))
    (tmp_path / "viewing-events.jsonl").write_bytes(b"\n".join(viewing(n, n) for n in range(1, 6)))
    log = jsonl.read(tmp_path, limit=2)
    assert len(list(log.events(0))) == log.lines == 2 and log.last_ts == 2
    assert len(list(log.catalogs())) == 3


def test_a_folder_without_such_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name a file or folder"):
        jsonl.read(tmp_path)
