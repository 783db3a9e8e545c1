"""The Faust application: settings in, a worker out.

Responsible for putting the pieces together (transport, agent, partitions, watch, readers), for what happens
at start, at failure and at the end, and for the ``Status`` that pages and metrics read.

``faust -A streams.app worker`` runs ``app`` of this module; ``flywheel worker`` calls ``run_worker``. Both
end with exit code 0 after SIGTERM, and with another one, promptly and after one clear line, when something
failed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError

from streams import guarantee, logs, memory, topics
from streams.agents import Assignment, EngineFactory
from streams.checkpoint import AtLeastOnceCheckpoint, Checkpoint, TransactionalCheckpoint
from streams.compacted import CompactedTopics, Put
from streams.errors import FlywheelError
from streams.partition import Observer
from streams.security.hosted import host_credentials
from streams.security.program import program
from streams.settings import SECOND_MS, Settings, load
from streams.status import Status
from streams.transport.batching import BatchSchema
from streams.watch import Watch

log = logging.getLogger(__name__)

BUFFERED_BATCHES = 8
"""Fetched batches that wait for the agent: enough to fetch while it computes, 32,000 records at most."""
END_GRACE_S = 1.5
"""Beyond ``shutdown_deadline_ms`` for Faust to stop its own services; after that the process ends without them."""
FAILURE_GRACE_S = 5.0
"""A failed worker has this long to leave the group in order."""


class FlywheelApp(faust.App):
    """A Faust app that owns the partitions assigned to it."""

    def __init__(
        self, settings: Settings, engine_factory: EngineFactory, put: Put | None, observer: Observer
    ) -> None:
        self.settings = settings
        self.observer = observer
        self.failure: BaseException | None = None
        self._guarantee = ""
        self._group_spoke = False
        self._tasks: list[asyncio.Task[None]] = []
        super().__init__(
            settings.app_id,
            broker=";".join(f"flywheel://{address.strip()}" for address in settings.brokers.split(",")),
            broker_credentials=host_credentials(settings),
            broker_session_timeout=settings.session_timeout_ms / SECOND_MS,
            broker_heartbeat_interval=settings.heartbeat_interval_ms / SECOND_MS,
            broker_rebalance_timeout=(settings.shutdown_deadline_ms + settings.session_timeout_ms)
            / SECOND_MS,
            broker_request_timeout=max(30.0, settings.session_timeout_ms / SECOND_MS),
            broker_max_poll_records=settings.max_poll_records,
            consumer_group_instance_id=settings.worker_slot,
            topic_partitions=settings.partitions,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_buffer_maxsize=BUFFERED_BATCHES,
            stream_wait_empty=False,
            stream_recovery_delay=0.0,
            store="memory://",
            datadir=Path(tempfile.gettempdir())
            / f"{settings.app_id}-faust",  # Faust makes it, and leaves it empty
            web_enabled=False,
            worker_redirect_stdouts=False,
        )
        self.compacted = CompactedTopics(settings, read_whole(settings), put) if put is not None else None
        self.assignment = Assignment(
            settings,
            engine_factory,
            self._new_checkpoint,
            lambda: self.consumer,
            self.compacted.ready if self.compacted is not None else _at_once,
            self.fail,
            observer,
        )
        self.watch = Watch(settings, self._saved, lambda: self.rebalancing, observer)
        inputs = self.topic(
            *topics.owned(settings), schema=BatchSchema(), acks=False
        )  # acks: Faust keeps no offsets of them
        self.agent(inputs, name="feed", concurrency=1)(self.assignment.feed)
        self.on_partitions_assigned.connect(self._on_assigned)
        self.on_partitions_revoked.connect(self._on_revoked)

    # --- start ---------------------------------------------------------------------------------------------

    async def on_first_start(self) -> None:
        await super().on_first_start()
        logs.settle(self.settings.log_level)
        try:
            self._guarantee = await guarantee.settle(self.settings)
        except FlywheelError as error:
            self.failure = error
            log.critical("worker ends: %s: %s", type(error).__name__, error)
            logs.silence()
            raise SystemExit(1) from error
        log.warning(
            "%s: %s",
            self._guarantee.replace("_", " "),
            "outputs, state and positions in one transaction per input partition"
            if self._guarantee == guarantee.EXACTLY_ONCE
            else "writes are acknowledged before positions are committed; a crash repeats what lies between",
        )
        jobs: list[Coroutine[Any, Any, None]] = [self.watch.run(), self.assignment.let_time_pass()]
        if self.compacted is not None:
            jobs.append(self.compacted.run())
        self._tasks = [asyncio.create_task(self._guarded(job)) for job in jobs]

    async def _guarded(self, job: Coroutine[Any, Any, None]) -> None:
        try:
            await job
        except Exception as error:  # noqa: BLE001 - a worker does none of its jobs by halves
            self.fail(error)

    def _new_checkpoint(self, number: int) -> Checkpoint:
        if self._guarantee == guarantee.EXACTLY_ONCE:
            return TransactionalCheckpoint(self.settings, number)
        return AtLeastOnceCheckpoint(
            self.settings, number, lambda positions: self.consumer.commit_positions(number, positions)
        )

    # --- the group speaks ----------------------------------------------------------------------------------

    async def _on_assigned(self, _app: Any, assigned: set[Any], **_: Any) -> None:
        self._group_spoke = True
        try:
            self.assignment.assign(assigned)
        except FlywheelError as error:
            self.fail(error)

    async def _on_revoked(self, _app: Any, revoked: set[Any], **_: Any) -> None:
        numbers = {tp.partition for tp in revoked if topics.is_owned(tp.topic)}
        if not numbers:
            return
        try:
            await self.consumer.withdraw(numbers)
            await self.assignment.release(numbers, keep=self.failure is None)
        except FlywheelError as error:
            self.fail(error)

    # --- end -----------------------------------------------------------------------------------------------

    def fail(self, error: BaseException) -> None:
        """End the process with one clear line and a non-zero exit code. The first failure counts."""
        if self.failure is not None:
            return
        self.failure = error
        expected = isinstance(error, FlywheelError | KafkaError)
        log.critical("worker ends: %s: %s", type(error).__name__, error, exc_info=None if expected else error)
        logs.silence()
        self.observer.on_event("failed", type(error).__name__)
        _end_process_after(FAILURE_GRACE_S, 1)
        root = self.beacon.root
        self._ending = asyncio.ensure_future((self if root is None else root.data).stop())

    async def on_stop(self) -> None:
        _end_process_after(self.settings.shutdown_deadline_ms / SECOND_MS + END_GRACE_S, 1)
        for task in self._tasks:
            task.cancel()
        try:
            await self.assignment.release(keep=self.failure is None)
        except (FlywheelError, KafkaError) as error:
            self.fail(error)
        await super().on_stop()

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        if self.failure is not None:
            # Only now, when everything has stopped in order: it gives Faust's worker its exit code, and no traceback.
            root = self.beacon.root
            (self if root is None else root.data)._crash(SystemExit(1))

    # --- status --------------------------------------------------------------------------------------------

    def _saved(self) -> dict[tuple[str, int], int]:
        return {
            (topic, number): position
            for number, partition in self.assignment.partitions.items()
            for topic, position in partition.saved.items()
        }

    @property
    def status(self) -> Status:
        """The state of the worker at this moment."""
        return Status(
            guarantee=self._guarantee,
            started=self._group_spoke,
            partitions=tuple(sorted(self.assignment.partitions)),
            recovering=tuple(sorted(self.assignment.opening)),
            lags=self.watch.lags,
            progressed_at_s=self.watch.progressed_at_s,
            failure="" if self.failure is None else f"{type(self.failure).__name__}: {self.failure}",
        )


def read_whole(settings: Settings) -> tuple[str, ...]:
    """The topics that a worker reads from their beginning and follows: the catalogs, and with ``sharing`` what
    partitions tell each other."""
    return (*topics.CATALOGS, *(topics.shared(settings) if settings.sharing else ()))


async def _at_once() -> None:
    """There is nothing to wait for."""


def _end_process_after(seconds: float, code: int) -> None:
    """The last resort against a host library that hangs at its end: after ``seconds`` the process is gone."""

    def end() -> None:
        log.critical("worker did not stop within %.1f s: ending it", seconds)
        logging.shutdown()
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def create_app(
    settings: Settings,
    engine_factory: EngineFactory,
    *,
    put: Put | None = None,
    observer: Observer | None = None,
) -> FlywheelApp:
    """A worker's app.

    ``engine_factory(partition)`` builds an engine; ``put(topic, key, value)`` takes every record of
    :func:`read_whole` (``None``: the engines need none); ``observer`` hears what happens.
    """
    return FlywheelApp(settings, engine_factory, put, observer or Observer())


def run_worker(settings: Settings, build: Callable[[Settings], FlywheelApp] | None = None) -> int:
    """Run a worker in this process until SIGTERM, SIGINT or a failure; returns the exit code."""
    flywheel = (build or _real_app)(settings)
    memory.prepare()
    worker = faust.Worker(flywheel, loglevel=settings.log_level, redirect_stdouts=False, quiet=True)
    worker.spinner = None
    code = 0
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    return 1 if flywheel.failure is not None else code


def _real_app(settings: Settings) -> FlywheelApp:
    program.set("worker")
    # Imported here: the engine is compiled, which the toy worker of the tests does without.
    from streams import pipeline
    from streams.metrics.service import observe, serve
    from streams.state.catalog import Catalog
    from streams.state.shared import Shared

    catalog, shared = Catalog(settings), Shared(settings)

    def put(topic: str, key: bytes, value: bytes | None) -> None:
        (catalog if topic in topics.CATALOGS else shared).put(topic, key, value)

    observations = observe(settings)
    app = create_app(
        settings,
        lambda partition: pipeline.create_engine(partition, settings, catalog, shared),
        put=put,
        observer=observations,
    )
    serve(app, observations, catalog)
    return app


def __getattr__(name: str) -> Any:
    """``app`` is built when Faust asks for it (``faust -A streams.app``), not at import."""
    if name == "app":
        globals()["app"] = _real_app(load())
        return globals()["app"]
    raise AttributeError(name)
