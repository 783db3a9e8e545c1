"""The whole run: broker, topics, catalogs, worker, publishing, waiting, judging.

1. A broker of its own, unless one is given.
2. The topics, and the catalogs in them.
3. A worker of its own on that broker (on a given one the user's worker is waited for), with the log's
   settings.
4. Follow the outputs, publish the events, wait until the worker has consumed them.
5. Judge.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from streams import admin
from streams.brokers.embedded import EmbeddedBroker
from streams.replay.following import Follower
from streams.replay.publishing import Pace, Publisher
from streams.replay.records import Log
from streams.replay.report import Judge
from streams.security.connection import credentials
from streams.settings import ENV_PREFIX, Settings, load
from streams.topics import ROW_CATALOG, TITLE_CATALOG
from streams.worker_process import WorkerProcess

FIRST_MOVE_S = 300.0
"""A worker of its own may take this long to its first checkpoint: its first start on a machine compiles the
engine's loop, which takes a minute and more where cores are few or busy.
"""
CATALOG_SETTLE_S = 3.0
"""A worker that is already running gets this long to read new catalogs before events name them."""


@dataclass(frozen=True, slots=True)
class Run:
    """What to do: ``brokers`` ``None`` means a broker and a worker of its own; ``report`` asks for
    judging.
    """

    brokers: str | None
    partitions: int | None
    pace: Pace
    shift_time: bool
    own_worker: bool
    report: bool


def settings_for(log: Log, run: Run, brokers: str) -> Settings:
    """The settings of the worker of this run. What the environment says outweighs what fits the log."""
    fitting = {
        name: value for name, value in log.settings.items() if f"{ENV_PREFIX}{name.upper()}" not in os.environ
    }
    partitions = run.partitions if run.partitions is not None or run.brokers is not None else 1
    if f"{ENV_PREFIX}WEB_PORT" not in os.environ:
        fitting["web_port"] = -1  # a replay must not collide with a worker at work
    return load(brokers=brokers, partitions=partitions, log_predictions=run.report or None, **fitting)


def replay(log: Log, run: Run, now_ms: int, console: Console) -> dict[str, Any]:
    """Replay ``log``; ``now_ms`` is when it shall end if its time is shifted. Returns the report, as
    ``--report`` writes it.

    Raises ``BrokerError``, ``StalledError`` or ``ConfigurationError``.
    """
    with ExitStack() as stack:
        brokers = run.brokers or stack.enter_context(EmbeddedBroker()).address
        settings = settings_for(log, run, brokers)
        retention = admin.INPUT_RETENTION_MS if run.shift_time else admin.FOREVER_MS
        admin.create_topics(settings, input_retention_ms=retention)
        admin.require_topics(settings)
        rows, titles = asyncio.run(_publish_catalogs(log, settings))
        worker = None
        if run.own_worker or run.brokers is None:
            worker = stack.enter_context(WorkerProcess(settings))
        progress = stack.enter_context(_progress(console))
        shift = log.shift_to(now_ms) if run.shift_time else 0
        return asyncio.run(
            _publish_and_judge(log, run, settings, Judge(rows, settings, titles), shift, worker, progress)
        )


async def _publish_catalogs(log: Log, settings: Settings) -> tuple[list[str], list[str]]:
    """Publish rows and titles; returns their ids in the catalogs' order."""
    messages = list(log.catalogs())
    async with Publisher(settings.brokers, **credentials(settings)) as publisher:
        await publisher.publish(iter(messages), Pace(None))
    rows = [orjson.loads(message.value)["row_id"] for message in messages if message.topic == ROW_CATALOG]
    titles = [
        orjson.loads(message.value)["title_id"] for message in messages if message.topic == TITLE_CATALOG
    ]
    return rows, titles


async def _publish_and_judge(
    log: Log,
    run: Run,
    settings: Settings,
    judge: Judge,
    shift: int,
    worker: WorkerProcess | None,
    progress: Progress,
) -> dict[str, Any]:
    follower = Follower(settings, judge) if run.report or worker is not None else None
    if worker is None:
        await asyncio.sleep(CATALOG_SETTLE_S)
    try:
        if follower is not None:
            await follower.start()
        began = time.perf_counter()
        published = progress.add_task("publishing", total=log.last_ts - log.first_ts)
        consumed = progress.add_task("worker", total=None)

        def sent(_: int, ts: int) -> None:
            progress.update(published, completed=ts - shift - log.first_ts)
            if worker is not None:
                worker.check()

        async with Publisher(settings.brokers, **credentials(settings)) as publisher:
            count = await publisher.publish(log.events(shift), run.pace, sent)
        progress.update(published, completed=log.last_ts - log.first_ts)
        if follower is not None:
            await follower.finish(
                publisher.ends,
                worker.check if worker is not None else lambda: None,
                lambda done, total: progress.update(consumed, completed=done, total=total),
                FIRST_MOVE_S if worker is not None else 0.0,
            )
        seconds = time.perf_counter() - began
    finally:
        if follower is not None:
            await follower.stop()
    coverage = {
        "lines": log.lines,
        "events": count,
        "events_followed": judge.events,
        "seconds": seconds,
        "events_per_second": count / seconds,
        "decisions": dict(judge.decisions),
        "rejects": dict(judge.rejects),
        "waited_for_worker": follower is not None,
    }
    report: dict[str, Any] = {"log": log.name, "settings": log.settings, "coverage": coverage}
    return {**report, **judge.report()} if run.report else report


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:>10}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
