"""A gateway over HTTP, on the embedded broker: ready, pages, live, events in, who may what; on Kafka: only what was
committed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec
import openapi_spec_validator
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams import admin, topics
from streams.events.schema import VIEWING
from streams.gateway import shapes
from streams.gateway.access import profile_token
from streams.gateway.openapi import document
from streams.gateway.running import serve
from streams.settings import Settings, load

SECRET = b"0123456789abcdef0123456789abcdef"
DEADLINE_S = 60.0


def now_ms() -> int:
    return int(time.time() * 1000)


def row_order(profile: str, *rows: str, version: int = 1) -> bytes:
    return orjson.dumps(
        {
            "profile_id": profile, "ts": now_ms(), "version": version,
            "cause": {"event_id": "e", "topic": "viewing-events", "partition": 0, "offset": 1},
            "model": {"name": "m", "version": 1}, "explore": False, "propensity": 1.0,
            "rows": rows, "scores": [0.5] * len(rows), "previous": None, "reasons": [],
        }
    )  # fmt: skip


def catalog() -> list[tuple[str, str, Any]]:
    rows = [{"row_id": tag, "name": tag, "rule": "tag", "tag": tag} for tag in ("drama", "crime")]
    titles = [
        {"title_id": f"{tag}{number}", "name": f"{tag} {number}", "kind": "film", "tags": [tag]}
        for tag in ("drama", "crime")
        for number in range(15)
    ]
    return [
        *((topics.ROW_CATALOG, row["row_id"], row) for row in rows),
        *((topics.TITLE_CATALOG, title["title_id"], title) for title in titles),
    ]


@asynccontextmanager
async def producing(brokers: str, **options: Any) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(bootstrap_servers=brokers, **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose base is a gateway that is ready."""
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(settings, stop, listening.set_result))
    await asyncio.wait([serving, listening], return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    try:
        async with aiohttp.ClientSession(await listening) as session:
            await until(lambda: answers_with(session, "/readyz", 200), serving)
            yield session
    finally:
        stop.set()
        await serving


async def answers_with(session: aiohttp.ClientSession, path: str, status: int) -> bool:
    async with session.get(path) as answer:
        return answer.status == status


async def until(what: Callable[[], Any], serving: asyncio.Task[None] | None = None) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await what():
            if serving is not None and serving.done():
                serving.result()
            await asyncio.sleep(0.02)


async def get(session: aiohttp.ClientSession, path: str, token: str | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with session.get(path, headers=headers) as answer:
        return answer.status, await answer.json()


async def post(
    session: aiohttp.ClientSession, body: Any, token: str | None = None, **headers: str
) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json", **headers}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    async with session.post("/events", data=data, headers=headers) as answer:
        return answer.status, await answer.json()


def event(profile: str = "p", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": "e1",
        "profile_id": profile,
        "ts": now_ms(),
        "type": "list_add",
        "title_id": "t",
        **fields,
    }


async def fill(producer: Any) -> None:
    for topic, key, record in catalog():
        await producer.send(topic, orjson.dumps(record), key=key.encode())
    await producer.send_and_wait(topics.ROW_ORDER, row_order("p", "drama", "crime"), key=b"p")
    await producer.flush()


def settings_of(broker: Any, **more: Any) -> Settings:
    settings = load({}, brokers=broker.address, gateway_port=0, **more)
    admin.create_topics(settings)
    return settings


@pytest.mark.embedded
def test_what_was_there_and_what_follows_is_served(embedded: Any) -> None:
    async def story(settings: Settings) -> None:
        async with producing(embedded.address) as producer:
            await fill(producer)
            async with gateway(settings) as session:
                status, page = await get(session, "/profiles/p/page")
                assert status == 200
                kept = msgspec.convert(page, shapes.Page)
                assert [row.row_id for row in kept.rows] == ["drama", "crime"]
                assert len(kept.rows[0].titles) == 12 and kept.personal
                assert abs(kept.as_of_ts - now_ms()) < 60_000
                assert (await get(session, "/profiles/stranger/page"))[1]["personal"] is False
                assert (await get(session, "/profiles/p/churn"))[0] == 404
                assert (await get(session, "/experiments")) == (200, {"experiments": []})
                assert (await get(session, "/demand")) == (200, {"demand": []})
                assert (await get(session, "/catalog/titles?query=crime&limit=3"))[1]["titles"][0][
                    "tags"
                ] == ["crime"]
                async with session.get("/live?profile=p&topics=row-order") as live:
                    assert live.headers["Content-Type"].startswith("text/event-stream")
                    await producer.send(topics.ROW_ORDER, b"no json", key=b"p")
                    await producer.send(topics.ROW_ORDER, row_order("q", "crime"), key=b"q")
                    await producer.send(
                        topics.ROW_ORDER, row_order("p", "crime", "drama", version=2), key=b"p"
                    )
                    said = await until_said(live, "decision")
                    assert (said["key"], said["record"]["version"]) == ("p", 2)
                    assert 0 <= said["delay_ms"] < 60_000
                    assert (await until_said(live, "pulse"))["profiles"] == 2
                assert (await get(session, "/profiles/p/page"))[1]["rows"][0]["row_id"] == "crime"
                await producer.send_and_wait(topics.ROW_ORDER, None, key=b"p")
                await until(lambda: forgotten(session, "p"))
                async with session.get("/metrics") as answer:
                    text = await answer.text()
                assert 'flywheel_gateway_skipped_records_total{topic="row-order"} 1.0' in text
                assert (
                    'flywheel_gateway_requests_total{route="/profiles/{id}/churn",status="404"} 1.0' in text
                )
                assert "flywheel_gateway_answer_seconds_bucket" in text

    asyncio.run(story(settings_of(embedded)))


async def forgotten(session: aiohttp.ClientSession, profile: str) -> bool:
    return not (await get(session, f"/profiles/{profile}/page"))[1]["personal"]


async def until_said(live: aiohttp.ClientResponse, name: str) -> Any:
    async with asyncio.timeout(DEADLINE_S):
        found = False
        async for line in live.content:
            if line == f"event: {name}\n".encode():
                found = True
            elif found and line.startswith(b"data: "):
                return orjson.loads(line[6:])
    raise AssertionError(f"the stream ended before {name}")


@pytest.mark.embedded
def test_events_go_to_kafka_and_wrong_ones_are_told(embedded: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def story(settings: Settings) -> None:
        async with gateway(settings) as session:
            right, paid = event("marked-profile"), event("marked-profile", type="subscription_renewed")
            status, told = await post(session, [right, {"type": "list_add"}, paid])
            assert (status, told["accepted"]) == (202, 2)
            assert [(each["index"], each["reason"]) for each in told["rejected"]] == [(1, "missing_field")]
            assert (await post(session, event(event_id="e2")))[0] == 202
            lines = b"\n".join(orjson.dumps(event(event_id=f"n{number}")) for number in range(3))
            assert (await post(session, lines, **{"Content-Type": "application/x-ndjson"}))[1][
                "accepted"
            ] == 3
            assert (await post(session, [{"type": "list_add"}]))[0] == 400
            assert (await post(session, b"[1"))[1]["error"] == "not_json"
            assert (await post(session, [event()] * 11))[0] == 413
            assert (await post(session, b" " * 5_000))[0] == 413
            assert (await post(session, b"{}", **{"Content-Type": "text/plain"}))[0] == 415
            found = await everything(embedded.address, (topics.VIEWING_EVENTS, topics.SUBSCRIPTION_EVENTS), 6)
            assert {record.key for record in found} == {b"marked-profile", b"p"}
            viewing = [
                VIEWING.decode(record.value) for record in found if record.topic == topics.VIEWING_EVENTS
            ]
            assert len(viewing) == 5
            async with session.get("/metrics") as answer:
                text = await answer.text()
            assert 'flywheel_gateway_produced_events_total{topic="viewing-events"} 5.0' in text
            assert 'flywheel_gateway_rejected_events_total{reason="missing_field"} 2.0' in text
            assert "marked-profile" not in text

    caplog.set_level(logging.DEBUG, "streams")
    asyncio.run(story(settings_of(embedded, gateway_max_events=10, gateway_max_body_bytes=4_096)))
    assert "marked-profile" not in caplog.text


async def everything(brokers: str, names: tuple[str, ...], count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(*names, bootstrap_servers=brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        found: list[Any] = []
        async with asyncio.timeout(DEADLINE_S):
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return found
    finally:
        await consumer.stop()


@pytest.mark.embedded
def test_who_may_what(embedded: Any, tmp_path: Path) -> None:
    tokens, secret = tmp_path / "tokens", tmp_path / "secret"
    tokens.write_text(
        "".join(
            f"{scope}:{hashlib.sha256(scope.encode()).hexdigest()}\n" for scope in ("read", "write", "admin")
        )
    )
    secret.write_bytes(SECRET)

    async def story(settings: Settings) -> None:
        own = profile_token("p", int(time.time()) + 600, SECRET)
        old = profile_token("p", int(time.time()) - 1, SECRET)
        async with gateway(settings) as session:
            for path, token, expected in (
                ("/profiles/p/page", None, 401), ("/profiles/p/page", "nonsense", 401), ("/profiles/p/page", old, 401),
                ("/profiles/p/page", own, 200), ("/profiles/q/page", own, 403), ("/profiles/q/churn", own, 403),
                ("/experiments", own, 403), ("/demand", own, 403), ("/live", own, 403), ("/live?profile=q", own, 403),
                ("/catalog/titles?query=x", own, 200), ("/catalog/titles", None, 401),
                ("/profiles/q/page", "read", 200), ("/profiles/q/page", "write", 403), ("/experiments", "admin", 200),
                ("/openapi.json", None, 200), ("/metrics", "read", 403), ("/nowhere", None, 404),
                (f"/profiles/{'x' * 300}/page", "read", 400),
            ):  # fmt: skip
                async with session.get(
                    path, headers={"Authorization": f"Bearer {token}"} if token else {}
                ) as answer:
                    assert (path, token, answer.status) == (path, token, expected)
                    assert answer.headers["X-Content-Type-Options"] == "nosniff"
                    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                    assert answer.headers["Cache-Control"] == "no-store"
            assert (await post(session, event(), own))[0] == 202
            assert (await post(session, [event(), event("q")], own))[0] == 403
            assert (await post(session, event("q"), "write"))[0] == 202
            assert (await post(session, event("q"), "read"))[0] == 403
            assert (await post(session, event("q")))[0] == 401
            async with session.get("/metrics", headers={"Authorization": "Bearer admin"}) as answer:
                assert answer.status == 200
            await until(lambda: too_often(session, own))
            assert (await get(session, "/profiles/p/page", "read"))[0] == 200

    asyncio.run(
        story(
            settings_of(
                embedded,
                gateway_host="0.0.0.0",
                gateway_tokens=str(tokens),
                gateway_secret=str(secret),
                gateway_open_metrics=False,
                gateway_profile_rate=8.0,
            )
        )
    )


async def too_often(session: aiohttp.ClientSession, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    for _ in range(20):
        async with session.get("/profiles/p/page", headers=headers) as answer:
            if answer.status == 429:
                return int(answer.headers["Retry-After"]) >= 1
            assert answer.status == 200
    return False


@pytest.mark.embedded
def test_the_page_and_its_headers(embedded: Any) -> None:
    async def story(settings: Settings) -> None:
        async with gateway(settings) as session:
            async with session.get("/") as answer:
                text = await answer.text()
                assert answer.status == 200 and "<html" in text
                assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
                assert "unsafe" not in answer.headers["Content-Security-Policy"]
            async with session.get("/static/main.js") as answer:
                assert answer.status == 200 and "javascript" in answer.headers["Content-Type"]
            for path in ("/static/", "/static/../server.py", "/static/%2e%2e/server.py"):
                async with session.get(path) as answer:
                    assert answer.status in (403, 404)
            async with session.get("/experiments", headers={"Host": "rebound.example"}) as answer:
                assert answer.status == 421
            async with session.get("/experiments", headers={"Origin": "https://tv.example"}) as answer:
                assert answer.headers["Access-Control-Allow-Origin"] == "https://tv.example"
            async with session.get("/experiments", headers={"Origin": "https://else.example"}) as answer:
                assert "Access-Control-Allow-Origin" not in answer.headers
            async with session.options("/events", headers={"Origin": "https://tv.example"}) as answer:
                assert answer.status == 204
            async with session.delete("/events") as answer:
                assert answer.status == 405

    asyncio.run(story(settings_of(embedded, gateway_cors="https://tv.example")))


def test_the_api_document_is_valid_and_its_schemas_too() -> None:
    said = document()
    openapi_spec_validator.validate(said)
    schemas = said["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    page = {"$ref": "#/components/schemas/Page", "components": said["components"]}
    good = {
        "profile_id": "p", "rows": [], "ranking": [], "categories": [], "trailer": None,
        "reasons": {"rows": [], "titles": []}, "versions": {}, "profiled": True, "personal": False,
        "decided_ts": None, "as_of_ts": 1, "stale_ms": 1,
    }  # fmt: skip
    jsonschema.validate(good, page)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**good, "rows": 1}, page)
    assert {"/profiles/{id}/page", "/events", "/live"} <= set(said["paths"])


def test_before_it_has_read_everything_it_says_how_far_it_is() -> None:
    async def story() -> None:
        settings = load({}, brokers="127.0.0.1:1", gateway_port=0)
        stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
        serving = asyncio.create_task(serve(settings, stop, listening.set_result))
        async with aiohttp.ClientSession(await listening) as session:
            for path in ("/profiles/p/page", "/readyz", "/live", "/experiments"):
                status, told = await get(session, path)
                assert (status, told["error"], told["read"]) == (503, "reading", 0.0)
            assert (await post(session, event()))[0] == 503
            async with session.get("/healthz") as answer:
                assert answer.status == 200
        stop.set()
        await serving

    asyncio.run(story())


@pytest.mark.kafka
def test_what_an_aborted_transaction_wrote_is_never_served(kafka: Any) -> None:
    async def story(settings: Settings) -> None:
        async with (
            producing(kafka.address) as plain,
            producing(kafka.address, transactional_id="worker") as worker,
        ):
            await fill(plain)
            await worker.begin_transaction()
            await worker.send_and_wait(topics.ROW_ORDER, row_order("history", "crime"), key=b"history")
            await worker.abort_transaction()
            async with gateway(settings) as session:
                assert await forgotten(session, "history")
                await worker.begin_transaction()
                await worker.send_and_wait(topics.ROW_ORDER, row_order("news", "crime"), key=b"news")
                await worker.abort_transaction()
                async with worker.transaction():
                    await worker.send_and_wait(topics.ROW_ORDER, row_order("news-too", "crime"), key=b"news")
                    await worker.send_and_wait(topics.ROW_ORDER, row_order("kept", "crime"), key=b"kept")
                    assert await forgotten(session, "kept")
                # All of a key lie in one partition: what came before the committed record has been passed.
                await until(lambda: known(session, "kept"))
                await until(lambda: known(session, "news"))
                assert await forgotten(session, "history")
                assert (await get(session, "/profiles/p/page"))[1]["stale_ms"] < 60_000
                assert (await post(session, event()))[0] == 202
                found = await everything(kafka.address, (topics.VIEWING_EVENTS,), 1)
                assert found[0].key == b"p"

    asyncio.run(story(settings_of(kafka)))


async def known(session: aiohttp.ClientSession, profile: str) -> bool:
    return not await forgotten(session, profile)
