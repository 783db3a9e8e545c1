"""A backup of an application: a folder that :mod:`streams.operations.restoring` makes an application of again.

Of every partition, as of one set of positions (the workers are stopped, so nothing moves, and it is checked that
nothing did):

- the last record of every key of every compacted topic: decisions, catalogs, what partitions tell each other, state;
- where the group stands in every owned topic;
- the tail of every owned topic, from there to its end: events that no worker has applied yet.

```
manifest.json                  app, partitions, time, positions, and of every file its records and SHA-256
TOPIC.PARTITION.gz             MessagePack after MessagePack: key, value, timestamp (ms), headers
```

Files are written beside and renamed, the manifest last: a folder with a manifest is a whole backup.
"""

from __future__ import annotations

import gzip
import hashlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from streams import topics
from streams.errors import BrokerError, ConfigurationError
from streams.operations import standing
from streams.operations.reading import read_to_end
from streams.settings import Settings

FORMAT = 1
MANIFEST = "manifest.json"
LEVEL = 6
"""Of gzip: state halves; 9 takes twice as long for 2 % more."""
STATE, TALLIES, MODELS = "state", "tallies", "models"
"""What files of topics whose name has the app id in it are called, so that a backup can go to another app id."""


class File(Struct, frozen=True, kw_only=True):
    """One partition of one topic."""

    name: str
    topic: str
    partition: int
    records: int
    sha256: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup holds. ``positions`` by topic and partition; topics go by :func:`role`."""

    format: int
    app_id: str
    partitions: int
    made_ms: int
    layout: int
    positions: dict[str, list[int]]
    ends: dict[str, list[int]]
    files: list[File]
    repartitioned_from: int = 0
    """Partitions of the backup that this was made of; 0: of none."""


class Saved(Struct, array_like=True, frozen=True):
    """One record."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes]]


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Saved)


def role(topic: str, settings: Settings) -> str:
    """A topic's name without the app id."""
    return {
        settings.state_topic: STATE, settings.tallies_topic: TALLIES, settings.models_topic: MODELS
    }.get(topic, topic)  # fmt: skip


def topic_of(name: str, settings: Settings) -> str:
    """The topic that a :func:`role` is in this application."""
    return {
        STATE: settings.state_topic, TALLIES: settings.tallies_topic, MODELS: settings.models_topic
    }.get(name, name)  # fmt: skip


def compacted_names(settings: Settings) -> list[str]:
    """The topics of which the last record of every key is kept."""
    return [topic.name for topic in topics.catalogue(settings) if topic.compacted]


async def back_up(settings: Settings, folder: Path) -> Manifest:
    """Write a backup into ``folder``, which must be new or empty; returns its manifest.

    Raises ``ConfigurationError`` when a worker is at work or the folder holds something, ``BrokerError`` when
    something moved meanwhile all the same.
    """
    make_empty(folder)
    await standing.require_stopped(settings, "a backup is of one moment")
    await standing.require_partitions(settings)
    compacted, owned = compacted_names(settings), topics.owned(settings)
    there = await standing.standings(settings, (*compacted, *owned))
    files: list[File] = []
    for number in range(settings.partitions):  # one at a time, as one must fit into memory
        for name, records in (await _partition(settings, number, there)).items():
            if records:
                files.append(write_file(folder, role(name, settings), number, records))
    await _nothing_moved(settings, there, (*compacted, *owned))
    manifest = Manifest(
        format=FORMAT,
        app_id=settings.app_id,
        partitions=settings.partitions,
        made_ms=int(time.time() * 1000),
        layout=_layout(),
        positions={
            role(topic, settings): [there[topic, number].next for number in range(settings.partitions)]
            for topic in owned
        },
        ends={
            role(topic, settings): [there[topic, number].end for number in range(settings.partitions)]
            for topic in owned
        },
        files=files,
    )
    write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    return manifest


def make_empty(folder: Path) -> None:
    """Make the folder, unless it is there. Raises ``ConfigurationError`` when it holds something."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: name a new folder")


async def _partition(
    settings: Settings, number: int, there: dict[standing.Place, standing.Standing]
) -> dict[str, list[Saved]]:
    """What a backup keeps of one partition number, by topic."""
    last: dict[str, dict[bytes, Saved]] = {name: {} for name in compacted_names(settings)}
    tails: dict[str, list[Saved]] = {name: [] for name in topics.owned(settings)}

    def take(record: Any) -> None:
        saved = Saved(record.key, record.value, record.timestamp, list(record.headers))
        if record.topic in tails:
            tails[record.topic].append(saved)
        elif record.key is not None:
            known = last[record.topic]
            known.pop(record.key, None)  # to its new place: the order of keys is the log's
            known[record.key] = saved

    starts = {(name, number): there[name, number].next for name in tails}
    await read_to_end(settings, (*last, *tails), take, partition=number, starts=starts)
    # A tombstone has done its work: whoever reads the restored topic has never seen the key.
    return tails | {
        name: [record for record in records.values() if record.value is not None]
        for name, records in last.items()
    }


async def _nothing_moved(
    settings: Settings, before: dict[standing.Place, standing.Standing], names: Iterable[str]
) -> None:
    after = await standing.standings(settings, tuple(names))
    for place, then in before.items():
        now = after[place]
        inputs = place[0] in topics.INPUTS  # producers may go on: what they write now is behind this backup
        if now.position != then.position or (now.end != then.end and not inputs):
            raise BrokerError(
                f"{place[0]}-{place[1]} moved while it was backed up ({then} to {now}): a worker is at work, or a "
                "publisher; stop it and begin again"
            )
    await standing.require_stopped(settings, "a backup is of one moment")


def _layout() -> int:
    from streams.profiles.layout import LAYOUT_VERSION

    return LAYOUT_VERSION


def write_file(folder: Path, topic: str, number: int, records: Iterable[Saved]) -> File:
    """Write one partition's records; returns what the manifest says of them."""
    name, count = f"{topic}.{number}.gz", 0
    packed = bytearray()
    for record in records:
        body = _encode(record)
        packed += len(body).to_bytes(4, "little") + body
        count += 1
    data = gzip.compress(bytes(packed), LEVEL, mtime=0)
    write(folder / name, data)
    return File(
        name=name, topic=topic, partition=number, records=count, sha256=hashlib.sha256(data).hexdigest()
    )


def read_file(folder: Path, file: File) -> Iterator[Saved]:
    """The records of one file. Raises ``ConfigurationError`` when it is not what was written."""
    path = folder / file.name
    data = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ConfigurationError(f"{path} is missing or was changed since the backup: take another backup")
    packed, at = gzip.decompress(data), 0
    while at < len(packed):
        end = at + 4 + int.from_bytes(packed[at : at + 4], "little")
        yield _decoder.decode(packed[at + 4 : end])
        at = end


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises ``ConfigurationError`` when there is none, or it is of another format."""
    path = folder / MANIFEST
    if not path.exists():
        raise ConfigurationError(f"{folder} is no whole backup: it has no {MANIFEST}")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise ConfigurationError(f"{path} has format {manifest.format}, this program reads {FORMAT}")
    return manifest


def write(path: Path, data: bytes) -> None:
    """Write a file wholly or not at all."""
    beside = path.with_suffix(path.suffix + ".part")
    beside.write_bytes(data)
    beside.rename(path)
