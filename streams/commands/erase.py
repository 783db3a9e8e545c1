"""``flywheel erase``: a profile goes, with a receipt."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import connection


@click.command(short_help="Erase a profile, and prove it with a receipt.")
@connection
@click.argument("profile")
@click.option("--yes", is_flag=True, help="Really erase. Without it, only what there is is told.")
@click.option(
    "--receipt", type=click.Path(dir_okay=False, path_type=Path), help="Write the receipt there, too."
)
@click.option(
    "--deadline",
    type=click.FloatRange(1),
    default=60.0,
    show_default=True,
    help="Seconds to wait for a worker.",
)
def erase(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    profile: str,
    yes: bool,
    receipt: Path | None,
    deadline: float,
) -> None:
    """Erase PROFILE: its state, and every decision about it. A worker must be at work.

    Writes a profile_deleted event, waits until the worker has obeyed it, searches every compacted topic for what is
    left, and prints a receipt: JSON that names the profile by its SHA-256 only, says by when raw events expire, and
    carries the SHA-256 of itself. Exit code 1, loudly, when something is left.

    Without --yes it is a dry run: it searches, and writes nothing.

    \b
    Examples:
      flywheel erase p00012 --brokers kafka:9092
      flywheel erase p00012 --brokers kafka:9092 --yes --receipt p00012.json
    """
    import asyncio
    import json
    import time

    from streams.operations import erasure
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    if not yes:
        found = asyncio.run(erasure.search(settings, profile))
        for topic, count in found.left.items():
            click.echo(f"{topic}: {count} records name the profile")
        click.echo(
            f"dry run of {sum(found.searched.values()):,} records at {time.strftime('%H:%M:%S')}: "
            f"{sum(found.left.values())} to be erased; --yes does it"
        )
        return
    written = asyncio.run(erasure.erase(settings, profile, deadline))
    text = json.dumps(written, indent=1)
    click.echo(text)
    if receipt is not None:
        receipt.write_text(text + "\n")
    if not written["complete"]:
        for line in erasure.lines_of(written):
            click.echo(line, err=True)
        raise SystemExit(1)
