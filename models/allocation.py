"""Which share of new profiles should each arm of an experiment get, when better arms are to get more?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

FLOOR = 0.2
"""Every running arm keeps at least this part of an equal share: weights of its observations stay below 5
times the number of arms, and what it is worth stays measured."""
STEPS = 2_001
"""Points of the quadrature; its error is below 1e-6."""


def chances_of_being_best(means: Floats, errors: Floats) -> Floats:
    """For each arm the chance that its true mean is the largest, given ``means[k]`` and standard
    ``errors[k]`` (normal posteriors with a flat prior), by quadrature: no randomness, so the same sums give
    the same shares.

    >>> chances_of_being_best(np.array([0.0, 0.0]), np.array([1.0, 1.0])).round(3).tolist()
    [0.5, 0.5]
    """
    errors = np.maximum(errors, 1e-12)
    # Each arm over its own grid, so that a narrow arm beside a wide one is not missed.
    z = np.linspace(-8.0, 8.0, STEPS)
    density = np.exp(-0.5 * z * z)
    density /= density.sum()
    chances = np.empty(len(means))
    for a in range(len(means)):
        points = means[a] + errors[a] * z
        below = np.ones_like(points)
        for b in range(len(means)):
            if b != a:
                below *= ndtr((points - means[b]) / errors[b])
        chances[a] = (density * below).sum()
    return chances / chances.sum()


def thompson(means: Floats, errors: Floats, running: npt.NDArray[np.bool_], floor: float = FLOOR) -> Floats:
    """Shares (they add up to 1) by Thompson sampling: an arm gets new profiles with the chance that it is
    the best. An arm not ``running`` gets 0, every other at least ``floor`` of an equal share, so that
    weights stay bounded and intervals honest. Equal shares while the error of a running arm is not known.

    Top-two sampling (Russo, COLT 2016) would tell the best from the second sooner, but gives it no more
    than half of the profiles; here more profiles in the better arm are the purpose.

    References
    ----------
    [^1]: Thompson: On the likelihood that one unknown probability exceeds another. Biometrika 1933.

    Examples
    --------
    >>> everywhere = np.ones(3, dtype=bool)
    >>> thompson(np.array([0.0, 0.0, 3.0]), np.ones(3) * 0.5, everywhere).round(2).tolist()
    [0.07, 0.07, 0.87]

    """
    shares = np.zeros(len(means))
    arms = np.flatnonzero(running)
    if len(arms) == 1 or not np.isfinite(errors[arms]).all():
        shares[arms] = 1.0 / len(arms)
        return shares
    shares[arms] = floor / len(arms) + (1.0 - floor) * chances_of_being_best(means[arms], errors[arms])
    return shares
