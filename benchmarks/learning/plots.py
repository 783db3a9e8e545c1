"""The report as pictures: SVG, written by hand, so that no plotting library is needed.

``surfaces.svg``: what each policy got of the best possible, as time goes on. ``drift.svg``: ours, when every
taste changes halfway.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.learning.measures import SURFACES
from benchmarks.learning.river_contenders import River
from benchmarks.learning.runs import FROZEN, OURS, POLICIES
from benchmarks.learning.simple_contenders import Best, Popularity, Random

COLOURS = {
    OURS: "#0b6e4f",
    River.name: "#c8553d",
    Popularity.name: "#e0a030",
    Random.name: "#8a8f98",
    FROZEN: "#6a4c93",
}
SURFACE_COLOURS = dict(zip(SURFACES, ("#0b6e4f", "#c8553d", "#e0a030", "#6a4c93", "#1d6fa5"), strict=True))
WIDTH, HEIGHT = 300, 190
"""Of one panel's drawing area, in pixels."""
LEFT, TOP, GAP, LEGEND = 46, 60, 64, 26
SMOOTHED = 3
"""Neighbouring parts of time that are averaged into one point."""
STYLE = "font-family='Helvetica, Arial, sans-serif' fill='#222'"

Curve = Sequence[float]


def write_plots(said: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write the pictures to ``folder`` and say where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    days = said["days"]
    panels = []
    for surface in SURFACES:
        policies = said["surfaces"][surface]["policies"]
        curves = {policy: policies[policy]["curve"] for policy in POLICIES if policy != Best.name}
        panels.append((surface, curves))
    surfaces, drift = folder / "surfaces.svg", folder / "drift.svg"
    title = "What each policy got of the best possible decision"
    surfaces.write_text(_picture(title, panels, COLOURS, days, None))
    curves = {surface: said["drift"][surface]["curve"] for surface in SURFACES}
    title = "All tastes change halfway: what Flywheel got of the best possible"
    drift.write_text(_picture(title, [("", curves)], SURFACE_COLOURS, days, days / 2, scale=2.0))
    return [surfaces, drift]


def _picture(
    title: str,
    panels: Sequence[tuple[str, Mapping[str, Curve]]],
    colours: Mapping[str, str],
    days: float,
    turn: float | None,
    scale: float = 1.0,
) -> str:
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = WIDTH * scale, HEIGHT * scale
    across = LEFT + columns * (width + GAP)
    down = TOP + LEGEND + rows * (height + GAP)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{across:.0f}' height='{down:.0f}' "
        f"viewBox='0 0 {across:.0f} {down:.0f}'>",
        "<rect width='100%' height='100%' fill='white'/>",
        f"<text x='{LEFT}' y='26' font-size='17' font-weight='bold' {STYLE}>{title}</text>",
    ]
    names = list(dict.fromkeys(name for _, curves in panels for name in curves))
    for number, name in enumerate(names):
        at = LEFT + number * 118
        parts.append(f"<rect x='{at}' y='42' width='18' height='4' fill='{colours[name]}'/>")
        parts.append(f"<text x='{at + 24}' y='49' font-size='12' {STYLE}>{name}</text>")
    for number, (name, curves) in enumerate(panels):
        x = LEFT + (number % columns) * (width + GAP)
        y = TOP + LEGEND + (number // columns) * (height + GAP)
        parts.append(f"<g transform='translate({x:.0f},{y:.0f})'>")
        parts += _panel(name, curves, colours, days, turn, width, height)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>", ""])


def _panel(
    name: str,
    curves: Mapping[str, Curve],
    colours: Mapping[str, str],
    days: float,
    turn: float | None,
    width: float,
    height: float,
) -> Iterator[str]:
    yield f"<text x='0' y='-8' font-size='13' font-weight='bold' {STYLE}>{name}</text>"
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = height * (1 - share)
        yield f"<line x1='0' x2='{width:.0f}' y1='{y:.1f}' y2='{y:.1f}' stroke='#ddd'/>"
        yield f"<text x='-6' y='{y + 4:.1f}' font-size='11' text-anchor='end' {STYLE}>{share:.0%}</text>"
    for day in (0.0, days / 2, days):
        x = width * day / days
        yield (
            f"<text x='{x:.1f}' y='{height + 16:.1f}' font-size='11' text-anchor='middle' {STYLE}>"
            f"day {day:g}</text>"
        )
    if turn is not None:
        x = width * turn / days
        yield (
            f"<line x1='{x:.1f}' x2='{x:.1f}' y1='0' y2='{height:.0f}' stroke='#222' stroke-dasharray='4 3'/>"
        )
    for policy, curve in curves.items():
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in _points(curve, width, height))
        heavy = 2.6 if policy == OURS or turn is not None else 1.6
        yield (
            f"<polyline points='{path}' fill='none' stroke='{colours[policy]}' stroke-width='{heavy}' "
            "stroke-linejoin='round'/>"
        )


def _points(curve: Curve, width: float, height: float) -> Iterator[tuple[float, float]]:
    for number in range(len(curve)):
        near = curve[max(0, number - SMOOTHED // 2) : number + SMOOTHED // 2 + 1]
        known = [share for share in near if not math.isnan(share)]
        if known:
            mean = sum(known) / len(known)
            yield width * (number + 0.5) / len(curve), height * (1 - min(1.0, mean))
