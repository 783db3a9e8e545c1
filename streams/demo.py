"""The demo: a broker, simulated viewers, one worker, and what it decides, live.

1. A broker of its own, unless one is given; the topics; the catalogs in them.
2. A worker in a process of its own, and the wait until it is ready; a gateway, which serves the live page.
3. Viewers publish; their pages follow what is decided; every decision is read back, read committed.
4. When time is up or on Ctrl-C: no more events, wait until the worker has applied them all, stop it.
5. The summary.
"""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import orjson
from rich.console import Console
from rich.live import Live

from streams import admin, demo_page, scrape, stage, topics
from streams.audience.crowd import Audience
from streams.audience.publisher import Publisher
from streams.audience.scenarios import STEADY, Scenario
from streams.audience.show import Show, audience_for, wall_clock_ms
from streams.brokers.embedded import EmbeddedBroker
from streams.brokers.loopback import free_port
from streams.errors import FlywheelError
from streams.following import Follower
from streams.settings import Settings, load
from streams.tally import AGGREGATES, SURFACES, Tally
from streams.worker_process import WorkerProcess

TITLES = 300
READY_DEADLINE_S = 600.0
"""A first start compiles the engine, which takes one to two minutes; a busy machine gets more."""
SETTLE_DEADLINE_S = 60.0
"""After the last event, the worker has this long to apply what is there."""
QUIET_S = 1.0
"""No decision for this long and no lag: everything has arrived."""
SCREEN_EVERY_S = 0.5
LINE_EVERY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What to show: see ``flywheel demo --help``."""

    seconds: float | None
    summary: Path | None
    brokers: str | None
    partitions: int
    profiles: int
    rate: float
    malformed: float | None
    seed: int
    scenario: Scenario = STEADY
    live_page: bool = True

    @property
    def show(self) -> Show:
        """Its audience."""
        return Show(
            profiles=self.profiles,
            rate=self.rate,
            seconds=self.seconds,
            titles=TITLES,
            malformed=self.malformed,
            seed=self.seed,
            scenario=self.scenario,
        )


def run_demo(plan: Demo) -> stage.Standing:
    """Run the demo, print its summary and return it. Raises ``FlywheelError`` when the worker does not
    hold.
    """
    console = Console()
    with ExitStack() as stack:
        console.print("1. the broker", "is yours" if plan.brokers else "starts")
        brokers = plan.brokers or stack.enter_context(EmbeddedBroker()).address
        settings = load(
            brokers=brokers, partitions=plan.partitions, web_host="127.0.0.1", web_port=free_port()
        )
        audience = audience_for(plan.show, wall_clock_ms())
        if not settings.experiments:
            declared = stack.enter_context(NamedTemporaryFile("w", prefix="flywheel-", suffix=".toml"))
            declared.write(demo_page.experiments_from(audience.start_ms))
            declared.flush()
            settings = replace(settings, experiments=declared.name)
        if plan.live_page:
            settings = demo_page.page_settings(settings)
        admin.create_topics(settings)
        admin.require_topics(settings)
        standing = asyncio.run(Performance(plan, settings, audience, console).run(stack))
    console.print(stage.report(standing))
    if plan.summary is not None:
        plan.summary.write_bytes(orjson.dumps(standing.summary(), option=orjson.OPT_INDENT_2) + b"\n")
        console.print(f"summary: {plan.summary}")
    return standing


class Performance:
    """One run of the demo on a broker that has the topics."""

    def __init__(self, plan: Demo, settings: Settings, audience: Audience, console: Console) -> None:
        self._plan = plan
        self._settings = settings
        self._worker = WorkerProcess(settings)
        self._gateway = demo_page.gateway_process(settings) if plan.live_page else None
        self._console = console
        self._audience = audience
        self._publisher = Publisher(
            settings,
            self._audience,
            rate=plan.rate,
            malformed_share=plan.show.malformed_share,
            seed=plan.seed,
            clock_ms=wall_clock_ms,
        )
        names = {row.row_id: row.name for row in self._audience.catalog.rows}
        names |= {title.title_id: title.name for title in self._audience.catalog.titles}
        self._tally = Tally(self._publisher.produced_at_ms, names)
        self._scraped: scrape.Samples = {}
        self._arrived_at = self._began = self._ended = 0.0

    async def run(self, stack: ExitStack) -> stage.Standing:
        """Everything from the catalogs to the last decision; worker and gateway end with ``stack``."""
        followed = (*SURFACES, *AGGREGATES, topics.DEAD_LETTERS)
        async with self._publisher, Follower(self._settings, followed, from_start=False) as follower:
            await self._publisher.publish_catalog()
            self._console.print(
                "2. the worker starts (the first time it compiles its engine: a minute or two)"
            )
            stack.enter_context(self._worker)
            if self._gateway is not None:
                stack.enter_context(self._gateway)
            with self._console.status("waiting for the worker"):
                await self._until_ready()
            if self._gateway is not None:
                await demo_page.until_page(self._settings, self._gateway)
                self._console.print(stage.invitation(demo_page.page_url(self._settings)))
            plan = self._plan
            self._console.print(f"3. {plan.profiles} viewers, {plan.rate:g} events/s, {plan.scenario.name}")
            self._began = time.monotonic()
            reading = asyncio.create_task(self._read(follower))
            looking = asyncio.create_task(self._look())
            try:
                with self._screen() as screen:
                    await self._perform(screen, reading, looking)
                self._ended = time.monotonic()
                await self._settle(reading)
            finally:
                for task in (reading, looking):
                    task.cancel()
                await asyncio.gather(reading, looking, return_exceptions=True)
            self._scraped = await asyncio.to_thread(scrape.metrics, self._settings)
            return self.standing()

    def standing(self) -> stage.Standing:
        """Where it stands now."""
        tally, publisher = self._tally, self._publisher
        first, last = stage.places(self._audience.click_places)
        guarantees = [
            labels["guarantee"] for labels, value in self._scraped.get("flywheel_guarantee_info", ()) if value
        ]
        return stage.Standing(
            seconds=round((self._ended or time.monotonic()) - self._began, 3),
            guarantee=guarantees[0] if guarantees else "",
            profiles=len(self._audience.viewers),
            viewers_left=self._audience.left,
            events=publisher.events,
            malformed=publisher.malformed,
            applied=int(scrape.total(self._scraped, "flywheel_events_total")),
            lag=int(scrape.total(self._scraped, "flywheel_lag_events")),
            decisions=int(scrape.total(self._scraped, "flywheel_decisions_total")),
            changes=dict(tally.changes),
            tombstones=tally.tombstones,
            rejects=tally.rejects.total(),
            rejects_by_reason=dict(tally.rejects.most_common()),
            p50_ms=tally.latency_ms(0.50),
            p99_ms=tally.latency_ms(0.99),
            click_place_first=first,
            click_place_last=last,
        )

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_DEADLINE_S
        while not await asyncio.to_thread(scrape.ready, self._settings):
            self._worker.check()
            if time.monotonic() > deadline:
                said = self._worker.log[-2_000:]
                raise FlywheelError(
                    f"the worker is not ready after {READY_DEADLINE_S:.0f} s; it said:\n{said}"
                )
            await asyncio.sleep(0.2)

    async def _perform(self, screen: Live | None, *tasks: asyncio.Task[None]) -> None:
        """Publish until time is up or somebody interrupts; a task that fails ends it, too."""
        loop = asyncio.get_running_loop()
        publishing = asyncio.create_task(self._publisher.run(self._plan.seconds, self._beat(screen)))
        interrupted = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted.set)
        waiting = asyncio.create_task(interrupted.wait())
        try:
            await asyncio.wait({publishing, waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            for task in (publishing, waiting):
                if not task.done():
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
        for task in (publishing, *tasks):
            if task.done() and not task.cancelled():
                task.result()

    def _beat(self, screen: Live | None) -> Any:
        every = SCREEN_EVERY_S if screen is not None else LINE_EVERY_S
        last = time.monotonic()

        def beat() -> None:
            nonlocal last
            if time.monotonic() - last < every:
                return
            last = time.monotonic()
            self._worker.check()
            if self._gateway is not None:
                self._gateway.check()
            if screen is not None:
                where = demo_page.page_url(self._settings) if self._gateway else self._settings.brokers
                screen.update(stage.page(self.standing(), self._tally, where), refresh=True)
            else:
                self._console.print(
                    stage.line(self.standing(), self._tally), markup=False, highlight=False, soft_wrap=True
                )

        return beat

    async def _read(self, follower: Follower) -> None:
        while True:
            records = await follower.records()
            now_ms = wall_clock_ms()
            if records:
                self._arrived_at = time.monotonic()
            for record in records:
                self._tally.see(record, now_ms)
            self._publisher.see(records)

    async def _look(self) -> None:
        while True:
            self._scraped = await asyncio.to_thread(scrape.metrics, self._settings) or self._scraped
            await asyncio.sleep(1.0)

    async def _settle(self, reading: asyncio.Task[None]) -> None:
        """Wait until the worker has applied everything and nothing more arrives, or for the deadline."""
        await self._publisher.flush()
        deadline = time.monotonic() + SETTLE_DEADLINE_S
        while time.monotonic() < deadline:
            self._worker.check()
            if reading.done():
                reading.result()
            await asyncio.sleep(0.2)
            samples = await asyncio.to_thread(scrape.metrics, self._settings)
            quiet = time.monotonic() - max(self._arrived_at, self._ended) > QUIET_S
            if samples and quiet and not scrape.total(samples, "flywheel_lag_events"):
                return

    def _screen(self) -> AbstractContextManager[Live | None]:
        if self._console.is_terminal:
            return Live(console=self._console, auto_refresh=False)
        return nullcontext()
