"""Hands out the surfaces' memory for moments to be dealt out in compiled code, and takes the answers from there.

Each surface lays its part of the table out (``lay_out``) and makes records of its answers (``answer``). A stand-in that
does neither is reacted for in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson

from streams import topics
from streams.dealing import parts
from streams.dealing.deal import deal, rank_once, review_once
from streams.dealing.parts import COMPILED, NOBODY, PYTHON, Records, Shown, Table
from streams.emit.heads import Heads
from streams.emit.outgoing import Outgoing, Stretch
from streams.profiles.moments import CAPACITY, Moment
from streams.profiles.parameters import Array
from streams.settings import Settings
from streams.state.partition_state import PartitionState


class Dealing:
    """The compiled dealing of one partition's moments. ``begin`` first; then ``go`` on from where it stopped."""

    def __init__(self, settings: Settings, state: PartitionState, outgoing: Outgoing) -> None:
        self.desk: Array = parts.new_desk()
        """One record of ``parts.DESK``; surfaces keep what is theirs there."""
        self.desk["learning"], self.desk["sharing"] = settings.learning, settings.sharing
        self.desk["window_ms"] = settings.outcome_window_ms
        # Looked at all the time: views, for a field of a record takes numpy longer to find than to read.
        self._n: Array = self.desk["n"][0]
        self._at: Array = self.desk["at"]
        self._turn: Array = self.desk["turn"]
        self.regions: Array = np.zeros(CAPACITY, np.int64)
        """As in ``parts.Shown``."""
        self.moments: Array = parts.NO_MOMENTS
        self._state = state
        self._outgoing = outgoing
        self._surfaces: dict[str, Any] = {}
        self._count_fault: Callable[[Any, Exception], None] = lambda surface, fault: None
        self._answers = parts.new_answers()
        self._laid: dict[str, Any] = {
            "titles": parts.NO_MARKS, "artwork": parts.NO_IMAGES, "demand": parts.NO_CELLS
        }  # fmt: skip
        self._told: list[tuple[int, tuple[bytes, bytes]]] = []
        """What titles' owners are told beside plays: behind how many of these, the title's id and the record."""
        self._stretch: Stretch | None = None
        self._table: Any = None
        self._moment: tuple[int, Moment] | None = None

    def place(self, surfaces: Mapping[str, Any], count_fault: Callable[[Any, Exception], None]) -> None:
        """These surfaces are on; ``count_fault`` hears of one that raises when it lays out, or makes records."""
        self._surfaces = {name: surface for name, surface in surfaces.items() if hasattr(surface, "lay_out")}
        self._count_fault = count_fault

    def open(self, turn: int, kind: int, compiled: bool) -> None:
        """Let the one whose turn it is react to moments of ``kind``: in compiled code, or in Python."""
        self.desk["ways"][0, kind, turn] = COMPILED if compiled else PYTHON

    def reacts(self, kind: int) -> bool:
        """Whether anybody reacts to moments of ``kind``."""
        return bool((self.desk["ways"][0, kind] != NOBODY).any())

    # --- dealing out ---------------------------------------------------------------------------------------

    def begin(self, moments: Array, stretch: Stretch) -> None:
        """``moments`` (records of ``MOMENT``), which belong to ``stretch``, are to be dealt out."""
        self.moments, self._stretch, self._moment = moments, stretch, None
        for name in self._surfaces:
            self._lay_out(name)
        self._set()

    def lay_anew(self, name: str) -> None:
        """What a surface has laid out may have changed."""
        if name in self._surfaces and self._lay_out(name):
            self._set()

    def _lay_out(self, name: str) -> bool:
        """True when the table is to be set anew. A surface that cannot lay anything out goes on with what it has."""
        laid = self._call(name, "lay_out", self)
        if laid is not None:
            self._laid[name] = laid
        return laid is not None

    def _set(self) -> None:
        """Set the table."""
        assert self._stretch is not None
        state, columns, laid = self._state, self._stretch.columns, self._laid
        self._table = Table(
            self.moments,
            self.desk,
            Records(
                state.tastes.records, state.tastes.dirty, state.title_tastes.records, state.title_tastes.dirty,
                state.profiles.records["key_hash"],
            ),
            Shown(
                columns.kind, columns.device, columns.items, columns.items_from, columns.items_to, self.regions
            ),
            self._answers, laid["titles"], laid["artwork"], laid["demand"],
        )  # fmt: skip

    def go(self, at: int, turn: int) -> int:
        """Go on from that turn at that moment; returns why it stopped (``parts.DONE`` ...). May raise what a surface
        raises. Either way ``where`` it did is known."""
        self._at[0], self._turn[0] = (
            at,
            turn,
        )  # what raises before it has begun is not taken for an earlier fault
        return int(deal(at, turn, self._table, False))

    @property
    def where(self) -> tuple[int, int]:
        """The moment, and whose turn it is."""
        return int(self._at[0]), int(self._turn[0])

    def moment(self, at: int) -> Moment:
        """A moment as Python reads it; the same object as long as it is the same moment."""
        if self._moment is None or self._moment[0] != at:
            self._moment = (
                at,
                tuple.__new__(Moment, self.moments[at].item()),
            )  # as _make does, in half the time
        return self._moment[1]

    # --- in Python's turn ----------------------------------------------------------------------------------

    def react(self, turn: int) -> int:
        """The compiled reaction of the one whose turn it is to the moment at hand."""
        self.make_room()
        return int(deal(int(self._at[0]), turn, self._table, True))

    def rank(self) -> None:
        """Make the ranking anew at the moment at hand."""
        self.make_room()
        rank_once(int(self._at[0]), self._table)

    def review(self, among: int) -> int:
        """Choose the images of so many titles that need one, at the moment at hand."""
        self.make_room()
        return int(review_once(int(self._at[0]), among, self._table))

    # --- answers -------------------------------------------------------------------------------------------

    def make_room(self) -> None:
        """Have room for the answers of one moment."""
        if max(self._n.tolist()) + parts.ROOM > parts.CAPACITY:
            self.answer()

    def answer(self) -> None:
        """Make records of what was decided."""
        rankings, images, choices, signals = counts = self._n.tolist()
        if not (any(counts) or self._told):
            return
        assert self._stretch is not None
        self._n[:] = 0
        heads = Heads(self.moments, self._stretch, self._outgoing)
        if rankings:
            self._call("titles", "answer", self._answers.rankings[:rankings], heads)
        if signals or self._told:
            self._signal(self._answers.signals[:signals])
        if images:
            self._call("artwork", "answer", self._answers.images[:images], heads)
        if choices:
            self._call("categories", "answer", self._answers.choices[:choices], heads)

    def tell_owner(self, title: str, record: Mapping[str, Any]) -> None:
        """Tell the owner of ``title`` (its id) a record, behind the plays of which it is told."""
        self._told.append((int(self._n[parts.N_SIGNALS]), (title.encode(), orjson.dumps(record))))

    def _signal(self, signals: Array) -> None:
        """Tell titles' owners of plays, and what else they are told, in the order in which it came up."""
        plays = self._call("titles", "signals", signals, self.moments) if len(signals) else None
        told, done = plays or [], 0
        for behind, record in self._told:
            self._outgoing.add_signals(topics.TITLE_SIGNALS, [*told[done:behind], record])
            done = behind
        self._outgoing.add_signals(topics.TITLE_SIGNALS, told[done:])
        self._told = []

    def end(self) -> None:
        """All is dealt out: make records of what was decided, and count what was owed."""
        self.answer()
        if "credit" in self._surfaces:
            self._call("credit", "settle")
        self._stretch = self._table = None

    def _call(self, name: str, what: str, *given: Any) -> Any:
        """A method of a surface; ``None`` when it raises: it stops no other."""
        surface = self._surfaces[name]
        try:
            return getattr(surface, what)(*given)
        except Exception as fault:  # noqa: BLE001 - as for its reactions
            self._count_fault(surface, fault)
            return None
