"""What a panel is, and the queries that many of them ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JOB = 'job="flywheel",instance=~"$instance"'
"""Workers, those that were picked at the top of the dashboard."""
GATEWAY = 'job="flywheel-gateway"'


@dataclass(frozen=True, slots=True)
class Panel:
    """``queries`` are (PromQL, legend); ``kind`` is Grafana's name of the panel; ``why`` its tooltip."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    why: str = ""
    limit: float | None = None
    """A line from which on it is bad."""


def panel(title: str, unit: str, *queries: tuple[str, str], **more: Any) -> Panel:
    """A panel of these queries."""
    return Panel(title, unit, queries, **more)


def quantile(q: float, metric: str, by: str = "", match: str = JOB, window: str = "$__rate_interval") -> str:
    """A quantile of a histogram over the last ``window``."""
    labels = ", ".join(filter(None, (by, "le")))
    return f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{match}}}[{window}])))"


def rate(metric: str, by: str, match: str = JOB) -> str:
    """A counter's rate a second."""
    return f"sum by ({by}) (rate({metric}{{{match}}}[$__rate_interval]))"
