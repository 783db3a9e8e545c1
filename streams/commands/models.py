"""``flywheel models``: what the models have learned, which challenge them, promotion and rollback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from streams.commands.options import connection

if TYPE_CHECKING:
    from streams.promotion import Standing
    from streams.settings import Settings
    from streams.state.shared_models import SharedModels

PIPE_WIDTH = 220
"""Characters of a line where there is no terminal to fit into."""


@click.group(short_help="The models at work and their shadows: list, show, promote, roll back.")
def models() -> None:
    """The models at work and their shadows, over all partitions.

    A shadow learns from the same events and decides nothing. It is promoted when what it gains is above zero
    beyond doubt; every worker obeys at its next batch, and the model that was at work goes on as the shadow.

    \b
    Examples:
      flywheel models list --brokers kafka:9092
      flywheel models show artwork
      flywheel models promote artwork
      flywheel models rollback artwork
    """


@models.command("list", short_help="Every model: version, quality, shadow, what the shadow gains.")
@connection
def list_models(brokers: str | None, app_id: str | None, partitions: int | None) -> None:
    """Every model and surface: what is at work, what it has learned, and what its shadow gains."""
    from rich.console import Console
    from rich.table import Table

    from streams.promotion import standings

    settings, known = _read(brokers, app_id, partitions)
    table = Table(title=f"models of {settings.app_id} at {settings.brokers}", title_justify="left")
    for heading in (
        "model", "at work", "version", "partitions", "learned from", "quality", "shadow", "its quality", "its gain"
    ):  # fmt: skip
        table.add_column(heading, overflow="fold")
    for standing in standings(known):
        _, low, high = standing.gain
        table.add_row(
            standing.name,
            standing.live,
            str(standing.version),
            f"{standing.following} of {standing.partitions}",
            _evidence(standing),
            _quality(standing, "live"),
            standing.shadow or "-",
            _quality(standing, "shadow"),
            f"{low:+.4f} to {high:+.4f}" if low == low else "-",
        )
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


@models.command(short_help="One model in full, with the value of every policy.")
@connection
@click.argument("name")
def show(brokers: str | None, app_id: str | None, partitions: int | None, name: str) -> None:
    """Show all that is known of the model or surface NAME, merged over the partitions."""
    from streams.promotion import standing_of

    _, known = _read(brokers, app_id, partitions)
    for line in describe(standing_of(known, name)):
        click.echo(line)


@models.command(short_help="Put a shadow to work, if it has earned it.")
@connection
@click.argument("name")
@click.option("--force", is_flag=True, help="Promote whatever the evidence says.")
def promote(brokers: str | None, app_id: str | None, partitions: int | None, name: str, force: bool) -> None:
    """Put the shadow of NAME to work. Refused (exit code 1) unless the lower bound of what it gains is above
    zero.
    """
    import asyncio
    import time

    from streams.models_topic import write_control
    from streams.promotion import promote as promoted
    from streams.promotion import standing_of

    settings, known = _read(brokers, app_id, partitions)
    control = promoted(standing_of(known, name), int(time.time() * 1000), force=force)
    asyncio.run(write_control(settings, control))
    if control.forced:
        click.echo(f"FORCED, against the evidence: {control.reason}", err=True)
    click.echo(f"{name}: {control.live} goes to work in place of {control.over} ({control.reason})")
    click.echo(f"every worker obeys at its next batch; `flywheel models rollback {name}` undoes it")


@models.command(short_help="Undo the last promotion.")
@connection
@click.argument("name")
def rollback(brokers: str | None, app_id: str | None, partitions: int | None, name: str) -> None:
    """Put the model that was replaced by the last promotion of NAME back to work, at once and unconditionally."""
    import asyncio
    import time

    from streams.models_topic import write_control
    from streams.promotion import roll_back, standing_of

    settings, known = _read(brokers, app_id, partitions)
    control = roll_back(standing_of(known, name), int(time.time() * 1000))
    asyncio.run(write_control(settings, control))
    click.echo(f"{name}: {control.live} goes back to work in place of {control.over}")


def describe(standing: Standing) -> list[str]:
    """One model in words."""
    may, why = standing.verdict
    lines = [
        f"{standing.name}, version {standing.version}",
        f"  at work    {standing.live} in {standing.following} of {standing.partitions} partitions, "
        f"with {_evidence(standing)}",
        f"  shadow     {standing.shadow or 'none'}",
    ]
    for role, (auc, log_loss) in standing.quality.items():
        if log_loss is not None:
            lines.append(f"  {role:<10} AUC {_number(auc, 4)}, log loss {_number(log_loss, 5)} of late")
    for policy in standing.policies:
        for estimator, estimate in standing.estimates(policy).items():
            doubt = f"  ({estimate.warning})" if estimate.warning else ""
            lines.append(
                f"  {policy:<10} {estimator:<6} {estimate.value:.5f}  ({estimate.low:.5f} to {estimate.high:.5f}), "
                f"effective sample {estimate.effective:.0f}{doubt}"
            )
    if standing.shadow:
        lines.append(f"  {'may' if may else 'may not'} be promoted: {why}")
    if standing.control is not None:
        control = standing.control
        forced = ", forced" if control.forced else ""
        lines.append(f"  last word  {control.live} over {control.over}{forced}: {control.reason}")
    return lines


def _read(brokers: str | None, app_id: str | None, partitions: int | None) -> tuple[Settings, SharedModels]:
    import asyncio

    from streams.models_topic import read_models
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    return settings, asyncio.run(read_models(settings))


def _evidence(standing: Standing) -> str:
    """From how much the model at work has learned."""
    if standing.policies:
        return f"{max(value.n for value in standing.policies.values()):,.0f} choices"
    return f"{standing.batches:,} mini-batches"


def _quality(standing: Standing, role: str) -> str:
    """How good the model at work, or its shadow, is: of a policy, the reward a choice with its interval."""
    auc, log_loss = standing.quality[role]
    if log_loss is not None:
        return f"AUC {_number(auc, 3)}, log loss {log_loss:.4f}"
    policy = role if role == "live" else standing.shadow
    if policy not in standing.policies:
        return "-"
    estimates = standing.estimates(policy)
    estimate = estimates.get("snips") or estimates["logged"]
    return f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
