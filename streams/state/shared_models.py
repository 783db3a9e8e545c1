"""What this worker knows of all partitions' models: their evidence, and which is to be at work."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.mixing import Evidence
from streams.events.model_records import CONTROL, CONTROL_RECORD, MODEL_RECORD, Control, ModelRecord


class SharedModels:
    """``<app_id>-models`` of all partitions: the latest of every key.

    >>> models = SharedModels()
    >>> models.put("control|artwork", b'{"name":"artwork","live":"wide","over":"thompson","ts":1}')
    >>> models.at_work("artwork", "thompson", "wide"), models.at_work("artwork", "thompson", "greedy")
    ('wide', 'thompson')
    """

    def __init__(self) -> None:
        self.version = 0
        """Counts the changes."""
        self.records: dict[tuple[str, int], ModelRecord] = {}
        """By model or surface, and partition."""
        self.controls: dict[str, Control] = {}
        """By model or surface."""

    def put(self, key: str, value: bytes | None) -> None:
        """Take one record in. Raises msgspec's errors, and ``ValueError`` for a key that is none."""
        first, _, second = key.rpartition("|")
        if not first:
            raise ValueError(f"key {key!r} names no model and partition")
        if first == CONTROL:
            if value is None:
                self.controls.pop(second, None)
            else:
                self.controls[second] = CONTROL_RECORD.decode(value)
        elif value is None:
            self.records.pop((first, int(second)), None)
        else:
            self.records[first, int(second)] = MODEL_RECORD.decode(value)
        self.version += 1

    def at_work(self, name: str, live: str, shadow: str) -> str:
        """Which of the two configured is to be at work: ``live``, unless ``shadow`` was promoted over it."""
        control = self.controls.get(name)
        if control is not None and {control.live, control.over} == {live, shadow}:
            return control.live
        return live

    def others(self, name: str, spec: str, features: Sequence[str], partition: int) -> list[Evidence]:
        """What the models of the same name, ``spec`` and features have learned in all other partitions, by
        partition number; empty of those that cannot be mixed."""
        told = []
        for (other, number), record in sorted(self.records.items()):
            if other != name or number == partition or record.features != list(features):
                continue
            for model in record.models:
                if model.spec == spec and model.precision and len(model.precision) == len(model.shift):
                    told.append(Evidence(np.array(model.precision), np.array(model.shift)))
        return [evidence for evidence in told if len(evidence.precision) == len(told[0].precision)]
