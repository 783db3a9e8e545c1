"""``flywheel diff``: how the decisions of two versions differ."""

from __future__ import annotations

import click

from streams.commands.options import connection


@click.command(short_help="How the decisions of two versions differ.")
@connection
@click.argument("left")
@click.argument("right")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def diff(
    brokers: str | None, app_id: str | None, partitions: int | None, left: str, right: str, as_json: bool
) -> None:
    """Compare LEFT with RIGHT: each is the folder of a replay (flywheel replay-window) or of a backup, or "live", the
    decisions at work now.

    \b
    Examples:
      flywheel diff /tmp/as-it-is /tmp/greedy
      flywheel diff live /tmp/greedy --brokers kafka:9092 --json
    """
    import asyncio
    import json

    from rich.console import Console
    from rich.table import Table

    from streams.operations import difference
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    versions = [asyncio.run(difference.load_version(name, settings)) for name in (left, right)]
    told = difference.compare(*versions)
    if as_json:
        click.echo(json.dumps(told, indent=1))
        return
    table = Table(title=f"{told['left']} | {told['right']}", title_justify="left")
    for heading in ("of", "what", "how much"):
        table.add_column(heading, overflow="fold")
    for row in difference.lines_of(told):
        table.add_row(*row)
    Console().print(table)
