"""What the demo shows: a live page on a terminal, plain lines in a pipe, and the summary at the end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams import topics
from streams.tally import AGGREGATES, SURFACES, Tally

OTHERS = (
    topics.HOMEPAGE_RANKINGS,
    topics.ARTWORK_CHOICES,
    topics.TRAILER_CHOICES,
    topics.CATEGORY_CHOICES,
    topics.EXPERIMENT_RESULTS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where the demo stands. Latencies in ms, from an event's produce call to its decision's arrival at a
    read-committed consumer; ``None`` before the first decision."""

    seconds: float
    guarantee: str
    profiles: int
    viewers_left: int
    events: int
    malformed: int
    applied: int
    lag: int
    decisions: int
    changes: dict[str, int]
    tombstones: int
    rejects: int
    rejects_by_reason: dict[str, int]
    p50_ms: float | None
    p99_ms: float | None
    click_place_first: float | None
    click_place_last: float | None

    def summary(self) -> dict[str, Any]:
        """What ``--summary`` writes."""
        return {**asdict(self), "events_per_second": self.events / self.seconds if self.seconds else 0.0}


def places(clicks: Sequence[int]) -> tuple[float | None, float | None]:
    """The mean place on the page (1 = top) of what was clicked, in the first and in the last fifth of all
    clicks.
    """
    fifth = len(clicks) // 5
    if not fifth:
        return None, None
    return sum(clicks[:fifth]) / fifth + 1, sum(clicks[-fifth:]) / fifth + 1


def line(standing: Standing, tally: Tally) -> str:
    """One line for a pipe."""
    latest = [*list(tally.recent[topics.ROW_ORDER])[-1:], *latest_of_others(tally, each=1)]
    return (
        f"{standing.seconds:5.0f} s  {standing.events:,} events, {standing.decisions:,} decisions, "
        f"{sum(standing.changes.values()):,} changes, {standing.rejects:,} rejects, "
        f"event to decision p50 {_ms(standing.p50_ms)} p99 {_ms(standing.p99_ms)}"
        + "".join(f"\n         {words}" for words in latest)
    )


def invitation(url: str) -> Panel:
    """Where to look, so that nobody overlooks it."""
    words = Text.assemble(
        ("live page  ", "bold"), (url, "bold underline"), "  play a title there; its rows move"
    )
    return Panel(words, border_style="bold", expand=False)


def latest_of_others(tally: Tally, each: int = 2) -> Iterator[str]:
    """The latest decisions beside pages and churn scores, ``each`` of every surface."""
    for topic in OTHERS:
        yield from list(tally.recent[topic])[-each:]


def page(standing: Standing, tally: Tally, where: str) -> Group:
    """The live page for a terminal."""
    left = Table.grid(padding=(0, 2))
    left.add_row("events", f"{standing.events:,}", f"{standing.events / max(standing.seconds, 0.1):,.0f}/s")
    left.add_row("decisions", f"{standing.decisions:,}", f"lag {standing.lag:,}")
    left.add_row("event to decision", f"p50 {_ms(standing.p50_ms)}", f"p99 {_ms(standing.p99_ms)}")
    left.add_row("malformed", f"{standing.malformed:,} sent", f"{standing.rejects:,} in dead-letters")
    left.add_row("viewers", f"{standing.profiles:,}", f"{standing.viewers_left:,} left for good")
    first, last = _place(standing.click_place_first), _place(standing.click_place_last)
    left.add_row("clicks stood at place", first, f"now {last}")
    right = Table.grid(padding=(0, 2))
    for surface in (*SURFACES, *AGGREGATES):
        if tally.changes[surface]:
            right.add_row(surface, f"{tally.changes[surface]:,} changes")
    right.add_row("churn", ", ".join(f"{tally.bands[band]} {band}" for band in ("low", "medium", "high")))
    for reason, count in tally.rejects.most_common(3):
        right.add_row(f"reject: {reason}", f"{count:,}")
    title = f"Flywheel demo  {standing.seconds:.0f} s  {where}  {standing.guarantee.replace('_', ' ')}"
    return Group(
        Panel(Columns([left, right], padding=(0, 6)), title=title, title_align="left"),
        _changes("pages that changed", tally.recent[topics.ROW_ORDER]),
        _changes("churn scores that changed", tally.recent[topics.CHURN_SCORES]),
        _changes("titles, images, trailers, categories, experiments", list(latest_of_others(tally))),
        Text("Ctrl-C ends it and prints the summary", style="dim"),
    )


def report(standing: Standing) -> Table:
    """The summary as a table."""
    table = Table(title="what happened", title_justify="left", show_header=False)
    first, last = _place(standing.click_place_first), _place(standing.click_place_last)
    rates = f"{standing.events / max(standing.seconds, 0.1):,.0f}/s"
    rows: list[tuple[str, str]] = [
        ("guarantee", standing.guarantee.replace("_", " ")),
        ("events published", f"{standing.events:,} in {standing.seconds:.0f} s ({rates})"),
        (
            "events applied",
            f"{standing.applied:,}" + (f" ({standing.lag:,} waiting)" if standing.lag else ""),
        ),
        ("decisions", f"{standing.decisions:,}"),
        *((f"changes of {surface}", f"{count:,}") for surface, count in standing.changes.items()),
        ("rejects", f"{standing.rejects:,} of {standing.malformed:,} malformed records sent"),
        *((f"  {reason}", f"{count:,}") for reason, count in standing.rejects_by_reason.items()),
        ("event to decision", f"p50 {_ms(standing.p50_ms)}, p99 {_ms(standing.p99_ms)}"),
        (
            "place of what was clicked",
            f"{first} -> {last}",
        ),
    ]
    for row in rows:
        table.add_row(*row)
    return table


def _changes(title: str, lines: Iterable[str]) -> Panel:
    return Panel(
        Text("\n".join(lines) or "none yet", overflow="ellipsis", no_wrap=True),
        title=title,
        title_align="left",
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _place(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
