"""The parts of the benchmarks, each by itself: events, log, process, measuring, report."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner
from rich.console import Console

from benchmarks import engine, report
from benchmarks.contenders import BenchmarkError
from benchmarks.events import ROWS, TITLES_PER_ROW, Sent, catalogs, generate
from benchmarks.log import partition_of
from benchmarks.process import Usage, usage
from benchmarks.throughput import measure
from streams import topics
from streams.events.decode import decode, decode_catalog
from streams.settings import Settings
from streams.transport.batch import PlainRecord

START_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def events() -> list[Sent]:
    return generate(20_000, profiles=1_000, start_ms=START_MS)


def test_events_keep_to_the_contract(events: list[Sent]) -> None:
    for topic in topics.INPUTS:
        sent = [
            PlainRecord(at, event.ts, event.key, event.value)
            for at, event in enumerate(events)
            if event.topic == topic
        ]
        decoded = decode(topic, sent, events[-1].ts, Settings())
        assert decoded.rejects == []
        assert len(decoded.events) == len(sent) > 0
    for sent_entry in catalogs():
        assert not hasattr(
            decode_catalog(sent_entry.topic, sent_entry.key, sent_entry.value, Settings()), "reason"
        )
    assert len(list(catalogs())) == ROWS + ROWS * TITLES_PER_ROW


def test_events_are_a_realistic_mix(events: list[Sent]) -> None:
    told = [json.loads(event.value) for event in events]
    share = {kind: sum(t["type"] == kind for t in told) / len(told) for kind in {t["type"] for t in told}}
    assert len({t["event_id"] for t in told}) == len(events)
    assert [t["ts"] for t in told] == sorted(t["ts"] for t in told)
    assert len({event.key for event in events}) >= 900
    assert 0.3 < share["impression"] < 0.5
    assert 0.2 < share["playback_progress"] < 0.5
    assert share["playback_start"] > 0.02
    assert 200 < sum(len(event.value) for event in events) / len(events) < 350


def test_the_same_seed_gives_the_same_events(events: list[Sent]) -> None:
    assert generate(3_000, profiles=1_000, start_ms=START_MS) == events[:3_000]
    assert generate(3_000, profiles=1_000, start_ms=START_MS, seed=2) != events[:3_000]


def test_keys_go_where_every_client_puts_them(events: list[Sent]) -> None:
    partitioner = DefaultPartitioner()
    for event in events[:500]:
        assert partition_of(event.key, 7) == partitioner(event.key, list(range(7)), list(range(7)))


def test_cpu_and_memory_are_those_of_the_process() -> None:
    program = (
        "import time\n"
        "while time.process_time() < 0.5: pass\n"
        "held = b'x' * 50_000_000\n"
        "print('done', flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = usage(process.pid)
        process.kill()
    assert 0.5 <= used.cpu_seconds < 5
    assert 50_000_000 < used.rss_bytes <= used.peak_bytes
    with pytest.raises(OSError):
        usage(process.pid)


@dataclass
class Steady:
    """A contender that does 1,000 events at each look and uses 10 ms of CPU for it."""

    name: str = "steady"
    done: int = 0
    cpu_seconds: float = 7.0

    async def progress(self) -> int:
        self.done += 1_000
        self.cpu_seconds += 0.010
        return self.done

    def usage(self) -> Usage:
        return Usage(self.cpu_seconds, 1, 99)

    def said(self) -> str:
        return ""


def test_throughput_leaves_out_what_came_before_the_warm_up() -> None:
    steady: Any = Steady()
    found = asyncio.run(measure(steady, steady.progress, warm=2_500, until=6_000))
    assert found.events == 3_000  # from the sample at 3,000 to the one at 6,000
    assert found.cpu_seconds_per_million == pytest.approx(10.0)
    assert found.events_per_second == pytest.approx(found.events / found.seconds)
    assert found.peak_bytes == 99


def test_throughput_of_too_few_events_is_refused() -> None:
    steady: Any = Steady()
    with pytest.raises(BenchmarkError, match="give it more"):
        asyncio.run(measure(steady, steady.progress, warm=500, until=1_000))


def test_the_engine_alone_is_measured_by_stages() -> None:
    result = engine.measure(3_000, profiles=200, batch=500, warm=1_000, profile=True)
    assert result.events == 3_000
    assert result.outputs[topics.ROW_ORDER] > 0
    assert topics.DEAD_LETTERS not in result.outputs
    assert set(result.stages) >= {"decode", "run", "drain", "apply"}
    assert 0 < sum(result.stages.values()) <= result.cpu_seconds * 1.2


def test_stages_count_nested_time_once() -> None:
    stages = engine.Stages()

    class Work:
        def outer(self) -> None:
            spin(0.05)
            self.inner()

        def inner(self) -> None:
            spin(0.2)

    original = Work.outer
    with stages.watching([(Work, "outer"), (Work, "inner")]):
        Work().outer()
    assert Work.outer is original
    assert stages.seconds["outer"] == pytest.approx(0.05, abs=0.04)
    assert stages.seconds["inner"] == pytest.approx(0.2, abs=0.04)


def spin(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_the_report_says_what_was_missed(tmp_path: Path) -> None:
    figures = dict.fromkeys(report.MEANING, 100.0) | {"cpu_ratio": 19.9, "p99_ms": 300.0}
    report.write(figures, {"events": 1}, tmp_path / "results" / "latest.json")
    kept = json.loads((tmp_path / "results" / "latest.json").read_text())
    assert kept["cpu_ratio"] == 19.9
    assert set(kept["missed"]) == {
        "cpu_ratio",
        "cpu_seconds_per_million",
        "recovery_records_per_second",
        "surfaces_ratio",
    }
    assert set(report.TARGETS) <= set(report.MEANING)


def test_the_table_marks_missed_targets() -> None:
    console = Console(record=True, width=110, file=io.StringIO())
    report.show({"cpu_ratio": 25.0, "p99_ms": 301.0}, console)
    lines = console.export_text().splitlines()
    assert any("theirs to ours" in line and "reached" in line for line in lines)
    assert any("p99" in line and "MISSED" in line for line in lines)


def told(kind: str, seconds: float, **fields: object) -> dict[str, Any]:
    return {
        "event_id": kind,
        "type": kind,
        "profile_id": "p",
        "ts": START_MS + int(seconds * 1_000),
        **fields,
    }


def test_the_stock_program_does_the_same_job() -> None:
    from benchmarks import stock

    state = stock.new_profile()
    shown = {"row_id": "row-03", "row_position": 0, "items": []}
    play = {"playback_id": "b", "title_id": "t"}
    assert stock.profile_changed(state, told("session_start", 0)) == (True, True)
    assert stock.profile_changed(state, told("impression", 1, **shown)) == (False, False)
    assert stock.profile_changed(state, told("impression", 2, **shown | {"row_id": "row-04"})) == (
        False,
        False,
    )
    before = stock.learned
    start = told("playback_start", 3, **play, row_id="row-03", duration_s=600.0)
    assert stock.profile_changed(state, start) == (False, False)
    assert stock.profile_changed(state, told("playback_progress", 63, **play, position_s=60)) == (
        False,
        False,
    )
    assert stock.learned == before
    # 120 s are a quality play: it is learned, and the other row in view with it, as ignored.
    assert stock.profile_changed(state, told("playback_progress", 123, **play, position_s=120)) == (
        True,
        True,
    )
    assert stock.learned == before + 2
    assert state["long"][3] == pytest.approx(1.0)
    assert stock.profile_changed(state, told("playback_stop", 130, **play, position_s=127)) == (False, False)
    assert stock.profile_changed(state, told("session_end", 140)) == (False, True)


def test_the_stock_program_orders_by_score_with_the_same_margin() -> None:
    from benchmarks import stock

    state = stock.new_profile()
    scores = [0.0] * ROWS
    scores[5], scores[9] = 1.0, stock.ROW_MARGIN / 2
    order = stock.new_order(state, scores)
    assert order[0] == 5
    assert order.index(9) == 9  # a lead below the margin moves nothing
