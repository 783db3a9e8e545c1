"""The report as tables for the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

DAYS_SHOWN = 7
"""Learning shows in the first days; the JSON report has them all."""


def show(report: dict[str, Any], console: Console) -> None:
    """Print the report that ``running.replay`` returned, as far as it goes."""
    coverage = report["coverage"]
    pace = f"{coverage['seconds']:.1f} s ({coverage['events_per_second']:,.0f} a second)"
    line = f"{report['log']}: {coverage['lines']:,} lines, {coverage['events']:,} events published"
    if coverage["waited_for_worker"]:
        decisions = ", ".join(f"{count:,} {surface}" for surface, count in coverage["decisions"].items())
        rejects = ", ".join(f"{count:,} {reason}" for reason, count in coverage["rejects"].items())
        console.print(f"{line} and consumed in {pace}")
        console.print(f"decisions: {decisions or 'none'}; rejects: {rejects or 'none'}")
    else:
        console.print(f"{line} in {pace}")
    if "rows" in report:
        _rows(report["rows"], console)
        _predictions(report, console)
    if "titles" in report:
        _titles(report["titles"], console)


def _rows(rows: dict[str, Any], console: Console) -> None:
    table = Table(title="Rank of the next quality play's row", title_justify="left")
    for column in ("", "HR@3", "nDCG@10", "MRR"):
        table.add_column(column, justify="left" if not column else "right")
    lines = {"Flywheel, as emitted": rows, **{f"count: {name}": q for name, q in rows["baselines"].items()}}
    for name, quality in lines.items():
        table.add_row(name, *(_figure(quality[key]) for key in ("hr_at_3", "ndcg_at_10", "mrr")))
    console.print(table)
    without = f"{rows['without_decision']:,} by profiles without a decision yet (catalog order)"
    console.print(f"{rows['n']:,} quality plays after the first day; {without}")


def _titles(titles: dict[str, Any], console: Console) -> None:
    table = Table(title="Rank of the next quality play's title", title_justify="left")
    for column in ("", "HR@10", "nDCG@10"):
        table.add_column(column, justify="left" if not column else "right")
    lines = {
        "Flywheel, as emitted": titles,
        **{f"count: {name}": q for name, q in titles["baselines"].items()},
    }
    for name, quality in lines.items():
        table.add_row(name, _figure(quality["hr_at_10"]), _figure(quality["ndcg_at_10"]))
    console.print(table)
    without = f"{titles['without_decision']:,} by profiles without a ranking yet"
    half_life = titles["baselines"]["popularity"]["half_life_h"]
    best = (
        f"popularity is best with a half-life of {half_life:g} h"
        if half_life
        else "popularity is best as it is"
    )
    console.print(f"{titles['n']:,} quality plays of new titles after the first tenth; {without}; {best}")


def _predictions(report: dict[str, Any], console: Console) -> None:
    table = Table(title="Predictions, each made before its outcome", title_justify="left")
    for column in ("", "AUC", "log loss", "ECE", "n", "simple AUC"):
        table.add_column(column, justify="left" if not column else "right")
    churn = report["churn"]
    lines = {
        "quality play": (report["long_view"], "title_rate"),
        f"no video in {churn['horizon_days']:g} days": (churn, "recency"),
    }
    for name, (quality, simple) in lines.items():
        figures = [_figure(quality[key]) for key in ("auc", "log_loss", "ece")]
        simple_auc = quality["baselines"][simple]["auc"]
        table.add_row(name, *figures, f"{quality['n']:,}", f"{_figure(simple_auc)} ({simple})")
    console.print(table)
    by_day = list(report["long_view"]["auc_by_day"].items())[:DAYS_SHOWN]
    if by_day:
        days = ", ".join(f"{_figure(auc)} (day {day})" for day, auc in by_day)
        console.print(f"AUC of quality plays by day of the log, the first {len(by_day)} scored: {days}")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
