"""Measures of predictions and of rankings, plain and exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def auc(scores: Floats, labels: Labels) -> float | None:
    """Chance that a positive scores above a negative, ties counting half; ``None`` without both kinds."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    order = np.argsort(scores, kind="stable")
    _, first, counts = np.unique(scores[order], return_index=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)  # tied scores share their mean rank, from 1
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def log_loss(probabilities: Floats, labels: Labels) -> float | None:
    """Mean negative log-likelihood, in nats; ``None`` without data."""
    if len(labels) == 0:
        return None
    p = np.clip(probabilities, 1e-15, 1 - 1e-15)
    return float(-np.where(labels, np.log(p), np.log1p(-p)).mean())


def calibration_error(probabilities: Floats, labels: Labels, bins: int = 10) -> float | None:
    """Expected calibration error: mean distance of predicted and true share over equal-width bins, by size;
    ``None`` without data.
    """
    if len(labels) == 0:
        return None
    index = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(index, weights=probabilities - labels, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def prediction_quality(probabilities: Sequence[float], labels: Sequence[bool]) -> dict[str, Any]:
    """AUC, log loss and calibration error (10 bins) with the number of cases and the share of positives."""
    p = np.asarray(probabilities, dtype=np.float64)
    y = np.asarray(labels, dtype=np.bool_)
    return {
        "auc": auc(p, y),
        "log_loss": log_loss(p, y),
        "ece": calibration_error(p, y),
        "n": len(y),
        "positives": int(y.sum()),
    }


class Ranks:
    """Collects the rank (from 1) of the one right answer in each ranking."""

    def __init__(self) -> None:
        self._ranks: list[int] = []

    def add(self, rank: int) -> None:
        self._ranks.append(rank)

    def quality(self) -> dict[str, Any]:
        """HR@3, nDCG@10 and MRR over all rankings (``None`` without any) and how many there were."""
        n = len(self._ranks)
        if n == 0:
            return {"hr_at_3": None, "ndcg_at_10": None, "mrr": None, "n": 0}
        return {
            "hr_at_3": sum(rank <= 3 for rank in self._ranks) / n,
            "ndcg_at_10": sum(1 / math.log2(rank + 1) for rank in self._ranks if rank <= 10) / n,
            "mrr": sum(1 / rank for rank in self._ranks) / n,
            "n": n,
        }
