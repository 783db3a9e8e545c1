"""A surface for tests of what all surfaces stand on: it writes down every moment, and raises when told to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.profiles.moments import Moment, MomentKind
from streams.surfaces.surface import Reaction, SurfaceContext


class Noticing:
    """Counts each profile's moments in its second record, and decides something at every quality play."""

    name = "titles"

    def __init__(self, context: SurfaceContext) -> None:
        self.context = context
        self.seen: list[Moment] = []
        self.woken: list[tuple[int, int]] = []
        self.fell_back: list[Moment] = []
        self.faulty: set[int] = set()
        self.total = 0

    def reactions(self) -> Mapping[int, Reaction]:
        return {int(kind): self.notice for kind in MomentKind}

    def notice(self, moment: Moment) -> None:
        if moment.kind in self.faulty:
            raise ValueError("a model that raises")
        self.seen.append(moment)
        self.total += 1
        if moment.slot < 0:
            return
        tastes = self.context.state.tastes
        tastes.records["title_draws"][moment.slot] += 1
        tastes.dirty[moment.slot] = 1
        if moment.kind == MomentKind.QUALITY:
            tastes.records["title_version"][moment.slot] += 1
            version = int(tastes.records["title_version"][moment.slot])
            self.context.decide(
                "homepage-rankings", moment, version=version, model="noticing",
                titles=[self.context.title(moment.title)], scores=[1.0], reasons=[],
            )  # fmt: skip
        if moment.kind == MomentKind.SESSION:
            self.context.wake_at(self.name, moment.slot, moment.ts + 3_600_000, moment)

    def fall_back(self, moment: Moment) -> None:
        self.fell_back.append(moment)

    def wake(self, slot: int, moment: Moment) -> None:
        self.woken.append((slot, moment.ts))

    def follow_shared(self) -> None: ...
    def forget(self, slot: int) -> None: ...
    def restored(self) -> None: ...

    def dump(self) -> Any:
        return self.total

    def load(self, dumped: Any) -> None:
        self.total = int(dumped)
