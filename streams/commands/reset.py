"""``flywheel reset``: a model begins anew."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import connection

MODELS = ("quality", "churn", "rows", "titles", "artwork", "trailers")


@click.command(short_help="Set a model back to where it began; counts stay.")
@connection
@click.option("--model", type=click.Choice(MODELS), required=True, help="Which one.")
@click.option(
    "--partition", type=click.IntRange(0), help="Only there: it then starts from the mix of the others."
)
@click.option(
    "--audit", type=click.Path(dir_okay=False, path_type=Path), help="Append the audit lines to this file."
)
@click.option("--yes", is_flag=True, help="Really reset.")
def reset(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    model: str,
    partition: int | None,
    audit: Path | None,
    yes: bool,
) -> None:
    """Set the weights of a model back to where they began. Workers must be stopped; give this the settings that they
    have (FLYWHEEL_...), or what is configured away starts anew as well.

    Counts stay (rates, plays, views, counters of profiles), versions go on counting, promotions hold. One JSON line a
    partition is printed for the audit.

    \b
    Examples:
      flywheel reset --model churn --yes --brokers kafka:9092 --partitions 16
      flywheel reset --model artwork --partition 3 --yes --audit resets.jsonl
    """
    import asyncio
    import json

    from streams.errors import ConfigurationError
    from streams.operations.resetting import reset_model
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    if not yes:
        where = "every partition" if partition is None else f"partition {partition}"
        raise ConfigurationError(
            f"what {model} has learned in {where} of {settings.app_id} would be lost: --yes does it"
        )
    lines = [json.dumps(done.to_record()) for done in asyncio.run(reset_model(settings, model, partition))]
    for line in lines:
        click.echo(line)
    if audit is not None:
        with audit.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
