"""Gateways in processes of their own: stopped with streams open, restarted under load, several side by side."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import aiohttp
import orjson
import pytest

from streams import topics
from streams.brokers.loopback import free_port
from streams.settings import Settings
from streams.worker_process import WorkerProcess
from tests.gateway.test_gateway_served import (
    DEADLINE_S,
    answers_with,
    event,
    everything,
    fill,
    get,
    now_ms,
    post,
    producing,
    row_order,
    settings_of,
    until,
)

PROFILES = 20
LISTENERS = 8
AWAY = (aiohttp.ClientError, ConnectionError)
"""What a client sees while no gateway listens."""
WORKER_DEADLINE_S = 600.0
"""The first worker of a checkout compiles the engine."""
Seen = dict[str, int]


@contextmanager
def process(settings: Settings, program: str = "gateway") -> Iterator[WorkerProcess]:
    """A program that ends with 0 when it is told to."""
    with WorkerProcess(settings, program) as running:
        yield running
        running.stop()
        assert running.exit_code == 0, running.log


def on_a_port(broker: Any) -> Settings:
    return replace(settings_of(broker), gateway_port=free_port())


def base(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.gateway_port}"


async def ready(session: aiohttp.ClientSession, running: WorkerProcess) -> bool:
    running.check()
    with suppress(*AWAY):
        return await answers_with(session, "/readyz", 200)
    return False


async def listen(session: aiohttp.ClientSession, open_streams: list[int]) -> bytes:
    """All that a live stream says until its end; a line that breaks off raises."""
    async with session.get("/live", timeout=aiohttp.ClientTimeout(total=None)) as answer:
        assert answer.status == 200
        open_streams.append(1)
        return await answer.read()


@pytest.mark.embedded
def test_live_streams_are_ended_and_not_cut_off_when_it_is_told_to_stop(embedded: Any) -> None:
    async def story(settings: Settings) -> None:
        with process(settings) as running:
            async with (
                producing(embedded.address) as producer,
                aiohttp.ClientSession(base(settings)) as session,
            ):
                await fill(producer)
                await until(lambda: ready(session, running))
                opened: list[int] = []
                streams = [asyncio.create_task(listen(session, opened)) for _ in range(LISTENERS)]
                # One that takes nothing: it must not keep the others, or the gateway, waiting.
                deaf = await session.get("/live", timeout=aiohttp.ClientTimeout(total=None))
                await until(lambda: asyncio.sleep(0, len(opened) == LISTENERS))
                await producer.send_and_wait(topics.ROW_ORDER, row_order("p", "crime", version=2), key=b"p")
                posting = [asyncio.create_task(post(session, event(event_id=f"e{n}"))) for n in range(20)]
                answered = [status for status, _ in await asyncio.gather(*posting)]
                await asyncio.to_thread(running.stop)
                assert running.exit_code == 0, running.log
                async with asyncio.timeout(DEADLINE_S):
                    said = await asyncio.gather(*streams)
                assert all(text.startswith(b"retry: ") and text.endswith(b"\n\n") for text in said)
                assert all(b'"version":2' in text for text in said)
                deaf.close()
                assert answered == [202] * 20
                assert "Traceback" not in running.log
                found = await everything(embedded.address, (topics.VIEWING_EVENTS,), 20)
                assert len({orjson.loads(record.value)["event_id"] for record in found}) == 20

    asyncio.run(story(on_a_port(embedded)))


async def decide(producer: Any, versions: Seen) -> None:
    """Decisions about everybody in turn for ever; ``versions`` holds the newest that the broker has."""
    while True:
        for number in range(PROFILES):
            profile = f"p{number}"
            version = versions.get(profile, 0) + 1
            record = row_order(profile, "drama", "crime", version=version)
            await producer.send_and_wait(topics.ROW_ORDER, record, key=profile.encode())
            versions[profile] = version
        await asyncio.sleep(0.01)


async def look(session: aiohttp.ClientSession, seen: Seen, statuses: Counter[int]) -> None:
    """Ask for everybody's page for ever: none may be older than one shown before (``seen``)."""
    while True:
        for number in range(PROFILES):
            profile = f"p{number}"
            with suppress(*AWAY):
                status, page = await get(session, f"/profiles/{profile}/page")
                statuses[status] += 1
                assert status in (200, 503), page
                if status == 200:
                    version = page["versions"]["row-order"]
                    assert version >= seen.get(profile, 0), f"{profile}: {version} after {seen[profile]}"
                    seen[profile] = version
        await asyncio.sleep(0.005)


async def tell(session: aiohttp.ClientSession, taken: list[str]) -> None:
    """Post events for ever, each until it is taken."""
    while True:
        name = f"e{len(taken)}"
        status = 0
        while status != 202:
            with suppress(*AWAY):
                status, _ = await post(session, event(event_id=name))
            await asyncio.sleep(0.01)
        taken.append(name)


async def grown(counts: Seen, past: Seen) -> bool:
    return len(counts) == PROFILES and all(counts[name] > past.get(name, 0) for name in counts)


@pytest.mark.embedded
def test_a_restart_under_load_shows_nothing_older_and_loses_no_event(embedded: Any) -> None:
    async def story(settings: Settings) -> None:
        versions: Seen = {}
        seen: Seen = {}
        statuses: Counter[int] = Counter()
        taken: list[str] = []
        async with producing(embedded.address) as producer, aiohttp.ClientSession(base(settings)) as session:
            await fill(producer)
            load = [asyncio.create_task(decide(producer, versions))]
            await until(lambda: grown(versions, {}))
            load += [asyncio.create_task(look(session, seen, statuses))]
            load += [asyncio.create_task(tell(session, taken))]

            async def served(past: Seen) -> bool:
                for task in load:
                    if task.done():
                        task.result()
                return await grown(seen, past)

            with process(settings) as running:
                await until(lambda: served({}))
            before, events_before = dict(seen), len(taken)
            statuses.clear()
            # The broker holds its breath: the new gateway listens, and has read nothing yet.
            os.kill(embedded.pid, signal.SIGSTOP)
            try:
                with process(settings) as running:
                    await until(lambda: answers(session, running, 503))
                    assert (await get(session, "/profiles/p0/page"))[1]["error"] == "reading"
                    os.kill(embedded.pid, signal.SIGCONT)
                    await until(lambda: ready(session, running))
                    for profile, version in before.items():
                        page = (await get(session, f"/profiles/{profile}/page"))[1]
                        assert page["versions"]["row-order"] >= version
                        assert [row["row_id"] for row in page["rows"]] == ["drama", "crime"]
                        assert page["rows"][0]["titles"]
                    await until(lambda: served(before))
                    await until(lambda: asyncio.sleep(0, len(taken) > events_before))
                    for task in load:
                        task.cancel()
                    ended = await asyncio.gather(*load, return_exceptions=True)
                    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
            finally:
                os.kill(embedded.pid, signal.SIGCONT)
            assert statuses[200] and statuses[503]
            found = await everything(embedded.address, (topics.VIEWING_EVENTS,), len(taken))
            assert set(taken) <= {orjson.loads(record.value)["event_id"] for record in found}

    asyncio.run(story(on_a_port(embedded)))


async def answers(session: aiohttp.ClientSession, running: WorkerProcess, status: int) -> bool:
    running.check()
    with suppress(*AWAY):
        return await answers_with(session, "/readyz", status)
    return False


async def told_by(session: aiohttp.ClientSession) -> dict[str, Any]:
    """A page without what says when it was asked for."""
    page = (await get(session, "/profiles/viewer/page"))[1]
    return {name: page[name] for name in page if name not in ("as_of_ts", "stale_ms")}


async def scraped(session: aiohttp.ClientSession, url: str, name: str) -> float:
    """The sum of a metric's series."""
    async with session.get(url) as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@pytest.mark.embedded
def test_gateways_side_by_side_answer_the_same_and_an_event_through_either_counts_once(embedded: Any) -> None:
    async def story(settings: list[Settings], worker: Settings) -> None:
        with ExitStack() as stack:
            stack.enter_context(process(worker, "worker"))
            running = [stack.enter_context(process(each)) for each in settings]
            async with (
                producing(embedded.address) as producer,
                aiohttp.ClientSession(base(settings[0])) as one,
                aiohttp.ClientSession(base(settings[1])) as other,
            ):
                await fill(producer)
                for session, each in zip((one, other), running, strict=True):
                    await until(lambda session=session, each=each: ready(session, each))  # type: ignore[misc]
                started = now_ms()
                common = {"profile": "viewer", "session_id": "s"}
                told = [
                    event(**common, event_id="here", type="session_start", title_id=None, ts=started),
                    event(**common, event_id="mine", title_id="drama1", ts=started + 1),
                    event(**common, event_id="yours", title_id="crime1", ts=started + 2),
                ]
                told[0].pop("title_id")
                assert (await post(one, told[:2]))[0] == 202
                assert (await post(other, told[2]))[0] == 202
                assert (await post(other, told[1]))[0] == 202, (
                    "one client asked both, as it does after a timeout"
                )
                metrics = f"http://127.0.0.1:{worker.web_port}/metrics"

                async def counted() -> bool:
                    with suppress(*AWAY):
                        applied = await scraped(one, metrics, "flywheel_events_total")
                        return (applied, await scraped(one, metrics, "flywheel_duplicates_total")) == (3, 1)
                    return False

                async with asyncio.timeout(WORKER_DEADLINE_S):
                    while not await counted():  # noqa: ASYNC110 - the worker is another process
                        await asyncio.sleep(0.1)

                async def same() -> bool:
                    pages = [await told_by(one), await told_by(other)]
                    return bool(pages[0] == pages[1] and pages[0]["personal"])

                await until(same)

    one = replace(on_a_port(embedded), web_port=free_port())
    asyncio.run(story([one, replace(one, gateway_port=free_port())], one))
