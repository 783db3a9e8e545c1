"""Who is at work, who challenges, and whether the challenger has earned the place: the partitions' records of
their models, merged. Pure; ``models_topic`` reads and writes them.

The gate: a shadow is promoted only when what it gains over the model at work is above zero with 97.5 %. A model
(rows, churn) gains in log loss, both having predicted the same outcomes before learning them; a policy (artwork,
trailers) gains in reward, doubly robust over logged propensities. The intervals take mini-batches and choices as
independent, which those of one viewer are not quite. Peeking at the gate again and again makes a
false promotion likelier than 2.5 %; rollback is one command.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from models.off_policy import SUMS, Estimate, PolicyValue
from models.paired_loss import FEW_BATCHES, PairedLoss
from streams.errors import ConfigurationError, PromotionError
from streams.events.model_records import Control, ModelRecord
from streams.state.shared_models import SharedModels

LIVE = "live"


@dataclass(slots=True)
class Standing:
    """One model or surface over all partitions. Sums are those of the partitions that have ``live`` at
    work."""

    name: str
    live: str
    shadow: str
    partitions: int
    following: int
    """Partitions that have ``live`` at work: fewer than ``partitions`` while a promotion spreads."""
    version: int
    """The largest of the partitions'."""
    batches: int
    """Mini-batches learned by the live model, all partitions together."""
    quality: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    """By role: AUC and log loss, weighted by outcomes."""
    pairs: PairedLoss = field(default_factory=PairedLoss)
    policies: dict[str, PolicyValue] = field(default_factory=dict)
    control: Control | None = None

    @property
    def gain(self) -> tuple[float, float, float]:
        """What the shadow gains over the model at work, and its interval: reward, or nats of log loss."""
        if self.policies:
            estimate = self.policies[self.shadow].gain() if self.shadow in self.policies else None
            nan = float("nan")
            return (nan, nan, nan) if estimate is None else (estimate.value, estimate.low, estimate.high)
        return self.pairs.gain, self.pairs.low, self.pairs.high

    @property
    def verdict(self) -> tuple[bool, str]:
        """Whether the shadow may be promoted, and why (not)."""
        if not self.shadow:
            return False, "there is no shadow"
        gain, low, high = self.gain
        if self.policies:
            value = self.policies.get(self.shadow)
            if value is None:
                return False, f"nothing is known of {self.shadow} yet"
            if warning := value.gain().warning:
                return False, f"not to be trusted: {warning}"
            unit = "reward a choice"
        else:
            if self.pairs.batches < FEW_BATCHES:
                return False, f"{self.pairs.batches:.0f} mini-batches compared, {FEW_BATCHES} needed"
            unit = "nats an outcome"
        said = f"gains {gain:+.5f} {unit} ({low:+.5f} to {high:+.5f})"
        return low > 0, said if low > 0 else f"{said}: the lower bound is not above 0"

    def estimates(self, policy: str) -> dict[str, Estimate]:
        """The value of a policy by every estimator."""
        value = self.policies[policy]
        if policy == LIVE:
            return {"logged": value.logged}
        return {"ips": value.ips(), "snips": value.snips(), "dr": value.dr(), "gain": value.gain()}


def standings(models: SharedModels) -> list[Standing]:
    """Every model and surface that a partition has told of, by name."""
    by_name: dict[str, list[ModelRecord]] = {}
    for (name, _), record in sorted(models.records.items()):
        by_name.setdefault(name, []).append(record)
    return [_standing(name, records, models.controls.get(name)) for name, records in by_name.items()]


def standing_of(models: SharedModels, name: str) -> Standing:
    """One of them. Raises ``ConfigurationError`` when nobody has told of it."""
    known = standings(models)
    for standing in known:
        if standing.name == name:
            return standing
    names = (
        ", ".join(standing.name for standing in known) or "none yet: is sharing on, and has a worker learned?"
    )
    raise ConfigurationError(f"no partition has told of a model {name!r}; known: {names}")


def _standing(name: str, records: list[ModelRecord], control: Control | None) -> Standing:
    roles = Counter((_spec(record, "live"), _spec(record, "shadow")) for record in records)
    (live, shadow), _ = roles.most_common(1)[0]
    if control is not None and (control.live, control.over) in roles:
        live, shadow = control.live, control.over  # where the promotion has come already
    alike = [record for record in records if _spec(record, "live") == live]
    standing = Standing(
        name, live, shadow, len(records), len(alike), max(record.version for record in records),
        sum(model.batches for record in alike for model in record.models if model.role == "live"),
        control=control,
    )  # fmt: skip
    for role in ("live", "shadow"):
        standing.quality[role] = _quality(alike, role)
    for record in alike:
        if len(record.pairs) == len(standing.pairs.sums) and _spec(record, "shadow") == shadow:
            standing.pairs.sums += record.pairs
        for policy, sums in record.policies.items():
            if len(sums) == len(SUMS):
                value = standing.policies.setdefault(policy, PolicyValue())
                value.sums += sums
    return standing


def _spec(record: ModelRecord, role: str) -> str:
    return next((model.spec for model in record.models if model.role == role), "")


def _quality(records: list[ModelRecord], role: str) -> tuple[float | None, float | None]:
    told = [model for record in records for model in record.models if model.role == role]
    means: list[float | None] = []
    for values in ([(m.auc, m.seen) for m in told], [(m.log_loss, m.seen) for m in told]):
        known = [(value, seen) for value, seen in values if value is not None and seen > 0]
        total = sum(seen for _, seen in known)
        means.append(sum(value * seen for value, seen in known) / total if total else None)
    return means[0], means[1]


def promote(standing: Standing, ts: int, *, force: bool = False) -> Control:
    """The word that puts the shadow to work. Raises ``PromotionError`` when it has not earned it, unless
    ``force``; ``ts`` is the present time (ms)."""
    may, why = standing.verdict
    if not standing.shadow:
        raise PromotionError(f"{standing.name} has no shadow: configure one, and let it learn")
    if not may and not force:
        raise PromotionError(
            f"{standing.shadow} is not promoted over {standing.live}: {why}. --force overrides this"
        )
    return Control(
        name=standing.name, live=standing.shadow, over=standing.live, ts=ts, forced=not may, reason=why
    )


def roll_back(standing: Standing, ts: int) -> Control:
    """The word that undoes the last promotion. Raises ``PromotionError`` when there was none."""
    control = standing.control
    if control is None or control.reason == ROLLED_BACK:
        raise PromotionError(f"nothing was promoted for {standing.name}: there is nothing to roll back")
    return Control(name=standing.name, live=control.over, over=control.live, ts=ts, reason=ROLLED_BACK)


ROLLED_BACK = "rolled back"
