"""``flywheel audience``: simulated viewers on a broker."""

from __future__ import annotations

import click

from streams.commands.options import connection, scenario_option


@click.command(short_help="Publish simulated viewers at a rate.")
@connection
@click.option("--profiles", type=click.IntRange(1), default=1_000, show_default=True, help="Viewers.")
@click.option(
    "--rate", type=click.FloatRange(0.1), default=500.0, show_default=True, help="Events per second."
)
@click.option("--seconds", type=click.FloatRange(0.1), help="End after this long. Default: on Ctrl-C.")
@click.option(
    "--titles", type=click.IntRange(40), default=300, show_default=True, help="Titles in the catalog."
)
@click.option(
    "--malformed",
    type=click.FloatRange(0, 1),
    help="Share of broken records to send besides. Default: as in the scenario.",
)
@scenario_option
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same viewers.")
def audience(
    brokers: str | None,
    app_id: str | None,
    partitions: int | None,
    profiles: int,
    rate: float,
    seconds: float | None,
    titles: int,
    malformed: float | None,
    scenario: str,
    seed: int,
) -> None:
    """Publish simulated viewers: catalogs first, then events at a rate.

    The viewers have hidden tastes and moods; they look at what Flywheel last decided for them (rows, titles,
    images, categories, trailers) from the top, play what fits, give up what does not, search, rate, pay, and
    leave when they find nothing. Their clock runs as fast as the rate needs, from the past towards now. The topics
    must exist (flywheel topics create).

    \b
    Examples:
      flywheel audience --profiles 5000 --rate 1000
      flywheel audience --seconds 60 --malformed 0.01
      flywheel audience --scenario taste_drift
    """
    from streams.audience.scenarios import scenario_named
    from streams.audience.show import Show, publish
    from streams.settings import load

    settings = load(brokers=brokers, app_id=app_id, partitions=partitions)
    show = Show(
        profiles=profiles,
        rate=rate,
        seconds=seconds,
        titles=titles,
        malformed=malformed,
        seed=seed,
        scenario=scenario_named(scenario),
    )
    publish(settings, show)
