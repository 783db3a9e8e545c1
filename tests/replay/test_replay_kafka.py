"""The replay on real Kafka: exactly once, into topics that hold an earlier replay already."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.brokers.apache_kafka import ApacheKafka
from streams.replay import command, kuairand
from tests.replay.in_process import judged
from tests.replay.sample_log import write_sample


@pytest.mark.kafka
def test_a_replay_is_followed_whole_and_counts_nothing_of_an_earlier_one(
    kafka: ApacheKafka, tmp_path: Path
) -> None:
    folder = write_sample(tmp_path, lines=1_500)
    report = tmp_path / "report.json"
    options = [
        "--format",
        "kuairand",
        str(folder),
        "--brokers",
        kafka.address,
        "--worker",
        "--partitions",
        "2",
    ]
    log = kuairand.read(folder)
    here = judged(log).report()
    for again in (False, True):
        result = CliRunner().invoke(command.replay, [*options, "--report", str(report)])
        assert result.exit_code == 0, (result.output, result.exception)
        said = json.loads(report.read_text())
        assert said["coverage"]["events"] == len(list(log.events(0)))
        assert said["coverage"]["rejects"] == {}
        assert said["rows"]["n"] == here["rows"]["n"] > 0
        assert said["rows"]["baselines"]["affinity"]["n"] == here["rows"]["n"]
        quality = said["long_view"]
        assert quality["n"] + quality["without_prediction"] == here["long_view"]["n"] > 0
        assert quality["predicted_too_late"] == 0
        # The second time, the last events of every profile are repeats of a producer: they count once.
        assert (quality["without_prediction"] > 0) == again
        report.unlink()
