"""Makes an application of a backup again, on a cluster that has none.

1. Look before touching: the whole backup is read and checked; no worker is at work; of every topic that will be
   written nothing is there; the group has no positions.
2. Missing topics are created.
3. Every owned log begins with a marker record (offset 0), then the backup's tail: events that were not applied yet.
4. Catalogs, decisions, what partitions tell each other, and state, whose offsets are taken back (``moving``).
5. Positions behind the markers, last of all: a restore that broke off has none, so a worker would say that state
   and positions do not fit, and the next try says which topics to delete.

With ``keep_inputs`` the inputs' logs are still the backup's own (only outputs and state were lost): nothing is
written to owned topics, offsets hold, and the group stands where it stood.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from streams import admin, topics
from streams.errors import ConfigurationError
from streams.operations import clients, standing
from streams.operations.backup import File, Manifest, Saved, read_file, read_manifest, topic_of
from streams.operations.moving import MARKER, moved
from streams.settings import Settings

MARKER_KEY = b"flywheel-restore"
MARKER_VALUE = b'{"what":"restored from a backup: what lies before is in the backup\'s log"}'
"""No event: a reader of the raw log drops it, and no worker sees it."""
AT_ONCE = 5_000
"""Records on their way to the broker at a time."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was written: records by topic, and the positions that were set."""

    records: dict[str, int]
    positions: dict[standing.Place, int]


def check(folder: Path, settings: Settings) -> Manifest:
    """Read every file of a backup, and compare it with the settings. Raises ``ConfigurationError``."""
    from streams.profiles.layout import LAYOUT_VERSION

    manifest = read_manifest(folder)
    if manifest.partitions != settings.partitions:
        raise ConfigurationError(
            f"the backup has {manifest.partitions} partitions, the settings say {settings.partitions}: set "
            f"FLYWHEEL_PARTITIONS={manifest.partitions} (`flywheel repartition` makes a backup of more)"
        )
    if manifest.layout > LAYOUT_VERSION:
        raise ConfigurationError(
            f"the backup was made by a newer release (layout {manifest.layout}, this program reads "
            f"{LAYOUT_VERSION}): restore it with that release"
        )
    for file in manifest.files:
        count = sum(1 for _ in read_file(folder, file))
        if count != file.records:
            raise ConfigurationError(f"{file.name} has {count} records, not {file.records}")
    return manifest


async def restore(settings: Settings, folder: Path, *, keep_inputs: bool = False) -> Restored:
    """Restore the backup in ``folder``. Raises ``ConfigurationError`` when something is there already."""
    manifest = check(folder, settings)
    if keep_inputs and manifest.repartitioned_from:
        raise ConfigurationError(
            "inputs of another number of partitions are other logs: restore without --keep-inputs"
        )
    await standing.require_stopped(settings, "they would work on half of the state")
    await asyncio.to_thread(admin.create_topics, settings)
    owned = topics.owned(settings)
    files = [file for file in manifest.files if not (keep_inputs and topic_of(file.topic, settings) in owned)]
    written = {topic_of(file.topic, settings) for file in files} | (set() if keep_inputs else set(owned))
    await _require_room(settings, manifest, written, keep_inputs)
    records: dict[str, int] = {}
    async with clients.plain_producer(settings) as producer:
        sending: list[asyncio.Future[object]] = []

        async def send(topic: str, number: int, batch: Iterable[Saved]) -> None:
            for record in batch:
                sending.append(
                    await producer.send(
                        topic, record.value, record.key, number, record.timestamp, record.headers
                    )
                )
                records[topic] = records.get(topic, 0) + 1
                if len(sending) >= AT_ONCE:
                    await asyncio.gather(*sending)
                    sending.clear()

        if not keep_inputs:
            marker = Saved(MARKER_KEY, MARKER_VALUE, manifest.made_ms, [])
            for topic in owned:
                for number in range(settings.partitions):
                    sent = await producer.send_and_wait(
                        topic, marker.value, marker.key, number, marker.timestamp
                    )
                    if sent.offset != MARKER:
                        raise ConfigurationError(
                            f"{topic}-{number} had records once (its next offset was {sent.offset}): delete the topic, "
                            "and begin again"
                        )
        for file in sorted(files, key=lambda file: topic_of(file.topic, settings) not in owned):
            topic = topic_of(file.topic, settings)
            await send(topic, file.partition, _records(folder, file, topic, settings, keep_inputs))
        await asyncio.gather(*sending)
    positions = {
        (topic_of(name, settings), number): position if keep_inputs else MARKER + 1
        for name, by_number in manifest.positions.items()
        for number, position in enumerate(by_number)
    }
    await standing.commit(settings, positions)
    return Restored(records, positions)


def _records(folder: Path, file: File, topic: str, settings: Settings, keep_inputs: bool) -> Iterable[Saved]:
    for record in read_file(folder, file):
        if topic == settings.state_topic and not keep_inputs and record.key and record.value is not None:
            yield Saved(record.key, moved(record.key, record.value), record.timestamp, record.headers)
        else:
            yield record


async def _require_room(settings: Settings, manifest: Manifest, written: set[str], keep_inputs: bool) -> None:
    await standing.require_partitions(settings)
    there = await standing.standings(settings, sorted(written | set(topics.owned(settings))))
    full = sorted({topic for (topic, _), log in there.items() if topic in written and log.end > log.begin})
    if full:
        raise ConfigurationError(
            f"not empty: {', '.join(full)}. A backup is restored where nothing is: use another cluster, or "
            "delete these topics"
        )
    stands = sorted({topic for (topic, _), log in there.items() if log.position is not None})
    if stands and not keep_inputs:
        raise ConfigurationError(
            f"the group {settings.app_id} has positions in {', '.join(stands)}: delete the group "
            f"(kafka-consumer-groups.sh --delete --group {settings.app_id}), or choose another app id"
        )
    if not keep_inputs:
        return
    for name, by_number in manifest.positions.items():
        topic = topic_of(name, settings)
        for number, position in enumerate(by_number):
            log = there[topic, number]
            if not log.begin <= position <= log.end:
                raise ConfigurationError(
                    f"{topic}-{number} is not the log of the backup: it has offsets {log.begin} to {log.end}, the "
                    f"backup goes on at {position}. Restore without --keep-inputs, onto empty topics"
                )
