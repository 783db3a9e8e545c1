"""Makes ``layout_N.xz``: a changelog as the last release with state layout N wrote it, and what happened next.

Run with that release's code first on the path (layout 2: 0097d29, layout 3: b6c26e4); it needs nothing of this one::

    git worktree add /tmp/before b6c26e4
    PYTHONPATH=/tmp/before python tests/operations/make_layout.py 3 tests/operations/layout_3.xz

The file is LZMA over MessagePack: ``catalog`` (topic, key, value), ``changelog`` (key, value) after the first half of
the events, ``events`` of the second half (topic, offset, timestamp, key, value), and ``after``: by profile, what the
old program had counted at their end.
"""

from __future__ import annotations

import lzma
import sys
from pathlib import Path
from typing import Any

import msgspec

from streams import pipeline, topics
from streams.audience.crowd import FAR_MS, Audience
from streams.audience.making import simulated_catalog
from streams.profiles.layout import LAYOUT_VERSION
from streams.settings import load
from streams.state.catalog import Catalog
from streams.transport.batch import PlainRecord, RecordBatch

START_MS = 1_760_000_000_000
VIEWERS, EVENTS = 24, 3_000


def main(layout: int, path: Path) -> None:
    """Play an audience through the old engine and write what it left."""
    assert layout == LAYOUT_VERSION, "run this with the code of the release that wrote this layout"
    settings = load({}, partitions=1)
    simulated = simulated_catalog(seed=0, titles=60, now_ms=START_MS)
    catalog, catalogs = Catalog(settings), []
    for record in simulated.records(START_MS):
        catalogs.append((record.topic, record.key, record.value))
        catalog.put(record.topic, record.key, record.value)
    engine = pipeline.create_engine(0, settings, catalog)
    audience = Audience(simulated, profiles=VIEWERS, seed=0, start_ms=START_MS)
    ends = dict.fromkeys(topics.INPUTS, 0)
    fetched = []
    for record in audience.step(FAR_MS, limit=EVENTS):
        if record.topic in topics.INPUTS:
            fetched.append((record.topic, ends[record.topic], audience.now_ms, record.key, record.value))
            ends[record.topic] += 1
    half = len(fetched) // 2
    for entry in fetched[:half]:
        apply(engine, entry)
    engine.tick(audience.now_ms)
    writes = engine.drain()
    signals = writes.topics[topics.TITLE_SIGNALS]
    records = [
        PlainRecord(i, START_MS, k, v)
        for i, (k, v) in enumerate(zip(signals.keys, signals.values, strict=True))
    ]
    engine.apply(RecordBatch(topics.TITLE_SIGNALS, 0, 0, len(records), records), audience.now_ms)
    latest = {}
    for part in (writes, engine.drain()):
        state = part.topics[settings.state_topic]
        latest.update(zip(state.keys, state.values, strict=True))
    for entry in fetched[half:]:
        apply(engine, entry)
    profiles = engine.state.profiles
    after = {
        name: {
            "events": int(profiles.records["events"][slot]),
            "sessions": int(profiles.records["sessions"][slot]),
            "watched_s": float(profiles.records["watched_s"][slot]),
            "last_ts": int(profiles.records["last_ts"][slot]),
            "counters": profiles.records["counters"][slot].tobytes(),
            "recent": profiles.records["recent"][slot].tobytes(),
        }
        for name, slot in profiles.slots.items()
    }
    packed = msgspec.msgpack.encode(
        {"catalog": catalogs, "changelog": list(latest.items()), "events": fetched[half:], "after": after}
    )
    path.write_bytes(lzma.compress(packed, preset=9 | lzma.PRESET_EXTREME))


def apply(engine: pipeline.PartitionEngine, entry: tuple[Any, ...]) -> None:
    """One event, as a batch of its own."""
    topic, offset, ts, key, value = entry
    record = PlainRecord(offset, ts, key, value)
    engine.apply(RecordBatch(topic, 0, offset, offset + 1, [record]), ts)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
