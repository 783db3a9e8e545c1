"""The catalogue as instruments that are counted up and scraped: one registry a worker, nothing global.

``prometheus_client`` supplies counters, gauges and the text format. Its histogram takes one value at a time,
which at 50,000 decisions a second would be a tenth of the worker; :class:`Buckets` takes a whole array.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import ArrayLike
from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from streams.metrics import catalogue
from streams.metrics.catalogue import Metric


class Buckets(Collector):
    """A histogram that takes many values at once, for each combination of its labels."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._bounds = np.asarray(metric.buckets, dtype=np.float64)
        self._series: dict[tuple[str, ...], tuple[np.ndarray, list[float]]] = {}
        if not metric.labels:  # shown from the start, so that a rate has where to begin
            self._of(())

    def observe(self, values: ArrayLike, *labels: str) -> None:
        """Count ``values`` (in the metric's unit) under ``labels``."""
        array = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if not array.size:
            return
        counts, total = self._of(labels)
        # side="left": a value that equals a bound lies within it, as Prometheus has it (le).
        counts += np.bincount(np.searchsorted(self._bounds, array, side="left"), minlength=len(counts))
        total[0] += float(array.sum())

    def _of(self, labels: tuple[str, ...]) -> tuple[np.ndarray, list[float]]:
        return self._series.setdefault(labels, (np.zeros(len(self._bounds) + 1, np.int64), [0.0]))

    def count(self, *labels: str) -> int:
        """How many values were taken under ``labels``."""
        series = self._series.get(labels)
        return int(series[0].sum()) if series else 0

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self.metric.name, self.metric.why, labels=self.metric.labels)
        names = [str(bound) for bound in self.metric.buckets] + ["+Inf"]
        for labels, (counts, total) in sorted(self._series.items()):
            cumulated = np.cumsum(counts).tolist()
            family.add_metric(labels, list(zip(names, cumulated, strict=True)), sum_value=total[0])
        yield family


class Instruments:
    """Every metric of the catalogue, ready to count. Not thread safe: a worker is one event loop."""

    def __init__(self, metrics: Sequence[Metric] = catalogue.CATALOGUE) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._buckets: dict[str, Buckets] = {}
        self._partitioned = [m for m in metrics if m.kind == "gauge" and "partition" in m.labels]
        for metric in metrics:
            if metric.kind == "counter":
                self._counters[metric.name] = Counter(
                    metric.name, metric.why, metric.labels, registry=self.registry
                )
            elif metric.kind == "histogram":
                self._buckets[metric.name] = buckets = Buckets(metric)
                self.registry.register(buckets)
            else:
                self._gauges[metric.name] = Gauge(
                    metric.name, metric.why, metric.labels, registry=self.registry
                )
        # process_cpu_seconds_total, process_resident_memory_bytes, process_open_fds and the like.
        ProcessCollector(registry=self.registry)

    def add(self, metric: Metric, amount: float, *labels: str) -> None:
        """Count a counter up by ``amount`` (at least 0)."""
        counter = self._counters[metric.name]
        (counter.labels(*labels) if labels else counter).inc(amount)

    def set(self, metric: Metric, value: float, *labels: str) -> None:
        """Set a gauge; an info is set to 1."""
        gauge = self._gauges[metric.name]
        (gauge.labels(*labels) if labels else gauge).set(value)

    def forget_partitions(self, partitions: Collection[str]) -> None:
        """Stop showing the gauges of these partitions: they have gone to another worker."""
        for metric in self._partitioned:
            gauge = self._gauges[metric.name]
            at = metric.labels.index("partition")
            for family in list(gauge.collect()):
                for sample in family.samples:
                    labels = [sample.labels[label] for label in metric.labels]
                    if labels[at] in partitions:
                        gauge.remove(*labels)

    def observe(self, metric: Metric, values: ArrayLike, *labels: str) -> None:
        """Count one value or an array of values into a histogram."""
        self._buckets[metric.name].observe(values, *labels)

    def value(self, metric: Metric, *labels: str) -> float:
        """What a scrape would show: the value of a counter or gauge, the count of a histogram; 0 if none."""
        if metric.kind == "histogram":
            return self._buckets[metric.name].count(*labels)
        found = self.registry.get_sample_value(metric.name, dict(zip(metric.labels, labels, strict=True)))
        return found or 0.0

    def describe_build(self) -> None:
        """State the versions of this program and of what it stands on."""
        self.set(catalogue.BUILD, 1, _version("flywheel"), platform.python_version(), _version("river"))


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
