"""Records of ``<app_id>-models``: what each partition's models have learned and how good they are, and the word
that promotes one. Structs and strict decoders.

| key | value |
| --- | --- |
| model + ``\\|`` + partition | ``ModelRecord``: evidence, quality, comparison with the shadow, off-policy sums |
| ``control`` + ``\\|`` + model | ``Control``: which model is to be at work |

Nothing in them says who watched what: weights and sums over thousands of outcomes.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from streams.events.fields import EpochMs, Id

CONTROL = "control"
"""The first part of a control record's key; no model has this name."""
MAX_WEIGHTS = 10_000
Numbers = Annotated[list[float], Meta(max_length=MAX_WEIGHTS)]


class ModelState(Struct, frozen=True, kw_only=True):
    """One model of a partition. ``precision`` and ``shift`` are its own evidence (``models.mixing``), of the
    intercept where it has one and each feature; both are empty when it cannot be mixed."""

    spec: str
    role: Literal["live", "shadow"]
    batches: Annotated[int, Meta(ge=0)]
    """Mini-batches learned."""
    precision: Numbers = msgspec.field(default_factory=list)
    shift: Numbers = msgspec.field(default_factory=list)
    seen: int = 0
    """Outcomes behind ``auc`` and ``log_loss``, which are ``None`` while there is none."""
    auc: float | None = None
    log_loss: float | None = None


class ModelRecord(Struct, frozen=True, kw_only=True):
    """All that one partition tells of one model or surface, as of event time ``ts`` (0: not said)."""

    name: Id
    partition: Annotated[int, Meta(ge=0, le=1_000_000)]
    ts: Annotated[int, Meta(ge=0)] = 0
    version: Annotated[int, Meta(ge=0)] = 0
    features: list[str] = msgspec.field(default_factory=list)
    models: list[ModelState] = msgspec.field(default_factory=list)
    pairs: Annotated[list[float], Meta(max_length=3)] = msgspec.field(default_factory=list)
    """Sums of ``models.paired_loss.PairedLoss``: how much better the shadow predicts."""
    policies: dict[str, Numbers] = msgspec.field(default_factory=dict)
    """Sums of ``models.off_policy.PolicyValue`` by policy."""


class Control(Struct, frozen=True, kw_only=True):
    """Put ``live`` to work in place of ``over``. Who has no such pair takes no notice."""

    name: Id
    live: Annotated[str, Meta(min_length=1)]
    over: Annotated[str, Meta(min_length=1)]
    ts: EpochMs
    forced: bool = False
    reason: str = ""
    """What spoke for it when it was written."""


MODEL_RECORD: msgspec.json.Decoder[ModelRecord] = msgspec.json.Decoder(ModelRecord)
"""Decodes and validates what a partition tells of a model."""
CONTROL_RECORD: msgspec.json.Decoder[Control] = msgspec.json.Decoder(Control)
"""Decodes and validates a control record."""


def model_key(name: str, partition: int) -> bytes:
    """The key of a partition's record."""
    return f"{name}|{partition}".encode()


def control_key(name: str) -> bytes:
    """The key of a control record."""
    return f"{CONTROL}|{name}".encode()
