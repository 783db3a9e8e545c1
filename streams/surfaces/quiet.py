"""Quiet moments: what the surfaces that are on count at them, in one compiled pass (``decisions.quiet``)."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from streams.decisions.credit import CREDIT
from streams.decisions.quiet import SWITCHES, pass_quiet
from streams.profiles.parameters import Array, Columns
from streams.settings import Settings
from streams.state.partition_state import PartitionState
from streams.surfaces.credit import Credit
from streams.surfaces.surface import Surface

log = logging.getLogger(__name__)


class Quiet:
    """Goes over the moments at which no surface has more to do than to count. Of a surface's reactions those to its
    ``quiet_kinds`` can be done here; a kind is passed over when that is so for all who react to it."""

    def __init__(self, surfaces: Mapping[str, Surface], settings: Settings, state: PartitionState) -> None:
        self._state = state
        self._switches: Array = np.zeros(1, SWITCHES)
        quiet = {name: getattr(surface, "quiet_kinds", ()) for name, surface in surfaces.items()}
        for name in ("titles", "artwork", "trailers", "credit"):
            self._switches[name] = bool(quiet.get(name))
        for kind in {kind for kinds in quiet.values() for kind in kinds}:
            reacting = [name for name, surface in surfaces.items() if kind in surface.reactions()]
            self._switches["quiet"][0, kind] = all(kind in quiet[name] for name in reacting)
        self._switches["window_ms"] = settings.outcome_window_ms
        self._switches["hazard"] = settings.trailer_hazard
        credit = surfaces.get("credit")
        self._credit = credit if isinstance(credit, Credit) else None
        self._nothing: Array = np.zeros(1, CREDIT)

    def pass_over(self, moments: Array, at: int, columns: Columns) -> int:
        """From ``moments[at]`` on to the first that somebody has to react to; returns its place."""
        tastes = self._state.tastes
        counts = self._nothing if self._credit is None else self._credit.counts
        try:
            return pass_quiet(
                moments, at, self._switches, tastes.records, tastes.dirty, counts, columns.device,
                columns.items, columns.items_from, columns.items_to,
            )  # fmt: skip
        except Exception as fault:  # noqa: BLE001 - the surfaces' own reactions say whose fault it is
            log.error("a quiet moment: %r", fault)
            return max(at, int(self._switches["at"][0]))
