"""Reads the file that declares experiments, and says what to change in it.

holdout = 0.05                     # share of profiles that are never in any experiment
[[experiments]]
id = "categories-by-dwell"
layer = "choice"                   # experiments of one layer never share a profile
share = 0.5                        # of the layer's profiles
mode = "fixed"                     # or "bandit": better arms get more new profiles
metric = "quality_plays"           # or "watched_hours", "returned"
window_days = 7
starts = 2026-12-01T00:00:00Z      # optional, as is ends
arms = [{ name = "taste", policy = "taste" }, { name = "dwell", policy = "dwell" }]
guardrails = [{ metric = "watched_hours", direction = "up", margin = 0.2 }]
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from streams.errors import ConfigurationError
from streams.experiments.declaration import (
    ALPHA,
    BUCKETS,
    METRICS,
    MINIMUM,
    NOBODY,
    POLICIES,
    Arm,
    Declaration,
    Experiment,
    Guardrail,
)
from streams.experiments.fields import choice, known, number, time
from streams.profiles.taste import CATEGORIES, EXPERIMENTS
from streams.settings import DAY_MS

FOR_EVER_MS = 2**62
MAX_ARMS = 8
FIELDS = (
    "id", "layer", "share", "arms", "mode", "metric", "window_days", "guardrails", "minimum", "alpha",
    "indifference", "starts", "ends",
)  # fmt: skip
SETS = ("policy", "count", "margin")
"""What an arm can set; two layers may not set the same."""


@lru_cache(8)
def load(path: str) -> Declaration:
    """The experiments that the file at ``path`` declares; none for an empty path.

    Raises ``ConfigurationError``, which says what to change, for a file that cannot be read or does not fit.
    """
    if not path:
        return NOBODY
    try:
        return declare(tomllib.loads(Path(path).read_text()))
    except OSError as error:
        raise ConfigurationError(
            f"experiments: {path} cannot be read ({error.strerror}): set FLYWHEEL_EXPERIMENTS to a TOML file"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"experiments: {path} is no TOML: {error}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"experiments: {path}: {error}") from error


def declare(told: Mapping[str, Any]) -> Declaration:
    """The declaration in a parsed file. Raises ``ConfigurationError``."""
    known(told, ("holdout", "salt", "experiments"), "the file")
    holdout = number(told, "holdout", 0.0, "the file", 0.0, 0.9)
    layers: dict[str, int] = {}
    taken: dict[str, int] = {}
    setters: dict[str, str] = {}
    experiments: list[Experiment] = []
    for entry in told.get("experiments", ()):
        name = entry.get("id")
        if not isinstance(name, str) or not name or "|" in name:
            raise ConfigurationError(f"an experiment's id is {name!r}: give it a name without |")
        if name in {experiment.id for experiment in experiments}:
            raise ConfigurationError(f"two experiments have the id {name!r}: rename one")
        layer = str(entry.get("layer", "default"))
        place = layers.setdefault(layer, len(layers))
        if place >= EXPERIMENTS:
            raise ConfigurationError(f"layer {layer!r} is one too many: {EXPERIMENTS} are supported")
        low = taken.get(layer, 0)
        high = low + round(number(entry, "share", 1.0, name, 0.0, 1.0) * BUCKETS)
        if high > BUCKETS:
            raise ConfigurationError(
                f"{name}: the experiments of layer {layer!r} have {high / BUCKETS:g} of its profiles together: "
                "lower their share so that they add up to 1 at most"
            )
        taken[layer] = high
        experiment = _experiment(entry, name, layer, place, low, high)
        for what in SETS:
            set_here = any(getattr(arm, what) is not None for arm in experiment.arms)
            if set_here and setters.setdefault(what, layer) != layer:
                raise ConfigurationError(
                    f"{name}: arms of layer {setters[what]!r} set {what} already: put it into that layer"
                )
        experiments.append(experiment)
    return Declaration(tuple(experiments), holdout, str(told.get("salt", "")))


def _experiment(
    entry: Mapping[str, Any], name: str, layer: str, place: int, low: int, high: int
) -> Experiment:
    known(entry, FIELDS, name)
    arms = tuple(_arm(arm, name) for arm in entry.get("arms", ()))
    names = [arm.name for arm in arms]
    if not 2 <= len(arms) <= MAX_ARMS or len(set(names)) < len(names):
        raise ConfigurationError(
            f"{name}: arms are {names}: give it 2 to {MAX_ARMS} with different names, the control first"
        )
    starts, ends = time(entry, "starts", 0, name), time(entry, "ends", FOR_EVER_MS, name)
    if starts >= ends:
        raise ConfigurationError(f"{name}: it ends before it starts: change starts or ends")
    guardrails = []
    for told in entry.get("guardrails", ()):
        known(told, ("metric", "direction", "margin"), f"{name}: a guardrail")
        guardrails.append(
            Guardrail(
                choice(told, "metric", METRICS, METRICS[0], f"{name}: a guardrail"),
                choice(told, "direction", ("up", "down"), "up", f"{name}: a guardrail") == "up",
                number(told, "margin", 0.0, f"{name}: a guardrail", 0.0, 1e9),
            )
        )
    return Experiment(
        id=name,
        layer=layer,
        place=place,
        low=low,
        high=high,
        arms=arms,
        metric=choice(entry, "metric", METRICS, METRICS[0], name),
        window_ms=round(number(entry, "window_days", 7.0, name, 1 / 1_440, 365.0) * DAY_MS),
        bandit=choice(entry, "mode", ("fixed", "bandit"), "fixed", name) == "bandit",
        guardrails=tuple(guardrails),
        minimum=round(number(entry, "minimum", MINIMUM, name, 10, 1e9)),
        alpha=number(entry, "alpha", ALPHA, name, 1e-6, 0.5),
        indifference=number(entry, "indifference", 0.0, name, 0.0, 1e9),
        starts_ms=starts,
        ends_ms=ends,
    )


def _arm(told: Mapping[str, Any], experiment: str) -> Arm:
    name = told.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"{experiment}: an arm has no name: give every arm one")
    where = f"{experiment}: arm {name!r}"
    known(told, ("name", "weight", "policy", "categories", "count", "margin"), where)
    policy = choice(told, "policy", POLICIES, POLICIES[0], where) if "policy" in told else None
    categories = tuple(map(str, told.get("categories", ())))
    if (policy == "fixed") != bool(categories):
        raise ConfigurationError(f'{where}: policy = "fixed" and categories = [...] go together')
    if len(categories) > CATEGORIES:
        raise ConfigurationError(f"{where}: {len(categories)} categories: {CATEGORIES} are shown at most")
    weight = number(told, "weight", 1.0, where, 0.001, 1e6)
    count = round(number(told, "count", CATEGORIES, where, 1, CATEGORIES)) if "count" in told else None
    margin = number(told, "margin", 0.0, where, 0.0, 1.0) if "margin" in told else None
    return Arm(name, weight, policy, categories, count, margin)
