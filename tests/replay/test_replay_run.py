"""The whole replay: the command on the embedded broker, held against the engine run in this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner

from streams.events.schema import VIEWING, Impression
from streams.replay import command, kuairand
from streams.replay.outcomes import Outcomes, QualityRule
from streams.replay.records import Log
from streams.replay.report import Judge
from streams.settings import ENV_PREFIX
from tests.replay.in_process import decisions, judged, settings_for
from tests.replay.sample_log import write_sample

REAL = Path(os.environ.get("FLYWHEEL_KUAIRAND", Path(__file__).parents[2] / "../shared/data/kuairand"))

COUNTS_ON_REAL = (0.486, 0.514)
"""HR@3 and nDCG@10 of the best simple count on the real log, last-row transition and popularity."""
LONG_VIEW_AUC = 0.73
"""Over the days that are scored; the aim of .74 is reached from the fifth day on (.742, .746, .740). What
predicts a long view are the rates of viewers and videos, and the second day knows but one day of them (.706).
River's own logistic on four rates, which reaches .75 on a longer log, has .725 on the same impressions.
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("sample"))


def replay(folder: Path, report: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Run ``flywheel replay`` as a user does; returns its report and what it printed."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    arguments = ["--format", "kuairand", str(folder), "--report", str(report), *options]
    ran = subprocess.run(
        [sys.executable, "-m", "streams", "replay", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environ, "COLUMNS": "120"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(report.read_text()), ran.stdout


def test_nothing_that_comes_later_changes_what_was_decided(sample: Path) -> None:
    log = kuairand.read(sample)
    settings = settings_for(log)
    events = list(log.events(0))
    half = len(events) // 2
    until = events[half - 1].ts

    def made_by_then(value: bytes) -> bool:
        # A visit to a silent profile names the profile's last event, however much later it was.
        made = orjson.loads(value)
        return made.get("cause", made)["offset"] < half and made["ts"] <= until

    whole = [value for _, value in decisions(log, events, settings) if made_by_then(value)]
    early = [value for _, value in decisions(log, events[:half], settings)]
    assert len(early) > 1_000
    assert sorted(whole) == sorted(early)


def test_the_engine_finds_the_tastes_of_the_sample(sample: Path) -> None:
    report = judged(kuairand.read(sample), page_margin=0.0, explore_share=0.0).report()
    # Two of six rows are liked by each viewer: what a viewer has watched tells which.
    assert report["rows"]["n"] > 1_000
    assert report["rows"]["mrr"] > report["rows"]["baselines"]["popularity"]["mrr"] + 0.1
    assert report["long_view"]["auc"] > report["long_view"]["baselines"]["title_rate"]["auc"] + 0.1
    assert report["churn"]["moments"] == 3 and report["churn"]["without_score"] == 0


@pytest.mark.embedded
@pytest.mark.parametrize("options", [(), ("--keep-time",)])
def test_the_command_reports_what_the_engine_reaches(
    sample: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    log = kuairand.read(sample)
    report, printed = replay(sample, tmp_path / "report.json", *options)
    here = judged(log).report()
    coverage = report["coverage"]
    assert (coverage["lines"], coverage["events"]) == (log.lines, len(list(log.events(0))))
    assert coverage["events_followed"] == coverage["events"]
    assert coverage["rejects"] == {} and coverage["events_per_second"] > 0
    assert coverage["decisions"]["row-order"] > 0 < coverage["decisions"]["churn-scores"]
    for surface, measures in (
        ("rows", ("hr_at_3", "ndcg_at_10", "mrr")),
        ("long_view", ("auc", "log_loss", "ece")),
    ):
        assert report[surface]["n"] == here[surface]["n"] > 0
        for measure in measures:
            # Ticks follow the clock, so an outcome may mature some seconds earlier or later than here.
            assert report[surface][measure] == pytest.approx(here[surface][measure], abs=0.01), measure
    assert report["rows"]["baselines"] == here["rows"]["baselines"]
    assert report["long_view"]["without_prediction"] == report["long_view"]["predicted_too_late"] == 0
    assert report["churn"]["n"] == here["churn"]["n"]
    assert f"{report['rows']['hr_at_3']:.4f}" in printed and f"{report['churn']['auc']:.4f}" in printed


@pytest.mark.embedded
def test_several_partitions_lose_nothing(sample: Path, tmp_path: Path) -> None:
    report, _ = replay(sample, tmp_path / "report.json", "--partitions", "3", "--limit", "1500")
    whole = judged(kuairand.read(sample, limit=1_500)).report()
    assert report["coverage"]["lines"] == 1_500
    assert report["rows"]["n"] == whole["rows"]["n"] > 0
    assert report["long_view"]["n"] == whole["long_view"]["n"]
    assert report["long_view"]["without_prediction"] == report["long_view"]["predicted_too_late"] == 0


@pytest.mark.embedded
def test_bad_lines_become_dead_letters_and_nothing_else_is_lost(tmp_path: Path) -> None:
    good = [
        {"event_id": f"e{n}", "type": "session_start", "profile_id": f"p{n % 5}", "ts": 1_700_000_000_000 + n}
        for n in range(200)
    ]
    lines = [orjson.dumps(event) for event in good]
    lines[50:50] = [b"no json", b'{"event_id": "x", "type": "sing", "profile_id": "p1", "ts": 1700000000000}']
    (tmp_path / "viewing-events.jsonl").write_bytes(b"\n".join(lines))
    result = CliRunner().invoke(
        command.replay, ["--format", "jsonl", str(tmp_path), "--report", str(tmp_path / "report.json")]
    )
    assert result.exit_code == 0, (result.output, result.exception)
    coverage = json.loads((tmp_path / "report.json").read_text())["coverage"]
    assert (coverage["events"], coverage["rejects"]) == (202, {"not_json": 1, "unknown_event_type": 1})


def test_wrong_use_says_what_to_change(tmp_path: Path) -> None:
    for speed in ("0", "-1", "fast", "nan", "inf"):
        arguments = ["--format", "jsonl", str(tmp_path), "--speed", speed]
        result = CliRunner().invoke(command.replay, arguments)
        assert result.exit_code == 2 and "neither a number above 0 nor max" in result.output
    assert CliRunner().invoke(command.replay, ["--help"]).output.count("--report") >= 2


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no KuaiRand files at {REAL} (FLYWHEEL_KUAIRAND says where)")
def test_the_real_log_is_judged_better_than_simple_counts(tmp_path: Path) -> None:
    report, printed = replay(REAL, tmp_path / "report.json")
    print(printed)
    assert report["coverage"]["events"] == 393_861 and report["coverage"]["rejects"] == {}
    rows, quality, churn = report["rows"], report["long_view"], report["churn"]
    assert (rows["n"], quality["n"], churn["n"]) == (23_310, 75_493, 27_322)
    for measure, stated in zip(("hr_at_3", "ndcg_at_10"), COUNTS_ON_REAL, strict=True):
        assert rows[measure] > max(stated, *(count[measure] for count in rows["baselines"].values()))
    assert quality["auc"] >= LONG_VIEW_AUC
    assert quality["auc"] > max(quality["baselines"]["title_rate"]["auc"], plain_river(kuairand.read(REAL)))
    assert churn["auc"] > churn["baselines"]["recency"]["auc"]


def plain_river(log: Log) -> float:
    """AUC, by the same judge, of River's scaler and logistic regression on four smoothed online rates: of the
    viewer, the title, the row and the page. It knows each outcome at once, which no stream does.
    """
    from river import linear_model, preprocessing

    settings = settings_for(log)
    judge = Judge([], settings)
    outcomes = Outcomes(QualityRule(18.0, 1.0, settings.heartbeat_gap_ms), settings.outcome_window_ms)
    events = [VIEWING.decode(message.value) for message in log.events(0)]
    for order, event in enumerate(events):
        judge.add_event(0, order, event)
        outcomes.add(order, 0, order, event)
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    counts: dict[tuple[str, object], list[float]] = {}
    for shown in outcomes.shown:
        event = events[shown.offset]
        assert isinstance(event, Impression)
        keys: dict[str, object] = {"viewer": shown.profile_id, "title": shown.titles[0]}
        keys |= {"row": shown.row_id, "page": event.row_position}
        rates = [counts.setdefault((kind, key), [0.0, 0.0]) for kind, key in keys.items()]
        features = {
            kind: (good + 5 * 0.3) / (seen + 5) for kind, (good, seen) in zip(keys, rates, strict=True)
        }
        probability = model.predict_proba_one(features).get(True, 0.5)
        judge.add_prediction({"event_id": shown.event_id, "offset": shown.offset, "probability": probability})
        model.learn_one(features, shown.quality)
        for rate in rates:
            rate[0] += shown.quality
            rate[1] += 1
    return float(judge.report()["long_view"]["auc"])
