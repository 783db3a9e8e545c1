"""What a replayed version is judged by: where it had put what viewers then played, and how good its models were.

A play is judged by the page and the ranking that stood before it, in log order, so nothing is judged by what it taught.
Plays come from pages that another version showed: what stood high there was played more, which favours versions that
are like it. Compare two replays of one window with each other rather than either with what was at work.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from streams import topics
from streams.engine import TopicWrites
from streams.events.inputs import PlaybackStart
from streams.pipeline import PartitionEngine

LISTS = {topics.ROW_ORDER: "rows", topics.HOMEPAGE_RANKINGS: "titles"}
"""Topics whose decisions are lists, and the field that has it."""
HIT = {"rows": 3, "titles": 10}
"""A play counts as a hit when what was played stood among the first so many."""


@dataclass(slots=True)
class Placing:
    """Where plays stood on one kind of list: how many were judged, sum of 1 / place, hits."""

    plays: int = 0
    reciprocal: float = 0.0
    hits: int = 0

    def to_record(self) -> dict[str, float | int | None]:
        """``mrr`` is the mean of 1 / place (0 for what was not on the list)."""
        n = self.plays
        return {
            "plays": n, "mrr": self.reciprocal / n if n else None, "hit_rate": self.hits / n if n else None
        }  # fmt: skip


class Places:
    """Follows the lists of every profile, and judges plays by them."""

    def __init__(self) -> None:
        self.placings = {field: Placing() for field in LISTS.values()}
        self._lists: dict[tuple[str, str], list[str]] = {}

    def follow(
        self,
        topic: str,
        plays: Sequence[tuple[int, PlaybackStart]],
        decided: Mapping[str, TopicWrites],
    ) -> None:
        """One batch of ``topic`` was applied: ``plays`` in it by offset, and what was decided, which is judged by
        only from behind the event that caused it."""
        changes: list[tuple[int, str, str, list[str]]] = []
        for name, field in LISTS.items():
            writes = decided.get(name)
            for key, value in zip(writes.keys, writes.values, strict=True) if writes else ():
                profile = (key or b"").decode()
                if value is None:
                    self._lists.pop((field, profile), None)
                    continue
                decision = orjson.loads(value)
                cause = decision["cause"]
                timely = cause["topic"] == topic and not cause["event_id"].startswith("tick")
                changes.append((cause["offset"] if timely else -1, field, profile, decision[field]))
        changes.sort(key=lambda change: change[0])  # stable: those of one event stay in order
        at = 0
        for offset, play in plays:
            while at < len(changes) and changes[at][0] < offset:
                _, field, profile, listed = changes[at]
                self._lists[field, profile] = listed
                at += 1
            self._judge("rows", play.profile_id, play.row_id)
            self._judge("titles", play.profile_id, play.title_id)
        for _, field, profile, listed in changes[at:]:
            self._lists[field, profile] = listed

    def _judge(self, field: str, profile: str, played: str | None) -> None:
        listed = self._lists.get((field, profile))
        if listed is None or played is None:
            return
        placing = self.placings[field]
        placing.plays += 1
        if played in listed:
            place = 1 + listed.index(played)
            placing.reciprocal += 1.0 / place
            placing.hits += place <= HIT[field]


def models_of(engines: Sequence[PartitionEngine]) -> dict[str, dict[str, float | int | None]]:
    """Of each River model over all partitions, weighted by predictions: AUC, log loss, calibration error."""
    judged: dict[str, dict[str, float | int | None]] = {}
    for name in ("quality", "churn"):
        rolling = [getattr(engine.state, name).live.rolling for engine in engines]
        seen = sum(len(one) for one in rolling)
        judged[name] = {"predictions": seen}
        for figure in ("auc", "log_loss", "calibration_error"):
            known = [
                (getattr(one, figure), len(one)) for one in rolling if not math.isnan(getattr(one, figure))
            ]
            weight = sum(n for _, n in known)
            judged[name][figure] = sum(value * n for value, n in known) / weight if weight else None
    return judged


def policies_of(engines: Sequence[PartitionEngine]) -> dict[str, dict[str, Any]]:
    """By surface and policy: reward a choice with its interval (SNIPS; of the policy at work, the plain mean), over
    the choices that agree with what was shown."""
    from models.off_policy import PolicyValue
    from streams.promotion import LIVE

    merged: dict[str, dict[str, PolicyValue]] = {}
    for engine in engines:
        for surface, policies in engine.surfaces.policies.values.items():
            for policy, value in policies.items():
                merged.setdefault(surface, {}).setdefault(policy, PolicyValue()).merge(value.sums)
    told: dict[str, dict[str, Any]] = {}
    for surface, policies in merged.items():
        for policy, value in policies.items():
            estimate = value.logged if policy == LIVE else value.snips()
            told.setdefault(surface, {})[policy] = {
                "choices": value.n, "value": estimate.value, "low": estimate.low, "high": estimate.high
            }  # fmt: skip
    return told
