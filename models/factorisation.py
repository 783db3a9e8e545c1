"""A small online factorisation: a vector a viewer and a vector a title, whose product says what counts do not.

Learned on what another score leaves unexplained: the error of a softmax over the title that was chosen and those
that were not, in which the product is one term. Compiled.

Source: Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009 (its gradient, for
more than one title that was not chosen: the sampled softmax).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import compiled

RATE, PULL = 0.05, 0.01
"""Learning rate, and how strongly a vector is pulled back to zero at each step."""
SPREAD = 0.1
"""A newborn title's factors lie within +- this."""


@compiled
def begin_vector(vector: npt.NDArray[Any], number: int) -> None:
    """Fill a title's vector (any length) for the first time, by ``number`` (its own): the same whenever it is
    done.

    >>> a, b = np.zeros(4), np.zeros(4)
    >>> begin_vector(a, 3); begin_vector(b, 4)
    >>> bool((abs(a) <= SPREAD).all() and (a != b).all())
    True
    """
    z = np.uint64(number + 1) * np.uint64(0x9E3779B97F4A7C15)
    for d in range(vector.shape[0]):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        vector[d] = SPREAD * (2.0 * (float(z >> np.uint64(11)) / 9007199254740992.0) - 1.0)


@compiled
def product(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """The dot product of two vectors of one length, a multiple of four.

    Added up in four parts, which the processor does at once.

    >>> float(product(np.arange(4.0), np.ones(4)))
    6.0
    """
    w, x, y, z = a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]
    for d in range(4, a.shape[0], 4):
        w += a[d] * b[d]
        x += a[d + 1] * b[d + 1]
        y += a[d + 2] * b[d + 2]
        z += a[d + 3] * b[d + 3]
    return (w + x) + (y + z)


@compiled
def learn_pair(viewer: npt.NDArray[Any], title: npt.NDArray[Any], error: float) -> None:
    """One step for a viewer and a title; ``error`` is 1 (chosen) or 0 (not), less the probability that was
    predicted. Both vectors are changed in place.

    >>> viewer, title = np.array([0.1, 0.0, 0.0, 0.0]), np.array([0.5, 0.2, 0.1, 0.0])
    >>> before = product(viewer, title)
    >>> learn_pair(viewer, title, 1.0)
    >>> product(viewer, title) > before
    True
    """
    for d in range(viewer.shape[0]):
        v, t = viewer[d], title[d]
        viewer[d] += RATE * (error * t - PULL * v)
        title[d] += RATE * (error * v - PULL * t)
