"""More partitions: a backup of N becomes a backup of M = k * N, which :mod:`streams.operations.restoring` restores.

Kafka's partitioner sends a key of hash h to h mod M. When M is a multiple of N, a new partition j holds keys of the one
old partition j mod N only: it is that partition, without the profiles that went elsewhere. So nothing is merged and
nothing is renumbered: every profile's records are the bytes they were, and what a partition knows of rows, titles, tags
and everybody (rates, decayed counts) is what its parent knew.

What is *added up* over partitions stays with the heir (the j below N), and the others begin it at nothing, so that no
sum counts anything twice: evidence of models (theirs is marked as received from others), sums of experiments, hours of
demand, values of policies, credit, outcomes that wait to be learned, and views that a title's owner was not told of.

Everything keyed goes to the partition of its key among M: decisions (artwork by its profile), catalogs, statistics of
titles, results, what owners keep, and the inputs' tails, whose order per key is the log's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

from models.mixing import Evidence
from models.paired_loss import PairedLoss
from streams import topics
from streams.decisions.credit import CREDIT
from streams.decisions.learner import Learner
from streams.errors import ConfigurationError
from streams.events.model_records import CONTROL
from streams.experiments.totals import Totals
from streams.operations import backup
from streams.operations.backup import STATE, File, Manifest, Saved
from streams.pipeline import PartitionEngine, create_engine
from streams.rekeyed.owners import CHANGELOG_KEY, PREFIX
from streams.rekeyed.partitioner import partition_of
from streams.settings import Settings
from streams.state import codec
from streams.state.catalog import Catalog

EXPERIMENT_KIND = b"e"
BY_PROFILE = (*topics.INPUTS, *topics.KEYED_BY_PROFILE)


def repartition(settings: Settings, source: Path, target: Path, partitions: int) -> Manifest:
    """Write the backup in ``source`` as one of ``partitions`` into ``target``; returns its manifest.

    ``settings`` are the workers' (surfaces, models, experiments). Raises ``ConfigurationError`` when ``partitions``
    is no multiple of what there is.
    """
    manifest = backup.read_manifest(source)
    before = manifest.partitions
    if partitions <= before or partitions % before:
        raise ConfigurationError(
            f"{before} partitions can become {2 * before}, {3 * before}, ...: then each profile's new partition has "
            f"one old one, and nothing need be merged. {partitions} is no such number"
        )
    backup.make_empty(target)
    files: list[File] = []
    for number in range(before):
        mine = [file for file in manifest.files if file.partition == number]
        for file in mine:
            if file.topic == STATE:
                records = list(backup.read_file(source, file))
                for child in range(number, partitions, before):
                    part = list(_state_of(records, child, partitions, settings, heir=child == number))
                    if part:
                        files.append(backup.write_file(target, STATE, child, part))
    for topic in sorted({file.topic for file in manifest.files} - {STATE}):
        parts: dict[int, list[Saved]] = {}
        for file in manifest.files:
            if file.topic == topic:
                for record in backup.read_file(source, file):
                    place = _place_of(topic, record, file.partition, partitions)
                    parts.setdefault(place, []).append(record)
        files += [backup.write_file(target, topic, child, part) for child, part in sorted(parts.items())]
    nowhere = {topic: [0] * partitions for topic in manifest.positions}  # in logs that are not there yet
    grown = msgspec.structs.replace(
        manifest,
        partitions=partitions,
        positions=nowhere,
        ends=nowhere,
        files=files,
        repartitioned_from=before,
    )
    backup.write(target / backup.MANIFEST, msgspec.json.format(msgspec.json.encode(grown), indent=1))
    return grown


def _place_of(topic: str, record: Saved, number: int, partitions: int) -> int:
    """Where a record belongs among ``partitions``."""
    key = record.key
    if key is None:
        return number
    if topic == topics.ARTWORK_CHOICES:
        profile = orjson.loads(record.value or b"{}")["profile_id"]
        return partition_of(profile.encode(), partitions)
    if topic == backup.MODELS and not key.startswith(CONTROL.encode() + b"|"):
        return number  # what a partition told is its heir's word now
    return partition_of(key, partitions)


def _state_of(
    records: Iterable[Saved], child: int, partitions: int, settings: Settings, *, heir: bool
) -> Iterator[Saved]:
    """The changelog of one new partition."""
    kept = [record for record in records if _belongs(record.key or b"", child, partitions, heir)]
    if heir:
        yield from kept
        return
    replaced = _without_sums(kept, child, partitions, settings)
    for record in kept:
        yield Saved(
            record.key, replaced.pop(record.key or b"", record.value), record.timestamp, record.headers
        )
    yield from (Saved(key, value, kept[0].timestamp, []) for key, value in replaced.items())


def _belongs(key: bytes, child: int, partitions: int, heir: bool) -> bool:
    kind, name = key[:1], key[1:]
    if kind in (codec.PROFILE_KEY, codec.TASTE_KEY):
        return partition_of(name, partitions) == child
    if kind == codec.CELL_KEY:
        return heir
    if kind == CHANGELOG_KEY:
        owned = key[PREFIX:]
        if key[1:PREFIX] == EXPERIMENT_KIND:  # by experiment, or experiment and source
            head, _, source = owned.rpartition(b"|")
            owned = head if head and source.isdigit() else owned
        return partition_of(owned, partitions) == child
    return True


def _without_sums(
    kept: list[Saved], child: int, partitions: int, settings: Settings
) -> dict[bytes, bytes | None]:
    """The records that change because what is added up is the heir's."""
    settings = replace(settings, partitions=partitions)
    engine = create_engine(child, settings, Catalog(settings))
    engine.restore([record.key or b"" for record in kept], [record.value for record in kept])
    engine.restored()
    disinherit(engine)
    writes = engine.drain().topics.get(settings.state_topic)
    return (
        {} if writes is None else dict(zip((key or b"" for key in writes.keys), writes.values, strict=True))
    )


def disinherit(engine: PartitionEngine) -> None:
    """Leave an engine all that it knows, and nothing that it would add to the sums of all partitions."""
    for learner in (engine.state.quality, engine.state.churn):
        _disinherit_learner(learner)
    surfaces: dict[str, Any] = dict(engine.surfaces.surfaces)
    demand = engine.surfaces.sharing.demand
    batches, mixed_at, mixed_from, received = demand.dump()
    demand.load((batches, mixed_at, mixed_from, received + demand.evidence.precision))
    for name in ("artwork", "trailers"):
        if name in surfaces:
            weights = surfaces[name].weights
            batches, mixed_at, mixed_from, precision, shift = weights.dump()
            own = weights.evidence
            weights.load((batches, mixed_at, mixed_from, precision + own.precision, shift + own.shift))
    engine.surfaces.policies.values.clear()
    if "experiments" in surfaces:
        experiments = surfaces["experiments"]
        experiments.totals = {e.id: Totals(e) for e in experiments.declaration.experiments}
    if "credit" in surfaces:
        surfaces["credit"].load(np.zeros(1, CREDIT).tobytes())
    if engine.state.tastes_used:
        tastes = engine.state.title_tastes
        untold = np.flatnonzero(
            tastes.records["art_untold_views"].any(axis=1) | tastes.records["art_untold_plays"].any(axis=1)
        )
        tastes.records["art_untold_views"][untold] = 0
        tastes.records["art_untold_plays"][untold] = 0
        tastes.dirty[untold] = 1
    engine.state.changed = True


def _disinherit_learner(learner: Learner) -> None:
    for trained in (learner.live, learner.shadow):
        if trained is not None and trained.mixable:
            dumped = trained.dump()
            total = trained.evidence
            if dumped["received"] is not None:
                total = total + Evidence(*dumped["received"])
            trained.load({**dumped, "received": (total.precision, total.shift)})
    learner.pairs = PairedLoss()
    learner.waiting.n[0] = 0
    learner.refold()
