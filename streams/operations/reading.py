"""Reads topics from their beginning to their present end, committed records only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams.errors import BrokerError
from streams.following import Follower
from streams.settings import Settings

Take = Callable[[Any], None]
"""Takes one record (aiokafka's ``ConsumerRecord``), in log order within a partition."""


async def read_to_end(
    settings: Settings,
    names: Sequence[str],
    take: Take,
    *,
    partition: int | None = None,
    starts: Mapping[tuple[str, int], int] | None = None,
) -> int:
    """Hand every record (of one partition number only, with ``partition``; from ``starts`` on in the logs that it
    names) to ``take``; returns how many. Raises ``BrokerError`` when nothing comes for
    ``recovery_deadline_ms``, ``ConfigurationError`` for a topic that is missing."""
    seconds, count = settings.recovery_deadline_ms / 1000, 0
    clock = asyncio.get_running_loop().time
    try:
        async with (
            asyncio.timeout(seconds) as deadline,
            Follower(settings, names, from_start=True, partition=partition, starts=starts) as follower,
        ):
            rest = True
            while rest:  # once more after it is caught up: Tansu's end lies within the last batch
                rest = not await follower.caught_up()
                records = await follower.records()
                for record in records:
                    take(record)
                if records:
                    count += len(records)
                    deadline.reschedule(clock() + seconds)
    except TimeoutError as error:
        raise BrokerError(f"{', '.join(names)} could not be read to the end in time") from error
    return count
