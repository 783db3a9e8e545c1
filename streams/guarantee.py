"""Which guarantee the broker allows: asked of the broker, and never lowered because of a passing fault.

What a broker lists among its APIs is not enough: Tansu 0.6 lists all five of the transaction APIs and answers
InitProducerId with an unknown error. So the answer comes from a probe, a transactional id of our own that is
initialised once; an error counts as "no" only where the broker also does not list the APIs that a broker with
a transaction log has beside them.
"""

from __future__ import annotations

import asyncio
import logging

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
)
from aiokafka.protocol.admin import ApiVersionRequest

from streams.errors import BrokerError, ConfigurationError
from streams.security.connection import connection
from streams.security.granted import require_rights
from streams.security.refusals import look, missing_right, refusal
from streams.settings import Settings

log = logging.getLogger(__name__)

TRANSACTION_APIS = frozenset({22, 24, 25, 26, 28})
"""InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit: without one of them, no
transactions."""
TRANSACTION_LOG_APIS = frozenset({27, 65, 66})
"""WriteTxnMarkers, DescribeTransactions, ListTransactions: a broker that lists one of them keeps a
transaction log."""
DEADLINE_S = 30.0
"""For the broker to answer; a starting broker answers within seconds."""
RETRY_PAUSE_S = 0.5

EXACTLY_ONCE = "exactly_once"
AT_LEAST_ONCE = "at_least_once"


async def settle(settings: Settings, deadline_s: float = DEADLINE_S) -> str:
    """``exactly_once`` or ``at_least_once``, as set or, with ``auto``, as the broker allows.

    Raises ``BrokerError`` when the broker does not answer clearly within ``deadline_s`` seconds, and
    ``ConfigurationError`` when ``exactly_once`` is demanded of a broker that cannot, or is forbidden.
    """
    if refused := await look(settings):
        raise refused
    await require_rights(settings)
    if settings.guarantee == AT_LEAST_ONCE:
        return AT_LEAST_ONCE
    try:
        async with asyncio.timeout(deadline_s):
            apis = await _listed_apis(settings)
            able = apis.issuperset(TRANSACTION_APIS) and await _probe(
                settings, certain=bool(apis & TRANSACTION_LOG_APIS)
            )
    except TimeoutError as error:
        raise BrokerError(f"{settings.brokers} did not answer within {deadline_s:.0f} s") from error
    if not able and settings.guarantee == EXACTLY_ONCE:
        raise ConfigurationError(
            f"guarantee is exactly_once, but the broker at {settings.brokers} knows no transactions: "
            "use Apache Kafka, or set FLYWHEEL_GUARANTEE to at_least_once"
        )
    return EXACTLY_ONCE if able else AT_LEAST_ONCE


async def _listed_apis(settings: Settings) -> frozenset[int]:
    while True:
        client = AIOKafkaClient(**connection(settings), client_id=f"{settings.app_id}-probe")
        try:
            await client.bootstrap()
            response = await client.send(client.get_random_node(), ApiVersionRequest())
            return frozenset(key for key, *_ in response.api_versions)
        except KafkaError as error:
            if refused := await refusal(error, settings):
                raise refused from error
            log.info("%s does not answer yet: %r", settings.brokers, error)
            await asyncio.sleep(RETRY_PAUSE_S)
        finally:
            await client.close()


async def _probe(settings: Settings, *, certain: bool) -> bool:
    """Initialise a transactional id of our own. ``certain``: the broker has a transaction log, so an error is
    a fault."""
    while True:
        producer = AIOKafkaProducer(
            **connection(settings),
            client_id=f"{settings.app_id}-probe",
            transactional_id=f"{settings.app_id}-probe",
        )
        try:
            await producer.start()
        except TransactionalIdAuthorizationFailed as error:
            raise missing_right(error, settings) from error
        except (UnknownError, IncompatibleBrokerVersion) as error:
            if not certain:
                log.info("the broker lists transactions but refuses them: %r", error)
                return False
            log.warning("the broker knows transactions but refuses them now: %r", error)
        except KafkaError as error:
            if refused := await refusal(error, settings):
                raise refused from error
            log.info("%s is not ready for transactions yet: %r", settings.brokers, error)
        else:
            return True
        finally:
            await producer.stop()
        await asyncio.sleep(RETRY_PAUSE_S)
