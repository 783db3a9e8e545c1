"""Runs one gateway until it is told to stop, or cannot go on:

1. who may ask: wrong files end it here;
2. it listens; every question is answered 503 until
3. everything that was there is read;
4. SIGTERM or Ctrl-C: it takes no more, ends live streams, waits for what is under way, flushes what was posted.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from streams import topics
from streams.errors import BrokerError, ConfigurationError, FlywheelError
from streams.following import Follower
from streams.gateway.access import Access
from streams.gateway.server import GatewayServer
from streams.gateway.serving import Serving
from streams.security.granted import require_rights
from streams.settings import Settings

log = logging.getLogger(__name__)

TOKENS_PAUSE_S = 5.0
"""A changed file of tokens is noticed within this time."""
RETRY_PAUSE_S = 1.0


async def run(settings: Settings, listening: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT; ``listening`` is called with the URL. Raises ``FlywheelError`` when it cannot."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await serve(settings, stop, listening)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def serve(
    settings: Settings, stop: asyncio.Event, listening: Callable[[str], None] = lambda _: None
) -> None:
    """Serve until ``stop`` is set."""
    allowed = Access(settings)  # 1
    serving = Serving(settings)
    server = GatewayServer(serving, allowed)
    listening(await server.start())  # 2
    works: list[Coroutine[Any, Any, None]] = [
        _read(settings, serving),  # 3
        serving.keep_shelves(),
        serving.beat(),
        _keep_tokens(allowed),
        _reach(settings, serving),
    ]
    if settings.gateway_watch_inputs:
        works.append(_watch_inputs(settings, serving))
    tasks = [asyncio.create_task(work) for work in works]
    stopping = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopping}:
            failure = task.exception()
            if isinstance(failure, FlywheelError):
                raise failure
            raise FlywheelError(f"the gateway cannot go on: {failure!r}") from failure
    finally:  # 4
        await server.stop()
        for task in (*tasks, stopping):
            task.cancel()
        await asyncio.gather(*tasks, stopping, return_exceptions=True)
        await serving.producer.close()


async def _read(settings: Settings, serving: Serving) -> None:
    await require_rights(settings)  # all that is missing, before whatever is missed first
    await serving.reader.run(serving.settle)


async def _reach(settings: Settings, serving: Serving) -> None:
    await require_rights(settings)
    await serving.producer.run()
    await asyncio.Event().wait()  # the others end when one of them does


async def _keep_tokens(allowed: Access) -> None:
    while True:
        await asyncio.sleep(TOKENS_PAUSE_S)
        try:
            if allowed.refresh():
                log.warning("the file of tokens was read again")
        except ConfigurationError as error:
            log.error("the tokens known before stay in force: %s", error)


async def _watch_inputs(settings: Settings, serving: Serving) -> None:
    while True:
        try:
            async with Follower(
                settings, (topics.VIEWING_EVENTS, topics.SUBSCRIPTION_EVENTS), from_start=False
            ) as follower:
                while True:
                    for number, record in enumerate(await follower.records()):
                        serving.pulse.event(record.value)
                        if number % 200 == 199:
                            await asyncio.sleep(0)
        except BrokerError as error:
            log.warning("the inputs cannot be watched, trying again: %s", error)
            await asyncio.sleep(RETRY_PAUSE_S)
