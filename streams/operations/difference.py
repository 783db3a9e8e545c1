"""How the decisions of two versions differ: a replay, a backup, or what is at work now. Pure, but for reading them.

Compared is the last decision under each key that both have: lists (rows, titles) by their head and by rank
correlation, single choices by equality, churn by probability and band; then what each version is judged by, where it
says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson

from streams import topics
from streams.errors import ConfigurationError
from streams.models_topic import read_models
from streams.operations import backup, window
from streams.operations.measures import LISTS
from streams.operations.reading import read_to_end
from streams.promotion import LIVE, standings
from streams.settings import Settings

NOW = "live"
"""What stands for the decisions at work."""
CHOICES = {
    topics.ARTWORK_CHOICES: "artwork_id",
    topics.TRAILER_CHOICES: "trailer_id",
    topics.CATEGORY_CHOICES: "categories",
}
HEAD = 5
"""How much of a list is its head: what a viewer sees without going further."""

Decisions = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By topic and key, the last decision."""


@dataclass(slots=True)
class Version:
    """One side of the comparison."""

    name: str
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    measures: dict[str, Any] = field(default_factory=dict)


async def load_version(name: str, settings: Settings) -> Version:
    """``live``, or the folder of a replay or a backup. Raises ``ConfigurationError`` for what is none of them."""
    if name == NOW:
        return await _live(settings)
    return _from_folder(Path(name))


async def _live(settings: Settings) -> Version:
    version = Version(NOW, {topic: {} for topic in window.DECISIONS})

    def take(record: Any) -> None:
        kept = version.decisions[record.topic]
        if record.value is None:
            kept.pop(record.key.decode(), None)
        else:
            kept[record.key.decode()] = orjson.loads(record.value)

    await read_to_end(settings, window.DECISIONS, take)
    models: dict[str, Any] = {}
    policies: dict[str, Any] = {}
    for standing in standings(await read_models(settings)):
        if standing.policies:
            for policy in standing.policies:
                estimates = standing.estimates(policy)
                estimate = estimates["logged" if policy == LIVE else "snips"]
                policies.setdefault(standing.name, {})[policy] = {
                    "choices": standing.policies[policy].n,
                    "value": estimate.value, "low": estimate.low, "high": estimate.high,
                }  # fmt: skip
        elif standing.name in ("quality", "hazard"):
            auc, log_loss = standing.quality["live"]
            models["churn" if standing.name == "hazard" else "quality"] = {"auc": auc, "log_loss": log_loss}
    version.measures = {"models": models, "policies": policies}
    return version


def _from_folder(folder: Path) -> Version:
    version = Version(folder.name, {topic: {} for topic in window.DECISIONS})
    if (folder / window.REPORT).exists():
        report = msgspec.json.decode((folder / window.REPORT).read_bytes(), type=window.Report)
        files, version.measures = report.files, report.measures
    elif folder.exists():
        files = backup.read_manifest(folder).files
    else:
        raise ConfigurationError(
            f"{folder} is no folder: name {NOW!r}, or the folder of a replay or a backup"
        )
    for file in files:
        if file.topic in version.decisions:
            kept = version.decisions[file.topic]
            for record in backup.read_file(folder, file):
                if record.key is not None and record.value is not None:
                    kept[record.key.decode()] = orjson.loads(record.value)
    return version


def compare(left: Version, right: Version) -> dict[str, Any]:
    """The difference as JSON has it; shares are of the keys that both have."""
    surfaces: dict[str, dict[str, Any]] = {}
    for topic in window.DECISIONS:
        ours, theirs = left.decisions.get(topic, {}), right.decisions.get(topic, {})
        both = sorted(ours.keys() & theirs.keys())
        told: dict[str, Any] = {
            "both": len(both), "only_left": len(ours) - len(both), "only_right": len(theirs) - len(both)
        }  # fmt: skip
        if both:
            pairs = [(ours[key], theirs[key]) for key in both]
            if topic in LISTS:
                told |= _lists([(a[LISTS[topic]], b[LISTS[topic]]) for a, b in pairs])
            elif topic == topics.CHURN_SCORES:
                told |= _churn(pairs)
            else:
                chosen = CHOICES[topic]
                told["differ"] = float(np.mean([a[chosen] != b[chosen] for a, b in pairs]))
        surfaces[topic] = told
    return {
        "left": left.name,
        "right": right.name,
        "surfaces": surfaces,
        "measures": {"left": left.measures, "right": right.measures},
    }


def _lists(pairs: list[tuple[list[str], list[str]]]) -> dict[str, Any]:
    correlations = [rho for a, b in pairs if (rho := rank_correlation(a, b)) is not None]
    return {
        "differ": float(np.mean([a != b for a, b in pairs])),
        "first_differs": float(np.mean([a[:1] != b[:1] for a, b in pairs])),
        f"first_{HEAD}_differ": float(np.mean([set(a[:HEAD]) != set(b[:HEAD]) for a, b in pairs])),
        f"shared_of_first_{HEAD}": float(
            np.mean(
                [len(set(a[:HEAD]) & set(b[:HEAD])) / max(1, min(HEAD, len(a), len(b))) for a, b in pairs]
            )
        ),
        "rank_correlation": float(np.mean(correlations)) if correlations else None,
    }


def rank_correlation(a: list[str], b: list[str]) -> float | None:
    """Spearman's correlation of the places of what both lists have; ``None`` with fewer than two of it.

    >>> rank_correlation(["a", "b", "c"], ["c", "b", "a"]), rank_correlation(["a", "x", "b"], ["a", "b", "y"])
    (-1.0, 1.0)
    """
    common = [item for item in a if item in set(b)]
    n = len(common)
    if n < 2:
        return None
    there = {item: place for place, item in enumerate(item for item in b if item in set(common))}
    moved = sum((place - there[item]) ** 2 for place, item in enumerate(common))
    return 1.0 - 6.0 * moved / (n * (n * n - 1))


def _churn(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    ours, theirs = (np.array([pair[side]["probability"] for pair in pairs]) for side in (0, 1))
    return {
        "differ": float(np.mean([a["band"] != b["band"] for a, b in pairs])),
        "mean_left": float(ours.mean()),
        "mean_right": float(theirs.mean()),
        "mean_distance": float(np.abs(ours - theirs).mean()),
    }


def lines_of(difference: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The difference as rows of a table: what, of which, how much."""
    rows: list[tuple[str, str, str]] = []
    for topic, told in difference["surfaces"].items():
        only = f"only {difference['left']} {told['only_left']:,}, only {difference['right']} {told['only_right']:,}"
        rows.append((topic, "keys of both", f"{told['both']:,} ({only})"))
        for name, value in told.items():
            if name not in ("both", "only_left", "only_right") and value is not None:
                share = name.endswith(("differ", "differs")) or name.startswith("shared")
                rows.append(("", name.replace("_", " "), f"{value:.1%}" if share else f"{value:.4f}"))
    sides = difference["measures"]
    for kind in ("plays", "models", "policies"):
        for name in sorted({*sides["left"].get(kind, {}), *sides["right"].get(kind, {})}):
            ours, theirs = (sides[side].get(kind, {}).get(name, {}) for side in ("left", "right"))
            for figure in [*ours, *(more for more in theirs if more not in ours)]:
                rows.append(
                    (f"{kind}: {name}", figure.replace("_", " "),
                     f"{_figure(ours.get(figure))} | {_figure(theirs.get(figure))}")
                )  # fmt: skip
    return rows


def _figure(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['value']:.4f} ({value['low']:.4f} to {value['high']:.4f}, n {value['choices']:.0f})"
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
