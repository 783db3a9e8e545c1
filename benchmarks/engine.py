"""The engine alone, without a broker: CPU seconds per million events, and with ``--profile`` where they go.

``python -m benchmarks.engine --events 400000 --profile``. One partition, batches as they are fetched, a
drain after each batch as a checkpoint would; what is measured begins after the warm-up (compiling) and
holds no producing. With ``--profile`` Python calls every reaction of a surface by itself, at some 4 us a call
that are not there otherwise; what a surface costs in truth says ``--each``: how much less there is to do without it.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from benchmarks.events import Sent, catalogs, generate
from streams import pipeline, topics
from streams.decisions.learner import Learner
from streams.emit.outgoing import Outgoing
from streams.engine import Engine
from streams.settings import Settings
from streams.state.catalog import Catalog
from streams.surfaces.running import SURFACES, Surfaces
from streams.transport.batch import PlainRecord, RecordBatch


@dataclass(frozen=True, slots=True)
class Result:
    """What it took. ``stages`` holds CPU seconds by stage, without the stages called from within it."""

    events: int
    cpu_seconds: float
    outputs: dict[str, int]
    output_bytes: int
    stages: dict[str, float]

    @property
    def cpu_seconds_per_million(self) -> float:
        return self.cpu_seconds / self.events * 1e6


class Stages:
    """CPU time by stage. A stage called by another is not counted in the other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, with its own time added to stage ``name``."""

        @wraps(call)
        def measured(*arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return call(*arguments, **named)
            finally:
                took = time.process_time() - began
                self.seconds[name] += took - self._inner.pop()
                if self._inner:
                    self._inner[-1] += took

        return measured

    @contextmanager
    def watching(self, places: Sequence[tuple[Any, str]]) -> Iterator[None]:
        """Time these functions (owner, name) while the context lasts."""
        before = [(owner, name, getattr(owner, name)) for owner, name in places]
        for owner, name, call in before:
            setattr(owner, name, self.timed(name, call))
        try:
            yield
        finally:
            for owner, name, call in before:
                setattr(owner, name, call)


ROUNDS = 3
STAGES: tuple[tuple[Any, str], ...] = (
    (pipeline.PartitionEngine, "apply"),
    (pipeline, "decode"),
    (pipeline, "to_columns"),
    (pipeline, "run"),
    (Learner, "learn"),
    (Outgoing, "add_decisions"),
    (Surfaces, "follow"),
    (pipeline.PartitionEngine, "drain"),
)


def new_engine(settings: Settings | None = None) -> Engine:
    """An engine with the benchmark's catalogs."""
    settings = settings or Settings(partitions=1)
    catalog = Catalog(settings)
    for sent in catalogs():
        catalog.put(sent.topic, sent.key, sent.value)
    return pipeline.create_engine(0, settings, catalog)


def batches(events: Sequence[Sent], size: int, offsets: dict[str, int]) -> list[RecordBatch]:
    """The events as fetched batches of partition 0, cut where the topic changes (subscription events are
    few).

    ``offsets`` holds the next offset of each topic and is moved on.
    """
    by_topic: dict[str, list[PlainRecord]] = {topic: [] for topic in topics.INPUTS}
    cut: list[RecordBatch] = []

    def close(topic: str) -> None:
        if records := by_topic[topic]:
            cut.append(RecordBatch(topic, 0, records[0].offset, records[-1].offset + 1, records))
            by_topic[topic] = []

    for sent in events:
        records = by_topic[sent.topic]
        records.append(PlainRecord(offsets[sent.topic], sent.ts, sent.key, sent.value))
        offsets[sent.topic] += 1
        if len(records) >= size:
            close(sent.topic)
    for topic in topics.INPUTS:
        close(topic)
    return cut


def time_surfaces(engine: Engine, stages: Stages) -> None:
    """Time every surface's reactions as a stage of its own."""
    assert isinstance(engine, pipeline.PartitionEngine)
    engine.surfaces.one_by_one(lambda surface, reaction: stages.timed(f"surface {surface.name}", reaction))


def measure(
    count: int, *, profiles: int, batch: int, warm: int, profile: bool = False, surfaces: str = ""
) -> Result:
    """Apply ``warm`` events unmeasured, then ``count`` measured, in batches of ``batch``; ``surfaces`` as in the
    settings."""
    # A day back: no event is in the future of the worker's clock.
    start_ms = int(time.time() * 1_000) - 86_400_000
    events = generate(warm + count, profiles=profiles, start_ms=start_ms)
    offsets = dict.fromkeys(topics.INPUTS, 0)
    engine = new_engine(Settings(partitions=1, surfaces=surfaces))
    now_ms = int(time.time() * 1_000)
    for fetched in batches(events[:warm], batch, offsets):
        engine.apply(fetched, now_ms)
        engine.drain()
    todo = batches(events[warm:], batch, offsets)
    stages = Stages()
    if profile:
        time_surfaces(engine, stages)
    outputs: dict[str, int] = defaultdict(int)
    output_bytes = 0
    spent = 0.0
    with stages.watching(STAGES if profile else ()):
        for fetched in todo:
            began = time.process_time()
            engine.apply(fetched, now_ms)
            writes = engine.drain()
            spent += time.process_time() - began
            for topic, sent in writes.topics.items():
                outputs[topic] += len(sent.keys)
                output_bytes += sum(len(value) for value in sent.values if value is not None)
    return Result(count, spent, dict(outputs), output_bytes, dict(stages.seconds))


def cost_of_each(count: int, *, profiles: int, batch: int, warm: int) -> Iterator[tuple[str, float]]:
    """CPU microseconds an event that each surface costs: the best of ``ROUNDS`` with all, less that without it. The
    others may have less to do without it, too: that is its cost as well."""
    least: dict[str, float] = defaultdict(lambda: math.inf)
    for _ in range(ROUNDS):
        for left_out in ("", *SURFACES):
            on = ",".join(name for name in SURFACES if name != left_out)
            result = measure(count, profiles=profiles, batch=batch, warm=warm, surfaces=on)
            least[left_out] = min(least[left_out], result.cpu_seconds_per_million)
    for name in SURFACES:
        yield name, least[""] - least[name]


def main() -> None:
    """Entry of ``python -m benchmarks.engine``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--profiles", type=int, default=20_000)
    parser.add_argument("--batch", type=int, default=1_000, help="events of one fetched batch")
    parser.add_argument("--warm", type=int, default=20_000, help="events before the measuring begins")
    parser.add_argument("--profile", action="store_true", help="print the time of each stage")
    parser.add_argument("--surfaces", default="", help="beside rows and churn, comma separated; or all")
    parser.add_argument("--each", action="store_true", help="print what each surface costs, and nothing else")
    a = parser.parse_args()
    if a.each:
        for name, cost in cost_of_each(a.events, profiles=a.profiles, batch=a.batch, warm=a.warm):
            print(f"{name:<12} {cost:6.2f} us an event")
        return
    surfaces = ",".join(SURFACES) if a.surfaces == "all" else a.surfaces
    result = measure(
        a.events, profiles=a.profiles, batch=a.batch, warm=a.warm, profile=a.profile, surfaces=surfaces
    )
    print(
        f"{result.events:,} events: {result.cpu_seconds_per_million:.2f} CPU seconds per million, "
        f"{result.events / result.cpu_seconds:,.0f} events/s of one core"
    )
    for topic, count in sorted(result.outputs.items()):
        print(f"  {topic:<24} {count / result.events:8.3f} records an event")
    print(f"  {result.output_bytes / result.events:.0f} bytes of values an event")
    for name, seconds in sorted(result.stages.items(), key=lambda stage: -stage[1]):
        print(f"  {name:<24} {seconds / result.events * 1e6:8.3f} us an event")


if __name__ == "__main__":
    main()
