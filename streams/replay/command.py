"""``flywheel replay``: its options, and which reader reads what."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streams.replay.records import Log

FORMATS = ("kuairand", "movielens", "jsonl")


class _Speed(click.ParamType):
    name = "N|max"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | None:
        """The factor as a number; ``None`` for ``max``."""
        if value is None or value == "max":
            return None
        try:
            factor = float(str(value))
        except ValueError:
            factor = 0.0
        if not 0 < factor < float("inf"):
            self.fail(f"{value!r} is neither a number above 0 nor max", param, ctx)
        return factor


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "source", type=click.Choice(FORMATS), required=True, help="What PATH holds.")
@click.option("--brokers", help="Kafka to replay into. Default: an embedded broker and a worker of its own.")
@click.option(
    "--worker/--no-worker", default=False, help="With --brokers: start a worker for the replay, too."
)
@click.option(
    "--speed", type=_Speed(), default="max", show_default=True, help="Times as fast as it was written."
)
@click.option(
    "--shift-time/--keep-time",
    default=True,
    show_default=True,
    help="Let the log end now, or keep its times.",
)
@click.option(
    "--partitions", type=click.IntRange(1), help="Default: 1 when embedded, else FLYWHEEL_PARTITIONS."
)
@click.option("--limit", type=click.IntRange(1), help="Only the first lines (events, for jsonl).")
@click.option(
    "--report", type=click.Path(dir_okay=False, path_type=Path), help="Judge, and write it as JSON."
)
def replay(
    path: Path,
    source: str,
    brokers: str | None,
    worker: bool,
    speed: float | None,
    shift_time: bool,
    partitions: int | None,
    limit: int | None,
    report: Path | None,
) -> None:
    """Stream a real log through Kafka and a worker, and judge what it decided.

    With --report, every row order is held against the row of the viewer's next quality play, every prediction
    against what came of it, each only if made before its outcome was known; the first day is not scored. The
    worker that is judged must log its predictions (FLYWHEEL_LOG_PREDICTIONS=true) and share this command's
    FLYWHEEL_* settings; a worker of its own does.

    \b
    Examples:
      flywheel replay --format kuairand DIR --report report.json
      flywheel replay --format movielens ml-100k/ --limit 10000 --report report.json
      flywheel replay --format jsonl events.jsonl.gz --brokers localhost:9092 --speed 60
    """
    from rich.console import Console

    from streams.replay import running, table
    from streams.replay.publishing import Pace

    console = Console()
    log = read(source, path, limit)
    run = running.Run(brokers, partitions, Pace(speed), shift_time, worker, report is not None)
    result = running.replay(log, run, int(time.time() * 1000), console)
    table.show(result, console)
    if report is not None:
        import orjson

        report.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2) + b"\n")
        console.print(f"report: {report}")


def read(source: str, path: Path, limit: int | None) -> Log:
    """The log at ``path``. Raises ``ConfigurationError`` for one that is not of the format ``source``."""
    from streams.replay import jsonl, kuairand, movielens

    readers = {"kuairand": kuairand.read, "movielens": movielens.read, "jsonl": jsonl.read}
    return readers[source](path, limit)
