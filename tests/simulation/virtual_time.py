"""An event loop whose clock is part of the simulation: waiting costs nothing, and the same seed gives the
same run.

Time stands still while anything can run and jumps to the next timer when nothing can. Ready callbacks run in
the order in which they became ready, so that a run depends on nothing but the delays that the simulation
draws.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

LONGEST_S = 3_600.0
"""A run that reaches this virtual time hangs: somebody waits for what never comes."""
CLEANUP_ROUNDS = 20
"""Steps of the loop in which cancelled tasks may run their last lines."""


class Hang(AssertionError):
    """Nothing can run any more, or nothing ends."""


class _NoSelector(selectors.SelectSelector):
    """Never waits for the outside; passes the time instead."""

    loop: VirtualTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Hang(f"everybody waits, at virtual second {self.loop.time():.3f}")
        self.loop.pass_time(timeout)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """See the module."""

    def __init__(self) -> None:
        self._now = 0.0
        selector = _NoSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def pass_time(self, seconds: float) -> None:
        self._now += max(0.0, seconds)
        if self._now > LONGEST_S:
            raise Hang(f"still running at virtual second {self._now:.0f}")


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run ``main`` to its end in virtual time. Raises ``Hang`` when it cannot end."""
    loop = VirtualTimeLoop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        _abandon(loop)
        asyncio.set_event_loop(None)
        loop.close()


def _abandon(loop: VirtualTimeLoop) -> None:
    """End what is left (dead workers wait for ever) without another look at whether it could."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    for _ in range(CLEANUP_ROUNDS):
        loop.call_soon(loop.stop)
        loop.run_forever()
    for task in left:
        # A dead worker's end is nothing to report.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
