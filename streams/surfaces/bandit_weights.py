"""The weights of a bandit as a model that partitions share: what a partition's own outcomes have told of them, and
what the others tell, kept apart so that nothing goes round twice (``models.mixing``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from models.mixing import Evidence
from streams.profiles.parameters import Array
from streams.state.sharing import ModelSharing

BATCH = 64
"""Outcomes that count as a mini-batch: a bandit learns from each at once, but tells in these steps."""


class BanditWeights:
    """Weights and variances of a record (an array of one, with ``weight``, ``variance`` and ``learned``), a Gaussian
    posterior over a prior of ``mean`` and ``precision``. Implements ``state.sharing.Shareable``."""

    mixable = True

    def __init__(
        self,
        name: str,
        record: Array,
        features: Sequence[str],
        mean: Sequence[float],
        precision: Sequence[float],
        sharing: ModelSharing,
    ) -> None:
        self.spec = f"models.thompson:{name}"
        self.batches = 0
        """Mini-batches of outcomes learned here."""
        self.mixed_at = 0
        self.mixed_from = 0
        self._name = name
        self._record = record
        self._mean, self._precision = np.array(mean), np.array(precision)
        self._received = Evidence.none(len(mean))
        self._sharing = sharing
        sharing.register(name, self, (*features, "intercept"))

    @property
    def evidence(self) -> Evidence:
        """What the own outcomes have told."""
        weight, variance = self._record["weight"][0], self._record["variance"][0]
        everything = Evidence(
            np.maximum(0.0, 1.0 / variance - self._precision),
            weight / variance - self._mean * self._precision,
        )
        return everything - self._received

    def mix(self, others: Sequence[Evidence]) -> None:
        """Replace what the others told before by what they tell now."""
        own = self.evidence
        self._received = sum(others, Evidence.none(len(self._mean)))
        precision = own.precision + self._received.precision + self._precision
        self._record["weight"][0] = (
            own.shift + self._received.shift + self._mean * self._precision
        ) / precision
        self._record["variance"][0] = 1.0 / precision
        self.mixed_at = self.batches

    def learned(self) -> None:
        """Outcomes were learned: tell the others once a mini-batch is full."""
        batches = int(self._record["learned"][0]) // BATCH
        if batches > self.batches:
            self.batches = batches
            self._sharing.told(self._name)

    def dump(self) -> tuple[Any, ...]:
        """What is not in the record."""
        return self.batches, self.mixed_at, self.mixed_from, self._received.precision, self._received.shift

    def load(self, dumped: tuple[Any, ...]) -> None:
        """Go on from a dump."""
        self.batches, self.mixed_at, self.mixed_from, precision, shift = dumped
        self._received = Evidence(precision, shift)
