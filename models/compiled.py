"""The one door to numba: ``compiled`` turns a function of numbers and arrays into machine code.

The machine code is kept on disk, so that a worker compiles once per release and not at every start.
numba alone would notice a change of the function's own file only, and go on running the old code of
a compiled function that this one calls; therefore the directory is named for the digest of every
source file with compiled functions.
``fastmath`` stays off: the same events must give the same decisions on every machine of a version.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


@cache
def _digest(package: str) -> str:
    """Digest of all sources of this package and of ``package`` that hold compiled functions."""
    digest = hashlib.blake2b(digest_size=8)
    for root in sorted({package, __name__.partition(".")[0]}):
        for folder in getattr(sys.modules.get(root), "__path__", ()):
            for path in sorted(Path(folder).rglob("*.py")):
                source = path.read_bytes()
                if b"compiled" in source:
                    digest.update(source)
    return digest.hexdigest()


def compiled(f: F) -> F:
    """Compile ``f`` at its first call, once per combination of argument types.

    ``f`` may use numbers, tuples of numbers, numpy arrays and other compiled functions; global
    constants are frozen into the code, so keep them in a file with compiled functions. It runs
    without bounds checks: run the tests with ``NUMBA_DISABLE_JIT=1`` to see the plain Python raise
    ``IndexError`` instead. Machine code goes to ``__pycache__`` of this package, or to
    ``NUMBA_CACHE_DIR`` when that is set; where neither can be written (or ``f`` has no file) every
    process compiles for itself.

    >>> @compiled
    ... def twice(x: float) -> float:
    ...     return 2.0 * x
    >>> twice(21.0)
    42.0
    """
    given = numba.config.CACHE_DIR
    base = Path(given) if given else Path(__file__).parent / "__pycache__"
    numba.config.CACHE_DIR = str(base / f"compiled-{_digest(f.__module__.partition('.')[0])}")
    try:
        return cast(F, numba.njit(cache=True)(f))
    except RuntimeError:  # numba: "cannot cache function: no locator available"
        return cast(F, numba.njit(f))
    finally:
        numba.config.CACHE_DIR = given


def inlined(f: F) -> F:
    """As ``compiled``, but for what is a part of its callers: its code is put where it is called.

    For functions that take large tuples of arrays. To call another compiled function with one counts every array's
    references up and down, 10 ns each: with forty arrays most small functions cost less than their call. Not to be
    called from Python: that would compile it anew in every process.
    """
    return cast(F, numba.njit(inline="always")(f))
