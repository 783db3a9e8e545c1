"""Sums over the profiles of one arm of an experiment, from which everything else is computed: they merge by
adding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FIELDS = ("n", "w", "wx", "wy", "wxx", "wxy", "wyy", "ww", "wwx", "wwy", "wwxx", "wwxy", "wwyy")
"""Number of profiles; then, with ``w`` the inverse of the chance of having been put into the arm, sums of
``w`` times products of the covariate ``x`` and the outcome ``y`` (means), and of ``w`` squared times them
(errors)."""
SUMS = len(FIELDS)
N, W, WX, WY, WXX, WXY, WYY, WW, WWX, WWY, WWXX, WWXY, WWYY = range(SUMS)


def observation(y: Any, x: Any = 0.0, weight: Any = 1.0) -> Floats:
    """The sums of one profile: outcome ``y``, covariate ``x`` known before it was exposed, and ``weight``,
    one over the chance with which it was put into its arm. Arrays give sums of shape ``[SUMS, ...]``.

    Adding up observations gives the sums of an arm, adding up the sums of partitions those of the whole. The
    weights keep means honest when the shares of the arms move (Horvitz and Thompson 1952; Hajek 1971):
    otherwise an arm that got more traffic on Sunday would look as good as Sunday. With constant shares they
    cancel.

    >>> arm = observation(2.0) + observation(4.0)
    >>> float(mean(arm))
    3.0
    """
    y, x, w = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in (y, x, weight)))
    products = (np.ones_like(y), x, y, x * x, x * y, y * y)
    return np.stack([np.ones_like(y), *(w * p for p in products), *(w * w * p for p in products)])


def mean(sums: Floats) -> Any:
    """The weighted mean of the outcome; 0 while there is none."""
    return ratio(sums[WY], sums[W])


def spread(sums: Floats, theta: Any) -> Any:
    """Squared standard error of the mean of ``y - theta * x``: the linearised (Hajek) one, which holds
    under any weights. Two profiles are lost to the mean and to ``theta``. Infinite below three profiles.
    """
    n = sums[N]
    x, y = ratio(sums[WX], sums[W]), mean(sums)
    yy = sums[WWYY] - 2 * y * sums[WWY] + y * y * sums[WW]
    xy = sums[WWXY] - x * sums[WWY] - y * sums[WWX] + x * y * sums[WW]
    xx = sums[WWXX] - 2 * x * sums[WWX] + x * x * sums[WW]
    squares = np.maximum(yy - 2 * theta * xy + theta * theta * xx, 0.0)
    lost = ratio(n, np.maximum(n - 2, 0))
    return np.where(n > 2, ratio(squares, sums[W] ** 2) * lost, np.inf)[()]


def theta(*arms: Floats) -> Any:
    """By how much the outcome goes with the covariate within the arms, pooled: CUPED's factor. 0 where the
    covariate does not vary.

    References
    ----------
    [^1]: Deng, Xu, Kohavi, Walker: Improving the sensitivity of online controlled experiments by utilizing
          pre-experiment data. WSDM 2013.

    """
    xx = sum(arm[WXX] - ratio(arm[WX] ** 2, arm[W]) for arm in arms)
    xy = sum(arm[WXY] - ratio(arm[WX] * arm[WY], arm[W]) for arm in arms)
    scale = sum(arm[WXX] for arm in arms)
    return np.where(xx > 1e-9 * scale, ratio(xy, xx), 0.0)[()]


def ratio(a: Any, b: Any) -> Any:
    """``a / b``, and 0 where ``b`` is 0."""
    b = np.asarray(b, np.float64)
    ratio = np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b != 0)
    return ratio[()]
