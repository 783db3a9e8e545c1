"""The learning benchmark in small: every surface, every policy, every picture; so that it never rots."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import orjson
from rich.console import Console

from benchmarks.learning.measures import BUCKETS, SURFACES, Plan, Spread, Worth, recovery, spread
from benchmarks.learning.outcomes import Outcomes
from benchmarks.learning.plots import write_plots
from benchmarks.learning.report import figures, in_words, verdict
from benchmarks.learning.runs import OURS, POLICIES, all_runs, perform_all
from benchmarks.learning.simple_contenders import Best, Popularity, Random
from benchmarks.learning.world import World

SMALL = Plan(viewers=6, days=2, titles=60)


def test_the_benchmark_runs_and_tells_all(tmp_path: Path) -> None:
    runs = all_runs([1])
    assert len(runs) == len(set(runs)) == 24
    said = figures(dict(perform_all(runs, SMALL, 1, None)), SMALL.days)
    assert orjson.dumps(said, tuple)
    for surface in SURFACES:
        policies = said["surfaces"][surface]["policies"]
        assert list(policies) == list(POLICIES)
        if surface != "trailers":  # nobody thinks of leaving within two days
            assert all(0.0 < policies[policy]["reward"].mean < 1.0 for policy in POLICIES)
            assert abs(policies[Best.name]["regret"].mean) < 1e-9
            assert policies[Best.name]["share"].mean == 1.0
            assert policies[Random.name]["regret"].mean > 0.0
    best, beaten = verdict(said)
    assert sorted([*best, *beaten]) == sorted(SURFACES)
    with (tmp_path / "report.txt").open("w") as file:
        Console(file=file, width=120).print(in_words(said))
    printed = (tmp_path / "report.txt").read_text()
    assert all(
        word in printed for word in (*SURFACES, *POLICIES, "recovered after", "best of the non-oracle")
    )
    for path in write_plots(said, tmp_path):
        root = ElementTree.parse(path).getroot()
        lines = root.findall(".//{http://www.w3.org/2000/svg}polyline")
        assert len(lines) == 5 * 5 if path.name == "surfaces.svg" else len(lines) == 5
        assert "nan" not in path.read_text()


def test_a_run_repeats_itself_and_another_seed_is_another_run() -> None:
    one, same = (World(SMALL, 1, surface="rows", contender=Popularity).run() for _ in range(2))
    other = World(SMALL, 2, surface="rows", contender=Popularity).run()
    assert one.worth["rows"].got.tolist() == same.worth["rows"].got.tolist()
    assert one.events == same.events
    assert one.worth["rows"].got.tolist() != other.worth["rows"].got.tolist()


def test_the_best_possible_page_is_worth_more_than_any_other() -> None:
    plan = Plan(viewers=15, days=4, titles=60)
    values = {
        maker.name: World(plan, 3, surface="rows", contender=maker, judged=("rows",)).run().worth["rows"]
        for maker in (Random, Best)
    }
    assert values[Best.name].reward() > values[Random.name].reward() + 0.05
    assert values[Best.name].n.sum() > 20


def test_outcomes_are_good_plays_plays_in_vain_and_impressions_in_vain() -> None:
    base = {"profile_id": "p", "ts": 5}
    items = [{"title_id": title, "position": i, "artwork_id": f"{title}-a0"} for i, title in enumerate("xyz")]
    play = {"playback_id": "b", "title_id": "x", "row_id": "news", "artwork_id": "x-a0"}
    log = [
        {"type": "impression", "row_id": "news", "row_position": 0, "items": items},
        {"type": "impression", "row_id": "kids", "row_position": 1, "items": items[1:]},
        {"type": "playback_start", "duration_s": 600.0, **play},
        {"type": "playback_progress", "position_s": 60.0, **play},
        {"type": "playback_progress", "position_s": 120.0, **play},
        {"type": "playback_stop", "position_s": 180.0, **play},
        {"type": "session_end"},
    ]
    outcomes = Outcomes()
    found = [list(outcomes.follow({**base, **event})) for event in log]
    assert [len(some) for some in found] == [0, 0, 0, 0, 3, 0, 2]
    good, *vain = found[4]
    assert (good.title, good.row, good.artwork, good.good, good.row_end) == ("x", "news", "x-a0", True, True)
    assert [(one.title, one.good, one.row_end) for one in vain] == [("y", False, False), ("z", False, False)]
    assert [(one.row, one.good, one.row_end) for one in found[6]] == [
        ("kids", False, True),
        ("kids", False, False),
    ]
    given_up = [
        {"type": "playback_start", "duration_s": 600.0, **play},
        {"type": "playback_skip", "position_s": 30.0, **play},
    ]
    assert [[one.good for one in outcomes.follow({**base, **event})] for event in given_up] == [[], [False]]


def test_worths_add_up_and_recovery_is_the_first_time_the_share_is_back() -> None:
    worth = Worth()
    worth.add(0, 0.2, 0.4)
    worth.add(BUCKETS - 1, 0.5, 0.4)  # better than the best is the best
    assert (worth.reward(), worth.regret(), worth.share()) == (0.35, 0.1, 0.7 / 0.9)
    assert math.isnan(worth.reward(1, 2))
    assert spread([1.0, 3.0, math.nan]) == Spread(2.0, 1.0)
    assert recovery([0.8, 0.8], [0.2, 0.5, 0.8, 0.8, 0.8], 0.95) == 5
    assert recovery([0.8, 0.8], [0.2] * 5, 0.95) is None
    assert OURS in POLICIES
