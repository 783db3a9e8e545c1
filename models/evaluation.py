"""How good a model's predictions have been of late: predict, then learn, then judge."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

CALIBRATION_BINS = 20
"""Equal slices of [0, 1] in which predicted and observed rates are compared: 250 of 5,000 predictions
each."""
SURE = 1e-6
"""Log loss counts a probability as no nearer to 0 or 1 than this, so that one sure mistake costs 13.8 at
most."""


class RollingQuality:
    """AUC, log loss and calibration error over the last ``window`` predictions.

    Adding is a copy; the figures are computed when asked for (a millisecond for 5,000), so ask at scrapes
    only.

    Parameters
    ----------
    window
        Number of predictions remembered. Raises ``ValueError`` below 1.

    Examples
    --------
    >>> quality = RollingQuality(window=4)
    >>> quality.add(np.array([0.9, 0.2, 0.8, 0.1]), np.array([True, False, True, False]))
    >>> quality.auc, round(quality.log_loss, 3), round(quality.calibration_error, 3)
    (1.0, 0.164, 0.15)

    """

    __slots__ = ("_p", "_y", "seen", "window")

    def __init__(self, window: int) -> None:
        if window < 1:
            raise ValueError(f"window is {window}: it must be 1 or more")
        self.window = window
        self.seen = 0
        """Predictions ever added."""
        self._p = np.zeros(window)
        self._y = np.zeros(window, np.bool_)

    def __len__(self) -> int:
        return min(self.seen, self.window)

    def add(self, p: npt.NDArray[np.float64], y: npt.NDArray[np.bool_]) -> None:
        """Take in predictions and what came: ``p[n]`` are probabilities of ``y[n]``. ``ValueError`` if
        sizes differ."""
        if len(p) != len(y):
            raise ValueError(f"{len(p)} predictions and {len(y)} outcomes")
        skipped = max(0, len(p) - self.window)
        at = (self.seen + np.arange(skipped, len(p))) % self.window
        self._p[at] = p[skipped:]
        self._y[at] = y[skipped:]
        self.seen += len(p)

    @property
    def auc(self) -> float:
        """Chance that a random positive was predicted above a random negative; ties count half.

        ``nan`` while there is only one kind of outcome.
        """
        p, y = self._p[: len(self)], self._y[: len(self)]
        positive = int(y.sum())
        negative = len(y) - positive
        if positive == 0 or negative == 0:
            return math.nan
        _, group, size = np.unique(p, return_inverse=True, return_counts=True)
        rank = np.cumsum(size) - (size - 1) / 2.0  # the mean rank of equal predictions, from 1
        above = float(rank[group[y]].sum()) - positive * (positive + 1) / 2.0
        return above / (positive * negative)

    @property
    def log_loss(self) -> float:
        """Mean of -log(probability given to what came), in nats; ``nan`` while there is nothing."""
        if not len(self):
            return math.nan
        p, y = self._p[: len(self)], self._y[: len(self)]
        given = np.where(y, p, 1.0 - p)
        return float(-np.log(np.clip(given, SURE, 1.0 - SURE)).mean())

    @property
    def calibration_error(self) -> float:
        """Mean gap between predicted and observed rate (expected calibration error, ``CALIBRATION_BINS``
        bins)."""
        if not len(self):
            return math.nan
        p, y = self._p[: len(self)], self._y[: len(self)]
        slot = np.minimum((p * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        gap = np.bincount(slot, weights=p - y, minlength=CALIBRATION_BINS)
        return float(np.abs(gap).sum() / len(p))
