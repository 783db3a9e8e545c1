"""``python -m benchmarks.learning``: how well every surface learns, against what else there is.

Runs on this machine alone, without a broker. ``--tiny`` is the same in small, for the test suite.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import track

from benchmarks.learning.measures import Plan
from benchmarks.learning.plots import write_plots
from benchmarks.learning.report import figures, in_words
from benchmarks.learning.runs import all_runs, perform_all

USUAL = Plan(viewers=120, days=24, titles=300)
TINY = Plan(viewers=12, days=3, titles=60)
USUAL_SEEDS = 3


def measure(plan: Plan, seeds: int, processes: int, surfaces: str | None = None) -> dict[str, Any]:
    """All runs and their figures."""
    runs = all_runs(range(1, seeds + 1))
    done = perform_all(runs, plan, processes, surfaces)
    results = dict(track(done, f"{len(runs)} runs", total=len(runs)))
    return figures(results, plan.days)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learning", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="few viewers, few days, one seed")
    parser.add_argument("--seeds", type=int, help=f"how many audiences (default {USUAL_SEEDS})")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument("--surfaces", help="surfaces to switch on besides rows and churn (default: all)")
    parser.add_argument("--output", type=Path, help="write the figures as JSON")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write SVG pictures")
    asked = parser.parse_args()
    console = Console(width=110)
    began = time.monotonic()
    plan = TINY if asked.tiny else USUAL
    seeds = asked.seeds or (1 if asked.tiny else USUAL_SEEDS)
    said = measure(plan, seeds, asked.processes, asked.surfaces)
    console.print(in_words(said))
    console.print(
        f"{plan.viewers} viewers, {plan.days} days, {plan.titles} titles, {seeds} seeds, "
        f"{said['events']:,} events in {time.monotonic() - began:.0f} s"
    )
    if asked.output is not None:
        asked.output.write_bytes(orjson.dumps(said, tuple, orjson.OPT_INDENT_2) + b"\n")
    if asked.plots is not None:
        for path in write_plots(said, asked.plots):
            console.print(f"picture: {path}")


if __name__ == "__main__":
    main()
