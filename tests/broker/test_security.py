"""A real Kafka that asks who is there (TLS, passwords, certificates, ACLs): with just the printed rights everything
works, exactly once; whoever lacks one ends by itself and says what to change."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from streams import topics
from streams.audience.making import simulated_catalog
from streams.audience.titles import SimulatedCatalog
from streams.brokers.apache_kafka import missing_tools
from streams.errors import ConfigurationError
from streams.gateway.access import new_service_token
from streams.operations import standing
from streams.security import granted
from streams.security.acls import GROUP, READ, TOPIC, TRANSACTIONAL_ID, WRITE, Right, rights
from streams.security.connection import connection
from streams.security.refusals import look
from streams.settings import Settings
from tests.broker import log
from tests.broker.guarded_cluster import HANG_S, Guarded, Program, ask, ask_until, user

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

STATE = Settings().state_topic
MODELS = Settings().models_topic
TRIED = b"tried"
"""The key of records that only try whether one may write."""
JOIN = Right(GROUP, Settings().app_id, READ)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    if missing := missing_tools():
        pytest.fail(f"needs {' and '.join(missing)}")
    with Guarded(tmp_path_factory.mktemp("guarded")) as made:
        yield made


# --- with just the printed rights ------------------------------------------------------------------------------


async def applied(guarded: Guarded, worker: Program, records: int | None = None) -> None:
    """Wait until the worker has committed so many records, or (``None``) all there are."""
    position = log.Position(guarded.open, topics.owned(guarded.open))
    await position.start()
    try:
        async with asyncio.timeout(HANG_S):
            while await position.lag() if records is None else await position.total() < records:
                assert worker.alive, worker.said
                await asyncio.sleep(0.1)
    finally:
        await position.stop()


def test_a_killed_worker_with_just_the_printed_rights_decides_exactly_once(guarded: Guarded) -> None:
    settings = replace(guarded.settings("worker"), worker_slot="worker-0")  # its successor need not wait
    audience = ("audience", "--profiles", "50", "--rate", "300", "--malformed", "0.02")
    with (
        guarded.run(settings, "worker") as first,
        guarded.run(guarded.settings("audience"), *audience, "--seconds", "12") as viewers,
    ):
        asyncio.run(applied(guarded, first, 400))
        first.kill()
        assert viewers.alive, "the worker was killed after the last event, which proves nothing"
        with guarded.run(settings, "worker") as second:
            assert viewers.ended() == 0, viewers.said
            asyncio.run(applied(guarded, second))
            assert "exactly once" in second.said
            # A right that is taken away while it works ends it as clearly as one that it never had.
            guarded.withdraw("worker", JOIN)
            try:
                assert second.ended() != 0
            finally:
                guarded.grant("worker", JOIN)
    assert_says(second.said, "worker", str(JOIN))
    asyncio.run(forgotten(guarded))

    malformed = re.search(r"done: .* events, (\d+) malformed", viewers.said)
    assert malformed is not None, viewers.said
    letters = read(guarded, topics.DEAD_LETTERS)
    sources = Counter(tuple(value for _, value in letter.headers[:3]) for letter in letters)
    assert len(letters) == int(malformed[1]) > 0
    assert max(sources.values()) == 1

    for topic in topics.KEYED_BY_PROFILE:
        versions: dict[bytes, list[int]] = defaultdict(list)
        causes: Counter[tuple[object, ...]] = Counter()
        for entry in read(guarded, topic):
            assert entry.key is not None
            assert entry.value is not None
            decision = msgspec.json.decode(entry.value)
            versions[entry.key].append(decision["version"])
            causes[entry.key, decision["cause"]["topic"], decision["cause"]["offset"]] += 1
        assert {key: seen for key, seen in versions.items() if seen != list(range(1, len(seen) + 1))} == {}
        if topic == topics.ROW_ORDER:
            assert len(versions) >= 10
            assert max(causes.values()) == 1


async def forgotten(guarded: Guarded) -> None:
    """Wait until the group has given up the worker, which was not allowed to leave it any more."""
    async with asyncio.timeout(HANG_S):
        while True:
            try:
                return await standing.require_stopped(guarded.open, "others need the group")
            except ConfigurationError:
                await asyncio.sleep(0.2)


def read(guarded: Guarded, topic: str) -> list[log.Entry]:
    entries = asyncio.run(log.read(guarded.cluster.address, topic, guarded.open.partitions))
    return [entry for entry in entries if entry.key != TRIED]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN"])
def test_the_password_may_be_proved_otherwise(guarded: Guarded, mechanism: str, tmp_path: Path) -> None:
    settings = replace(guarded.settings("reader"), sasl_mechanism=mechanism)
    assert asyncio.run(granted.missing_rights("reader", settings)) == []
    (tmp_path / "wrong").write_text("wrong")
    refused = asyncio.run(look(replace(settings, sasl_password_file=str(tmp_path / "wrong"))))
    assert f"refused the user or password of 'reader-user' ({mechanism})" in str(refused)


def test_a_certificate_of_its_own_is_enough(guarded: Guarded) -> None:
    certified = replace(
        guarded.open,
        brokers=guarded.cluster.certified_address,
        security_protocol="SSL",
        ssl_ca_file=str(guarded.guard.ca_file),
        ssl_cert_file=str(guarded.guard.client_file),
    )
    assert asyncio.run(granted.missing_rights("reader", certified)) == []
    assert asyncio.run(granted.missing_rights("producer", certified)) != []
    refused = asyncio.run(look(replace(certified, ssl_cert_file="")))
    assert "FLYWHEEL_SSL_CERT_FILE" in str(refused)


# --- and no more -----------------------------------------------------------------------------------------------

WRITES = {
    "worker": (topics.AUDIENCE_DEMAND, topics.VIEWING_EVENTS),
    "gateway": (topics.VIEWING_EVENTS, topics.ROW_ORDER),
    "producer": (topics.TITLE_CATALOG, topics.ROW_ORDER),
    "audience": (topics.SUBSCRIPTION_EVENTS, STATE),
    "reader": (None, topics.VIEWING_EVENTS),
    "operator": (topics.DEAD_LETTERS, "unknown"),
}
"""Per program a topic that it may write, and one that it may not."""
READS = {
    "worker": (topics.VIEWING_EVENTS, topics.DEAD_LETTERS),
    "gateway": (topics.ROW_ORDER, topics.VIEWING_EVENTS),
    "producer": (None, topics.VIEWING_EVENTS),
    "audience": (topics.ROW_ORDER, topics.DEAD_LETTERS),
    "reader": (topics.CHURN_SCORES, topics.VIEWING_EVENTS),
    "operator": (topics.DEAD_LETTERS, "unknown"),
}
IN_THE_GROUP = {"worker", "operator"}


@pytest.mark.parametrize("program", WRITES)
def test_a_program_may_do_its_work_and_nothing_else(guarded: Guarded, program: str) -> None:
    arguments = connection(guarded.settings(program))

    async def write(topic: str, arguments: dict[str, Any] = arguments) -> None:
        async with AIOKafkaProducer(**arguments, acks="all") as producer:
            await producer.send_and_wait(topic, None, key=TRIED, partition=0)

    async def read(topic: str) -> None:
        async with AIOKafkaConsumer(**arguments) as consumer:
            if topic not in await consumer.topics():  # so Kafka refuses what one may not even know
                raise TopicAuthorizationFailedError(topic)
            await write(topic, connection(guarded.open))  # there must be something to read
            place = TopicPartition(topic, 0)
            consumer.assign([place])
            consumer.seek(place, 0)
            await consumer.getone(place)

    async def be_in_the_group() -> None:
        consumer = AIOKafkaConsumer(**arguments, group_id=Settings().app_id, enable_auto_commit=False)
        try:
            await consumer.start()
            await consumer.committed(TopicPartition(topics.ROW_ORDER, 0))
        finally:
            await consumer.stop()

    async def story() -> None:
        for attempt, (may, may_not) in ((write, WRITES[program]), (read, READS[program])):
            if may is not None:
                await attempt(may)
            with pytest.raises(TopicAuthorizationFailedError):
                await attempt(may_not)
        if program in IN_THE_GROUP:
            await be_in_the_group()
        else:
            with pytest.raises(GroupAuthorizationFailedError):
                await be_in_the_group()

    async def in_time() -> None:
        async with asyncio.timeout(HANG_S):
            await story()

    asyncio.run(in_time())


# --- nobody is named -------------------------------------------------------------------------------------------

PROFILE, PLACE = "lovelace-1", "lovelace-shire"
QUERY, DEVICE, SESSION = "lovelace hometown", "tv-of-lovelace", "evening-of-lovelace"
PERSONAL = re.compile("lovelace", re.IGNORECASE)
"""In everything that a viewer is or says here, and in nothing else."""


def viewer_events(catalog: SimulatedCatalog, now_ms: int) -> list[dict[str, Any]]:
    """One viewer's evening: right events of many kinds."""
    title = catalog.titles[0].title_id
    seen = {
        "row_id": catalog.rows[0].row_id,
        "row_position": 0,
        "items": [{"title_id": title, "position": 0}],
    }
    play = {"playback_id": "play-of-lovelace", "title_id": title}
    kinds: list[dict[str, Any]] = [
        {"type": "session_start"},
        {"type": "search", "query": QUERY, "title_ids": [title]},
        {"type": "impression", **seen},
        {"type": "playback_start", **play, "duration_s": 1_000, "row_id": catalog.rows[0].row_id},
        {"type": "playback_progress", **play, "position_s": 60},
        {"type": "playback_complete", **play},
        {"type": "rating", "title_id": title, "value": 2},
        {"type": "subscription_payment_failed", "plan": "plan-of-lovelace"},
        {"type": "session_end"},
    ]
    who = {"profile_id": PROFILE, "region": PLACE, "country": "GB"}
    device = {"session_id": SESSION, "device_id": DEVICE, "device_type": "tv"}
    return [
        {"event_id": f"of-lovelace-{number}", "ts": now_ms - 60_000 + number * 1_000, **who, **fields}
        | ({} if fields["type"].startswith("subscription") else device)
        for number, fields in enumerate(kinds)
    ]


def spoiled(good: dict[str, Any]) -> list[tuple[bytes, bytes]]:
    """Key and value of records that no worker can take."""
    key, encode = PROFILE.encode(), msgspec.json.encode
    return [
        (key, b"lovelace is no JSON"),
        (key, encode(good)[:-5]),
        (key, encode({**good, "type": "lovelace"})),
        (key, encode({**good, "device_type": "lovelace"})),
        (key, encode({**good, "ts": "lovelace"})),
        (key, encode({**good, "ts": 12})),
        (key, encode({**good, "padding": "lovelace" * 10_000})),
        (b"lovelace-2", encode(good)),
        (b"lovelace\xff", b"lovelace\xff"),
    ]


def test_neither_logs_nor_metrics_name_a_viewer(guarded: Guarded, tmp_path: Path) -> None:
    token, line = new_service_token("admin")
    (tmp_path / "tokens").write_text(line + "\n")
    worker_settings = replace(
        guarded.settings("worker"), log_level="debug", worker_slot="worker-0", web_port=0
    )
    gateway_settings = replace(
        guarded.settings("gateway"), log_level="debug", gateway_tokens=str(tmp_path / "tokens")
    )
    now_ms = int(time.time() * 1_000)
    simulated = simulated_catalog(seed=1, titles=60, now_ms=now_ms)
    events = viewer_events(simulated, now_ms)
    bad = spoiled(events[1])

    async def produce() -> None:
        async with AIOKafkaProducer(**connection(guarded.settings("producer")), acks="all") as producer:
            for record in simulated.records(now_ms):
                await producer.send(record.topic, record.value, key=record.key)
            for key, value in bad:
                await producer.send(topics.VIEWING_EVENTS, value, key=key)
        async with AIOKafkaProducer(**connection(guarded.open), acks="all") as somebody:
            # What the gateway cannot read, either.
            await somebody.send_and_wait(topics.ROW_ORDER, b'{"profile_id": "lovelace', key=b"lovelace-3")
            await somebody.send_and_wait(topics.ROW_ORDER, b'{"ts": "lovelace"}', key=b"lovelace\xff")

    asyncio.run(produce())
    with (
        guarded.run(worker_settings, "worker") as worker,
        guarded.run(gateway_settings, "gateway", "--port", "0") as gateway,
    ):
        url = gateway.url("gateway at")
        ask_until(f"{url}/readyz", lambda status, _: status == 200, [gateway])
        assert ask(f"{url}/events", msgspec.json.encode(events), "lovelace")[0] == 401
        posted = msgspec.json.encode(events)  # refused until the gateway's producer has reached Kafka
        said = ask_until(f"{url}/events", lambda status, _: status != 503, [gateway], token, posted)
        assert msgspec.json.decode(said) == {"accepted": len(events), "rejected": []}
        for _, value in bad:
            if value.isascii() and len(value) < 60_000:
                ask(f"{url}/events", value, token)
        page = f"{url}/profiles/{PROFILE}/page"
        ask_until(page, lambda _, text: '"personal":true' in text, [gateway, worker], token)
        for path in (f"profiles/{PROFILE}/churn", "profiles/lovelace-404/churn", "catalog/titles?query=lovelace",
                     "lovelace?lovelace=1", "live?topics=lovelace", "demand?region=lovelace"):  # fmt: skip
            ask(f"{url}/{path}", token=token)
        asyncio.run(applied(guarded, worker))
        metrics = ask(f"{worker.url('metrics at')}/metrics")[1] + ask(f"{url}/metrics", token=token)[1]
        assert gateway.stop() == 0
        assert worker.stop() == 0
    # It was there to be found: a decision was made for her, and what was spoiled is a dead letter.
    letters = [entry for entry in read(guarded, topics.DEAD_LETTERS) if PERSONAL.search(str(entry.value))]
    assert len(letters) >= len(bad)
    assert any(entry.key == PROFILE.encode() for entry in read(guarded, topics.ROW_ORDER))
    assert "flywheel_events_total" in metrics
    assert "DEBUG" in gateway.said
    for output in (worker.said, gateway.said, metrics):
        assert not PERSONAL.findall(output), "\n".join(filter(PERSONAL.search, output.splitlines()))
        assert token not in output


# --- refused ---------------------------------------------------------------------------------------------------


def assert_says(said: str, program: str, right: str) -> None:
    """One line that names who lacks which right, and the command that prints it."""
    (line,) = [line for line in said.splitlines() if "missing ACL" in line]
    assert f"{user(program)} was refused by Kafka: missing ACL: {right}." in line
    assert f"`flywheel acls print --program {program} --principal {user(program)}`" in line


MISSING = [
    ("worker", JOIN, ("worker",)),
    ("worker", Right(TRANSACTIONAL_ID, "flywheel-", WRITE, prefixed=True), ("worker",)),
    ("worker", Right(TOPIC, topics.VIEWING_EVENTS, READ), ("worker",)),
    ("worker", Right(TOPIC, topics.CHURN_SCORES, WRITE), ("worker",)),
    ("gateway", Right(TOPIC, topics.ROW_ORDER, READ), ("gateway", "--port", "0")),
    ("gateway", Right(TOPIC, topics.SUBSCRIPTION_EVENTS, WRITE), ("gateway", "--port", "0")),
    ("audience", Right(TOPIC, topics.VIEWING_EVENTS, WRITE), ("audience",)),
    ("reader", Right(TOPIC, topics.ROW_ORDER, READ), ("watch", "p-1", "--seconds", "1")),
    ("operator", Right(TOPIC, MODELS, READ), ("models", "list")),
    ("operator", Right(TOPIC, STATE, READ), ("backup", "{folder}")),
]


@pytest.mark.parametrize(
    ("program", "right", "words"), MISSING, ids=[f"{program}: {right}" for program, right, _ in MISSING]
)
def test_a_missing_right_ends_the_program_and_is_named(
    guarded: Guarded, program: str, right: Right, words: tuple[str, ...], tmp_path: Path
) -> None:
    assert right in rights(program, guarded.open)
    guarded.withdraw(program, right)
    try:
        said = guarded.refused(guarded.settings(program), *(word.format(folder=tmp_path) for word in words))
    finally:
        guarded.grant(program, right)
    assert_says(said, program, str(right))
    assert "Traceback" not in said


def test_rights_can_be_checked_before_anything_runs(guarded: Guarded) -> None:
    with guarded.run(guarded.settings("gateway"), "acls", "check", "--program", "gateway") as good:
        assert good.ended() == 0, good.said
    assert f"{user('gateway')} has what the gateway needs" in good.said
    said = guarded.refused(guarded.settings("gateway"), "acls", "check", "--program", "worker")
    assert f"missing: {JOIN}" in said
    assert f"flywheel acls print --program worker --principal {user('gateway')}" in said


def test_a_group_of_which_one_may_not_know_is_not_taken_for_empty(guarded: Guarded, tmp_path: Path) -> None:
    said = guarded.refused(guarded.settings("reader"), "backup", str(tmp_path))
    assert (
        f"{user('reader')} was refused by Kafka: missing ACL: {JOIN}. `flywheel acls print --program operator"
        in said
    )


def test_topics_of_another_application_are_not_ours(guarded: Guarded) -> None:
    other = replace(guarded.settings("operator"), app_id="other")
    said = guarded.refused(other, "topics", "create")
    assert "missing ACL: Create on topic other-" in said
    assert f"--program operator --principal {user('operator')} --app-id other" in said


@pytest.mark.parametrize(
    "words", [("worker",), ("gateway", "--port", "0"), ("topics", "check"), ("audience",)]
)
def test_a_wrong_password_ends_the_program_and_says_so(
    guarded: Guarded, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    wrong = replace(guarded.settings("worker"), sasl_password_file=str(tmp_path / "wrong"))
    said = guarded.refused(wrong, *words)
    assert "refused the user or password of 'worker-user'" in said
    assert "FLYWHEEL_SASL_PASSWORD_FILE" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [("worker",), ("gateway", "--port", "0"), ("topics", "check")])
def test_an_untrusted_certificate_ends_the_program_and_says_so(
    guarded: Guarded, words: tuple[str, ...]
) -> None:
    stranger = replace(guarded.settings("worker"), ssl_ca_file=str(guarded.guard.other_ca_file))
    said = guarded.refused(stranger, *words)
    assert "is not trusted" in said
    assert "FLYWHEEL_SSL_CA_FILE" in said
