"""Grants rights at a real broker, as an administrator would: through the listener that is open to whoever sets up."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from streams.security.acls import Right

KINDS = {"topic": 2, "group": 3, "cluster": 4, "transactional-id": 5}
"""Kafka's numbers for kinds of resources."""
OPERATIONS = {
    "Read": 3, "Write": 4, "Create": 5, "Delete": 6, "Alter": 7, "Describe": 8, "DescribeConfigs": 10,
    "AlterConfigs": 11, "IdempotentWrite": 12,
}  # fmt: skip
"""Kafka's numbers for operations."""
LITERAL, PREFIXED, ALLOW = 3, 4, 3


def _words(right: Right, principal: str) -> tuple[int, str, int, str, str, int, int]:
    pattern = PREFIXED if right.prefixed else LITERAL
    return KINDS[right.kind], right.name, pattern, principal, "*", OPERATIONS[right.operation], ALLOW


async def grant(brokers: str, principal: str, rights: Iterable[Right]) -> None:
    """Give ``principal`` these rights; asserts that the broker took every one."""
    await _all(brokers, [CreateAclsRequest(*_words(right, principal)) for right in rights])


async def withdraw(brokers: str, principal: str, right: Right) -> None:
    """Take one right away again."""
    await _all(brokers, [DeleteAclsRequest(*_words(right, principal))])


async def _all(brokers: str, requests: list[CreateAclsRequest] | list[DeleteAclsRequest]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        for request in requests:
            response = await admin._send_request(request)
            answers = response.to_object()
            codes = [
                answer["error_code"]
                for name in answers
                if isinstance(answers[name], list)
                for answer in answers[name]
            ]
            assert codes == [0], answers
    finally:
        await admin.close()
