"""The worker's engine over a log without a broker: what it would emit, judged. Deterministic and quick."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson

from streams import topics
from streams.events.schema import VIEWING
from streams.pipeline import PartitionEngine
from streams.replay.records import Log, Message
from streams.replay.report import Judge
from streams.settings import Settings, load
from streams.state.catalog import Catalog
from streams.topics import (
    CHURN_SCORES,
    DEAD_LETTERS,
    HOMEPAGE_RANKINGS,
    ROW_CATALOG,
    ROW_ORDER,
    TITLE_CATALOG,
    VIEWING_EVENTS,
)
from streams.transport.batch import RecordBatch

BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Published:
    """A record as it stands in the input topic."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def settings_for(log: Log, **overrides: Any) -> Settings:
    """What a replay's worker is started with; one alone has nobody to share with."""
    alone = {"partitions": 1, "log_predictions": True, "sharing": False}
    return load({}, **{**log.settings, **alone, **overrides})


def decisions(
    log: Log, events: list[Message], settings: Settings, batch: int = BATCH
) -> Iterator[tuple[str, bytes]]:
    """Decisions, predictions and dead letters that the engine emits for ``events``: topic and value, in order."""
    catalog = Catalog(settings)
    for message in log.catalogs():
        assert message.key is not None
        catalog.put(message.topic, message.key, message.value)
    engine = PartitionEngine(0, settings, catalog)
    records = [Published(offset, m.ts, m.key, m.value) for offset, m in enumerate(events)]
    for start in range(0, len(records), batch):
        chunk = records[start : start + batch]
        engine.apply(RecordBatch(VIEWING_EVENTS, 0, start, start + len(chunk), chunk), log.last_ts)
        for topic, writes in engine.drain().topics.items():
            if topic in (*topics.KEYED_BY_PROFILE, DEAD_LETTERS, settings.predictions_topic):
                yield from ((topic, value) for value in writes.values if value is not None)


def judged(log: Log, limit: int | None = None, **overrides: Any) -> Judge:
    """The judge after a whole run over the first ``limit`` events of ``log``."""
    settings = settings_for(log, **overrides)
    rows = [orjson.loads(m.value)["row_id"] for m in log.catalogs() if m.topic == ROW_CATALOG]
    titles = [orjson.loads(m.value)["title_id"] for m in log.catalogs() if m.topic == TITLE_CATALOG]
    judge = Judge(rows, settings, titles)
    events = list(islice(log.events(0), limit))
    for offset, message in enumerate(events):
        judge.add_event(0, offset, VIEWING.decode(message.value))
    for topic, value in decisions(log, events, settings):
        if topic == DEAD_LETTERS:
            judge.add_reject("rejected")
        elif topic == ROW_ORDER:
            judge.add_row_order(orjson.loads(value))
        elif topic == HOMEPAGE_RANKINGS:
            judge.add_ranking(orjson.loads(value))
        elif topic == CHURN_SCORES:
            judge.add_churn_score(orjson.loads(value))
        else:
            judge.add_prediction(orjson.loads(value))
    return judge
