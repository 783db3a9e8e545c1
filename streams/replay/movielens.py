"""Reads MovieLens 100K: the published folder (``u.data``, ``u.item``) or RecBole's files (``ml-100k.inter``,
``ml-100k.item``).

MovieLens tells when a film was *rated*; nobody watched a film at that moment, and most raters name dozens of
films within minutes. So a rating is replayed as what it stands for, and this is a stand-in, good for trying
the whole loop on known tastes and not a log of viewing:

- rows are the genres, and a film belongs to the row of its first genre;
- each rating becomes one showing of the film: ``impression`` of its row (``row_position`` 0: the site had no
  rows), then a play of a stand-in clip of 60 s: to its end for 4 and 5 stars, half of it for 3, and 6 s
  followed by ``playback_skip`` for 1 and 2;
- then the ``rating`` itself: 2 for five stars, 1 for four, -1 for one and two; three stars are no opinion;
- a profile sees one film at a time: while it rates faster than the clips run, the next showing begins when
  the last has ended. Order within a profile is that of the ratings. ``session_start`` comes after 30 minutes
  of silence.

With ``quality_share`` 0.75 a quality play is a rating of 4 or 5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from streams.errors import ConfigurationError
from streams.replay.records import Log, Message, Timeline, catalog_message
from streams.settings import DAY_MS, MINUTE_MS
from streams.topics import ROW_CATALOG, TITLE_CATALOG

GENRES = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
"""In the order of the columns of ``u.item``."""
SILENCE_MS = 30 * MINUTE_MS
CLIP_MS = 60_000
HALF_MS = 30_000
GIVEN_UP_MS = 6_000
SETTINGS: dict[str, Any] = {
    "quality_seconds": 45.0,
    "quality_share": 0.75,
    "churn_horizon_ms": 7 * DAY_MS,
    "explore_share": 0.0,  # a log cannot answer to a row that was shown higher
    "surfaces": "titles",  # ... nor to an image, a trailer or a category
}
_WATCHED_MS = {1: GIVEN_UP_MS, 2: GIVEN_UP_MS, 3: HALF_MS, 4: CLIP_MS, 5: CLIP_MS}
_THUMB = {1: -1, 2: -1, 4: 1, 5: 2}


class _Film(NamedTuple):
    name: str
    year: str
    genres: list[str]


def read(folder: Path, limit: int | None = None) -> Log:
    """The ratings in ``folder`` in the order of time; ``limit`` keeps the first of them only.

    Raises ``ConfigurationError`` for a folder without the files of either form.
    """
    published, recbole = folder / "u.data", folder / "ml-100k.inter"
    try:
        if published.exists():
            ratings = _ratings(published, has_header=False)
            films = dict(_published_films(folder / "u.item"))
        elif recbole.exists():
            ratings = _ratings(recbole, has_header=True)
            films = dict(_recbole_films(folder / "ml-100k.item"))
        else:
            raise ConfigurationError(
                f"neither u.data nor ml-100k.inter in {folder}: name MovieLens 100K's folder"
            )
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise ConfigurationError(f"{folder} does not hold MovieLens 100K: {error}") from error
    if limit is not None:
        ratings = ratings.head(limit)
    if ratings.is_empty():
        raise ConfigurationError(f"{folder} has no ratings")
    return Log(
        name="MovieLens 100K",
        lines=ratings.height,
        first_ts=ratings["ts"].item(0),
        last_ts=ratings["ts"].item(-1),
        catalogs=lambda: _catalogs(films),
        events=lambda shift: _events(ratings, films, shift),
        settings=SETTINGS,
    )


def _ratings(file: Path, has_header: bool) -> pl.DataFrame:
    columns = {"user": pl.Int64, "film": pl.Int64, "stars": pl.Float64, "seconds": pl.Float64}
    frame = pl.read_csv(
        file, separator="\t", has_header=has_header, new_columns=list(columns), quote_char=None
    )
    if frame.width != len(columns):
        raise ConfigurationError(f"{file} has {frame.width} columns, not user, film, rating and time")
    return (
        frame.cast(columns)  # type: ignore[arg-type]
        .with_columns(stars=pl.col("stars").cast(pl.Int64), ts=(pl.col("seconds") * 1000).cast(pl.Int64))
        .drop("seconds")
        .sort("ts", maintain_order=True)
    )


def _published_films(file: Path) -> Iterator[tuple[int, _Film]]:
    for line in file.read_text(encoding="latin-1").splitlines():
        fields = line.split("|")
        genres = [genre for genre, flag in zip(GENRES, fields[5:], strict=True) if flag == "1"]
        year = re.search(r"(\d{4})$", fields[2])
        yield int(fields[0]), _Film(fields[1], year.group(1) if year else "", genres)


def _recbole_films(file: Path) -> Iterator[tuple[int, _Film]]:
    for line in file.read_text(encoding="utf-8").splitlines()[1:]:
        film, name, year, genres = line.split("\t")
        yield int(film), _Film(name, year, genres.split())


def _row(film: _Film | None) -> str:
    return film.genres[0] if film is not None and film.genres else GENRES[0]


def _catalogs(films: dict[int, _Film]) -> Iterator[Message]:
    for genre in GENRES:
        row = {"row_id": genre, "name": genre, "rule": "tag", "tag": genre}
        yield catalog_message(ROW_CATALOG, genre, row)
    for number, film in sorted(films.items()):
        title = {"title_id": f"m{number}", "name": film.name, "kind": "film", "tags": film.genres}
        if re.fullmatch(r"\d{4}", film.year):
            title["released"] = f"{film.year}-01-01"  # of the date, both forms have the year
        yield catalog_message(TITLE_CATALOG, f"m{number}", title)


def _events(ratings: pl.DataFrame, films: dict[int, _Film], shift: int) -> Iterator[Message]:
    timeline = Timeline()
    free_at: dict[int, int] = {}
    for line, (user, film, stars, ts) in enumerate(ratings.iter_rows()):
        yield from timeline.until(ts + shift)
        profile, title = f"u{user}", f"m{film}"
        last = free_at.get(user)
        start = ts + shift if last is None else max(ts + shift, last)
        if last is None or start - last >= SILENCE_MS:
            timeline.add(profile, _event(f"s{line}", "session_start", profile, start))
        free_at[user] = _show(timeline, line, profile, title, _row(films.get(film)), stars, start)
    yield from timeline.until(None)


def _event(event_id: str, kind: str, profile: str, ts: int) -> dict[str, Any]:
    return {"event_id": event_id, "type": kind, "profile_id": profile, "ts": ts}


def _show(timeline: Timeline, line: int, profile: str, title: str, row: str, stars: int, ts: int) -> int:
    """One rating as a showing of its film that begins at ``ts``; returns when it is over."""
    end = ts + _WATCHED_MS[stars]
    play = {"playback_id": f"p{line}", "title_id": title}
    place = {"row_id": row, "row_position": 0}
    items = [{"title_id": title, "position": 0}]
    start = {**place, "position": 0, "duration_s": CLIP_MS // 1000}
    beat = {"position_s": HALF_MS / 1000}
    timeline.add(profile, {**_event(f"i{line}", "impression", profile, ts), **place, "items": items})
    timeline.add(profile, {**_event(f"b{line}", "playback_start", profile, ts), **play, **start})
    if stars >= 4:
        timeline.add(
            profile, {**_event(f"h{line}.0", "playback_progress", profile, ts + HALF_MS), **play, **beat}
        )
        beat = {"position_s": CLIP_MS / 1000}
        timeline.add(profile, {**_event(f"h{line}.1", "playback_progress", profile, end), **play, **beat})
        timeline.add(profile, {**_event(f"e{line}", "playback_complete", profile, end), **play})
    else:
        kind = "playback_stop" if stars == 3 else "playback_skip"
        position = {"position_s": _WATCHED_MS[stars] / 1000}
        timeline.add(profile, {**_event(f"e{line}", kind, profile, end), **play, **position})
    if stars in _THUMB:
        timeline.add(
            profile, {**_event(f"r{line}", "rating", profile, end), "title_id": title, "value": _THUMB[stars]}
        )
    return end
