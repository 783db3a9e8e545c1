"""Is one arm of an experiment better than another? An answer that may be looked at at any time, from sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.arm_sums import WX, Floats, N, W, mean, ratio, spread, theta

TUNED_AT = 5_000
"""Profiles at which the interval is narrowest. It stays valid at every other number, and is hardly wider
between a tenth and ten times as many (GrowthBook's default too)."""


@dataclass(frozen=True, slots=True)
class Lift:
    """How much higher the outcome of an arm is than the control's: the difference of means, its standard
    error, the profiles it rests on, and CUPED's factor (0: unadjusted). Numbers, or arrays of one shape."""

    value: Any
    error: Any
    n: Any
    theta: Any

    def interval(self, alpha: float, tuned_at: float = TUNED_AT) -> tuple[Any, Any]:
        """Lower and upper end of the confidence sequence at level ``1 - alpha``."""
        width = self.error * two_sided(self.n, alpha, tuned_at)
        return self.value - width, self.value + width

    def harm_beyond(self, margin: float, alpha: float, tuned_at: float = TUNED_AT) -> Any:
        """True when the arm is surely worse than the control by more than ``margin`` (>= 0, in the
        outcome's unit), whenever it is asked: a one-sided sequence at level ``1 - alpha``."""
        return -self.value - self.error * one_sided(self.n, alpha, tuned_at) > margin


def compare(control: Floats, arm: Floats, adjust: bool = True) -> Lift:
    """The lift of ``arm`` over ``control``, from their sums (``models.arm_sums``, shape ``[SUMS, ...]``).

    With ``adjust`` what the covariate explains is taken out (CUPED), which narrows the interval by the part
    of the variance that the past tells: it never biases, because the covariate is from before the exposure.

    The interval is an asymptotic confidence sequence: the mean's, by a normal mixture over all times at
    once, with the variance estimated. The chance that it *ever* leaves out the true lift is at most
    ``alpha`` from the first few dozen profiles an arm on, so peeking is free; stopping rules, guardrails
    and bandits may look at it after every observation. When the shares of the arms move, the observations'
    weights make each term a martingale difference with known chances, so it still holds: it then covers the
    lift averaged over the profiles so far.

    References
    ----------
    [^1]: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas: Time-uniform central limit theory and asymptotic
          confidence sequences. Annals of Statistics 2024 (arXiv 2103.06476).
    [^2]: Bibaut, Kallus, Lindon: Near-optimal non-parametric sequential tests and confidence sequences with
          possibly dependent observations. 2022 (arXiv 2212.14411).

    Examples
    --------
    >>> from models.arm_sums import observation
    >>> past = np.arange(1000.0) % 10
    >>> control, arm = (observation(past + d, past + np.arange(1000) % 3).sum(1) for d in (0.0, 0.5))
    >>> low, high = compare(control, arm).interval(0.05)
    >>> bool(low > 0), round(float(compare(control, arm).value), 2)
    (True, 0.5)

    """
    factor = theta(control, arm) if adjust else np.zeros(control.shape[1:])[()]
    past = ratio(arm[WX], arm[W]) - ratio(control[WX], control[W])
    value = mean(arm) - mean(control) - factor * past
    error = np.sqrt(spread(control, factor) + spread(arm, factor))
    return Lift(value, error, control[N] + arm[N], factor)


def two_sided(n: Any, alpha: float, tuned_at: float = TUNED_AT) -> Any:
    """Half the width of the sequence after ``n`` observations, in standard errors of the mean at that
    time."""
    n = np.maximum(np.asarray(n, np.float64), 1.0)
    scale = n * _rho_squared(alpha, tuned_at)
    return np.sqrt((scale + 1) / scale * (np.log(scale + 1) - 2 * np.log(alpha)))


def one_sided(n: Any, alpha: float, tuned_at: float = TUNED_AT) -> Any:
    """The same for a bound on one side only (proposition B.1 of Waudby-Smith et al.)."""
    n = np.maximum(np.asarray(n, np.float64), 1.0)
    scale = n * _rho_squared(2 * alpha, tuned_at)
    return np.sqrt(2 * (scale + 1) / scale * np.log(1 + np.sqrt(scale + 1) / (2 * alpha)))


def _rho_squared(alpha: float, tuned_at: float) -> float:
    """The variance of the mixture that makes the sequence narrowest after ``tuned_at`` observations."""
    surprise = -2 * float(np.log(alpha))
    return (surprise + float(np.log(surprise + 1))) / tuned_at
