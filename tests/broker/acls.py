"""Grants rights at a real broker, as an administrator would: through the listener that is open to whoever sets up."""

from __future__ import annotations

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest
from aiokafka.protocol.api import Request

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


class _CreateAcls(Request[CreateAclsRequest_v1]):
    """Many at once: aiokafka's own takes one, and a broker needs 30 ms for each request."""

    API_KEY = 30

    def __init__(self, creations: list[tuple[int, str, int, str, str, int, int]]) -> None:
        self.creations = creations

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self.creations)


async def grant(brokers: str, principal: str, rights: Iterable[Right]) -> None:
    """Give ``principal`` these rights; asserts that the broker took every one."""
    wanted = [_words(right, principal) for right in rights]
    await _send(brokers, _CreateAcls(wanted), len(wanted))


async def withdraw(brokers: str, principal: str, right: Right) -> None:
    """Take one right away again."""
    await _send(brokers, DeleteAclsRequest(*_words(right, principal)), 1)


async def _send(brokers: str, request: _CreateAcls | DeleteAclsRequest, count: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers)
    await admin.start()
    try:
        answers = (await admin._send_request(request)).to_object()
        codes = [
            answer["error_code"]
            for name in answers
            if isinstance(answers[name], list)
            for answer in answers[name]
        ]
        assert codes == [0] * count, answers
    finally:
        await admin.close()
