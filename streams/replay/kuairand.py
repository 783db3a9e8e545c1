"""Reads the KuaiRand data set as published: the logs and the basic video features, as CSV files, plain or
gzipped.

What becomes of one line of the log, in the words of the contract:

- ``session_start``, when the profile had been silent for 30 minutes;
- ``impression`` of the row that the video's first tag names. Rows are the 24 most frequent first tags of the
  log; a video of another tag is in no row, so it makes no impression and is played without ``row_id``. The
  log has no place on a page: ``row_position`` is the log's ``tab``, the page within the app, which tells as
  much of how videos are watched there as a place does;
- when ``play_time_ms`` is more than 0, ``playback_start``, a ``playback_progress`` every 30 s and at the
  video's end, then ``playback_complete`` at that end or ``playback_stop`` before it. Videos loop, so
  ``play_time_ms`` may exceed the length: what is played again is not told, because no position moves then;
- ``rating`` 1 for ``is_like`` and -1 for ``is_hate``, when the play is over. The other columns have no
  counterpart.

The data set's ``long_view`` holds exactly when ``play_time_ms`` reaches the smaller of 18 s and the length in
whole seconds (18 s when the length is 0, unknown): all 94,784 lines of 25 to 30 April agree. ``duration_s``
is therefore given in whole seconds, and with ``quality_seconds`` 18 and ``quality_share`` 1 a quality play is
a long view.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from streams.errors import ConfigurationError
from streams.replay.records import Log, Message, Timeline, catalog_message
from streams.settings import DAY_MS, MINUTE_MS
from streams.topics import ROW_CATALOG, TITLE_CATALOG

ROWS = 24
SILENCE_MS = 30 * MINUTE_MS
"""A profile's next line after this much silence opens a session."""
HEARTBEAT_MS = 30_000
"""What players commonly send; well under ``settings.heartbeat_gap_ms``."""
SETTINGS: dict[str, Any] = {
    "quality_seconds": 18.0,
    "quality_share": 1.0,
    "churn_horizon_ms": 3 * DAY_MS,
    "explore_share": 0.0,  # a log cannot answer to a row that was shown higher
    "surfaces": "titles",  # ... nor to an image, a trailer or a category
}

_LOG_COLUMNS = {
    "user_id": pl.Int64,
    "video_id": pl.Int64,
    "time_ms": pl.Int64,
    "is_like": pl.Int64,
    "is_hate": pl.Int64,
    "play_time_ms": pl.Int64,
    "duration_ms": pl.Int64,
    "tab": pl.Int64,
}
_VIDEO_COLUMNS = {
    "video_id": pl.Int64,
    "upload_dt": pl.String,
    "video_duration": pl.Float64,
    "tag": pl.String,
}


def _read(folder: Path, pattern: str, columns: dict[str, Any]) -> pl.DataFrame:
    files = sorted(folder.glob(pattern))
    if not files:
        raise ConfigurationError(f"no file {pattern} in {folder}: name the folder with KuaiRand's CSV files")
    try:
        return pl.concat(
            pl.read_csv(file, columns=list(columns), schema_overrides=columns).select(list(columns))
            for file in files
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ConfigurationError(f"{pattern} in {folder} is not a KuaiRand file: {error}") from error


def read(folder: Path, limit: int | None = None) -> Log:
    """The log of every ``log_*.csv*`` in ``folder``, with the titles of every ``video_features_basic*.csv*``.

    ``limit`` keeps the first lines only; rows and titles stay those of the whole log. Raises
    ``ConfigurationError`` for a folder without such files.
    """
    videos = (
        _read(folder, "video_features_basic*.csv*", _VIDEO_COLUMNS)
        .unique("video_id", keep="first")
        .sort("video_id")
    )
    videos = videos.with_columns(first=pl.col("tag").str.split(",").list.first())
    log = _read(folder, "log_*.csv*", _LOG_COLUMNS).sort("time_ms", maintain_order=True)
    log = log.join(videos.select("video_id", "first"), on="video_id", how="left", maintain_order="left")
    tags = log["first"].drop_nulls().value_counts().sort(["count", "first"], descending=[True, False])
    # By number, not by frequency: the default order of a page must not know what will be popular.
    rows = sorted(tags["first"].head(ROWS).to_list(), key=lambda tag: (len(tag), tag))
    if limit is not None:
        log = log.head(limit)
    if log.is_empty():
        raise ConfigurationError(f"the KuaiRand log in {folder} has no lines")
    return Log(
        name="KuaiRand",
        lines=log.height,
        first_ts=log["time_ms"].item(0),
        last_ts=log["time_ms"].item(-1),
        catalogs=lambda: _catalogs(rows, videos),
        events=lambda shift: _events(log, set(rows), shift),
        settings=SETTINGS,
    )


def _catalogs(rows: list[str], videos: pl.DataFrame) -> Iterator[Message]:
    for tag in rows:
        row = {"row_id": f"tag-{tag}", "name": f"Tag {tag}", "rule": "tag", "tag": tag}
        yield catalog_message(ROW_CATALOG, f"tag-{tag}", row)
    for video, uploaded, length_ms, tags, _ in videos.iter_rows():
        title: dict[str, Any] = {"title_id": f"v{video}", "name": f"Video {video}", "kind": "short"}
        title["tags"] = tags.split(",") if tags else []
        if uploaded:
            title["released"] = uploaded
        if length_ms:
            title["duration_s"] = int(length_ms // 1000)
        yield catalog_message(TITLE_CATALOG, f"v{video}", title)


def _events(log: pl.DataFrame, rows: set[str], shift: int) -> Iterator[Message]:
    timeline = Timeline()
    active_until: dict[int, int] = {}
    for line, (user, video, time_ms, like, hate, play_ms, length_ms, tab, tag) in enumerate(log.iter_rows()):
        ts = time_ms + shift
        yield from timeline.until(ts)
        profile = f"u{user}"
        row = f"tag-{tag}" if tag in rows else None
        last = active_until.get(user)
        if last is None or ts - last >= SILENCE_MS:
            timeline.add(profile, _event(f"s{line}", "session_start", profile, ts))
        if row is not None:
            impression = _event(f"i{line}", "impression", profile, ts)
            items = [{"title_id": f"v{video}", "position": 0}]
            timeline.add(profile, {**impression, "row_id": row, "row_position": tab, "items": items})
        end = ts
        if play_ms > 0:
            end = ts + play_ms
            for event in _play(line, profile, f"v{video}", ts, play_ms, length_ms // 1000, row, tab):
                timeline.add(profile, event)
        if like or hate:
            rating = _event(f"r{line}", "rating", profile, end)
            timeline.add(profile, {**rating, "title_id": f"v{video}", "value": 1 if like else -1})
        active_until[user] = max(end, last or end)
    yield from timeline.until(None)


def _event(event_id: str, kind: str, profile: str, ts: int) -> dict[str, Any]:
    return {"event_id": event_id, "type": kind, "profile_id": profile, "ts": ts}


def _play(
    line: int, profile: str, title: str, ts: int, play_ms: int, length_s: int, row: str | None, tab: int
) -> Iterator[dict[str, Any]]:
    """The events of one play; ``play_ms`` is how long it ran, ``length_s`` how long the video is (0:
    unknown).
    """
    play = {"playback_id": f"p{line}", "title_id": title}
    start = {**_event(f"b{line}", "playback_start", profile, ts), **play, "duration_s": length_s}
    yield start if row is None else {**start, "row_id": row, "row_position": tab, "position": 0}
    length_ms = length_s * 1000
    complete = 0 < length_ms <= play_ms
    beats = list(range(HEARTBEAT_MS, length_ms if complete else play_ms, HEARTBEAT_MS))
    if complete:
        beats.append(length_ms)
    for number, at in enumerate(beats):
        beat = _event(f"h{line}.{number}", "playback_progress", profile, ts + at)
        yield {**beat, **play, "position_s": at / 1000}
    if complete:
        yield {**_event(f"e{line}", "playback_complete", profile, ts + length_ms), **play}
    else:
        yield {
            **_event(f"e{line}", "playback_stop", profile, ts + play_ms),
            **play,
            "position_s": play_ms / 1000,
        }
