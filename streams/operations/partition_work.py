"""One partition in an operator's hands, as a worker would hold it: rebuilt, changed, saved.

It goes the worker's own way (``recovery``, ``checkpoint``): opening fences whoever held the partition, a change is
one transaction with the positions it belongs to, and without transactions state goes before positions. So what an
operation does is as safe as what a worker does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from streams import guarantee, recovery
from streams.checkpoint import AtLeastOnceCheckpoint, Checkpoint, TransactionalCheckpoint
from streams.engine import Writes
from streams.operations import standing
from streams.pipeline import PartitionEngine, create_engine
from streams.settings import Settings
from streams.state.catalog import Catalog


@dataclass(frozen=True, slots=True)
class HeldPartition:
    """A partition, rebuilt, and its way to the broker."""

    number: int
    engine: PartitionEngine
    positions: Mapping[str, int]
    checkpoint: Checkpoint

    async def save(self, positions: Mapping[str, int] | None = None) -> Writes:
        """One checkpoint of what changed; returns what it wrote. Raises ``CheckpointError``."""
        writes = self.engine.drain()
        await self.checkpoint.commit(writes, self.positions if positions is None else positions)
        return writes


def checkpoint_of(settings: Settings, number: int, kept: str) -> Checkpoint:
    """The checkpoint of a partition, as a worker of this guarantee has it."""
    if kept == guarantee.EXACTLY_ONCE:
        return TransactionalCheckpoint(settings, number)

    async def commit(positions: Mapping[str, int]) -> None:
        await standing.commit(settings, {(topic, number): at for topic, at in positions.items()})

    return AtLeastOnceCheckpoint(settings, number, commit)


@asynccontextmanager
async def hold(
    settings: Settings, number: int, kept: str, catalog: Catalog | None = None
) -> AsyncIterator[HeldPartition]:
    """Hold partition ``number``: fence its worker, rebuild it. Nothing is written unless ``save`` is called.

    Raises what ``recovery.recover`` raises.
    """
    checkpoint = checkpoint_of(settings, number, kept)
    engine = create_engine(number, settings, Catalog(settings) if catalog is None else catalog)
    try:
        recovered = await recovery.recover(settings, number, engine, checkpoint)
        yield HeldPartition(number, engine, recovered.positions, checkpoint)
    finally:
        await checkpoint.close()
