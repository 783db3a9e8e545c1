"""Is one model better than another? Their losses on the same outcomes, compared pair by pair."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from models.evaluation import SURE

Floats = npt.NDArray[np.float64]

Z = 1.959963984540054
"""Two-sided normal quantile of 95 %."""
FEW_BATCHES = 30
"""With fewer mini-batches the mean of their gains is not yet near enough to a normal distribution."""


def log_loss(p: Floats, y: npt.NDArray[np.bool_]) -> Floats:
    """Loss of each prediction ``p[n]`` of ``y[n]``, in nats; a probability counts as no nearer to 0 or 1 than
    ``evaluation.SURE``."""
    return np.asarray(-np.log(np.clip(np.where(y, p, 1.0 - p), SURE, 1.0 - SURE)), np.float64)


class PairedLoss:
    """By how much the log loss of a challenger is lower than that of the model at work, with an interval.

    Both predict the same outcomes before either learns them. One observation is the mean gain over a
    mini-batch: outcomes of one mini-batch are not independent (the same viewers, the same weights), means of
    mini-batches nearly are.

    Parameters
    ----------
    memory
        Mini-batches after which what was seen counts half, so that the present counts more. The interval is
        then too wide rather than too narrow.

    Examples
    --------
    >>> pairs = PairedLoss()
    >>> y = np.array([True, False] * 32)
    >>> for k in range(40):
    ...     pairs.add(np.where(y, 0.6, 0.4), np.where(y, 0.7, 0.3 + 0.001 * k), y)
    >>> round(pairs.gain, 3), pairs.low > 0
    (0.14, True)

    """

    __slots__ = ("memory", "sums")

    def __init__(self, memory: float = 1_000.0) -> None:
        self.memory = memory
        self.sums: Floats = np.zeros(3)
        """Mini-batches, the sum of their gains, the sum of their squares: may be added across partitions."""

    def add(self, live: Floats, challenger: Floats, y: npt.NDArray[np.bool_]) -> None:
        """Take one mini-batch in: what each predicted of ``y[n]``."""
        if not len(y):
            return
        gain = float((log_loss(live, y) - log_loss(challenger, y)).mean())
        self.sums += (1.0, gain, gain * gain)
        if self.sums[0] > self.memory:
            self.sums *= 0.5

    def turn(self) -> None:
        """The challenger is at work now, and the other one challenges: the gain changes its sign."""
        self.sums[1] = -self.sums[1]

    @property
    def batches(self) -> float:
        """Mini-batches seen (fewer after older ones were made to count half)."""
        return float(self.sums[0])

    @property
    def gain(self) -> float:
        """Mean gain in nats an outcome; ``nan`` while there is nothing."""
        return float(self.sums[1] / self.sums[0]) if self.sums[0] > 0 else math.nan

    @property
    def low(self) -> float:
        """The gain is at least this with 97.5 %; ``nan`` with fewer than ``FEW_BATCHES`` mini-batches."""
        return self.gain - self._half

    @property
    def high(self) -> float:
        """The gain is at most this with 97.5 %."""
        return self.gain + self._half

    @property
    def _half(self) -> float:
        n = self.batches
        if n < FEW_BATCHES:
            return math.nan
        variance = max(0.0, float(self.sums[2]) - n * self.gain**2) / (n - 1.0)
        return Z * math.sqrt(variance / n)
