"""Where an application stands: who is in its group, which positions are committed, where its logs begin and end.

Most operations change what a worker holds in memory, so they want it stopped: ``require_stopped`` asks the group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from streams import topics
from streams.errors import ConfigurationError
from streams.following import partitions_of
from streams.operations import clients
from streams.security.acls import GROUP
from streams.security.granted import missing_rights
from streams.security.refusals import lacking
from streams.settings import Settings

Place = tuple[str, int]
"""A topic and a partition number."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One log: ``[begin, end)`` of what is committed in it, and where the group goes on (``None``: never read)."""

    begin: int
    end: int
    position: int | None

    @property
    def next(self) -> int:
        """Where a worker would go on."""
        return self.begin if self.position is None else max(self.begin, self.position)


async def standings(settings: Settings, names: Sequence[str]) -> dict[Place, Standing]:
    """Every partition of ``names``. Raises ``ConfigurationError`` for a topic that is missing."""
    async with clients.group_consumer(settings) as consumer:
        places = await partitions_of(consumer, tuple(names), settings)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        return {
            (place.topic, place.partition): Standing(
                begins[place], ends[place], await consumer.committed(place)
            )
            for place in places
        }


async def commit(settings: Settings, positions: Mapping[Place, int]) -> None:
    """Set the group's positions. Only while nobody is in the group."""
    offsets = {TopicPartition(*place): OffsetAndMetadata(offset, "") for place, offset in positions.items()}
    async with clients.group_consumer(settings) as consumer:
        await consumer._client.set_topics({place.topic for place in offsets})
        consumer.assign(list(offsets))
        await consumer.commit(offsets)


async def members(settings: Settings) -> int | None:
    """Workers in the group at this moment; ``None`` where the broker does not tell. Raises ``ConfigurationError`` when
    we may not know: such a group looks empty."""
    async with clients.admin(settings) as admin:
        try:
            (response, *_) = await admin.describe_consumer_groups([settings.app_id])
        except KafkaError:
            await _require_group(
                settings
            )  # a coordinator that one may not ask for looks like one that is away
            return None
        return sum(len(group[5]) for group in response.groups)


async def _require_group(settings: Settings) -> None:
    if settings.security_protocol == "PLAINTEXT":
        return
    for right in await missing_rights("operator", settings):
        if right.kind == GROUP:
            raise lacking(str(right), settings)


async def require_stopped(settings: Settings, why: str) -> None:
    """Raise ``ConfigurationError`` while a worker is in the group."""
    count = await members(settings)
    if count:
        raise ConfigurationError(
            f"{count} workers of {settings.app_id} are at work: stop them first ({why}); one that was killed is in "
            f"the group for up to {settings.session_timeout_ms / 1000:g} s more"
        )


async def require_partitions(settings: Settings) -> None:
    """Raise ``ConfigurationError`` unless every owned topic and the state topic have ``settings.partitions``."""
    there = await standings(settings, (*topics.owned(settings), settings.state_topic))
    for name in (*topics.owned(settings), settings.state_topic):
        count = sum(topic == name for topic, _ in there)
        if count != settings.partitions:
            raise ConfigurationError(
                f"{name} has {count} partitions, not {settings.partitions}: set FLYWHEEL_PARTITIONS={count}, or "
                "see `flywheel topics check`"
            )
