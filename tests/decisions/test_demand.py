"""The demand model: its gradient against numerical differentiation, and that it learns what informs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.quality import FEATURES
from streams.decisions.demand import (
    LEARNING_RATE,
    START_WEIGHTS,
    TERMS,
    count_interest,
    count_play,
    count_quality_play,
    decay_demand,
    demand_scores,
    demand_terms,
    learn_demand,
)
from streams.profiles.layout import DEMAND_TERMS, MAX_ROWS, PARTITION, PROFILE, RowStat
from streams.settings import DAY_MS
from tests.profiles.small_partition import SmallPartition, one_record
from tests.streams.journeys import START_MS

N = 6


def partition() -> Any:
    fresh = one_record(PARTITION)
    fresh["demand_weight"] = START_WEIGHTS
    fresh["demand_gradient"] = 1.0
    return fresh


def log_likelihood(weights: np.ndarray, terms: np.ndarray, row: int) -> float:
    scores = terms[:N] @ weights
    return float(scores[row] - np.log(np.exp(scores - scores.max()).sum()) - scores.max())


@pytest.mark.parametrize("seed", range(5))
def test_the_step_follows_the_gradient_of_the_log_likelihood(seed: int) -> None:
    draw = np.random.default_rng(seed)
    terms = draw.normal(size=(MAX_ROWS, DEMAND_TERMS)) * 3
    now, row = partition(), int(draw.integers(N))
    now["demand_weight"] = draw.normal(size=DEMAND_TERMS)
    now["demand_gradient"] = draw.uniform(1, 9, DEMAND_TERMS)
    weights, squares = now["demand_weight"].copy(), now["demand_gradient"].copy()
    step = 1e-6
    gradient = np.array(
        [
            (
                log_likelihood(weights + step * unit, terms, row)
                - log_likelihood(weights - step * unit, terms, row)
            )
            / (2 * step)
            for unit in np.eye(DEMAND_TERMS)
        ]
    )
    scores = np.zeros(MAX_ROWS)
    demand_scores(now, N, terms, scores)
    np.testing.assert_allclose(scores[:N], terms[:N] @ weights, rtol=1e-12)
    learn_demand(now, N, row, terms, scores)
    np.testing.assert_allclose(now["demand_gradient"], squares + gradient**2, rtol=1e-5, atol=1e-7)
    moved = LEARNING_RATE * gradient / np.sqrt(now["demand_gradient"])
    np.testing.assert_allclose(now["demand_weight"] - weights, moved, rtol=1e-5, atol=1e-8)
    assert log_likelihood(now["demand_weight"], terms, row) > log_likelihood(weights, terms, row)


def test_learning_moves_weight_to_the_term_that_informs() -> None:
    draw = np.random.default_rng(7)
    now, scores = partition(), np.zeros(MAX_ROWS)
    now["demand_weight"] = 0.0
    for _ in range(3_000):
        terms = draw.normal(size=(MAX_ROWS, DEMAND_TERMS))
        odds = np.exp(2.0 * terms[:N, 4])
        row = int(draw.choice(N, p=odds / odds.sum()))
        demand_scores(now, N, terms, scores)
        learn_demand(now, N, row, terms, scores)
    weights = now["demand_weight"]
    assert 1.5 < weights[4] < 2.5
    assert np.abs(np.delete(weights, 4)).max() < 0.3


def terms_of(p: Any, now: Any, quality: np.ndarray | None = None) -> np.ndarray:
    terms = np.full((MAX_ROWS, DEMAND_TERMS), np.nan)
    quality = np.zeros(MAX_ROWS) if quality is None else quality
    demand_terms(p, now, N, quality, np.zeros((MAX_ROWS, len(FEATURES))), START_MS, terms)
    return terms[:N]


def test_counts_of_zero_give_terms_of_zero() -> None:
    terms = terms_of(one_record(PROFILE), partition())
    np.testing.assert_allclose(terms[:, 0], np.log(1 / N))  # nobody has played: all alike
    np.testing.assert_allclose(terms[:, 1:], 0, atol=1e-12)


def test_a_new_profile_gets_everybodys_page() -> None:
    now = partition()
    now["share"][:N] = [5, 1, 0, 9, 2, 2]
    terms = terms_of(one_record(PROFILE), now)
    popularity = (now["share"][:N] + 0.5) / (now["share"][:N] + 0.5).sum()
    np.testing.assert_allclose(terms[:, 0], np.log(popularity))
    np.testing.assert_allclose(terms[:, 2:], 0, atol=1e-12)


def test_terms_rise_with_what_they_count() -> None:
    p, now = one_record(PROFILE), partition()
    now["share"][:N] = 10
    now["recent"][4] = 30
    now["by_daypart"][START_MS // 10_800_000 % 8, 3] = 40
    now["by_device"][2, 1] = 40
    p["device_type"] = 2
    now["row_position_seen"][0, 5] = now["position_seen"][5] = 100
    now["row_quality"][0] = 60
    p["rows"][1, RowStat.QUALITY_FAST] = 2
    p["rows"][2, RowStat.PLAYS] = 3
    p["last_quality"], p["last_play"] = 1 + 2, 1 + 5
    now["after_quality"][2, 0] = 40
    now["after_play"][5, 3] = 40
    now["company"][2, 5] = 40
    terms = terms_of(p, now, np.arange(MAX_ROWS, dtype=float))
    for term, best in (("trend", 4), ("own_recent", 1), ("own_plays", 2), ("after_quality_play", 0),
                       ("after_play", 3), ("company", 5), ("quality", 5), ("daypart", 3), ("device", 1),
                       ("row_lift", 0)):  # fmt: skip
        column = terms[:, TERMS.index(term)]
        assert column.argmax() == best and column[best] > 0, term
    np.testing.assert_allclose(terms[:, TERMS.index("quality")], np.arange(N) - np.arange(N).mean())


def test_a_quality_play_is_counted_once_behind_the_plays_before_it() -> None:
    p, now = one_record(PROFILE), partition()
    p["demand_ts"] = START_MS
    count_quality_play(p, now, N, 2, START_MS)
    assert not now["after_quality"].any() and not now["after_play"].any() and not now["company"].any()
    count_play(p, 2, START_MS)
    count_play(p, 4, START_MS)
    count_quality_play(p, now, N, 3, START_MS)
    assert [(q, r) for q, r in np.argwhere(now["after_quality"])] == [(2, 3)]
    assert [(q, r) for q, r in np.argwhere(now["after_play"])] == [(4, 3)]
    np.testing.assert_allclose(now["company"][:N, 3], [0, 0, 0.5, 0, 0.5, 0])
    assert now["share"][:N].tolist() == [0, 0, 1, 1, 0, 0] == now["recent"][:N].tolist()
    assert (p["last_quality"], p["last_play"]) == (4, 5)


def test_late_interest_weighs_what_is_left_of_it() -> None:
    p, now = one_record(PROFILE), partition()
    p["demand_ts"] = START_MS
    count_interest(p, now, 1, 0.5, START_MS + DAY_MS)
    count_interest(p, now, 1, 0.5, START_MS + DAY_MS // 2)  # arrives half a day late
    assert float(p["rows"][1, RowStat.QUALITY_FAST]) == pytest.approx(0.5 + 0.5 * 0.25)
    count_play(p, 1, START_MS + DAY_MS)
    count_play(p, 1, START_MS - 29 * DAY_MS)
    assert float(p["rows"][1, RowStat.PLAYS]) == pytest.approx(1.5)


def test_everybodys_demand_fades_with_its_half_lives() -> None:
    now = partition()
    for field in ("share", "recent", "after_quality", "after_play", "company"):
        now[field] = 8.0
    decay_demand(now, 0.25, 0.5)
    assert (now["recent"] == 2).all()
    for field in ("share", "after_quality", "after_play", "company"):
        assert (now[field] == 4).all(), field


# --- through the engine


def test_a_play_is_learned_before_it_is_counted() -> None:
    # Were the play itself in the terms it is learned from, "own_recent" would explain every first play.
    small = SmallPartition()
    before = small.partition["demand_weight"].copy()
    small.play(0, 130, row_id="r01", title_id="r01-0")
    after = small.partition["demand_weight"]
    np.testing.assert_allclose(after, before, atol=1e-12)  # nothing was known, so nothing told rows apart
    assert small.partition["share"][:4].tolist() == [0, 1, 0, 0]
    small.play(200, 130, "next", row_id="r01", title_id="r01-0")
    assert small.partition["demand_weight"][TERMS.index("own_recent")] > before[TERMS.index("own_recent")]
    small.play(400, 130, "other", profile="q", row_id="r02", title_id="r02-0")  # of q nothing is known
    assert small.partition["after_quality"][1, 2] == 0


def test_a_play_under_way_is_no_play_yet() -> None:
    small = SmallPartition()
    small.play(0, 60, row_id="r01", title_id="r01-0")
    assert not small.profile()["rows"].any() and small.profile()["last_play"] == 0
    small.send("playback_stop", 61, playback_id="play", title_id="r01-0", position_s=60.0)
    assert small.profile()["rows"][1, RowStat.PLAYS] == 1 and small.profile()["last_play"] == 2
    assert not small.partition["share"].any()
    small.play(100, 130, "good", row_id="r02", title_id="r02-0")
    small.send("playback_stop", 240, playback_id="good", title_id="r02-0", position_s=130.0)
    assert float(small.profile()["rows"][2, RowStat.PLAYS]) == pytest.approx(1, rel=1e-4)  # and not twice


def test_with_learning_off_demand_counts_and_does_not_learn() -> None:
    small = SmallPartition(learning=False)
    for n in range(5):
        small.play(200 * n, 130, f"b{n}", row_id="r01", title_id="r01-0")
    assert small.partition["demand_weight"].tolist() == list(START_WEIGHTS)
    assert small.partition["share"][1] > 4


def test_signals_of_interest_are_worth_their_credit() -> None:
    small = SmallPartition()
    small.send("search", 0, query="x", clicked_title_id="r01-0")
    small.send("rating", 0, title_id="r02-0", value=2)
    small.send("rating", 0, title_id="r02-0", value=-1)
    small.send("list_add", 0, title_id="r03-0")
    small.send("list_add", 0, title_id="title of no row")
    assert small.partition["share"][:4].tolist() == [0, 0.5, 1.0, 0.5]
    small.send("playback_start", 0, playback_id="b", title_id="r00-0", duration_s=3600.0)
    small.send("playback_seek", 0, playback_id="b", title_id="r00-0", from_s=10.0, to_s=60.0)
    assert small.partition["share"][0] == 0
    small.send("playback_seek", 0, playback_id="b", title_id="r00-0", from_s=60.0, to_s=10.0)
    assert small.partition["share"][0] == 0.25
