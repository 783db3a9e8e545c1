"""Bounded neighbours: what is watched by those who watched a title, counted as it happens. Compiled.

A title keeps a fixed number of neighbours with a count each, in two arrays. When both are full, a newcomer wears
down the smallest count and takes its place once that is used up: a neighbour that matters stays, chance
encounters wear each other down. The sum over all encounters, kept ones or not, is counted beside.

Sources: Huang et al., "TencentRec: Real-time Stream Recommendation in Practice", SIGMOD 2015 (incremental
item-item counts, bounded and pruned); Misra and Gries, "Finding repeated elements", 1982 (wearing down).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.compiled import compiled

Number = float | np.float32

MEMORY = 300.0
"""Encounters after which a title's counts are halved, so that old company fades: some three for every place. With
2,000 a full list kept who came first, and newcomers wore each other down at a single place (on two real logs 3 to 6 %
fewer of the next titles were found)."""


@compiled
def count_neighbour(
    ids: npt.NDArray[Any], counts: npt.NDArray[Any], total: float, neighbour: int, weight: float
) -> float:
    """Count ``neighbour`` (a positive number; 0 marks a free place) with ``weight``; returns the new total.

    ``ids`` and ``counts`` have one shape ``(k,)`` and are changed in place.

    >>> import numpy as np
    >>> ids, counts = np.zeros(2, np.int32), np.zeros(2)
    >>> total = 0.0
    >>> for neighbour in (7, 7, 7, 8, 9, 9):
    ...     total = count_neighbour(ids, counts, total, neighbour, 1.0)
    >>> ids.tolist(), counts.tolist(), total
    ([7, 9], [3.0, 2.0], 6.0)
    """
    least = 0
    for k in range(ids.shape[0]):
        if ids[k] == neighbour:
            counts[k] += weight
            least = -1
            break
        if ids[k] == 0:
            ids[k] = neighbour
            counts[k] = weight
            least = -1
            break
        if counts[k] < counts[least]:
            least = k
    if least >= 0:
        if counts[least] > weight:
            counts[least] -= weight
        else:
            ids[least] = neighbour
            counts[least] = weight
    total += weight
    if total > MEMORY:
        for k in range(ids.shape[0]):
            counts[k] *= 0.5
        total *= 0.5
    return total


@compiled
def lift(together: Number, expected: Number, prior: Number) -> Any:
    """How much oftener than by chance, shrunk: ``(together + prior) / (expected + prior)``.

    The posterior mean of a Poisson rate with a gamma prior around 1 (DuMouchel, "Bayesian data mining in large
    frequency tables", 1999): one encounter of a rare title says little, a hundred say what they say.

    >>> lift(1.0, 0.01, 1.0) < 2.0 < lift(100.0, 10.0, 1.0)
    True
    """
    # Not "/", which looks for a zero first: with it compiled code takes one title after the other.
    return np.divide(together + prior, expected + prior)
