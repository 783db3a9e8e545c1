"""A restart between two records changes nothing, with a model that must be asked as well."""

from __future__ import annotations

import pytest

from streams.settings import DAY_MS, Settings
from tests.profiles.small_partition import Changelog, SmallPartition, restored
from tests.streams.journeys import START_MS, Journeys, batches, catalog

NOW = START_MS + 400 * DAY_MS
CURVED = "tests.state.curved_model:curved"


@pytest.mark.parametrize("spec", ["models.quality:pipeline", CURVED])
@pytest.mark.parametrize("crash", [150, 290])
def test_what_was_asked_before_a_crash_is_not_needed_after_it(spec: str, crash: int) -> None:
    config = Settings(learn_batch=16, quality_seconds=40.0, quality_model=spec, explore_share=0.3)
    records = Journeys(17, deletions=False).records(400)
    whole = SmallPartition(config, known=catalog(config))
    for batch in batches(records, 1):
        whole.engine.apply(batch, NOW)

    first, log = SmallPartition(config, known=catalog(config)), Changelog()
    for batch in batches(records[:crash], 50):
        first.engine.apply(batch, NOW)
        log.take(first.drain(), config.state_topic)
    for kept in (log.records, log.compacted()):
        second = restored(first, kept)
        for batch in batches(records[crash:], 50):
            second.apply(batch, NOW)
        assert second.state.table.tobytes() == whole.engine.state.table.tobytes()
        for name, slot in whole.engine.state.profiles.slots.items():
            mine = second.state.profiles.records[second.state.profiles.slots[name]]
            assert mine.tobytes() == whole.engine.state.profiles.records[slot].tobytes()


def test_a_quality_play_right_after_a_crash_teaches_the_same() -> None:
    config = Settings(learn_batch=16, quality_seconds=40.0, quality_model=CURVED)
    whole, log = SmallPartition(config, known=catalog(config)), Changelog()
    for batch in batches(Journeys(17, deletions=False).records(400), 50):
        whole.engine.apply(batch, NOW)
    assert whole.engine.state.quality.version >= 3
    later = 300 * 86_400
    whole.send("session_start", later, "new")
    told = {"playback_id": "b", "title_id": "t1"}
    whole.send("playback_start", later + 1, "new", **told, duration_s=3600.0, row_id="row-01")
    whole.send("playback_progress", later + 31, "new", **told, position_s=30.0)
    log.take(whole.drain(), config.state_topic)
    second = restored(whole, log.records)
    before = whole.partition["demand_weight"].copy()
    whole.send("playback_progress", later + 51, "new", **told, position_s=50.0)
    second.apply(batches([whole.log[-1][1]], 1)[0], NOW)
    assert (whole.partition["demand_weight"] != before).any()
    assert second.state.table.tobytes() == whole.engine.state.table.tobytes()
