"""Writes the Grafana dashboards: each a list of rows of panels, each panel a title, a unit and its queries.

``python deploy/grafana/make_dashboards.py`` writes ``dashboards/*.json`` from ``panels*.py``; a test compares them with
what it would write, and asks every query of a Prometheus that scrapes a worker and a gateway.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from panel import Panel
from panels import GATEWAYS, OPERATIONS, OVERVIEW
from panels_learning import EXPERIMENTS, LEARNING

DASHBOARDS = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}
SCHEMA_VERSION = 39
WIDTH, HEIGHT = 24, 8
INSTANCE = {
    "name": "instance", "label": "worker", "type": "query", "datasource": SOURCE, "refresh": 2, "multi": True,
    "includeAll": True, "allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]},
    "query": {"query": 'label_values(up{job="flywheel"}, instance)', "refId": "instance"},
}  # fmt: skip
BOARDS = {
    "overview": ("Flywheel: overview", OVERVIEW),
    "learning": ("Flywheel: surfaces and models", LEARNING),
    "experiments": ("Flywheel: experiments", EXPERIMENTS),
    "operations": ("Flywheel: operations", OPERATIONS),
    "gateway": ("Flywheel: gateway", GATEWAYS),
}


def drawn(number: int, wanted: Panel, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    """A panel as Grafana keeps it."""
    steps = [{"color": "green", "value": None}]
    if wanted.limit is not None:
        steps.append({"color": "red", "value": wanted.limit})
    custom = {"fillOpacity": 8, "thresholdsStyle": {"mode": "line" if wanted.limit is not None else "off"}}
    return {
        "id": number,
        "type": wanted.kind,
        "title": wanted.title,
        "description": wanted.why,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": height},
        "fieldConfig": {
            "defaults": {
                "unit": wanted.unit,
                "min": 0 if wanted.unit in ("s", "ops", "bytes", "Bps", "short") else None,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": custom if wanted.kind == "timeseries" else {},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
        if wanted.kind == "timeseries"
        else {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value"},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for at, (query, legend) in enumerate(wanted.queries)
        ],
    }


def dashboard(uid: str) -> dict[str, Any]:
    """A whole dashboard."""
    title, rows = BOARDS[uid]
    panels: list[dict[str, Any]] = []
    y = 0
    for row in rows:
        height = HEIGHT // 2 if all(each.kind == "stat" for each in row) else HEIGHT
        width = WIDTH // len(row)
        for at, each in enumerate(row):
            panels.append(drawn(len(panels) + 1, each, at * width, y, width, height))
        y += height
    return {
        "uid": f"flywheel-{uid}",
        "title": title,
        "tags": ["flywheel"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": False,
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "templating": {"list": [] if uid == "gateway" else [INSTANCE]},
        "links": [{"type": "dashboards", "tags": ["flywheel"], "title": "Flywheel", "asDropdown": True}],
        "panels": panels,
    }


def main() -> None:
    """Write all of them."""
    for uid in BOARDS:
        (DASHBOARDS / f"{uid}.json").write_text(json.dumps(dashboard(uid), indent=1) + "\n")


if __name__ == "__main__":
    main()
