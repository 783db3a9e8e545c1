"""Puts a simulated audience on a broker and tells how far it is: what ``flywheel audience`` does."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from streams.admin import check_topics
from streams.audience.crowd import Audience
from streams.audience.making import simulated_catalog
from streams.audience.publisher import Publisher
from streams.audience.scenarios import STEADY, Scenario
from streams.audience.shown import DECIDED
from streams.errors import ConfigurationError
from streams.security.granted import require_rights
from streams.security.refusals import hidden
from streams.settings import DAY_MS, Settings
from streams.topics import CATALOGS, INPUTS

ENDLESS_BACK_MS = 365 * DAY_MS
"""An audience without an end begins a year ago: 300 viewers at 400 events/s need two hours to catch up with
now.
"""
ENDLESS_TURN_MS = 3 * DAY_MS
"""... and its scenario turns after three days of it."""
ROOM = 1.5
"""Well decided pages make viewers watch more, so time passes faster than in the rehearsal."""
LINE_EVERY_S = 5.0
"""Where there is no terminal, a line this often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """How large an audience, how fast (events/s), for how long, how many records are broken (a share; ``None``: as
    many as in the scenario), and what happens besides."""

    profiles: int
    rate: float
    seconds: float | None
    titles: int
    malformed: float | None
    seed: int
    scenario: Scenario = STEADY

    @property
    def malformed_share(self) -> float:
        """Share of broken records to send besides."""
        return self.scenario.malformed_share if self.malformed is None else self.malformed


def wall_clock_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def audience_for(show: Show, now_ms: int) -> Audience:
    """An audience that has come to about ``now_ms`` when the show ends (one without an end begins a year
    ago).
    """
    back_ms = ENDLESS_BACK_MS
    if show.seconds is not None:
        rehearsal = Audience(
            simulated_catalog(show.seed, show.titles, now_ms),
            profiles=show.profiles,
            seed=show.seed,
            start_ms=now_ms,
            scenario=show.scenario,
        )
        needed = int(rehearsal.span_ms(max(1, int(show.rate * show.seconds))) * ROOM)
        back_ms = min(ENDLESS_BACK_MS, needed)
    start_ms = now_ms - back_ms
    turn_ms = start_ms + (int(back_ms / ROOM / 2) if show.seconds is not None else ENDLESS_TURN_MS)
    premiere_ms = turn_ms if show.scenario.premiere else None
    catalog = simulated_catalog(show.seed, show.titles, start_ms, premiere_ms=premiere_ms)
    return Audience(
        catalog,
        profiles=show.profiles,
        seed=show.seed,
        start_ms=start_ms,
        scenario=show.scenario,
        turn_ms=turn_ms,
    )


def publish(settings: Settings, show: Show) -> None:
    """Publish catalogs and events until the show ends; Ctrl-C ends it too. Raises ``BrokerError`` and
    ``ConfigurationError``."""
    asyncio.run(require_rights(settings))
    _require_inputs(settings)
    with suppress(KeyboardInterrupt):  # the usual end of a show without one
        asyncio.run(_publish(settings, show, Console()))


async def _publish(settings: Settings, show: Show, console: Console) -> None:
    audience = audience_for(show, wall_clock_ms())
    publisher = Publisher(
        settings,
        audience,
        rate=show.rate,
        malformed_share=show.malformed_share,
        seed=show.seed,
        clock_ms=wall_clock_ms,
    )
    async with publisher:
        records = await publisher.publish_catalog()
        console.print(
            f"{records} catalog records; {show.profiles} viewers, {show.rate:g} events/s, "
            f"{show.scenario.name}; Ctrl-C ends"
        )
        publisher.follow_decisions()
        began = last = time.monotonic()
        with _progress(console) as progress:
            task = progress.add_task("audience", total=show.seconds, detail="")

            def beat() -> None:
                nonlocal last
                now = time.monotonic()
                if console.is_terminal:
                    progress.update(task, completed=now - began, detail=_detail(publisher))
                elif now - last >= LINE_EVERY_S:
                    last = now
                    console.print(_detail(publisher), soft_wrap=True)

            try:
                await publisher.run(show.seconds, beat)
            finally:  # on Ctrl-C, too
                rate = publisher.events / (time.monotonic() - began)
                console.print(f"done: {_detail(publisher)}, {rate:,.0f} events/s", soft_wrap=True)


def _detail(publisher: Publisher) -> str:
    audience = publisher.audience
    clock = datetime.fromtimestamp(audience.now_ms / 1_000, UTC)
    return (
        f"{publisher.events:,} events, {publisher.malformed:,} malformed, "
        f"{audience.left:,} viewers left for good, audience's clock {clock:%Y-%m-%d %H:%M}"
    )


def _require_inputs(settings: Settings) -> None:
    found = check_topics(settings).found
    missing = [name for name in (*INPUTS, *CATALOGS, *DECIDED) if found[name] is None]
    if missing:
        raise ConfigurationError(
            f"no topic {', '.join(missing)} at {settings.brokers}: run `flywheel topics create`{hidden(settings)}"
        )


def _progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[detail]}"),
        console=console,
        disable=not console.is_terminal,
    )
