"""What a surface is, and what it is given.

A surface reacts to moments (``profiles.moments``). The rules that make a batch of N the same as N batches of one:

- a reaction depends on its moment, on the moment's event, on the second records (``state.tastes``,
  ``state.title_tastes``), on the surface's own state and on the catalog;
- it never reads what the compiled loop changes (``state.profiles.records``, ``state.titles.records``,
  ``state.table``), apart from ``key_hash``, ``row`` and ``duration_s``: the loop may be ahead of the moments;
- time is the moment's, chance is ``decisions.ordering.chance`` with a counter that is kept in a record;
- who wants to act later asks to be woken (``SurfaceContext.wake_at``); after a restart it asks again
  (``restored``), so a wake-up that is not due any more, or comes twice, must do nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import orjson

from streams.dealing.dealing import Dealing
from streams.emit.outgoing import Outgoing, Stretch
from streams.profiles.moments import Moment
from streams.settings import Settings
from streams.state.partition_state import PartitionState
from streams.state.shared import Shared
from streams.state.sharing import ModelSharing
from streams.stats import EngineStats
from streams.surfaces.policies import Policies

Reaction = Callable[[Moment], None]


class Surface(Protocol):
    """One surface of a partition. Build it with a ``SurfaceContext``.

    One with compiled reactions has beside what stands here ``compiled`` (the kinds of moments that they are for),
    ``lay_out(dealing)`` (puts what it goes by on the desk, and returns its part of ``dealing.parts.Table``),
    ``answer(answers, heads)`` where it decides (makes records of its answers), and ``tell(moment)`` where a compiled
    reaction may leave something to tell.
    """

    name: str
    """As in ``settings.surfaces`` and in the metrics."""

    def reactions(self) -> Mapping[int, Reaction]:
        """What to call for each kind of moment: at once, or where the compiled reaction (``streams.dealing``) asks for
        it. A reaction may raise: the fault is counted, ``fall_back`` is called instead, and everything else goes on."""

    def fall_back(self, moment: Moment) -> None:
        """Do what is sane without a model."""

    def wake(self, slot: int, moment: Moment) -> None:
        """The time that was asked for has come, to the minute. ``moment`` carries the present time and the
        profile's slot."""

    def follow_shared(self) -> None:
        """A batch is about to begin, and ``context.shared`` (what all partitions have told) may have news: take
        over what this surface wants of it. Called only with ``settings.sharing``, and cheap when there is none."""

    def forget(self, slot: int) -> None:
        """The profile in ``slot`` is erased: write tombstones for what only this surface knows of. Its record in
        ``state.tastes`` is zeroed after this."""

    def restored(self) -> None:
        """State has been rebuilt from the changelog: ask to be woken for all that waits."""

    def dump(self) -> Any:
        """Small state of the partition (weights, counters) as picklable values; it is saved with every
        checkpoint."""

    def load(self, dumped: Any) -> None:
        """Go on from a dump. Raises for one that does not fit: the surface then starts anew."""


class SurfaceContext:
    """What surfaces of one partition share: settings, state, and the ways out."""

    def __init__(
        self,
        settings: Settings,
        state: PartitionState,
        outgoing: Outgoing,
        stats: EngineStats,
        shared: Shared,
        partition: int,
        sharing: ModelSharing,
        policies: Policies,
        dealing: Dealing,
    ) -> None:
        self.dealing = dealing
        """How compiled reactions are called; what they answer becomes records before anything else does."""
        self.policies = policies
        """``policies.roles`` has the policy at work and the shadow of each surface that draws by chance."""
        self.sharing = sharing
        """Register a model there (``register``) to have it mixed with the other partitions'."""
        self.partition = partition
        """The number of the partition: the source of what it tells others."""
        self.settings = settings
        self.shared = shared
        """What all partitions have told each other; consult it in ``follow_shared`` only."""
        self.state = state
        self.stats = stats
        self.stretch: Stretch | None = None
        """The events that the moments at hand belong to."""
        self.waking: list[tuple[int, int, str]] = []
        """Heap of (ts, slot, surface)."""
        self.policy_listeners: list[Callable[..., None]] = []
        """Who hears of every resolved choice (``off_policy``)."""
        self._outgoing = outgoing

    # --- what happened -------------------------------------------------------------------------------------

    def event(self, moment: Moment) -> Any:
        """The event of a moment (one of ``events.schema``); only for moments whose ``event`` is not -1."""
        assert self.stretch is not None and moment.event >= 0
        return self.stretch.events[moment.event]

    def items(self, moment: Moment) -> list[int]:
        """Slots of the titles that an impression showed, in order."""
        assert self.stretch is not None
        columns = self.stretch.columns
        begin, end = columns.items_from[moment.event], columns.items_to[moment.event]
        return list(columns.items[begin:end].tolist())

    def profile(self, slot: int) -> str:
        """The id of a profile."""
        return self.state.profiles.names[slot] or ""

    def title(self, slot: int) -> str:
        """The id of a title."""
        return self.state.titles.names[slot] or ""

    def key_hash(self, slot: int) -> int:
        """The number that stands for a profile in every draw of chance."""
        return int(self.state.profiles.records["key_hash"][slot])

    # --- ways out ------------------------------------------------------------------------------------------

    def decide(
        self,
        topic: str,
        moment: Moment,
        *,
        version: int,
        model: str,
        model_version: int = 0,
        explore: bool = False,
        propensity: float = 1.0,
        experiment: Mapping[str, str] | None = None,
        key: str | None = None,
        **fields: Any,
    ) -> None:
        """Emit a decision about the moment's profile to ``topic``, caused by the moment. ``fields`` are the
        topic's own; ``key`` is the record's, by default the profile's id."""
        assert self.stretch is not None
        self.dealing.answer()
        record: dict[str, Any] = {
            "version": version,
            "model": {"name": model, "version": model_version},
            "explore": explore,
            "propensity": propensity,
            **fields,
        }
        if experiment is not None:
            record["experiment"] = experiment
        self._outgoing.add_decision(topic, key, record, moment, self.stretch)

    def tombstone(self, topic: str, key: str) -> None:
        """What was decided under ``key`` holds no longer."""
        self.dealing.answer()
        self._outgoing.put(topic, key.encode(), None)

    def signal(self, topic: str, key: str, record: Mapping[str, Any]) -> None:
        """Tell the owner of ``key`` (the partition that the key belongs to) something about it. Of titles
        ``dealing.tell_owner`` does."""
        self._outgoing.add_signals(topic, [(key.encode(), orjson.dumps(record))])

    def wake_at(self, surface: str, slot: int, ts: int, moment: Moment | None = None) -> None:
        """Have ``surface`` woken for the profile at event time ``ts`` (ms), or up to a minute later."""
        heapq.heappush(self.waking, (ts, slot, surface))
        if moment is not None and moment.event >= 0 and moment.topic == 0:
            self.state.tastes.records["wake_offset"][slot] = moment.offset
            self.state.tastes.dirty[slot] = 1

    def off_policy(
        self,
        surface: str,
        propensity: float,
        reward: float,
        shadow: Mapping[str, float],
        value: float = 0.0,
        shadow_value: Mapping[str, float] | None = None,
    ) -> None:
        """One resolved choice of ``surface``: the chance with which it was made, what it earned, and with
        which chance each shadow policy would have made it. ``value`` is the reward predicted for the choice
        made, ``shadow_value`` by policy the reward predicted under that policy (for the doubly robust
        estimate)."""
        for listen in self.policy_listeners:
            listen(surface, propensity, reward, shadow, value, shadow_value or {})
