"""What other policies would have earned: off-policy value of every surface that draws by chance, always on.

A surface says of each choice whose outcome is known: the chance with which it was made, the reward, and with
which chance each of its shadow policies would have made it (``SurfaceContext.off_policy``). The sums are part of
the state; every ``TELL_EVERY`` outcomes they are told to all (``<app_id>-models``), where ``flywheel models``
merges the partitions'.

Rows are not among these: a page explores at one place only, and what a shadow page would have put there would
have to be computed at every decision, at the cost of a second page. Their shadow is judged by what it predicts
(``models.paired_loss``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from models.off_policy import PolicyValue
from streams.events.model_records import ModelRecord, ModelState, model_key
from streams.settings import Settings
from streams.state.shared import Shared

log = logging.getLogger(__name__)

LIVE = "live"
"""The policy at work, among the shadows."""
UNIFORM = "uniform"
"""Choosing alike among all: what chance is worth."""
TELL_EVERY = 256
MEMORY = 100_000.0
"""Outcomes of a surface after which the older ones count half: policies go on learning, so their value of long
ago is another policy's."""
Put = Callable[[str, bytes, bytes | None], None]


class Policies:
    """The off-policy sums of one partition, by surface and policy."""

    def __init__(self, partition: int, settings: Settings, shared: Shared, put: Put) -> None:
        self.values: dict[str, dict[str, PolicyValue]] = {}
        self.roles = {
            "artwork": (settings.artwork_policy, settings.artwork_shadow),
            "trailers": (settings.trailer_policy, settings.trailer_shadow),
        }
        """By surface: the policy at work, and the shadow (empty: none). Changes between batches only."""
        self.taken = 0
        """Choices taken in by this program."""
        self._configured = dict(self.roles)
        self._models = shared.models
        self._resolved: dict[str, int] = {}
        self._partition = partition
        self._settings = settings
        self._put = put

    def add(
        self,
        surface: str,
        propensity: float,
        reward: float,
        shadow: Mapping[str, float],
        value: float = 0.0,
        shadow_value: Mapping[str, float] | None = None,
    ) -> None:
        """Take one resolved choice in (see ``SurfaceContext.off_policy``). ``ValueError`` for what is no
        chance."""
        self.taken += 1
        policies = self.values.setdefault(surface, {})
        if LIVE not in policies:
            policies[LIVE] = PolicyValue()
        policies[LIVE].add(propensity, propensity, reward, value, value)
        for policy, probability in shadow.items():
            if policy not in policies:
                policies[policy] = PolicyValue()
            expected = (shadow_value or {}).get(policy)
            # Without a predicted reward for both, doubly robust is plain IPS.
            logged = value if expected is not None else 0.0
            policies[policy].add(propensity, probability, reward, logged, expected or 0.0)
        if policies[LIVE].n >= MEMORY:
            for known in policies.values():
                known.halve()
        self._resolved[surface] = self._resolved.get(surface, 0) + 1
        if self._settings.sharing and self._resolved[surface] % TELL_EVERY == 0:
            self._tell(surface)

    def follow(self) -> None:
        """A batch is about to begin: obey promotions."""
        for surface, (live, shadow) in self.roles.items():
            if shadow and self._models.at_work(surface, live, shadow) != live:
                log.warning("the %s policy %s is promoted over %s", surface, shadow, live)
                self.roles[surface] = (shadow, live)
                self.values.pop(surface, None)  # what was at work then says nothing of what is now
                self._tell(surface)

    def _tell(self, surface: str) -> None:
        live, shadow = self.roles.get(surface, ("", ""))
        models = [ModelState(spec=live, role="live", batches=0)] if live else []
        if shadow:
            models.append(ModelState(spec=shadow, role="shadow", batches=0))
        record = ModelRecord(
            name=surface,
            partition=self._partition,
            version=self._resolved.get(surface, 0),
            models=models,
            policies={policy: value.sums.tolist() for policy, value in self.values.get(surface, {}).items()},
        )
        key = model_key(surface, self._partition)
        self._put(self._settings.models_topic, key, msgspec.json.encode(record))

    def dump(self) -> Any:
        """The sums, as picklable values; ``None`` while there are none."""
        if not self.values and self.roles == self._configured:
            return None
        sums = {
            surface: {policy: value.sums.copy() for policy, value in policies.items()}
            for surface, policies in self.values.items()
        }
        return dict(self._resolved), sums, dict(self._configured), dict(self.roles)

    def load(self, dumped: Any) -> None:
        """Go on from a dump. Where the settings still say what they said then, promotions hold."""
        resolved, sums, configured, roles = dumped
        for surface, role in roles.items():
            if configured.get(surface) == self._configured.get(surface):
                self.roles[surface] = role
        self._resolved = dict(resolved)
        self.values = {}
        for surface, policies in sums.items():
            self.values[surface] = {}
            for policy, saved in policies.items():
                self.values[surface][policy] = known = PolicyValue()
                known.merge(np.asarray(saved, np.float64))
