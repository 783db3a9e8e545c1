"""The whole benchmark in small, on real Kafka: every figure is measured, so that it never rots."""

from __future__ import annotations

import asyncio
import math

import pytest

from benchmarks import report
from benchmarks.__main__ import TINY, run
from streams.brokers.apache_kafka import ApacheKafka

pytestmark = pytest.mark.kafka


def test_every_figure_is_measured(kafka: ApacheKafka) -> None:
    figures = asyncio.run(run(kafka.address, TINY))
    assert set(figures) == set(report.MEANING)
    assert all(math.isfinite(figure) for figure in figures.values())
    # How large they are says nothing of a run this small, but each of these must have been there at all. The
    # growth of a process by so few profiles may be lost in its noise; its columns are not.
    grown = {
        "bytes_per_profile",
        "fed_bytes_per_profile",
        "rebuilt_bytes_per_profile",
        "all_bytes_per_profile",
    }
    for name in set(figures) - grown:
        assert figures[name] > 0, name
    assert figures["recovery_records"] >= TINY.profiles + TINY.more_profiles
