"""The catalogue, the instruments and what is observed: names, buckets, counts, health and readiness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from models.off_policy import PolicyValue
from streams.engine import TopicWrites, Writes
from streams.metrics import catalogue as c
from streams.metrics.instruments import Instruments
from streams.metrics.observe import Observations
from streams.settings import Settings

T0 = 1_700_000_000.0


@dataclass
class Model:
    auc: float = 0.7
    log_loss: float = 0.5
    calibration_error: float = 0.02
    batches: int = 7
    drifts: int = 0
    gain: tuple[float, float] | None = None


@dataclass
class Engine:
    """What an engine tells; the tests set it."""

    events: dict[str, int] = field(default_factory=dict)
    model: Model = field(default_factory=Model)
    known_policies: dict[str, dict[str, PolicyValue]] = field(default_factory=dict)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        return {"events": self.events, "duplicates": {"all": 2}, "changes": {"row-order": 4}}

    def sizes(self) -> tuple[int, int]:
        return 10, 12_000

    def policies(self) -> Mapping[str, Mapping[str, PolicyValue]]:
        return self.known_policies

    def models(self) -> Mapping[str, Model]:
        return {"quality": self.model}

    def churn(self) -> Mapping[str, int]:
        return {"low": 5, "medium": 3, "high": 2}

    def experiments(self) -> Mapping[str, Mapping[str, Any]]:
        return self.results


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    """A worker's observations with a clock and one engine in the test's hands."""

    clock: Clock = field(default_factory=Clock)
    engine: Engine = field(default_factory=Engine)
    open: bool = True

    def __post_init__(self) -> None:
        self.seen = Observations(Settings(stall_deadline_ms=60_000), Instruments(), self.clock)
        self.seen.follow(lambda: {0: self.engine} if self.open else {}, lambda: "exactly_once")

    def value(self, metric: c.Metric, *labels: str) -> float:
        return self.seen.instruments.value(metric, *labels)

    def checkpoint(self, **topics: TopicWrites) -> None:
        named = {name.replace("_", "-"): writes for name, writes in topics.items()}
        self.seen.on_checkpoint(0, 0.004, 3, Writes(topics=named))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_everything_in_the_catalogue_can_be_scraped() -> None:
    instruments = Instruments()
    for metric in c.CATALOGUE:
        labels = ["x"] * len(metric.labels)
        if metric.kind == "counter":
            instruments.add(metric, 1, *labels)
        elif metric.kind == "histogram":
            instruments.observe(metric, 0.5, *labels)
        else:
            instruments.set(metric, 1, *labels)
    text = generate_latest(instruments.registry).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for metric in c.CATALOGUE:
        family = families[metric.name.removesuffix("_total")]
        assert family.documentation == metric.why
        assert set(family.samples[0].labels) - {"le"} == set(metric.labels)


def test_a_histogram_counts_whole_arrays_as_one_by_one() -> None:
    together, single = Instruments(), Instruments()
    values = np.random.default_rng(3).exponential(0.1, 500).tolist() + list(c.LATENCY_SECONDS) + [1e9]
    together.observe(c.LATENCY, values, "row-order")
    for value in values:
        single.observe(c.LATENCY, value, "row-order")

    def buckets(of: Instruments) -> dict[str, float]:
        families = text_string_to_metric_families(generate_latest(of.registry).decode())
        samples = next(f for f in families if f.name == c.LATENCY.name).samples
        return {s.labels.get("le", s.name): s.value for s in samples if not s.name.endswith("_sum")}

    assert buckets(together) == buckets(single)
    for bound in c.LATENCY_SECONDS:  # a value equal to a bound lies within it
        assert buckets(together)[str(bound)] == sum(value <= bound for value in values)
    assert buckets(together)["+Inf"] == len(values)


def test_counts_are_taken_at_checkpoints_and_only_once(scene: Scene) -> None:
    scene.engine.events = {"impression": 5}
    assert scene.value(c.EVENTS, "impression") == 0
    scene.checkpoint()
    scene.checkpoint()
    assert scene.value(c.EVENTS, "impression") == 5
    scene.engine.events = {"impression": 7, "search": 1}
    scene.seen.refresh()
    assert scene.value(c.EVENTS, "impression") == 7
    assert scene.value(c.EVENTS, "search") == 1
    assert scene.value(c.DUPLICATES) == 2
    assert scene.value(c.CHANGES, "row-order") == 4


def test_what_has_not_happened_is_shown_as_none(scene: Scene) -> None:
    scene.seen.refresh()
    shown = scene.seen.instruments.registry.get_sample_value
    assert shown(c.REJECTS.name, {"reason": "absurd_clock"}) == 0
    assert shown(c.FAULTS.name, {"surface": "artwork"}) == 0
    assert shown(c.INCIDENTS.name, {"kind": "checkpoint_failed"}) == 0
    assert shown(c.LOST.name, {"topic": "viewing-events"}) == 0
    assert shown(c.DRIFT.name, {"model": "quality"}) == 0


def test_catalogs_are_shown_as_they_are_when_somebody_looks(scene: Scene) -> None:
    class Known:
        rejected = 0
        entries = 300

        def sizes(self) -> Mapping[str, int]:
            return {"title-catalog": self.entries}

    known = Known()
    scene.seen.follow(dict, str, known)
    for known.rejected, known.entries in ((2, 300), (2, 299), (3, 0)):
        scene.seen.refresh()
        assert scene.value(c.CATALOG_REJECTS) == known.rejected
        assert scene.value(c.CATALOG, "title-catalog") == known.entries


def test_the_last_checkpoint_of_a_partition_that_closes_is_counted(scene: Scene) -> None:
    scene.engine.events = {"impression": 5}
    scene.checkpoint()
    scene.open = False  # taken from the open partitions before its last checkpoint
    scene.engine.events = {"impression": 9}
    scene.checkpoint()
    assert scene.value(c.EVENTS, "impression") == 9


def test_a_rebuilt_partition_counts_on_from_where_the_old_one_was(scene: Scene) -> None:
    scene.engine.events = {"impression": 5}
    scene.checkpoint()
    scene.seen.on_event("revoked", "0")
    scene.seen.on_recovery(0, 0.5, 100)
    scene.engine = Engine(events={"impression": 3})
    scene.checkpoint()
    assert scene.value(c.EVENTS, "impression") == 8


def test_latency_is_from_the_record_to_its_commit(scene: Scene) -> None:
    now = int(T0 * 1_000)
    writes = Writes()
    writes.stamps["row-order"].extend((now - 40, now + 5))  # the second by a clock that is ahead
    scene.seen.on_checkpoint(0, 0.004, 2, writes)
    assert scene.value(c.LATENCY, "row-order") == 2
    text = generate_latest(scene.seen.instruments.registry).decode()
    total = next(line for line in text.splitlines() if line.startswith(f"{c.LATENCY.name}_sum"))
    assert math.isclose(float(total.rsplit(" ", 1)[1]), 0.040, abs_tol=1e-6)


def test_written_records_and_bytes(scene: Scene) -> None:
    scene.checkpoint(
        row_order=TopicWrites(keys=[b"p1", b"p2"], values=[b"12345", None], sent_bytes=90),
        flywheel_state=TopicWrites(keys=[b"p1"], values=[b"123"], sent_bytes=80),
    )
    assert scene.value(c.WRITTEN, "row-order") == 2
    assert scene.value(c.WRITTEN_BYTES, "row-order") == 90
    assert scene.value(c.WRITTEN_BYTES, "flywheel-state") == 80


def test_partitions_that_recover_side_by_side_take_their_time_once(scene: Scene) -> None:
    scene.clock.now = T0 + 2
    scene.seen.on_recovery(0, 2.0, 1_000)
    scene.clock.now = T0 + 3
    scene.seen.on_recovery(1, 3.0, 500)
    scene.clock.now = T0 + 10
    scene.seen.on_recovery(2, 1.0, 10)
    assert scene.value(c.RECOVERY_TIME) == pytest.approx(4.0)
    assert scene.value(c.RECOVERY_RECORDS) == 1_510
    assert scene.value(c.RECOVERY) == 3


def test_ready_when_all_that_is_assigned_is_rebuilt(scene: Scene) -> None:
    assert scene.seen.unready() is not None
    scene.seen.on_event("assigned", "0,1")
    assert "[0, 1]" in str(scene.seen.unready())
    scene.seen.on_recovery(0, 0.1, 0)
    assert scene.value(c.RECOVERING) == 1
    scene.seen.on_recovery(1, 0.1, 0)
    assert scene.seen.unready() is None
    assert scene.value(c.ASSIGNED) == 2
    scene.seen.on_event("revoked", "0,1")
    scene.seen.on_event("assigned", "0")
    assert scene.seen.unready() is not None


def test_a_worker_without_partitions_is_ready(scene: Scene) -> None:
    scene.seen.on_event("assigned", "")
    assert scene.seen.unready() is None


def test_unhealthy_when_there_is_lag_and_nothing_moves(scene: Scene) -> None:
    scene.seen.on_lag(0, "viewing-events", 100)
    assert scene.seen.unhealthy() is None
    scene.clock.now += 61
    assert "100 records" in str(scene.seen.unhealthy())
    scene.seen.on_applied(0, "viewing-events", 10, 0.001)
    assert scene.seen.unhealthy() is None


def test_silence_without_lag_is_healthy(scene: Scene) -> None:
    scene.seen.on_lag(0, "viewing-events", 0)
    scene.clock.now += 3_600
    assert scene.seen.unhealthy() is None


def test_a_failed_worker_is_unhealthy_and_a_fenced_partition_alone_is_not(scene: Scene) -> None:
    scene.seen.on_event("fenced", "another worker took partition 0 over")
    assert scene.seen.unhealthy() is None
    scene.seen.on_event("failed", "StalledError")
    assert "StalledError" in str(scene.seen.unhealthy())


def test_gauges_of_a_partition_leave_with_it(scene: Scene) -> None:
    scene.seen.on_lag(0, "viewing-events", 3)
    scene.seen.on_lag(1, "viewing-events", 4)
    scene.seen.refresh()
    assert scene.value(c.PROFILES, "0") == 10
    assert scene.value(c.AUC, "quality", "0") == 0.7
    assert scene.value(c.LEARNED, "quality", "0") == 7
    assert scene.value(c.GUARANTEE, "exactly_once") == 1
    scene.open = False
    scene.seen.on_event("revoked", "0")
    text = generate_latest(scene.seen.instruments.registry).decode()
    assert 'partition="0"' not in text
    assert 'partition="1"' in text


def test_policies_and_shadows_are_shown_with_their_bounds(scene: Scene) -> None:
    value = PolicyValue()
    for reward in (1.0, 0.0) * 300:
        value.add(0.5, 1.0 if reward else 0.0, reward)
    scene.engine.known_policies = {"artwork": {"greedy": value}}
    scene.engine.model.gain = (0.02, 0.01)
    scene.seen.refresh()
    shown = scene.seen.instruments.registry.get_sample_value
    labels = {"surface": "artwork", "policy": "greedy"}
    snips = labels | {"estimator": "snips"}
    assert shown(c.POLICY_VALUE.name, snips) == 1.0
    assert shown(c.POLICY_SAMPLE.name, labels) == 300
    ips = labels | {"estimator": "ips"}
    low, high = shown(c.POLICY_LOW.name, ips), shown(c.POLICY_HIGH.name, ips)
    assert low is not None and high is not None and low < 1.0 < high
    assert shown(c.SHADOW_GAIN_LOW.name, {"model": "quality", "partition": "0"}) == 0.01


def test_churn_by_band_and_experiments_with_the_intervals_that_are_known(scene: Scene) -> None:
    control = {"arm": "control", "exposures": 50, "lift": 0.0, "low": 0.0, "high": 0.0, "stopped": False}
    taste = {"arm": "taste", "exposures": 48, "lift": 0.2, "low": None, "high": None, "stopped": True}
    scene.engine.results = {"shelves": {"sample_ratio_valid_p": 0.9, "arms": [control, taste]}}
    scene.seen.refresh()
    shown = scene.seen.instruments.registry.get_sample_value
    assert shown(c.CHURN.name, {"band": "high", "partition": "0"}) == 2
    arm = {"experiment": "shelves", "arm": "taste"}
    assert (shown(c.LIFT.name, arm), shown(c.EXPOSED.name, arm), shown(c.STOPPED.name, arm)) == (0.2, 48, 1)
    assert shown(c.LIFT_LOW.name, arm) is None
    assert shown(c.LIFT_LOW.name, arm | {"arm": "control"}) == 0.0
    assert shown(c.SPLIT.name, {"experiment": "shelves"}) == 0.9
