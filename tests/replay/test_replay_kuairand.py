"""The KuaiRand reader: on a few hand-written lines, and on the real files where they are."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from streams.errors import ConfigurationError
from streams.events.schema import VIEWING, Row, Title
from streams.replay import kuairand
from streams.replay.outcomes import Outcomes, QualityRule
from streams.replay.records import Message
from streams.settings import MINUTE_MS
from tests.replay.sample_log import LOG_HEADER, T0, VIDEO_HEADER, log_line, video_line, write

REAL = Path(os.environ.get("FLYWHEEL_KUAIRAND", Path(__file__).parents[2] / "../shared/data/kuairand"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = [
        log_line(1, 10, 0, 40_000, 70_500),  # stopped at 40 s, one heartbeat
        log_line(2, 11, 5_000, 0, 9_900, tab=4),  # not played
        log_line(1, 11, 30_000, 25_000, 9_900, like=1),  # looped: ends at 9 s, liked when the viewer went on
        log_line(1, 12, 50_000, 2_000, 0, hate=1),  # unknown length, no tag
        log_line(1, 10, 50_000 + 2_000 + 30 * MINUTE_MS + 3_000, 1_000, 70_500),
    ]
    (tmp_path / "log_standard_a.csv").write_text("\n".join([LOG_HEADER, lines[3], lines[0], lines[4]]) + "\n")
    second = "\n".join([LOG_HEADER, lines[1], lines[2]]) + "\n"
    (tmp_path / "log_standard_b.csv.gz").write_bytes(gzip.compress(second.encode()))
    videos = [video_line(10, "70500.0", '"39,5"'), video_line(11, "9900.0", "8"), video_line(12, "", "")]
    (tmp_path / "video_features_basic_x.csv").write_text("\n".join([VIDEO_HEADER, *videos]) + "\n")
    return tmp_path


def events(messages: list[Message]) -> list[dict[str, Any]]:
    return [orjson.loads(message.value) for message in messages]


def test_a_line_becomes_the_events_of_its_play_merged_in_the_order_of_time(folder: Path) -> None:
    log = kuairand.read(folder)
    messages = list(log.events(1_000 - T0))
    assert [(e["ts"] - 1_000, e["type"], e["event_id"]) for e in events(messages)] == [
        (0, "session_start", "s0"),
        (0, "impression", "i0"),
        (0, "playback_start", "b0"),
        (5_000, "session_start", "s1"),
        (5_000, "impression", "i1"),
        (30_000, "playback_progress", "h0.0"),
        (30_000, "impression", "i2"),
        (30_000, "playback_start", "b2"),
        (39_000, "playback_progress", "h2.0"),
        (39_000, "playback_complete", "e2"),
        (40_000, "playback_stop", "e0"),
        (50_000, "playback_start", "b3"),
        (52_000, "playback_stop", "e3"),
        (52_000, "rating", "r3"),
        (55_000, "rating", "r2"),
        (1_855_000, "session_start", "s4"),
        (1_855_000, "impression", "i4"),
        (1_855_000, "playback_start", "b4"),
        (1_856_000, "playback_stop", "e4"),
    ]
    assert all(
        m.ts == e["ts"] and m.key == e["profile_id"].encode()
        for m, e in zip(messages, events(messages), strict=True)
    )
    assert log.lines == 5 and log.first_ts == T0 and log.last_ts == T0 + 1_855_000


def test_the_fields_say_what_the_log_says(folder: Path) -> None:
    by_id = {event["event_id"]: event for event in events(list(kuairand.read(folder).events(0)))}
    shown = by_id["i1"]
    assert (shown["profile_id"], shown["row_id"], shown["row_position"]) == ("u2", "tag-8", 4)
    assert shown["items"] == [{"title_id": "v11", "position": 0}]
    start = by_id["b0"]
    assert (start["title_id"], start["duration_s"], start["row_id"]) == ("v10", 70, "tag-39")
    assert "row_id" not in by_id["b3"] and by_id["b3"]["duration_s"] == 0
    assert by_id["h0.0"]["position_s"] == 30.0 and by_id["e0"]["position_s"] == 40.0
    assert by_id["h2.0"]["position_s"] == 9.0 and by_id["e3"]["position_s"] == 2.0
    assert (by_id["r2"]["value"], by_id["r3"]["value"]) == (1, -1)
    assert len(by_id) == 19, "event ids are unique"


def test_the_catalogs_hold_rows_in_neutral_order_and_every_title(folder: Path) -> None:
    messages = list(kuairand.read(folder).catalogs())
    rows = [msgspec.json.decode(m.value, type=Row) for m in messages if m.topic == "row-catalog"]
    titles = [msgspec.json.decode(m.value, type=Title) for m in messages if m.topic == "title-catalog"]
    assert [(row.row_id, row.rule, row.tag) for row in rows] == [
        ("tag-8", "tag", "8"),
        ("tag-39", "tag", "39"),
    ]
    assert [(t.title_id, t.tags, t.duration_s) for t in titles] == [
        ("v10", ["39", "5"], 70),
        ("v11", ["8"], 9),
        ("v12", [], None),
    ]
    assert messages[0].topic == "row-catalog", "rows come first"


def test_a_limit_keeps_the_first_lines_and_all_rows(folder: Path) -> None:
    log = kuairand.read(folder, limit=1)
    assert [e["event_id"] for e in events(list(log.events(0)))] == ["s0", "i0", "b0", "h0.0", "e0"]
    assert sum(m.topic == "row-catalog" for m in log.catalogs()) == 2


def test_only_the_most_frequent_first_tags_become_rows(tmp_path: Path) -> None:
    lines = [log_line(1, tag, n, 500, 9_000) for tag in range(30) for n in range(1 + (tag >= 6))]
    videos = [video_line(tag, "9000.0", str(tag)) for tag in range(30)]
    log = kuairand.read(write(tmp_path, lines, videos))
    rows = [orjson.loads(m.value)["tag"] for m in log.catalogs() if m.topic == "row-catalog"]
    assert rows == [str(tag) for tag in range(6, 30)]
    kinds = Counter(event["type"] for event in events(list(log.events(0))))
    assert kinds["impression"] == 48 and kinds["playback_start"] == 54


def test_a_folder_without_the_files_or_with_others_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="video_features_basic"):
        kuairand.read(tmp_path)
    (tmp_path / "video_features_basic_x.csv").write_text("a,b\n1,2\n")
    (tmp_path / "log_x.csv").write_text(LOG_HEADER + "\n")
    with pytest.raises(ConfigurationError, match="not a KuaiRand file"):
        kuairand.read(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no KuaiRand files at {REAL} (FLYWHEEL_KUAIRAND says where)")
def test_the_real_log_is_read_whole_and_its_labels_follow_from_the_events() -> None:
    import polars as pl

    log = kuairand.read(REAL)
    truth = pl.concat(
        pl.read_csv(file, columns=["time_ms", "long_view"]) for file in sorted(REAL.glob("log_*.csv*"))
    ).sort("time_ms", maintain_order=True)["long_view"]
    outcomes = Outcomes(QualityRule(18.0, 1.0, 90_000), 10 * MINUTE_MS)
    kinds: Counter[str] = Counter()
    ids = set()
    latest = 0
    for order, message in enumerate(log.events(0)):
        event = VIEWING.decode(message.value)  # every event is of the contract
        assert event.ts >= latest
        latest = event.ts
        ids.add(event.event_id)
        kinds[type(event).__name__] += 1
        outcomes.add(order, 0, order, event)
    assert len(ids) == kinds.total()
    assert log.lines == 94_784
    assert kinds == {
        "SessionStart": 78_568,
        "Impression": 88_855,
        "PlaybackStart": 84_994,
        "PlaybackProgress": kinds["PlaybackProgress"],
        "PlaybackStop": 84_994 - kinds["PlaybackComplete"],
        "PlaybackComplete": kinds["PlaybackComplete"],
        "Rating": 1_688,
    }
    wrong = [s.event_id for s in outcomes.shown if s.quality != bool(truth[int(s.event_id[1:])])]
    assert wrong == []
    assert sum(s.quality for s in outcomes.shown) == 27_528
