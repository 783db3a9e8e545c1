"""Gives memory that the program has freed back to the system.

glibc keeps what was freed in the midst of its heap for the next who asks. After a backlog or a recovery, when many
short-lived records lay between what stays, that is tens of megabytes which the process holds and has no use for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> bool:
    """Return whole free pages to the system: 12 ms for 100 MB in small pieces, 2 ms when there is nothing.

    True when there was something to return, false also where the C library knows no such thing.
    """
    trim = _trim()
    return trim is not None and bool(trim(0))


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    except OSError:  # a program that is linked statically
        return None
    return found
