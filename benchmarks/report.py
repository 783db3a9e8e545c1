"""What was measured: the file that is kept, and the table that is read, each figure beside its target."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import orjson
from rich.console import Console
from rich.table import Table

LATEST = Path(__file__).parent / "results" / "latest.json"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that must be reached: ``at_least`` or ``at_most`` ``value``."""

    kind: Literal["at_least", "at_most"]
    value: float

    def reached(self, figure: float) -> bool:
        return figure >= self.value if self.kind == "at_least" else figure <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.kind == 'at_least' else '<='} {self.value:,.0f}"


TARGETS = {
    "cpu_ratio": Target("at_least", 20),
    "cpu_seconds_per_million": Target("at_most", 30),
    "surfaces_ratio": Target("at_most", 2),
    "p99_ms": Target("at_most", 300),
    "all_p99_ms": Target("at_most", 300),
    "bytes_per_profile": Target("at_most", 2_000),
    "recovery_records_per_second": Target("at_least", 100_000),
}

MEANING = {
    "events_per_second": "events/s, ours, one process",
    "stock_events_per_second": "events/s, Faust + River by the manual",
    "cpu_seconds_per_million": "CPU seconds per million events, ours",
    "stock_cpu_seconds_per_million": "CPU seconds per million events, Faust + River",
    "cpu_ratio": "CPU, theirs to ours",
    "all_events_per_second": "events/s, every surface on",
    "all_cpu_seconds_per_million": "CPU seconds per million events, every surface on",
    "surfaces_ratio": "CPU, every surface on to rows and churn alone",
    "all_p50_ms": "event to row order or churn score p50, ms, every surface on",
    "all_p99_ms": "event to row order or churn score p99, ms, every surface on",
    "p50_ms": "event to decision p50, ms, at the steady rate",
    "p99_ms": "event to decision p99, ms, at the steady rate",
    "latency_rate": "the steady rate, events/s",
    "peak_memory_bytes": "peak memory of the worker, bytes",
    "stock_peak_memory_bytes": "peak memory, Faust + River, bytes",
    "bytes_per_profile": "bytes a profile (growth of the process, the worse of the next two)",
    "fed_bytes_per_profile": "  by events that arrived",
    "rebuilt_bytes_per_profile": "  by recovery",
    "column_bytes_per_profile": "  the columns alone",
    "all_bytes_per_profile": "bytes a profile, every surface on",
    "all_column_bytes_per_profile": "  the columns alone",
    "all_recovery_records_per_second": "recovery, every surface on, records/s",
    "all_peak_memory_bytes": "peak memory, every surface on, bytes",
    "profiles_added": "profiles added for that measurement",
    "recovery_records": "changelog records read back",
    "recovery_seconds": "seconds to read them back",
    "recovery_records_per_second": "recovery, records/s",
}


def machine() -> dict[str, object]:
    """What it was measured on, without saying whose machine it is."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "versions": {name: version(name) for name in ("faust-streaming", "aiokafka", "river", "numba")},
    }


def write(figures: dict[str, float], conditions: dict[str, object], path: Path = LATEST) -> None:
    """Keep the figures as JSON: the figures at the top, then how they were taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    missed = [
        name for name, target in TARGETS.items() if name in figures and not target.reached(figures[name])
    ]
    kept = {
        **figures,
        "targets": {name: str(target) for name, target in TARGETS.items()},
        "missed": missed,
        "conditions": conditions,
        "machine": machine(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path.write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")


def show(figures: dict[str, float], console: Console | None = None) -> None:
    """Print the table."""
    table = Table(title="Flywheel benchmarks")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("target", justify="right")
    table.add_column("")
    for name, meaning in MEANING.items():
        if name not in figures:
            continue
        target = TARGETS.get(name)
        verdict = "" if target is None else ("reached" if target.reached(figures[name]) else "MISSED")
        digits = 0 if figures[name] >= 1_000 else 1
        table.add_row(meaning, f"{figures[name]:,.{digits}f}", str(target or ""), verdict)
    (console or Console(width=110)).print(table)
