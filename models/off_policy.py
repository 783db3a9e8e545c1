"""What would another policy have earned? Off-policy value from logged choices, kept as sums that can be
merged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.compiled import compiled

Floats = npt.NDArray[np.float64]

SUMS = ("n", "clipped", "w", "ww", "wr", "wwr", "wwrr", "r", "rr", "d", "dd", "g", "gg")
"""What is summed over logged choices: ``w`` weight, ``r`` reward, ``d`` the doubly robust term, ``g`` what it
is more than the reward that was earned."""
N, CLIPPED, W, WW, WR, WWR, WWRR, R, RR, D, DD, G, GG = range(len(SUMS))
WEIGHT_CAP = 50.0
"""A larger weight counts as this. The value of a policy that needs it is then too low, never too high (for
rewards of 0 and more); how often that happened is said beside the value."""
TINY_SHARE, TINY_SAMPLE, FEW_REWARDS = 0.01, 100.0, 10.0
"""An estimate is not to be trusted when its effective sample is a smaller share of the log, smaller, or holds
fewer rewards than this (below ten, the normal interval of a rate is known to be too narrow)."""
CONFIDENCE = 0.95
Z = 1.959963984540054
"""Two-sided normal quantile of ``CONFIDENCE``."""


@compiled
def _add(
    sums: Floats, propensity: float, probability: float, reward: float, q_logged: float, q_policy: float,
    cap: float,
) -> None:  # fmt: skip
    w = probability / propensity
    if w > cap:
        w = cap
        sums[CLIPPED] += 1.0
    d = q_policy + w * (reward - q_logged)
    sums[N] += 1.0
    sums[W] += w
    sums[WW] += w * w
    sums[WR] += w * reward
    sums[WWR] += w * w * reward
    sums[WWRR] += w * w * reward * reward
    sums[R] += reward
    sums[RR] += reward * reward
    sums[D] += d
    sums[DD] += d * d
    sums[G] += d - reward
    sums[GG] += (d - reward) * (d - reward)


@compiled
def _add_many(
    sums: Floats, propensity: Floats, probability: Floats, reward: Floats, q_logged: Floats,
    q_policy: Floats, cap: float,
) -> None:  # fmt: skip
    for i in range(propensity.shape[0]):
        _add(sums, propensity[i], probability[i], reward[i], q_logged[i], q_policy[i], cap)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A policy's value per choice, in units of the reward.

    ``low`` and ``high`` bound it with ``CONFIDENCE``. ``effective`` is the number of choices that tell as
    much with equal weights, ``clipped`` the share of weights that were cut. ``warning`` says why not to
    trust it; empty when nothing speaks against it.
    """

    value: float
    low: float
    high: float
    effective: float
    clipped: float
    warning: str


class PolicyValue:
    """The value of one policy, estimated from choices that another one made and logged with their chances.

    Every choice adds to a handful of sums, so that it costs no memory, partitions can be merged by adding,
    and the sums of a policy that goes on learning can be halved to forget its past (:meth:`halve`).

    - *IPS*: the mean of ``w * reward`` with ``w`` = the policy's probability of the logged choice over its
      propensity. Unbiased where the logging policy may choose all that the policy would.
    - *SNIPS*: the same over the mean of ``w``: a little biased, of much less variance when weights vary.
    - *DR*: ``q_policy + w * (reward - q_logged)``, where ``q`` are rewards predicted by a model (for the
      logged choice; expected over the policy's choices). Unbiased if either weights or model are right.

    Parameters
    ----------
    cap
        Largest weight (``WEIGHT_CAP``); greater than 0. ``ValueError`` otherwise.
    span
        Width of the range that rewards lie in; the empirical-Bernstein bound needs it.

    References
    ----------
    [^1]: Dudik, Langford, Li: Doubly robust policy evaluation and learning. ICML 2011.
    [^2]: Swaminathan, Joachims: The self-normalized estimator for counterfactual learning. NIPS 2015.
    [^3]: Saito, Aihara, Matsutani, Narita: Open Bandit Dataset and Pipeline. NeurIPS 2021.
    [^4]: Maurer, Pontil: Empirical Bernstein bounds and sample variance penalization. COLT 2009.

    Examples
    --------
    >>> value = PolicyValue()
    >>> for reward in (1.0, 0.0):  # two choices, each logged with chance 0.5; the policy makes the first only
    ...     value.add(0.5, reward, reward)
    >>> value.ips().value, value.snips().value
    (1.0, 1.0)
    >>> value.effective
    1.0
    >>> value.ips().warning
    'effective sample of 1'

    """

    __slots__ = ("cap", "span", "sums")

    def __init__(self, cap: float = WEIGHT_CAP, span: float = 1.0) -> None:
        if not cap > 0:
            raise ValueError(f"cap is {cap}: it must be greater than 0")
        self.cap = cap
        self.span = span
        self.sums: Floats = np.zeros(len(SUMS))

    def add(
        self,
        propensity: float,
        probability: float,
        reward: float,
        q_logged: float = 0.0,
        q_policy: float = 0.0,
    ) -> None:
        """Take one logged choice in.

        ``propensity`` is the chance with which it was made, ``probability`` that with which this policy
        would have made it. ``ValueError`` for a propensity outside (0, 1] or a probability outside [0, 1].
        """
        if not (0.0 < propensity <= 1.0 and 0.0 <= probability <= 1.0):
            raise ValueError(f"propensity {propensity}, probability {probability}: no chances")
        _add(self.sums, propensity, probability, reward, q_logged, q_policy, self.cap)

    def add_many(
        self,
        propensity: Floats,
        probability: Floats,
        reward: Floats,
        q_logged: Floats | None = None,
        q_policy: Floats | None = None,
    ) -> None:
        """``add`` for columns ``float64[n]``, in order: the sums are the same to the last bit."""
        chances = bool(((propensity > 0) & (propensity <= 1) & (probability >= 0) & (probability <= 1)).all())
        if not chances:
            raise ValueError("a propensity or a probability is no chance")
        nothing = np.zeros(len(propensity))
        _add_many(
            self.sums, propensity, probability, np.asarray(reward, np.float64),
            nothing if q_logged is None else q_logged, nothing if q_policy is None else q_policy, self.cap,
        )  # fmt: skip

    def merge(self, sums: Floats) -> None:
        """Add the sums of another partition; ``ValueError`` when they are not ``SUMS``."""
        if sums.shape != self.sums.shape:
            raise ValueError(f"{sums.shape} sums, {self.sums.shape} expected")
        self.sums += sums

    def halve(self) -> None:
        """Let what was seen count half. Intervals then are too wide rather than too narrow."""
        self.sums *= 0.5

    @property
    def n(self) -> float:
        """Logged choices taken in (fewer after ``halve``)."""
        return float(self.sums[N])

    @property
    def effective(self) -> float:
        """Kish's effective sample size: how many choices of equal weight would tell as much."""
        return float(self.sums[W] ** 2 / self.sums[WW]) if self.sums[WW] > 0 else 0.0

    @property
    def logged(self) -> Estimate:
        """The value of the policy that was at work: the mean reward."""
        return self._mean(R, RR, self.n, self.span)

    def ips(self, *, sure: bool = False) -> Estimate:
        """Inverse propensity scoring. ``sure``: the empirical-Bernstein bound, which holds for any sample
        size, instead of the normal interval."""
        return self._mean(WR, WWRR, self.effective, self.cap * self.span, sure)

    def dr(self, *, sure: bool = False) -> Estimate:
        """Doubly robust: as :meth:`ips`, around what the model predicts."""
        return self._mean(D, DD, self.effective, (1.0 + 2.0 * self.cap) * self.span, sure)

    def gain(self, *, sure: bool = False) -> Estimate:
        """How much more than the policy at work (doubly robust), choice by choice: what both have in common
        cancels out, so the interval is narrower than two intervals apart."""
        return self._mean(G, GG, self.effective, (2.0 + 2.0 * self.cap) * self.span, sure)

    def snips(self) -> Estimate:
        """Self-normalised IPS, with the normal interval of a ratio (delta method)."""
        s = self.sums
        if not s[W] > 0:
            return self._around(math.nan, math.nan, self.effective)
        value = s[WR] / s[W]
        spread = s[WWRR] - 2.0 * value * s[WWR] + value * value * s[WW]
        return self._around(value, Z * math.sqrt(max(0.0, spread)) / s[W], self.effective)

    def logged_over_this(self) -> float:
        """How many times this policy's value (:meth:`snips`) the one at work earned; 0 while that is not known. For
        those who ask at every choice: an ``Estimate`` takes 20 times as long."""
        logged, weights, rewards = self.sums[R] / max(1e-9, self.sums[N]), self.sums[W], self.sums[WR]
        return float(logged * weights / rewards) if rewards > 0 else 0.0

    def _mean(self, first: int, second: int, effective: float, width: float, sure: bool = False) -> Estimate:
        n = self.sums[N]
        if n <= 1:
            return self._around(self.sums[first] / n if n > 0 else math.nan, math.nan, effective)
        value = self.sums[first] / n
        variance = max(0.0, self.sums[second] - n * value * value) / (n - 1.0)
        if sure:
            log = math.log(4.0 / (1.0 - CONFIDENCE))  # both sides, each with half of what may go wrong
            half = math.sqrt(2.0 * variance * log / n) + 7.0 * width * log / (3.0 * (n - 1.0))
        else:
            half = Z * math.sqrt(variance / n)
        return self._around(value, half, effective)

    def _around(self, value: float, half: float, effective: float) -> Estimate:
        n = self.sums[N]
        clipped = float(self.sums[CLIPPED] / n) if n > 0 else 0.0
        return Estimate(float(value), float(value - half), float(value + half), effective, clipped,
                        self._doubt(effective, clipped))  # fmt: skip

    def _doubt(self, effective: float, clipped: float) -> str:
        n, rewards = self.n, float(self.sums[RR])
        if effective < TINY_SAMPLE:
            return f"effective sample of {effective:.0f}"
        if effective < TINY_SHARE * n:
            return f"effective sample of {effective:.0f}, {effective / n:.2%} of the log"
        if effective / n * rewards < FEW_REWARDS:
            return f"rewards: about {effective / n * rewards:.0f} in the effective sample"
        return f"{clipped:.1%} of the weights were cut at {self.cap:g}" if clipped > TINY_SHARE else ""
