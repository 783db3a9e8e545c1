"""The command ``flywheel``: its commands, and how every one of them ends.

Exit codes: 0 done; 1 something failed (one line says what); 2 wrong usage or configuration (the line says
what to change); 130 interrupted. What each command does is in ``commands/``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import click

from streams.commands.acls import acls
from streams.commands.audience import audience
from streams.commands.broker import broker
from streams.commands.demo import demo
from streams.commands.gateway import gateway
from streams.commands.models import models
from streams.commands.operating import OPERATING
from streams.commands.schema import schema
from streams.commands.topics import topics
from streams.commands.watch import watch
from streams.commands.worker import worker
from streams.errors import ConfigurationError, FlywheelError
from streams.replay.command import replay
from streams.security.program import program

PROGRAMS = {"worker": "worker", "gateway": "gateway", "audience": "audience", "watch": "reader"}
"""Whose rights a command needs (``streams.security.acls.PROGRAMS``); every other command is the operator's."""
FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"flywheel {version('flywheel')}")
        ctx.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Keeps every viewer's home page current while they watch.

    Viewing events in from Kafka; row orders and churn scores out to Kafka, exactly once.

    \b
    First steps:
      flywheel demo                      everything on this machine, live
      flywheel topics create             the topics, on your Kafka
      flywheel worker                    a worker on it
      flywheel watch PROFILE             what one viewer would see

    Every setting is an environment variable FLYWHEEL_...; `flywheel worker --help` lists them.
    """
    program.set(PROGRAMS.get(ctx.invoked_subcommand or "", "operator"))
    if ctx.invoked_subcommand != "worker":
        # Flywheel says in one line what a lost connection means; the library's own lines would hide it.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


for _command in (
    demo,
    worker,
    gateway,
    broker,
    topics,
    audience,
    replay,
    watch,
    models,
    schema,
    acls,
    *OPERATING,
):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``flywheel`` with ``arguments`` (those of the process by default) and exit with its code."""
    try:
        code = cli.main(arguments, prog_name="flywheel", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except ConfigurationError as error:
        click.echo(f"flywheel: {error}", err=True)
        sys.exit(WRONG_USE)
    except FlywheelError as error:
        click.echo(f"flywheel: {error}", err=True)
        sys.exit(FAILED)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    sys.exit(code if isinstance(code, int) else 0)
