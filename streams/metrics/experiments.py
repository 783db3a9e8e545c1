"""Results of experiments as gauges, as the owners of the experiments have told them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.metrics import catalogue as c
from streams.metrics.instruments import Instruments


def show_experiments(instruments: Instruments, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Set the gauges of every experiment; an interval that is not known yet is not shown."""
    for name, record in results.items():
        instruments.set(c.SPLIT, record["sample_ratio_valid_p"], name)
        for arm in record["arms"]:
            labels = name, arm["arm"]
            instruments.set(c.EXPOSED, arm["exposures"], *labels)
            instruments.set(c.LIFT, arm["lift"], *labels)
            instruments.set(c.STOPPED, float(arm["stopped"]), *labels)
            for metric, end in ((c.LIFT_LOW, arm["low"]), (c.LIFT_HIGH, arm["high"])):
                if end is not None:
                    instruments.set(metric, end, *labels)
