"""``flywheel worker``: one worker process."""

from __future__ import annotations

import click

from streams.commands.options import ExplainingCommand, connection


@click.command(cls=ExplainingCommand, short_help="Run one worker until it is told to stop.")
@connection
@click.option(
    "--guarantee",
    type=click.Choice(["auto", "exactly_once", "at_least_once"]),
    help="auto: exactly once wherever the broker knows transactions.",
)
@click.option("--web-port", type=int, help="Port of /metrics, /healthz, /readyz; 0: any free one, -1: none.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
def worker(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    guarantee: str | None,
    web_port: int | None,
    log_level: str | None,
) -> None:
    """Run one worker until it is told to stop (Ctrl-C or SIGTERM).

    A worker takes its share of the partitions, rebuilds their state, learns from the events and emits what
    changed. One worker uses one core; start more (on any machine, same brokers and app id) and they share
    the partitions. It ends by itself, with an exit code other than 0, when it can no longer do its work:
    let a supervisor start it again.

    \b
    Examples:
      flywheel worker --brokers kafka-1:9092,kafka-2:9092
      FLYWHEEL_BROKERS=kafka:9092 FLYWHEEL_PARTITIONS=16 flywheel worker --web-port 9464
    """
    import asyncio

    from streams.app import run_worker
    from streams.security.granted import require_rights
    from streams.settings import load
    from streams.warming import warm

    settings = load(
        brokers=brokers,
        app_id=app_id,
        partitions=partitions,
        guarantee=guarantee,
        web_port=web_port,
        log_level=log_level,
    )
    asyncio.run(require_rights(settings))  # before the minutes that compiling may take
    click.echo("flywheel: making the engine ready (up to two minutes after an update)", err=True)
    warm(settings)
    raise SystemExit(run_worker(settings))
