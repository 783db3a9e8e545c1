"""``flywheel backup``: an application, as files."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import connection


@click.command(short_help="Write state, decisions and positions to a folder.")
@connection
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(brokers: str | None, app_id: str | None, partitions: int | None, folder: Path) -> None:
    """Back an application up into FOLDER (new or empty): state, decisions, catalogs, positions, and the events that no
    worker has applied yet. Workers must be stopped; producers may go on (what they write meanwhile is not in it).

    \b
    Examples:
      flywheel backup /backups/monday --brokers kafka:9092 --partitions 16
      flywheel restore /backups/monday --brokers other:9092 --partitions 16 --yes
    """
    import asyncio

    from streams.operations.backup import back_up
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    manifest = asyncio.run(back_up(settings, folder))
    counts: dict[str, int] = {}
    for file in manifest.files:
        counts[file.topic] = counts.get(file.topic, 0) + file.records
    for topic, count in counts.items():
        click.echo(f"{count:>10,}  {topic}")
    size = sum(path.stat().st_size for path in folder.iterdir())
    click.echo(
        f"{sum(counts.values()):>10,}  records in {len(manifest.files)} files, {size / 1e6:.1f} MB: {folder}"
    )
