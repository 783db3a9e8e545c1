"""The owner of experiments: sums of sources replaced and never added twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.errors import RecoveryError
from streams.events.rekeyed import Tally
from streams.experiments.reading import load
from streams.experiments.totals import Totals
from streams.rekeyed.experiments import ExperimentOwner
from streams.settings import Settings
from tests.rekeyed.written import Written

TEXT = """
[[experiments]]
id = "x"
minimum = 10
arms = [{ name = "a" }, { name = "b" }]
guardrails = [{ metric = "watched_hours", margin = 0.1 }]
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "e.toml"
    path.write_text(TEXT)
    return Settings(experiments=str(path))


def counted(settings: Settings, n: int, harm: float = 0.0) -> dict[str, Any]:
    experiment = load(settings.experiments).experiments[0]
    totals = Totals(experiment)
    for k in range(n):
        arm = k % 2
        totals.expose(arm, experiment.shares)
        totals.observe(experiment, arm, [1.0 + k % 3, 2.0 + k % 3 - arm * harm, 1.0], 0.0, 0.5)
    return totals.to_record()


def tally(sums: dict[str, Any], source: int = 0, seq: int = 1, **changes: Any) -> Tally:
    told = {
        "kind": "experiment",
        "key": "x",
        "source": source,
        "ts": 1_000 * seq,
        "seq": seq,
        "sums": sums,
    } | changes
    return Tally(**told)


def test_sources_are_added_and_each_replaces_itself(settings: Settings) -> None:
    written = Written()
    owner = ExperimentOwner(settings, written)
    owner.apply(tally(counted(settings, 10), source=0), 0)
    owner.apply(tally(counted(settings, 20), source=1), 1)
    owner.apply(tally(counted(settings, 14), source=0, seq=2), 2)
    assert [arm["exposures"] for arm in written.last["arms"]] == [17, 17]
    assert written.last["sources"] == 2 and written.last["ts"] == 2_000
    known = len(written.records)
    owner.apply(tally(counted(settings, 14), source=0, seq=2), 3)  # again
    owner.apply(tally(counted(settings, 10), source=0, seq=1), 4)  # an older one
    assert len(written.records) == known


def test_the_order_of_sources_changes_nothing(settings: Settings) -> None:
    a, b = Written(), Written()
    tallies = [tally(counted(settings, 7 + 2 * source), source=source, seq=5) for source in range(3)]
    for written, order in ((a, tallies), (b, tallies[::-1])):
        owner = ExperimentOwner(settings, written)
        for record in order:
            owner.apply(record, 0)
    assert a.last == b.last


def test_what_was_stopped_stays_so_after_recovery(settings: Settings) -> None:
    written = Written()
    owner = ExperimentOwner(settings, written)
    owner.apply(tally(counted(settings, 2_000, harm=1.5)), 0)
    assert written.last["allocation"]["stopped"] == ["b"]
    keys, values = owner.take_changes()
    assert owner.pending() == 0
    again = ExperimentOwner(settings, written)
    for key, value in zip(keys, values, strict=True):
        again.restore(key, value)
    again.restored()
    assert again.pending() == 0
    again.apply(tally(counted(settings, 2_000), seq=2), 1)
    assert written.last["allocation"]["stopped"] == ["b"] and written.last["allocation"]["version"] == 1
    again.apply(tally(counted(settings, 2_000, harm=1.5), seq=2), 2)
    assert len(written.records) == 2


def test_sums_of_another_declaration_are_not_mixed_in(settings: Settings) -> None:
    written = Written()
    owner = ExperimentOwner(settings, written)
    owner.apply(tally(counted(settings, 10) | {"digest": 5}), 0)
    owner.apply(tally({"nothing": 1}, source=3), 1)
    assert written.records == [] and owner.rejected == 2
    # An experiment that only newer workers know is kept, and judged by them.
    owner.apply(tally(counted(settings, 10), key="new"), 2)
    assert written.records == [] and owner.parts["new"][0].seq == 1


def test_what_cannot_be_read_ends_recovery(settings: Settings) -> None:
    for key, value in ((b"x|0", b"\xc1"), (b"x|0", b"\x93\x09\xcb" + b"\x00" * 8 + b"\x80")):
        with pytest.raises(RecoveryError):
            ExperimentOwner(settings, Written()).restore(key, value)
