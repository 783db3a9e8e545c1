"""``flywheel broker``: the embedded broker on its own, for trying things out."""

from __future__ import annotations

import signal
import time

import click


@click.command(short_help="A broker to try things on (in memory, one machine).")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=9092, show_default=True, help="0: any free one."
)
def broker(port: int) -> None:
    """Run a broker that keeps everything in memory, until Ctrl-C or SIGTERM. For tutorials and tests: it knows no
    transactions, so Flywheel runs on it at least once, and what was in it is gone when it ends.

    \b
    Examples:
      flywheel broker
      flywheel broker --port 19092 & FLYWHEEL_BROKERS=127.0.0.1:19092 flywheel topics create
    """
    from streams.brokers.embedded import EmbeddedBroker

    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop)
    with EmbeddedBroker(port) as embedded:
        click.echo(f"broker at {embedded.address}; Ctrl-C ends it, and all that is in it")
        while not stopped:
            embedded.check()
            time.sleep(0.1)
