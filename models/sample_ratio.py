"""Did the arms of an experiment get the shares they were to get? When not, nothing else about it can be
trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaln

Numbers = Sequence[float] | npt.NDArray[np.float64]
Strata = Sequence[tuple[Numbers, Numbers]]
"""Stretches with constant shares: how many profiles each arm got, and each arm's share (they add up to 1)."""

EVIDENCE = 100.0
"""Dirichlet parameters add up to this: alternatives within some percent of the intended shares are what a
broken split looks like (a redirect that loses one profile in ten), and are found soonest."""


def log_evidence(strata: Strata) -> float:
    """The logarithm of the evidence against the intended shares: an e-value, valid at any time.

    It is the likelihood of the counts under a Dirichlet mixture of alternatives over that under the
    intended shares: under a correct split a martingale that starts at 1, so the chance that it *ever*
    exceeds 1 / alpha is at most alpha. Every stretch with other shares has its own; they multiply.

    References
    ----------
    [^1]: Lindon, Malek: Anytime-valid inference for multinomial count data. NeurIPS 2022 (arXiv 2011.03567).

    Examples
    --------
    >>> log_evidence([([500, 510], [0.5, 0.5])]) < 0
    True
    >>> log_evidence([([500, 700], [0.5, 0.5])]) > 6.9
    True

    """
    total = 0.0
    for counts, shares in strata:
        n, p = np.asarray(counts, np.float64), np.asarray(shares, np.float64)
        if np.any(n[p <= 0] > 0):  # an arm that was to get nobody got somebody
            return float("inf")
        n, p = n[p > 0], p[p > 0]
        prior = EVIDENCE * p
        total += float(gammaln(prior.sum()) - gammaln(prior.sum() + n.sum()))
        total += float((gammaln(prior + n) - gammaln(prior) - n * np.log(p)).sum())
    return float(total)


def always_valid_p(strata: Strata) -> float:
    """A p-value that may be looked at at any time: one over the evidence, at most 1."""
    return float(np.exp(-max(0.0, log_evidence(strata))))


def chi_square_p(strata: Strata) -> float:
    """Pearson's p-value for one look: what other systems print. Looked at again and again it cries wolf.

    >>> round(chi_square_p([([50, 50], [0.5, 0.5])]), 3), round(chi_square_p([([60, 40], [0.5, 0.5])]), 3)
    (1.0, 0.046)
    """
    if not strata:
        return 1.0
    observed = np.sum([np.asarray(counts, np.float64) for counts, _ in strata], axis=0)
    expected = np.sum([np.sum(counts) * np.asarray(shares, np.float64) for counts, shares in strata], axis=0)
    possible = expected > 0
    if np.any(observed[~possible] > 0):
        return 0.0
    if possible.sum() < 2:
        return 1.0
    statistic = float(((observed - expected)[possible] ** 2 / expected[possible]).sum())
    return float(gammaincc((possible.sum() - 1) / 2, statistic / 2))
