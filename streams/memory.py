"""Keeps memory that the program has freed while there is work, and gives it back to the system afterwards.

Every checkpoint makes requests of some megabytes, several copies of each, and frees them. Left to itself glibc takes
them from the system anew each time, and every page of them costs a fault. But it also keeps what was freed in the
midst of its heap for the next who asks: after a backlog or a recovery, when many short-lived records lay between what
stays, that is tens of megabytes which the process holds and has no use for.

Python's collector of cycles is treated alike: at work there are next to none to find (in two seconds of it, not one
object), and by default it looks for them in the midst of every batch, at events and records that all go on their own.
So it looks in the first quiet second, too.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""As in ``malloc.h``."""
KEPT_BYTES = 64 << 20
"""Free memory at the end of the heap that is kept, for as long as there is work."""
APART_BYTES = 32 << 20
"""What is larger gets memory of its own from the system (the most that glibc would come to by itself)."""
COLLECT_AFTER = 50_000
"""Objects that gather before the collector looks at work, for the case that there are cycles after all (by default
700; with 5,000 it took 3 % of the processor)."""


def prepare() -> None:
    """The program is loaded, work begins."""
    gc.freeze()  # what stays for ever need not be looked at again
    gc.set_threshold(COLLECT_AFTER)
    keep_freed()


def keep_freed() -> bool:
    """From now on keep what is freed, for the next request: with all surfaces on, that saves 0.2 page faults an event,
    2 % of the processor. False where the C library knows no such thing."""
    tune = _of_libc("mallopt")
    return tune is not None and bool(
        tune(M_MMAP_THRESHOLD, APART_BYTES) and tune(M_TRIM_THRESHOLD, KEPT_BYTES)
    )


def give_back() -> bool:
    """Find cycles that nobody refers to, and return whole free pages to the system: some 10 ms, and 12 ms for
    100 MB in small pieces.

    True when there was something to return, false also where the C library knows no such thing.
    """
    gc.collect()
    trim = _of_libc("malloc_trim")
    return trim is not None and bool(trim(0))


@cache
def _of_libc(name: str) -> Callable[..., int] | None:
    try:
        found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    except OSError:  # a program that is linked statically
        return None
    return found
