"""Off-policy values as gauges: the sums of a worker's partitions, merged and estimated at a scrape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from models.off_policy import PolicyValue
from streams.metrics import catalogue as c
from streams.metrics.instruments import Instruments


def show_policies(
    instruments: Instruments, partitions: Iterable[Mapping[str, Mapping[str, PolicyValue]]]
) -> None:
    """Set the gauges of every surface and policy that any of the ``partitions`` has."""
    merged: dict[tuple[str, str], PolicyValue] = {}
    for surfaces in partitions:
        for surface, policies in surfaces.items():
            for policy, value in policies.items():
                merged.setdefault((surface, policy), PolicyValue()).merge(value.sums)
    for (surface, policy), value in merged.items():
        instruments.set(c.POLICY_SAMPLE, value.effective, surface, policy)
        for estimator, estimate in (("ips", value.ips()), ("snips", value.snips()), ("dr", value.dr())):
            labels = surface, policy, estimator
            instruments.set(c.POLICY_VALUE, estimate.value, *labels)
            instruments.set(c.POLICY_LOW, estimate.low, *labels)
            instruments.set(c.POLICY_HIGH, estimate.high, *labels)
