"""Reads a worker's own pages: whether it is ready, and its metrics as numbers."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from streams.settings import Settings

ANSWER_S = 2.0
"""A worker that takes longer to answer is busy; asked again, it will answer."""

Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]
"""The samples of each metric, by the sample's name: labels and value."""


def ready(settings: Settings) -> bool:
    """Whether the worker at ``settings.web_port`` has rebuilt everything it was assigned."""
    try:
        with urllib.request.urlopen(_url(settings, "readyz"), timeout=ANSWER_S) as answer:
            return bool(answer.status == 200)
    except OSError:  # refused, timed out, or 503
        return False


def metrics(settings: Settings) -> Samples:
    """All metrics of the worker; empty when it does not answer."""
    try:
        with urllib.request.urlopen(_url(settings, "metrics"), timeout=ANSWER_S) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def total(samples: Samples, name: str) -> float:
    """The sum of a metric over all of its labels; 0 when the worker has not said."""
    return sum(value for _, value in samples.get(name, ()))


def _url(settings: Settings, page: str) -> str:
    return f"http://{settings.web_host}:{settings.web_port}/{page}"
