"""``flywheel restore``: files, as an application again."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import connection


@click.command(short_help="Restore a backup onto a cluster that has none of it.")
@connection
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--replication", type=click.IntRange(1), help="Copies of topics that are created.")
@click.option(
    "--keep-inputs",
    is_flag=True,
    help="The inputs' logs are still the backup's own: positions are set as they were.",
)
@click.option("--yes", is_flag=True, help="Really restore. Without it, the backup is only checked.")
def restore(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    folder: Path,
    replication: int | None,
    keep_inputs: bool,
    yes: bool,
) -> None:
    """Restore the backup in FOLDER. Workers go on where it was made: no decision is repeated, versions go on counting.

    Refused (exit code 2) when a worker is at work or something is there already. Point producers at the new inputs only
    afterwards: the events that were not applied yet come first.

    \b
    Examples:
      flywheel restore /backups/monday                                  check the files, write nothing
      flywheel restore /backups/monday --brokers other:9092 --partitions 16 --replication 3 --yes
    """
    import asyncio

    from streams.operations import restoring
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions, replication=replication)
    if not yes:
        manifest = restoring.check(folder, settings)
        count = sum(file.records for file in manifest.files)
        click.echo(
            f"whole: {count:,} records of {manifest.app_id}, {len(manifest.files)} files; --yes restores them"
        )
        return
    restored = asyncio.run(restoring.restore(settings, folder, keep_inputs=keep_inputs))
    for topic, count in sorted(restored.records.items()):
        click.echo(f"{count:>10,}  {topic}")
    click.echo(f"{sum(restored.records.values()):>10,}  records; workers of {settings.app_id} may start")
