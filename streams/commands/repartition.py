"""``flywheel repartition``: a backup, as one of more partitions."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Turn a backup into one of more partitions.")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--to", "partitions", type=click.IntRange(2), required=True, help="A multiple of what there is."
)
@click.option("--app-id", help="Consumer group of the workers whose settings these are.")
def repartition(source: Path, target: Path, partitions: int, app_id: str | None) -> None:
    """Write the backup SOURCE as one of more partitions into TARGET, a new folder. Nothing is asked of any broker; give
    this the settings that the workers have (FLYWHEEL_...).

    \b
    Examples:
      flywheel backup /backups/four --partitions 4 --brokers kafka:9092
      flywheel repartition /backups/four /backups/eight --to 8
      flywheel restore /backups/eight --partitions 8 --brokers kafka:9092 --replication 3 --yes
    """
    from streams.operations.repartitioning import repartition as repartitioned
    from streams.settings import load

    manifest = repartitioned(load(app_id=app_id), source, target, partitions)
    count = sum(file.records for file in manifest.files)
    click.echo(f"{manifest.repartitioned_from} partitions to {partitions}: {count:,} records in {target}")
