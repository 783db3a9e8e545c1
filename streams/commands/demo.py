"""``flywheel demo``: the whole of it on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from streams.commands.options import scenario_option


@click.command(short_help="A broker, viewers, a worker, and what it decides, live.")
@click.option(
    "--seconds", type=click.FloatRange(5), help="End by itself after this long. Default: on Ctrl-C."
)
@click.option(
    "--summary", type=click.Path(dir_okay=False, path_type=Path), help="Write what happened as JSON."
)
@click.option("--brokers", metavar="HOST:PORT", help="A running Kafka. Default: an embedded broker.")
@click.option("--partitions", type=click.IntRange(1), default=4, show_default=True, help="Of every topic.")
@click.option("--profiles", type=click.IntRange(1), default=300, show_default=True, help="Simulated viewers.")
@click.option(
    "--rate", type=click.FloatRange(0.1), default=400.0, show_default=True, help="Events per second."
)
@click.option(
    "--malformed",
    type=click.FloatRange(0, 1),
    default=0.002,
    show_default=True,
    help="Share of broken records, for the dead letters.",
)
@scenario_option
@click.option("--page/--no-page", "live_page", default=True, help="Serve the live page.  [default: page]")
@click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same viewers.")
def demo(
    seconds: float | None,
    summary: Path | None,
    brokers: str | None,
    partitions: int,
    profiles: int,
    rate: float,
    malformed: float,
    scenario: str,
    live_page: bool,
    seed: int,
) -> None:
    """See it work: a broker, simulated viewers, one worker, and what it decides, live.

    Needs nothing but this program: the broker is embedded (no Docker, no Java). What is decided changes
    because of what viewers do; each change says why. The live page, at the address it prints, is yours to
    use among the viewers. With --brokers it runs on your Kafka, exactly once.

    \b
    Examples:
      flywheel demo
      flywheel demo --seconds 30 --summary demo.json
      flywheel demo --scenario premiere_rush
      flywheel demo --brokers localhost:9092 --rate 2000 --profiles 5000
    """
    from streams.audience.scenarios import scenario_named
    from streams.demo import Demo, run_demo

    story = scenario_named(scenario)
    plan = Demo(
        seconds=seconds,
        summary=summary,
        brokers=brokers,
        partitions=partitions,
        profiles=profiles,
        rate=rate,
        malformed=max(malformed, story.malformed_share),
        seed=seed,
        scenario=story,
        live_page=live_page,
    )
    run_demo(plan)
