"""``flywheel watch``: one profile's page and churn score, live."""

from __future__ import annotations

import click

from streams.commands.options import connection


@click.command(short_help="One profile: its page, what moved and why, live.")
@connection
@click.argument("profile")
@click.option(
    "--rows", type=click.IntRange(1), default=10, show_default=True, help="Rows of the page to show."
)
@click.option("--seconds", type=click.FloatRange(0.1), help="End after this long. Default: on Ctrl-C.")
def watch(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    profile: str,
    rows: int,
    seconds: float | None,
) -> None:
    """Watch what Flywheel decides for PROFILE: the order of rows, what moved and why, and the churn score.

    Begins with the last decision and follows every new one. In a pipe it prints one line per decision.

    \b
    Examples:
      flywheel watch p00012 --brokers kafka:9092
      flywheel watch p00012 --seconds 30 | tee page.log
    """
    import asyncio
    from contextlib import suppress

    from streams.settings import load
    from streams.watching import watch_profile

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    with suppress(KeyboardInterrupt):  # the usual end of watching
        asyncio.run(watch_profile(settings, profile, rows, seconds))
