"""``flywheel schema``: the contract as JSON Schemas or as an AsyncAPI document."""

from __future__ import annotations

import click

from streams.commands.options import connection


@click.command(short_help="Print the contract: JSON Schemas or AsyncAPI.")
@connection
@click.option("--topic", help="Only this topic's schema.")
@click.option("--asyncapi", "whole", is_flag=True, help="One AsyncAPI 3 document of all topics.")
def schema(
    brokers: str | None, app_id: str | None, partitions: int | None, topic: str | None, whole: bool
) -> None:
    """Print the contract: a JSON Schema for the values of every topic, or an AsyncAPI document.

    \b
    Examples:
      flywheel schema --topic viewing-events > viewing-events.schema.json
      flywheel schema --asyncapi > flywheel.asyncapi.json
      flywheel schema | jq 'keys'
    """
    from importlib.metadata import version

    import orjson

    from streams.events import asyncapi
    from streams.settings import load

    if topic is not None and whole:
        raise click.UsageError("--topic prints one JSON Schema, --asyncapi all topics: choose one.")
    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    document: object
    if whole:
        document = asyncapi.asyncapi(settings, version("flywheel"))
    elif topic is not None:
        document = asyncapi.schema_of(topic, settings)
    else:
        document = asyncapi.schemas(settings)
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
