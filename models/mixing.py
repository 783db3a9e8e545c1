"""Models that learned apart, made one: what each has seen is added up, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What outcomes have told about ``F`` weights: ``precision[F]`` (1 / variance) beyond the prior's,
    and ``shift[F]``, the precision-weighted mean beyond the prior's.

    For a Gaussian these are natural parameters: evidence from different outcomes adds.

    >>> told = Evidence(np.array([4.0]), np.array([8.0])) + Evidence(np.array([4.0]), np.array([0.0]))
    >>> posterior(told, np.array([0.0]), 2.0)
    (array([0.8]), array([0.1]))
    """

    precision: Floats
    shift: Floats

    @classmethod
    def none(cls, weights: int) -> Evidence:
        """What is known before the first outcome."""
        return cls(np.zeros(weights), np.zeros(weights))

    @classmethod
    def of(cls, mean: Floats, variance: Floats, prior_mean: Floats, prior_precision: float) -> Evidence:
        """What lies between a prior and a posterior; never less than nothing."""
        return cls(
            np.maximum(0.0, 1.0 / variance - prior_precision), mean / variance - prior_mean * prior_precision
        )

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.precision + other.precision, self.shift + other.shift)

    def __sub__(self, other: Evidence) -> Evidence:
        return Evidence(np.maximum(0.0, self.precision - other.precision), self.shift - other.shift)

    def faded(self, share: float) -> Evidence:
        """This share of it: what is left when a model has forgotten."""
        return Evidence(self.precision * share, self.shift * share)

    @property
    def empty(self) -> bool:
        """Nothing was learned."""
        return not self.precision.any()


def posterior(told: Evidence, prior_mean: Floats, prior_precision: float) -> tuple[Floats, Floats]:
    """Mean and variance of each weight, given a prior and all that is ``told``."""
    precision = told.precision + prior_precision
    return (told.shift + prior_mean * prior_precision) / precision, 1.0 / precision


def averaged(parts: Iterable[Evidence], otherwise: Floats) -> Floats:
    """The mean of weights by evidence, for models without a posterior, where ``shift`` is precision times
    weight. A weight of which nobody has evidence stays as it is in ``otherwise``.

    This is iterative parameter mixing: the mean lies between the weights that went in, so mixing again and
    again cannot carry anybody away.

    >>> slow, fast = Evidence(np.array([1.0]), np.array([0.0])), Evidence(np.array([3.0]), np.array([6.0]))
    >>> averaged([slow, fast], np.array([9.0]))
    array([1.5])
    """
    precision, shift = np.zeros(len(otherwise)), np.zeros(len(otherwise))
    for part in parts:
        precision += part.precision
        shift += part.shift
    return np.divide(shift, precision, out=otherwise.copy(), where=precision > 0)


class Mixture:
    """Keeps apart what a model has learned itself and what it was told by others.

    The model's posterior is the product of the prior and everybody's evidence. What it tells the others is
    only its own part, which being told does not change: so evidence goes round once, nothing is counted
    twice, and mixing at whatever moments, with whatever delay, cannot oscillate. Forgetting (a share of the
    evidence lost at each outcome, as in ``BayesianLogisticRegression``) acts on both parts alike, so the
    received part is known at any time from how many outcomes were learned since.

    Parameters
    ----------
    weights
        Number of weights.
    forgetting
        Share of the evidence that the model keeps at each outcome, in (0, 1].

    References
    ----------
    [^1]: McDonald, Hall, Mann: Distributed training strategies for the structured perceptron. NAACL 2010
          (iterative parameter mixing).
    [^2]: Bui, Nguyen, Swaroop, Turner: Partitioned variational inference. arXiv 1811.11206, 2018 (a factor a
          site; each site replaces its own only).

    Examples
    --------
    >>> mine, theirs = Evidence(np.array([2.0]), np.array([2.0])), Evidence(np.array([5.0]), np.array([0.0]))
    >>> mixture = Mixture(weights=1)
    >>> total = mixture.mix(mine, [theirs])
    >>> total.precision, mixture.own(total).precision
    (array([7.]), array([2.]))
    >>> total = mixture.mix(total, [theirs])  # told the same again
    >>> total.precision
    array([7.])

    """

    def __init__(self, weights: int, forgetting: float = 1.0) -> None:
        self.forgetting = forgetting
        self.received = Evidence.none(weights)

    def learned(self, outcomes: int) -> None:
        """The model has learned so many outcomes more."""
        if self.forgetting < 1.0 and not self.received.empty:
            self.received = self.received.faded(self.forgetting**outcomes)

    def own(self, total: Evidence) -> Evidence:
        """The model's own part of ``total``, all that its posterior holds."""
        return total - self.received

    def mix(self, total: Evidence, others: Iterable[Evidence]) -> Evidence:
        """All that the posterior is to hold now: its own part, and the latest that each of the ``others``
        tells, in place of what they told before."""
        own = self.own(total)
        received = Evidence.none(len(own.precision))
        for told in others:
            received = received + told
        self.received = received
        return own + received
