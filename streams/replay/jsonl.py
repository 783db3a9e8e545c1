"""Reads JSON lines of the contract: one file or a folder of ``*.jsonl`` and ``*.jsonl.gz``.

The topic of a file is its name's beginning (``viewing-events-2.jsonl``, ``title-catalog.jsonl.gz``); in a
file of another name each line's own content tells. Lines keep the order of their file; files are merged by
time. A line that is no JSON object of the contract is published as it is, so that a replay shows what the
worker makes of it (a dead letter); it takes the time of the line before it.
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from streams.errors import ConfigurationError
from streams.replay.records import Log, Message
from streams.topics import CATALOGS, INPUTS, ROW_CATALOG, SUBSCRIPTION_EVENTS, TITLE_CATALOG, VIEWING_EVENTS


class _Line(NamedTuple):
    order_ts: int
    """The largest time read so far in its file: by this, files are merged."""
    file: int
    number: int
    topic: str
    raw: bytes
    record: dict[str, Any] | None


def read(path: Path, limit: int | None = None) -> Log:
    """The lines of ``path``; ``limit`` keeps the first events only (catalogs whole).

    The file is read twice: once to learn its times. Raises ``ConfigurationError`` for a path without such
    files.
    """
    files = [path] if path.is_file() else sorted([*path.glob("*.jsonl"), *path.glob("*.jsonl.gz")])
    if not files:
        raise ConfigurationError(f"no *.jsonl or *.jsonl.gz in {path}: name a file or folder of JSON lines")
    count, first_ts, last_ts = 0, 0, 0
    for line in islice(_lines(files, INPUTS), limit):
        count += 1
        ts = _ts(line.record)
        if ts is not None:
            first_ts = min(first_ts or ts, ts)
            last_ts = max(last_ts, ts)
    return Log(
        name="JSON lines",
        lines=count,
        first_ts=first_ts,
        last_ts=last_ts,
        catalogs=lambda: (_message(line, 0) for line in _lines(files, CATALOGS)),
        events=lambda shift: (_message(line, shift) for line in islice(_lines(files, INPUTS), limit)),
        settings={},
    )


def _ts(record: dict[str, Any] | None) -> int | None:
    ts = None if record is None else record.get("ts")
    return ts if type(ts) is int else None


def _message(line: _Line, shift: int) -> Message:
    record, value = line.record, line.raw
    field = {TITLE_CATALOG: "title_id", ROW_CATALOG: "row_id"}.get(line.topic, "profile_id")
    key = None if record is None else record.get(field)
    ts = _ts(record)
    if record is not None and ts is not None and shift:
        value = orjson.dumps({**record, "ts": ts + shift})
    order_ts = 0 if line.topic in CATALOGS else line.order_ts + shift
    return Message(line.topic, key.encode() if isinstance(key, str) else None, value, order_ts)


def _lines(files: list[Path], topics: tuple[str, ...]) -> Iterator[_Line]:
    sources = (_file(number, file) for number, file in enumerate(files))
    return (line for line in heapq.merge(*sources, key=lambda line: line[:3]) if line.topic in topics)


def _file(number: int, file: Path) -> Iterator[_Line]:
    named = next((topic for topic in (*INPUTS, *CATALOGS) if file.name.startswith(topic)), None)
    latest = 0
    try:
        with _open(file) as lines:
            for count, line in enumerate(lines):
                raw = line.strip()
                if raw:
                    record = _object(raw)
                    latest = max(latest, _ts(record) or 0)
                    yield _Line(latest, number, count, named or _topic(record), raw, record)
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from error


def _open(file: Path) -> IO[bytes]:
    return gzip.open(file) if file.suffix == ".gz" else file.open("rb")  # type: ignore[return-value]


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _topic(record: dict[str, Any] | None) -> str:
    if record is None:
        return VIEWING_EVENTS
    if "type" not in record:
        if "row_id" in record and "rule" in record:
            return ROW_CATALOG
        if "title_id" in record and "kind" in record:
            return TITLE_CATALOG
    return SUBSCRIPTION_EVENTS if str(record.get("type")).startswith("subscription_") else VIEWING_EVENTS
