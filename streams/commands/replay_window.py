"""``flywheel replay-window``: history through a fresh version."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import connection


@click.command("replay-window", short_help="History through a fresh version, without writing to Kafka.")
@connection
@click.option(
    "--from", "begin", required=True, metavar="TIME", help="ISO 8601 (UTC where it says none), or ms."
)
@click.option("--to", "end", metavar="TIME", help="Up to before this time. Default: now.")
@click.option("--as", "name", default="fresh", show_default=True, help="What the fresh version calls itself.")
@click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE", help="A setting that is different in it."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="A new folder for its decisions and what it is judged by.",
)
def replay_window(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    begin: str,
    end: str | None,
    name: str,
    changes: tuple[str, ...],
    out: Path,
) -> None:
    """Replay what the inputs hold of a window through a fresh version, in this process. Workers may be at work: nothing
    is written to Kafka, and the group is not touched.

    \b
    Examples:
      flywheel replay-window --from 2026-11-20 --to 2026-11-22 --out /tmp/as-it-is
      flywheel replay-window --from 2026-11-20 --to 2026-11-22 --set artwork_policy=greedy --out /tmp/greedy
      flywheel diff /tmp/as-it-is /tmp/greedy
    """
    import asyncio
    import time

    from streams.operations import window
    from streams.settings import load

    live = load(brokers=brokers, app_id=app_id, partitions=partitions)
    fresh, changed = window.changed_settings(live, name, changes)
    now = int(time.time() * 1000)
    begin_ms, end_ms = (parse_time(text) if text else now for text in (begin, end))
    report = asyncio.run(window.replay_window(live, fresh, changed, begin_ms, end_ms, out))
    click.echo(
        f"{report.events:,} events in {report.seconds:.1f} s, {sum(file.records for file in report.files):,} decisions "
        f"stand: {out}"
    )
    for kind, placing in report.measures["plays"].items():
        if placing["plays"]:
            click.echo(f"{kind}: {placing['plays']:,} plays, mean of 1/place {placing['mrr']:.4f}")


def parse_time(text: str) -> int:
    """Milliseconds since the epoch. Raises ``click.BadParameter``.

    >>> parse_time("1970-01-02"), parse_time("1970-01-01T00:00:01+00:00"), parse_time("1700000000000")
    (86400000, 1000, 1700000000000)
    """
    from datetime import UTC, datetime

    if text.isdigit() and len(text) > 8:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no time: write 2026-11-20T18:00, or milliseconds") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
