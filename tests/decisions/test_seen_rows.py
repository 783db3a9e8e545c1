"""Seen rows: what they teach on pages of our own, what they do not, and what a play elsewhere tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streams.decisions.seen_rows import (
    DEMAND,
    DEVICE_RATE,
    HISTORY,
    HISTORY_PRIOR,
    LEARNS,
    NAMES,
    PLACE,
    ROW_RATE,
    START,
    TIMES_SEEN,
    learn_seen,
    order_weight,
    seen_terms,
    start_covariance,
)
from streams.profiles.layout import FEATURE_SCALE, OUTCOME_SCALE, PARTITION, PROFILE, SEEN_TERMS
from tests.profiles.small_partition import SmallPartition, one_record

ROWS = 12
OURS = {"decision_version": 1}


def partition() -> Any:
    fresh = one_record(PARTITION)
    fresh["seen_weight"], fresh["seen_covariance"] = START, start_covariance()
    return fresh


def sigmoid(z: np.ndarray | float) -> Any:
    return 1 / (1 + np.exp(-z))


def audience(ordered_by: int | None, visits: int, seed: int) -> Any:
    """A partition that has learned from viewers who go down pages of twelve rows until they play something or lose
    patience, and play what stands low more rarely, too. ``history`` is what they want, ``row_rate`` is worth half
    of it, ``times_seen`` nothing. Pages are ordered by the term ``ordered_by``, or by the weights that are learned."""
    draw = np.random.default_rng(seed)
    now, p = partition(), one_record(PROFILE)
    p["pending_row"][0], p["pending_device"][0] = 1, 1 + LEARNS
    for _ in range(visits):
        terms = draw.normal(size=(ROWS, SEEN_TERMS))
        score = terms @ now["seen_weight"][:SEEN_TERMS] if ordered_by is None else terms[:, ordered_by]
        for place, row in enumerate(np.argsort(-score)):
            wanted = 1.0 * terms[row, HISTORY] + 0.5 * terms[row, ROW_RATE] - 0.6 * np.log1p(place) - 1.0
            played = bool(draw.random() < sigmoid(wanted))
            p["pending_terms"][0] = np.rint(terms[row] * FEATURE_SCALE)
            p["pending_position"][0] = place
            learn_seen(p, now, 0, int(played))
            if played or draw.random() > 0.87:
                break
    return now


@pytest.mark.parametrize("ordered_by", [TIMES_SEEN, DEMAND, None])
def test_what_viewers_want_is_found_whatever_the_page_was_ordered_by(ordered_by: int | None) -> None:
    now = audience(ordered_by, 6_000, seed=3)
    weights, errors = now["seen_weight"], np.sqrt(np.diag(now["seen_covariance"]))
    truth = np.zeros(SEEN_TERMS)
    truth[HISTORY], truth[ROW_RATE] = 1.0, 0.5
    assert (np.abs(weights[:SEEN_TERMS] - truth) < 4 * errors[:SEEN_TERMS]).all(), weights
    assert abs(weights[PLACE] + 0.6) < 4 * errors[PLACE]  # what stands high is played more for its place


def test_an_order_that_means_nothing_does_not_believe_itself() -> None:
    # By plays alone, the term that orders the page would look wanted: what it put on top is seen and played more.
    now = audience(TIMES_SEEN, 6_000, seed=4)
    assert abs(now["seen_weight"][TIMES_SEEN]) < 0.1
    now = audience(DEMAND, 6_000, seed=5)
    assert abs(now["seen_weight"][DEMAND]) < 0.1  # began at 1


def partition_with_rates(row: float) -> Any:
    """Rows are played a tenth of the time, row 1 with the rate ``row``."""
    now = partition()
    now["seen"], now["quality"] = 1e6, 1e5
    now["row_seen"][1], now["row_quality"][1] = 1e6, 1e6 * row
    return now


def terms_of(p: Any, now: Any, row: int, row_log_odds: float = 0.0, own_odds: float = 1.0) -> np.ndarray:
    out = np.full(SEEN_TERMS, np.nan)
    seen_terms(p, now, row, 0.25, row_log_odds, own_odds, out)
    return out


def test_nothing_known_is_the_demand_alone() -> None:
    assert terms_of(one_record(PROFILE), partition(), 2).tolist() == [0.25, 0.0, 0.0, 0.0, 0.0]


def test_history_is_held_against_what_the_rates_expect() -> None:
    p = one_record(PROFILE)
    p["row_seen"][1], p["row_quality"][1] = 4 * OUTCOME_SCALE, OUTCOME_SCALE
    often, seldom = (terms_of(p, partition_with_rates(rate), 1) for rate in (0.5, 0.1))
    assert often[HISTORY] < 0 < seldom[HISTORY]  # one of four is little for this row, much for that one
    rate = (1 + HISTORY_PRIOR * 0.1) / (4 + HISTORY_PRIOR)
    assert seldom[HISTORY] == pytest.approx(np.log(rate / (1 - rate)) - np.log(1 / 9), abs=1e-3)
    assert often[TIMES_SEEN] == pytest.approx(np.log(4))  # three of four led to nothing
    eager = terms_of(p, partition_with_rates(0.1), 1, own_odds=9.0)
    assert eager[HISTORY] == pytest.approx(
        often[HISTORY], abs=1e-3
    )  # one who plays every second row expects it
    p["row_elsewhere"][1] = 2 * OUTCOME_SCALE
    assert terms_of(p, partition_with_rates(0.5), 1)[HISTORY] > often[HISTORY]


def test_a_good_play_never_lets_its_row_fall_whatever_has_been_learned_so_far() -> None:
    now, before, after = partition(), one_record(PROFILE), one_record(PROFILE)
    now["seen_weight"][HISTORY], now["seen_weight"][TIMES_SEEN] = -2.0, -3.0
    after["row_seen"][1] = after["row_quality"][1] = OUTCOME_SCALE  # seen once, and played well
    weights = [order_weight(now, term) for term in range(SEEN_TERMS)]
    assert terms_of(after, now, 1) @ weights >= terms_of(before, now, 1) @ weights
    after["row_quality"][1] = 0  # seen once, and passed over
    assert terms_of(after, now, 1) @ weights < terms_of(before, now, 1) @ weights


def test_a_row_is_wanted_more_on_some_devices() -> None:
    p, now = one_record(PROFILE), partition()
    p["device_type"] = 2
    now["device_seen"][2, 1], now["device_quality"][2, 1] = 100, 40
    assert terms_of(p, now, 1)[DEVICE_RATE] > 1.0
    p["device_type"] = 3
    assert terms_of(p, now, 1)[DEVICE_RATE] == 0.0


def visit(small: SmallPartition, at_s: float, **about: Any) -> None:
    """Two rows come into view, the second is played well."""
    small.send("session_start", at_s, device_type="tv")
    small.see(at_s + 1, "r00", 0, **about)
    small.see(at_s + 2, "r01", 1, **about)
    end = small.play(at_s + 3, 130, f"b{at_s}", row_id="r01", title_id="r01-0")
    small.send("session_end", end + 1)


def test_only_pages_of_our_own_teach() -> None:
    small = SmallPartition()
    visit(small, 0)
    assert small.partition["seen_weight"].tolist() == list(START)
    assert small.partition["device_seen"].sum() == 2 and small.partition["device_quality"][:, 1].sum() == 1
    visit(small, 1_000, **OURS)
    assert small.partition["seen_weight"].tolist() != list(START)
    assert (np.diag(small.partition["seen_covariance"]) <= np.diag(start_covariance())).all()


def test_with_learning_off_seen_rows_teach_nothing() -> None:
    small = SmallPartition(learning=False)
    for n in range(3):
        visit(small, 1_000 * n, **OURS)
    assert small.partition["seen_weight"].tolist() == list(START)
    np.testing.assert_array_equal(small.partition["seen_covariance"], start_covariance())


def test_an_outcome_teaches_with_the_terms_of_its_impression() -> None:
    one, other = SmallPartition(), SmallPartition()
    for small in (one, other):
        visit(small, 0, **OURS)
        small.send("session_start", 1_000, device_type="tv")
        small.see(1_001, "r01", 0, **OURS)
        if small is other:  # what others do in between changes rates, not what is learned
            small.send("session_start", 1_002, "q", device_type="phone")
            for n in range(3):
                small.play(1_010 + 200 * n, 130, f"q{n}", "q", row_id="r01", title_id="r01-0")
        small.send("session_end", 3_000)
    np.testing.assert_array_equal(one.partition["seen_weight"], other.partition["seen_weight"])


def test_a_play_elsewhere_tells_of_the_titles_own_row() -> None:
    small = SmallPartition()

    def elsewhere() -> list[int]:
        return (small.profile()["row_elsewhere"][:4] // OUTCOME_SCALE).tolist()

    small.play(0, 130, "search", title_id="r02-0")  # from no row: the title's
    assert elsewhere() == [0, 0, 1, 0]
    small.send("playback_stop", 140, playback_id="search", title_id="r02-0", position_s=130.0)
    assert elsewhere() == [0, 0, 1, 0]  # once
    small.see(1_000, "r01", 0)
    small.play(1_001, 130, "row", row_id="r01", title_id="r03-0")  # led to by an impression of r01
    assert elsewhere() == [0, 0, 1, 1]
    small.play(2_000, 20, "bad", row_id="r01", title_id="r01-1")  # no impression; given up
    small.send("playback_stop", 2_030, playback_id="bad", title_id="r01-1", position_s=20.0)
    assert elsewhere() == [0, 1, 1, 1]


def test_what_sets_a_row_apart_has_a_name() -> None:
    assert len(NAMES) == SEEN_TERMS == len(set(NAMES))
