"""Has the audience changed under a model? ADWIN on the loss of its predictions."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from river import drift


class DriftWatch:
    """Watches the mean squared error of each mini-batch's probabilities and counts when it moved for good.

    The squared error (Brier score) lies in [0, 1], as ADWIN's guarantee asks, and uses that range better
    than the log loss would. A change is seen after a few dozen mini-batches.

    Parameters
    ----------
    delta
        Chance of a false alarm that ADWIN is given at each check, in (0, 1).

    References
    ----------
    [^1]: Bifet, Gavalda: Learning from time-changing data with adaptive windowing. SDM 2007.

    Examples
    --------
    >>> watch = DriftWatch()
    >>> yes = np.ones(128, dtype=bool)
    >>> any([watch.add(np.full(128, 0.9), yes) for _ in range(100)])
    False
    >>> any([watch.add(np.full(128, 0.2), yes) for _ in range(100)])
    True
    >>> watch.detections >= 1, watch.said[:9]
    (True, 'loss rose')

    """

    def __init__(self, delta: float = 0.002) -> None:
        self._adwin = drift.ADWIN(delta=delta, clock=1)
        self.detections = 0
        """How often the loss has moved for good."""
        self.said = ""
        """The last detection in words; empty while there was none."""

    def add(self, p: npt.NDArray[np.float64], y: npt.NDArray[np.bool_]) -> bool:
        """Take in one mini-batch, predictions ``p[n]`` of outcomes ``y[n]``; true when it shows a drift."""
        if not len(p):
            return False
        before = self.loss
        self._adwin.update(float(((p - y) ** 2).mean()))
        if not self._adwin.drift_detected:
            return False
        self.detections += 1
        self.said = f"loss {'rose' if self.loss > before else 'fell'} to {self.loss:.3f}"
        return True

    @property
    def loss(self) -> float:
        """Mean squared error since the last drift, in [0, 1]; ``nan`` while there is nothing."""
        return float(self._adwin.estimation) if self._adwin.width else math.nan
