"""``flywheel acls``: what each program must be allowed at Kafka."""

from __future__ import annotations

import click

from streams.commands.options import connection
from streams.errors import FlywheelError
from streams.security.program import program as running

PROGRAMS = ("worker", "gateway", "producer", "audience", "reader", "operator")
"""The keys of ``streams.security.acls.PROGRAMS``."""


@click.group(short_help="What each program must be allowed at Kafka.")
def acls() -> None:
    """What each program must be allowed at Kafka, and no more.

    \b
    Examples:
      flywheel acls print --program worker --principal User:worker
      FLYWHEEL_SASL_USERNAME=worker ... flywheel acls check --program worker
    """


@acls.command("print", short_help="Print a program's ACLs.")
@connection
@click.option("--program", type=click.Choice(PROGRAMS), required=True, help="Which program.")
@click.option("--principal", required=True, help="Whose rights: User:NAME.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["kafka-acls", "strimzi"]),
    default="kafka-acls",
    show_default=True,
    help="Commands for Kafka's own tool, or a KafkaUser for Kubernetes.",
)
def print_acls(
    brokers: str | None, app_id: str | None, partitions: int | None, program: str, principal: str, form: str
) -> None:
    """Print the ACLs of a program: nothing is asked of a broker and nothing is changed."""
    from streams.errors import ConfigurationError
    from streams.security import printing
    from streams.security.acls import rights
    from streams.settings import load

    if not principal.startswith("User:") or principal == "User:":
        raise ConfigurationError(f"--principal is {principal!r}: give User: and the Kafka user's name")
    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    needed = rights(program, settings)
    lines = (
        printing.strimzi(needed, principal)
        if form == "strimzi"
        else printing.kafka_acls(needed, principal, settings.brokers)
    )
    click.echo("\n".join(lines))


@acls.command(short_help="Ask the broker whether it grants them.")
@connection
@click.option("--program", type=click.Choice(PROGRAMS), required=True, help="Which program.")
def check(brokers: str | None, app_id: str | None, partitions: int | None, program: str) -> None:
    """Ask the broker whether the user of these settings has all that a program needs; exit code 1 when not.

    Run it with the program's own settings. Nothing is changed. Topics that do not exist yet, and transactional ids,
    cannot be asked for.
    """
    import asyncio

    from streams.security.granted import missing_rights
    from streams.security.refusals import remedy, who
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    running.set(program)
    missing = asyncio.run(missing_rights(program, settings))
    for right in missing:
        click.echo(f"missing: {right}")
    if missing:
        raise FlywheelError(f"{who(settings)} lacks {len(missing)} rights: {remedy(settings)}")
    click.echo(f"{who(settings)} has what the {program} needs")
