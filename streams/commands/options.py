"""Options that several commands share, and the table of all settings that ``flywheel worker --help``
prints.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import click

from streams.audience.scenarios import SCENARIOS, STEADY
from streams.settings import ENV_PREFIX, Settings

scenario_option = click.option(
    "--scenario",
    type=click.Choice(list(SCENARIOS)),
    default=STEADY.name,
    show_default=True,
    help="What happens to the audience: "
    + "; ".join(f"{scenario.name}: {scenario.story}" for scenario in SCENARIOS.values())
    + ".",
)
"""Adds ``--scenario``."""


def connection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds ``--brokers``, ``--app-id`` and ``--partitions``; each ``None`` when not given, as
    ``settings.load`` takes it.
    """
    defaults = Settings()
    for option in (
        click.option(
            "--partitions",
            type=click.IntRange(1),
            help=f"Partitions of every topic. [{ENV_PREFIX}PARTITIONS, {defaults.partitions}]",
        ),
        click.option("--app-id", help=f"Consumer group. [{ENV_PREFIX}APP_ID, {defaults.app_id}]"),
        click.option(
            "--brokers",
            metavar="HOST:PORT,...",
            help=f"Kafka bootstrap servers. [{ENV_PREFIX}BROKERS, {defaults.brokers}]",
        ),
    ):
        command = option(command)
    return command


def explained_settings() -> list[tuple[str, str, str]]:
    """Environment variable, default and meaning of every setting, from ``settings.py`` itself."""
    meanings: dict[str, str] = {}
    for owner in Settings.__mro__[:-1]:
        (definition,) = ast.parse(inspect.getsource(owner)).body
        assert isinstance(definition, ast.ClassDef)
        for statement, following in zip(definition.body, definition.body[1:], strict=False):
            if (
                isinstance(statement, ast.AnnAssign)
                and isinstance(statement.target, ast.Name)
                and isinstance(following, ast.Expr)
                and isinstance(following.value, ast.Constant)
            ):
                text = str(following.value.value).replace("``", "")
                meanings[statement.target.id] = " ".join(text.split())
    defaults = Settings()
    return [
        (
            f"{ENV_PREFIX}{field.name.upper()}",
            str(getattr(defaults, field.name)),
            meanings.get(field.name, ""),
        )
        for field in fields(Settings)
    ]


class ExplainingCommand(click.Command):
    """A command whose help ends with the table of all settings."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the epilog, then every setting with its default."""
        super().format_epilog(ctx, formatter)
        with formatter.section("Settings (environment variables)"):
            rows = [
                (name, f"{meaning} [{default}]" if default else meaning)
                for name, default, meaning in explained_settings()
            ]
            formatter.write_dl(rows)
