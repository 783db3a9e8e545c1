"""``flywheel topics``: create the topics of the contract, and check those that are there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from streams.commands.options import connection

if TYPE_CHECKING:
    from streams.admin import Inspection
    from streams.settings import Settings

PIPE_WIDTH = 140
"""Characters of a line where there is no terminal to fit into."""


@click.group(short_help="Create the topics, or check them.")
def topics() -> None:
    """Create the topics of the contract, or check them.

    \b
    Examples:
      flywheel topics create --brokers kafka:9092 --partitions 16 --replication 3
      flywheel topics check --brokers kafka:9092 --partitions 16
    """


@topics.command(short_help="Create every topic that is missing.")
@connection
@click.option("--replication", type=click.IntRange(1), help="Copies of every partition; 3 in production.")
@click.option(
    "--retention-days",
    type=click.FloatRange(0.01),
    default=7.0,
    show_default=True,
    help="How long events are kept.",
)
@click.option(
    "--keep-events", is_flag=True, help="Keep events for ever (for logs that keep their old times)."
)
def create(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    replication: int | None,
    retention_days: float,
    keep_events: bool,
) -> None:
    """Create every topic that is missing; those that exist are left as they are and checked."""
    from streams import admin
    from streams.settings import DAY_MS, load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions, replication=replication)
    retention = admin.FOREVER_MS if keep_events else int(retention_days * DAY_MS)
    for name in admin.create_topics(settings, input_retention_ms=retention):
        click.echo(f"created {name}")
    _report(admin.check_topics(settings), settings)


@topics.command()
@connection
@click.option(
    "--replication", type=click.IntRange(1), help="The least number of copies. [FLYWHEEL_REPLICATION, 1]"
)
def check(brokers: str | None, app_id: str | None, partitions: int | None, replication: int | None) -> None:
    """Compare the topics with the contract; exit code 1, and what to change, when something disagrees."""
    from streams import admin
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions, replication=replication)
    _report(admin.check_topics(settings), settings)


def _report(inspection: Inspection, settings: Settings) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    table = Table(title=f"topics at {settings.brokers}", title_justify="left")
    for heading in ("topic", "", "partitions", "copies", "kept"):
        table.add_column(heading, no_wrap=True)
    table.add_column("content")
    wrong = {finding.topic for finding in inspection.findings}
    for topic in inspection.expected:
        found = inspection.found[topic.name]
        there = (
            (str(found.partitions), str(found.replication), _kept(found.configs))
            if found
            else ("-", "-", "-")
        )
        verdict = "[red]wrong[/]" if topic.name in wrong else "[green]ok[/]"
        table.add_row(topic.name, verdict, *there, f"by {topic.key}: {topic.content}")
    console.print(table)
    for line in inspection.unknown:
        console.print(f"[yellow]{line}[/]", highlight=False)
    for finding in inspection.findings:
        console.print(
            f"[red]{finding.topic}[/] {finding.what}.\n    {finding.change}.", highlight=False, soft_wrap=True
        )
    if not inspection.good:
        raise SystemExit(1)


def _kept(configs: object) -> str:
    if not isinstance(configs, dict):
        return "?"
    if "compact" in configs.get("cleanup.policy", "delete"):
        return str(configs["cleanup.policy"])
    retention_ms = int(configs.get("retention.ms", 0))
    if retention_ms < 0:
        return "for ever"
    return f"{retention_ms / 86_400_000:g} days" if retention_ms else "default"
