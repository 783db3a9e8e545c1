"""``flywheel gateway``: serve what is decided, take events in; and make tokens for it."""

from __future__ import annotations

import re
from typing import Any

import click

from streams.commands.options import connection

UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Duration(click.ParamType):
    """A time to live such as ``90s``, ``15m``, ``1h`` or ``30d``, as seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds of what was written."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if found is None or not int(found[1]):
            self.fail(f"{value!r} is no time to live: write 90s, 15m, 1h or 30d", param, ctx)
        return int(found[1]) * UNITS_S[found[2]]


@click.group(invoke_without_command=True, short_help="Serve what is decided over HTTP, and take events in.")
@connection
@click.option("--host", "gateway_host", help="Address to listen on. [FLYWHEEL_GATEWAY_HOST, 127.0.0.1]")
@click.option(
    "--port", "gateway_port", type=click.IntRange(0, 65_535), help="Port. [FLYWHEEL_GATEWAY_PORT, 8080]"
)
@click.option("--watch-inputs", "gateway_watch_inputs", is_flag=True, default=None, help="Count events, too.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]))
@click.pass_context
def gateway(ctx: click.Context, /, **options: Any) -> None:
    """Serve pages, churn scores, experiments and a live stream over HTTP, and take events in.

    Reads the compacted topics whole, then follows them; run as many as you like. Without tokens it serves this machine
    only. /openapi.json describes the API, / is a page to look at.

    \b
    Examples:
      flywheel gateway --brokers kafka:9092 --partitions 16
      FLYWHEEL_GATEWAY_TOKENS=tokens.txt flywheel gateway --host 0.0.0.0 --brokers kafka:9092
      flywheel gateway token --scope read
    """
    if ctx.invoked_subcommand is not None:
        return
    import asyncio
    import logging

    from streams.gateway.running import run
    from streams.logs import settle
    from streams.settings import load

    settings = load(**options)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settle(settings.log_level)
    asyncio.run(run(settings, lambda url: click.echo(f"flywheel: gateway at {url}", err=True)))


@gateway.command(short_help="Make a token: for a service, or for one profile.")
@click.option(
    "--scope", type=click.Choice(["read", "write", "admin"]), help="A service's token, with this scope."
)
@click.option(
    "--profile", metavar="ID", help="A token for this profile alone, signed with FLYWHEEL_GATEWAY_SECRET."
)
@click.option(
    "--ttl", type=Duration(), default="1h", show_default=True, help="How long a profile's token is valid."
)
def token(scope: str | None, profile: str | None, ttl: int) -> None:
    """Make a token.

    A service's token is printed first, to be given to the service, and then the line for the file of tokens, which
    holds nothing but its SHA-256. A profile's token needs no line: it is signed.

    \b
    Examples:
      flywheel gateway token --scope read
      FLYWHEEL_GATEWAY_SECRET=secret.txt flywheel gateway token --profile p42 --ttl 15m
    """
    import time

    from streams.errors import ConfigurationError
    from streams.gateway.access import new_service_token, profile_token, read_secret
    from streams.settings import load

    if (scope is None) == (profile is None):
        raise click.UsageError("say either --scope or --profile")
    if scope is not None:
        secret_token, line = new_service_token(scope)
        click.echo(secret_token)
        click.echo(f"# its line for the file of FLYWHEEL_GATEWAY_TOKENS:\n{line}")
        return
    assert profile is not None, "one of both was said"
    path = load().gateway_secret
    if not path:
        raise ConfigurationError(
            "there is no secret to sign with: set FLYWHEEL_GATEWAY_SECRET to the file that the gateway uses"
        )
    click.echo(profile_token(profile, int(time.time()) + ttl, read_secret(path)))
