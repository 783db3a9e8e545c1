"""Compiles the engine before a worker joins its group.

The compiled loop is made at its first call: up to two minutes after an update, a tenth of a second from the
cache afterwards. A worker that found out with its first events would hold its partitions, and its viewers,
up for as long. So a throw-away engine goes through everything once: events of every kind, learning, a tick,
a checkpoint and a restore.
"""

from __future__ import annotations

import logging
import time

from streams import topics
from streams.audience.crowd import FAR_MS, Audience
from streams.audience.making import simulated_catalog
from streams.settings import MINUTE_MS, Settings
from streams.transport.batch import PlainRecord, RecordBatch

log = logging.getLogger(__name__)

VIEWERS = 40
EVENTS = 4_000
"""Enough outcomes (about 600) to fill several mini-batches of learning."""
SOME_TIME_MS = 1_760_000_000_000
"""When the throw-away events happen; any time would do."""


def warm(settings: Settings) -> float:
    """Take a throw-away engine of ``settings`` through all that a real one does; returns the seconds it
    took.
    """
    from streams import pipeline
    from streams.state.catalog import Catalog

    began = time.perf_counter()
    simulated = simulated_catalog(seed=0, titles=100, now_ms=SOME_TIME_MS)
    catalog = Catalog(settings)
    for record in simulated.records(SOME_TIME_MS):
        catalog.put(record.topic, record.key, record.value)
    engine = pipeline.create_engine(0, settings, catalog)
    audience = Audience(simulated, profiles=VIEWERS, seed=0, start_ms=SOME_TIME_MS)
    fetched: dict[str, list[PlainRecord]] = {topic: [] for topic in topics.INPUTS}
    for record in audience.step(FAR_MS, limit=EVENTS):
        if record.topic in topics.CATALOGS:
            catalog.put(record.topic, record.key, record.value)
            continue
        log_of_topic = fetched[record.topic]
        log_of_topic.append(PlainRecord(len(log_of_topic), SOME_TIME_MS, record.key, record.value))
    for topic, records in fetched.items():
        engine.apply(RecordBatch(topic, 0, 0, len(records), records), audience.now_ms)
    engine.tick(audience.now_ms + MINUTE_MS)
    state = engine.drain().topics[settings.state_topic]
    successor = pipeline.create_engine(0, settings, catalog)
    successor.restore([key or b"" for key in state.keys], list(state.values))
    successor.restored()
    seconds = time.perf_counter() - began
    log.info("the engine is compiled: %.1f s", seconds)
    return seconds
