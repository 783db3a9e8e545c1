"""Impressions and their outcomes: who teaches what, and when."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.profiles.layout import FEATURE_SCALE, PENDING, PLAYBACKS
from streams.profiles.outcomes import quantised
from tests.profiles.small_partition import SmallPartition


def waiting(small: SmallPartition) -> int:
    return int((small.profile()["pending_row"] != 0).sum())


def seen(small: SmallPartition) -> list[float]:
    """Outcomes by row, of everybody."""
    return small.partition["row_seen"][:4].tolist()


def test_only_rows_that_were_in_view_teach() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.see(1, "r02", 1)
    small.play(2, 130, row_id="r02", title_id="r02-0")
    assert small.labels() == [1, 0]  # the play resolves its own impression, then what was passed over
    assert seen(small) == [0, 1, 1, 0]
    assert small.partition["row_quality"][:4].tolist() == [0, 0, 1, 0]
    assert waiting(small) == 0
    assert small.partition["seen"] == 2 and small.partition["quality"] == 1


def test_a_play_from_elsewhere_teaches_its_row_nothing() -> None:
    small = SmallPartition()
    small.play(0, 130, row_id="r03", title_id="r03-0")  # not in view before
    assert small.labels() == [] and seen(small) == [0, 0, 0, 0]


def test_a_play_by_title_does_not_claim_an_impression() -> None:
    small = SmallPartition()
    small.see(0, "r00", titles=("r00-0",))
    small.play(1, 130, title_id="r00-0")  # from a search, say: no row told
    assert small.labels() == [0]


def test_an_abandoned_play_is_no_quality_play() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    end = small.play(1, 60, row_id="r01", title_id="r01-0")
    assert small.labels() == []
    small.send("playback_stop", end + 1, playback_id="play", title_id="r01-0", position_s=60)
    assert small.labels() == [0]


def test_a_skip_without_an_id_abandons_the_title() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.play(1, 20, row_id="r01", title_id="r01-0")
    small.send("playback_skip", 30, title_id="r01-0")
    assert small.labels() == [0] and not small.profile()["play_id"].any()


def test_the_window_expires_and_not_before() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.send("browse", 600, category_id="c", dwell_s=1)
    assert small.labels() == []
    small.send("browse", 600.001, category_id="c", dwell_s=1)
    assert small.labels() == [0]


def test_an_impression_that_is_being_played_does_not_expire() -> None:
    small = SmallPartition(quality_seconds=1000.0, quality_share=1.0)
    small.see(0, "r01")
    small.play(1, 900, row_id="r01", title_id="r01-0")
    assert small.labels() == [] and waiting(small) == 1
    small.send("session_start", 902)
    assert small.labels() == []
    small.send("playback_progress", 960, playback_id="play", title_id="r01-0", position_s=959)
    small.send("playback_progress", 1020, playback_id="play", title_id="r01-0", position_s=1019)
    assert small.labels() == [1]


@pytest.mark.parametrize("kind", ["session_end", "session_start"])
def test_the_end_of_the_session_resolves_what_waits(kind: str) -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.see(1, "r02")
    small.send(kind, 2)
    assert small.labels() == [0, 0] and waiting(small) == 0


def test_a_row_seen_again_was_ignored_the_first_time() -> None:
    small = SmallPartition()
    small.see(0, "r01", 0)
    small.see(1, "r02", 1)
    small.see(2, "r01", 5)
    assert small.labels() == [0] and waiting(small) == 2
    assert seen(small) == [0, 1, 0, 0]
    assert small.partition["row_position_seen"][1, 0] == 1
    small.play(3, 130, row_id="r01", title_id="r01-0")
    assert small.partition["row_position_quality"][1, 5] == 1  # the later impression was the one played


def test_a_ninth_impression_resolves_the_oldest() -> None:
    small = SmallPartition(rows=12)
    for r in range(PENDING):
        small.see(r, f"r{r:02d}")
    assert small.labels() == []
    small.see(PENDING, "r08")
    assert small.labels() == [0] and waiting(small) == PENDING
    assert small.partition["row_seen"][:12].tolist() == [1.0] + [0.0] * 11


def test_plays_that_overlap_resolve_their_own_impressions() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.see(1, "r02", 1)
    small.send("playback_start", 2, playback_id="a", title_id="r01-0", duration_s=3600.0, row_id="r01")
    small.send("playback_start", 3, playback_id="b", title_id="r02-0", duration_s=3600.0, row_id="r02")
    for at in range(20, 141, 20):
        small.send("playback_progress", 3 + at, playback_id="b", title_id="r02-0", position_s=float(at))
    assert small.labels() == [1]  # a is still being played
    assert small.partition["row_quality"][:4].tolist() == [0, 0, 1, 0]
    small.send("playback_stop", 150, playback_id="a", title_id="r01-0", position_s=1.0)
    assert small.labels() == [1, 0]
    assert seen(small) == [0, 1, 1, 0]
    small.send("playback_stop", 151, playback_id="b", title_id="r02-0", position_s=140.0)
    assert small.labels() == [1, 0]  # nothing twice


def test_a_row_seen_again_while_it_plays_waits_beside_it() -> None:
    small = SmallPartition()
    small.see(0, "r01")
    small.send("playback_start", 1, playback_id="a", title_id="r01-0", duration_s=3600.0, row_id="r01")
    small.see(2, "r01", 3)
    assert small.labels() == [] and waiting(small) == 2
    for at in range(20, 141, 20):
        small.send("playback_progress", 1 + at, playback_id="a", title_id="r01-0", position_s=float(at))
    assert small.labels() == [1, 0]
    assert small.partition["row_position_quality"][1, 0] == 1
    assert small.partition["row_position_seen"][1, 3] == 1


def test_an_unknown_row_teaches_and_is_never_ordered() -> None:
    small = SmallPartition()
    small.see(0, "row-of-tomorrow")
    small.send("session_end", 1)
    assert small.labels() == [0] and seen(small) == [0, 0, 0, 0]
    assert all(len(d["rows"]) == 4 for d in small.decisions("row-order"))


def test_features_are_those_of_the_moment_it_was_seen() -> None:
    quick = SmallPartition()
    slow = SmallPartition()
    for small in (quick, slow):
        small.see(0, "r02", 2)
        small.send("session_end", 1)
        small.send("session_start", 2)
        small.see(3, "r01", 1, ("r01-0", "r01-1"))
    quick.send("session_end", 4)
    for n in range(5):  # what others do in between changes every rate
        slow.see(10 + 400 * n, "r01", 1, ("r01-0",), profile="q")
        slow.play(11 + 400 * n, 130, f"q{n}", profile="q", row_id="r01", title_id="r01-0")
    slow.send("session_end", 4)
    mine = [x for x, _ in slow.examples()][-1]
    assert mine == [x for x, _ in quick.examples()][-1]
    assert all(value * FEATURE_SCALE == round(value * FEATURE_SCALE) for value in mine)


@settings(max_examples=200)
@given(st.floats(-1e6, 1e6))
def test_a_waiting_feature_is_rounded_and_clipped(value: float) -> None:
    kept = quantised(value)
    assert -32768 <= kept <= 32767
    if abs(value) < 31.9:
        assert abs(kept / FEATURE_SCALE - value) <= 0.5 / FEATURE_SCALE
    else:
        assert (kept > 0) == (value > 0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["see", "see", "see", "start", "beat", "stop", "end"]), st.integers(0, 11),
                  st.sampled_from([1, 20, 60, 700, 4000])),
        max_size=60,
    )
)  # fmt: skip
def test_every_impression_has_one_outcome_or_waits(steps: list[tuple[str, int, int]]) -> None:
    small = SmallPartition(rows=12)
    now, shown, position = 0, 0, 0.0
    for at, (what, r, pause) in enumerate(steps):
        now += pause
        row, title = f"r{r:02d}", f"r{r:02d}-0"
        playback = {"playback_id": f"b{r % 5}", "title_id": title}
        if what == "see":
            small.see(now, row, at % 20)
            shown += 1
        elif what == "start":
            small.send("playback_start", now, **playback, duration_s=100.0, row_id=row)
            position = 0.0
        elif what == "beat":
            position += min(pause, 60)
            small.send("playback_progress", now, **playback, position_s=position)
        elif what == "stop":
            small.send("playback_stop", now, **playback, position_s=position)
        else:
            small.send("session_end", now)
    if not steps:
        return
    p = small.profile()
    assert len(small.labels()) + waiting(small) == shown
    assert small.partition["seen"] == pytest.approx(len(small.labels()), rel=1e-2)
    assert small.partition["quality"] == pytest.approx(sum(small.labels()), rel=1e-2)
    for k in range(len(p["play_pending"])):  # a playback and its impression agree
        j = int(p["play_pending"][k]) - 1
        if p["play_id"][k] and j >= 0:
            assert p["pending_row"][j] != 0 and p["pending_playing"][j] == 1
    claimed = sum(int(p["play_pending"][k]) > 0 for k in range(PLAYBACKS) if p["play_id"][k])
    assert claimed == int(p["pending_playing"].sum())
