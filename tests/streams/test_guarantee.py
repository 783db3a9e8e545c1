"""Which guarantee a broker allows is found out from the broker, and never lowered by a passing fault."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import CoordinatorNotAvailableError, KafkaError, UnknownError

from streams import guarantee
from streams.errors import BrokerError, ConfigurationError
from streams.guarantee import AT_LEAST_ONCE, EXACTLY_ONCE, TRANSACTION_APIS, settle
from streams.settings import load
from tests.simulation import virtual_time

OTHER_APIS = frozenset({0, 1, 3, 18})


def settled(
    monkeypatch: pytest.MonkeyPatch, apis: frozenset[int], answers: list[KafkaError | None], **settings: Any
) -> str:
    """What is found at a broker that lists ``apis`` and answers the probes so, the last for ever."""

    class Producer:
        def __init__(self, **_: Any) -> None: ...

        async def start(self) -> None:
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            if answer is not None:
                raise answer

        async def stop(self) -> None: ...

    async def listed(_: Any) -> frozenset[int]:
        return apis

    monkeypatch.setattr(guarantee, "AIOKafkaProducer", Producer)
    monkeypatch.setattr(guarantee, "_listed_apis", listed)
    return virtual_time.run(settle(load({}, **settings)))


def test_a_broker_whose_probe_succeeds_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(monkeypatch, OTHER_APIS | TRANSACTION_APIS, [None]) == EXACTLY_ONCE


def test_a_broker_without_the_apis_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(monkeypatch, OTHER_APIS | TRANSACTION_APIS - {26}, [None]) == AT_LEAST_ONCE


def test_a_broker_that_lists_but_refuses_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settled(monkeypatch, OTHER_APIS | TRANSACTION_APIS, [UnknownError()]) == AT_LEAST_ONCE


def test_a_passing_fault_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[KafkaError | None] = [CoordinatorNotAvailableError()] * 5 + [None]
    assert settled(monkeypatch, OTHER_APIS | TRANSACTION_APIS, answers) == EXACTLY_ONCE


def test_a_broker_with_a_transaction_log_is_never_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    apis = OTHER_APIS | TRANSACTION_APIS | {65}
    assert settled(monkeypatch, apis, [UnknownError(), UnknownError(), None]) == EXACTLY_ONCE
    with pytest.raises(BrokerError, match="did not answer within 30 s"):
        settled(monkeypatch, apis, [UnknownError()])


def test_demanding_it_of_a_broker_that_cannot_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="knows no transactions"):
        settled(monkeypatch, OTHER_APIS, [None], guarantee=EXACTLY_ONCE)


def test_at_least_once_asks_nobody() -> None:
    assert asyncio.run(settle(load({}, guarantee=AT_LEAST_ONCE, brokers="127.0.0.1:1"))) == AT_LEAST_ONCE


def test_a_broker_that_is_not_there_is_an_error() -> None:
    with pytest.raises(BrokerError, match=r"127\.0\.0\.1:1 did not answer within 1 s"):
        asyncio.run(settle(load({}, brokers="127.0.0.1:1"), deadline_s=1.0))


@pytest.mark.embedded
def test_the_embedded_broker_cannot(embedded: Any) -> None:
    assert asyncio.run(settle(load({}, brokers=embedded.address))) == AT_LEAST_ONCE


@pytest.mark.kafka
def test_kafka_can(kafka: Any) -> None:
    assert asyncio.run(settle(load({}, brokers=kafka.address))) == EXACTLY_ONCE
