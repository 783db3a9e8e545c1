"""The owner of experiments: the sums of all partitions to one verdict, told as ``experiment-results``.

A tally replaces what its source told before, so one that comes twice changes nothing, and one that is lost
is made good by the next. What was stopped stays stopped: allocations are state.
"""

from __future__ import annotations

import logging
from dataclasses import astuple
from typing import Any

import msgspec
import orjson
from msgspec import Struct

from streams import topics
from streams.errors import RecoveryError
from streams.events.rekeyed import Tally
from streams.experiments.allocation import Allocation
from streams.experiments.declaration import Experiment
from streams.experiments.judging import judge
from streams.experiments.reading import load
from streams.experiments.totals import Totals, from_record, merged
from streams.rekeyed.owner import Put
from streams.settings import Settings

log = logging.getLogger(__name__)

CHANGELOG_VERSION = 1


class Part(Struct, array_like=True):
    """What one source told of one experiment last: a changelog record under ``experiment|source``."""

    version: int
    seq: int
    ts: int
    sums: dict[str, Any]


class Standing(Struct, array_like=True):
    """Where an experiment stands: a changelog record under its id. ``allocation`` has the fields of
    ``experiments.allocation.Allocation``; ``digest`` says of which declaration."""

    version: int
    digest: int
    allocation: tuple[int, tuple[float, ...], tuple[bool, ...], int]


_PART = msgspec.msgpack.Decoder(Part)
_STANDING = msgspec.msgpack.Decoder(Standing)
_encode = msgspec.msgpack.Encoder().encode


class ExperimentOwner:
    """The experiments of one partition. Implements ``owner.Owner``."""

    kind = b"e"

    def __init__(self, settings: Settings, put: Put) -> None:
        self.parts: dict[str, dict[int, Part]] = {}
        """By experiment and source; also of experiments that only newer workers know yet."""
        self.standings: dict[str, Standing] = {}
        self.rejected = 0
        """Tallies that did not fit the experiment as it is declared here."""
        self._declared = load(settings.experiments).by_id()
        self._put = put
        self._changed: dict[str, None] = {}

    def apply(self, record: Tally, offset: int) -> None:
        """Replace what its source told before, and judge anew."""
        parts = self.parts.setdefault(record.key, {})
        known = parts.get(record.source)
        same = known is not None and known.sums.get("digest") == record.sums.get("digest")
        if known is not None and same and record.seq <= known.seq:
            return
        experiment = self._declared.get(record.key)
        if experiment is not None and self._totals(experiment, record.sums) is None:
            return
        parts[record.source] = Part(CHANGELOG_VERSION, record.seq, record.ts, record.sums)
        self._changed[f"{record.key}|{record.source}"] = None
        if experiment is not None:
            self._judge(experiment, parts)

    def _totals(self, experiment: Experiment, sums: dict[str, Any]) -> Totals | None:
        try:
            return from_record(experiment, sums)
        except (ValueError, KeyError, TypeError) as error:
            self.rejected += 1
            log.warning("a tally of experiment %r is not taken: %s", experiment.id, error)
            return None

    def _judge(self, experiment: Experiment, parts: dict[int, Part]) -> None:
        # Sources in the order of their numbers: sums of floats must not depend on who came first.
        current = [parts[source] for source in sorted(parts)]
        current = [part for part in current if part.sums.get("digest") == experiment.digest]
        totals = [self._totals(experiment, part.sums) for part in current]
        whole = merged(experiment, (part for part in totals if part is not None))
        allocation = Allocation.declared(experiment)
        standing = self.standings.get(experiment.id)
        if standing is not None and standing.digest == experiment.digest:
            allocation = Allocation(*standing.allocation)
        record, moved = judge(experiment, whole, allocation, max(part.ts for part in current))
        record["sources"] = len(current)
        if standing is None or moved != allocation or standing.digest != experiment.digest:
            self.standings[experiment.id] = Standing(CHANGELOG_VERSION, experiment.digest, astuple(moved))
            self._changed[experiment.id] = None
        self._put(topics.EXPERIMENT_RESULTS, experiment.id.encode(), orjson.dumps(record))

    def let_time_pass(self, elapsed_ms: int) -> None:
        """Sources tell at their own pace; nothing is held back here."""

    # --- checkpoint and recovery ---------------------------------------------------------------------------

    def pending(self) -> int:
        """Changelog records to be written."""
        return len(self._changed)

    def take_changes(self) -> tuple[list[bytes], list[bytes | None]]:
        """What sources told, and allocations, since the last call."""
        keys = list(self._changed)
        values: list[bytes | None] = []
        for key in keys:
            name, separator, source = key.rpartition("|")
            values.append(_encode(self.parts[name][int(source)] if separator else self.standings[key]))
        self._changed = {}
        return [key.encode() for key in keys], values

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record in."""
        name, separator, source = key.decode().rpartition("|")
        if value is None:
            raise RecoveryError(f"the changelog has a tombstone for experiment {key!r}, none is ever removed")
        try:
            if separator:
                part = _PART.decode(value)
                version = part.version
                self.parts.setdefault(name, {})[int(source)] = part
            else:
                standing = _STANDING.decode(value)
                version = standing.version
                self.standings[source] = standing
        except (msgspec.MsgspecError, ValueError) as error:
            raise RecoveryError(
                f"the changelog record of experiment {key!r} cannot be read: {error}"
            ) from error
        if version != CHANGELOG_VERSION:
            raise RecoveryError(f"the changelog record of experiment {key!r} has version {version}")

    def restored(self) -> None:
        """The changelog is read to its end."""
        self._changed = {}
