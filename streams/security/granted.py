"""What the broker grants to us, asked before the work begins: whoever lacks a right is told so at once, and all of it,
not with the first record that needs it.

Kafka answers a client about its own rights: on topics with their metadata (from version 8 of that request on, Kafka
2.3), on a group with the answer to a heartbeat of nobody, which changes nothing. Transactional ids cannot be asked for
without using one; ``streams.guarantee`` does.
"""

from __future__ import annotations

import asyncio
import logging

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from streams.errors import BrokerError
from streams.security.acls import GROUP, READ, TOPIC, Right, rights
from streams.security.connection import connection
from streams.security.program import program
from streams.security.refusals import lacking, refusal
from streams.settings import Settings

log = logging.getLogger(__name__)

DEADLINE_S = 10.0
"""For all questions together; they take 0.1 s. A cluster that was just made needs seconds for its first group."""
RETRY_PAUSE_S = 0.2
SAID = 6
"""Missing rights that a message names; the command in it prints all."""
BITS = {
    "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "DescribeConfigs": 10,
    "AlterConfigs": 11,
}  # fmt: skip
"""Kafka's numbers for operations: the bit of each in what it grants."""
TOPIC_REFUSED, GROUP_REFUSED = 29, 30
"""Kafka's error codes for a topic, or a group, of which one may not even know."""
NOT_TOLD = -(1 << 31)
"""What a broker says that does not tell."""


class _Metadata(Response):
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("cluster_operations", Int32),
    )


class _MetadataRequest(RequestStruct):
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Metadata
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
    )


class _Asking(Request[_MetadataRequest]):
    """aiokafka's own request for metadata ends at version 5, which does not tell of rights."""

    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequest]) -> _MetadataRequest:
        return request_struct_class(self._names, False, False, True)


async def require_rights(settings: Settings) -> None:
    """Raise ``ConfigurationError``, which names them all, when rights of this ``program`` are missing.

    A broker that is away, or tells nothing of rights, is no reason to end: whoever asks meets it again.
    """
    running = program.get()
    if settings.security_protocol == "PLAINTEXT" or running is None:
        return
    try:
        missing = await missing_rights(running, settings)
    except BrokerError as error:
        log.info("%s", error)
        return
    if missing:
        named = ", ".join(map(str, missing[:SAID]))
        more = f" and {len(missing) - SAID} more" if len(missing) > SAID else ""
        raise lacking(named + more, settings)


async def missing_rights(name: str, settings: Settings) -> list[Right]:
    """Of what program ``name`` needs, the rights on topics and on the group that the broker does not grant to the
    user of ``settings``, sorted. Topics that do not exist are left out.

    Raises ``ConfigurationError`` when the broker refuses the connection, ``BrokerError`` when it is away or tells
    nothing of rights.
    """
    needed = rights(name, settings)
    client = AIOKafkaClient(**connection(settings), client_id=f"{settings.app_id}-rights")
    try:
        async with asyncio.timeout(DEADLINE_S):
            await client.bootstrap()
            return sorted([*await _on_topics(client, needed), *await _on_groups(client, needed)])
    except (KafkaError, TimeoutError) as error:
        if refused := await refusal(error, settings):
            raise refused from error
        raise BrokerError(f"the broker at {settings.brokers} does not tell of rights: {error!r}") from error
    finally:
        await client.close()


async def _on_topics(client: AIOKafkaClient, needed: list[Right]) -> list[Right]:
    asked = [right for right in needed if right.kind == TOPIC and not right.prefixed]
    request = _Asking(sorted({right.name for right in asked}))
    answer = await client.send(client.get_random_node(), request)
    granted: dict[str, int] = {}
    for code, name, _internal, _partitions, operations in answer.topics:
        if code == TOPIC_REFUSED:
            granted[name] = 0
        elif not code and operations != NOT_TOLD:
            granted[name] = operations
    return [
        right
        for right in asked
        if right.name in granted and not granted[right.name] >> BITS[right.operation] & 1
    ]


async def _on_groups(client: AIOKafkaClient, needed: list[Right]) -> list[Right]:
    asked = [right for right in needed if right.kind == GROUP and right.operation == READ]
    return [right for right in asked if not await _reads(client, right.name)]


async def _reads(client: AIOKafkaClient, group: str) -> bool:
    while True:
        try:
            node = await client.coordinator_lookup(CoordinationType.GROUP, group)
            answer = await client.send(node, HeartbeatRequest(group, -1, ""))
        except GroupAuthorizationFailedError:
            return False
        except KafkaError as error:
            if not error.retriable:
                raise
            await asyncio.sleep(RETRY_PAUSE_S)
        else:
            return bool(answer.error_code != GROUP_REFUSED)
