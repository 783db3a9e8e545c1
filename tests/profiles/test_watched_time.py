"""Watched time against a slow oracle: the union of the intervals that were really played, millisecond by
millisecond."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.profiles.layout import INTERVALS, PLAYBACKS, PROFILE
from streams.profiles.playback import add_interval
from tests.profiles.small_partition import SmallPartition, one_record

TENTH = 100
"""Positions of the oracle are whole tenths of a second, in ms."""


def union(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted and apart: touching intervals are one."""
    apart: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if apart and start <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart


def length(intervals: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in union(intervals))


pieces = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 60)).map(lambda piece: (piece[0], piece[0] + piece[1])),
    max_size=25,
)


@settings(max_examples=400, deadline=None)
@given(pieces)
def test_intervals_are_a_union_and_never_over_count(played: list[tuple[int, int]]) -> None:
    p = one_record(PROFILE)
    credited, exact = 0.0, True
    for n, (start, end) in enumerate(played):
        fresh = add_interval(p, 0, float(start), float(end))
        credited += fresh
        exact = exact and len(union(played[: n + 1])) <= INTERVALS
        kept = [
            (float(p["play_from"][0, i]), float(p["play_to"][0, i])) for i in range(p["play_intervals"][0])
        ]
        assert len(kept) <= INTERVALS
        assert all(a < b for a, b in kept) and all(left[1] < right[0] for left, right in pairwise(kept))
        assert all(any(a <= s and e <= b for a, b in kept) for s, e in union(played[: n + 1]))
        if exact:
            assert kept == union(played[: n + 1])
            assert credited == length(played[: n + 1])
        assert 0 <= fresh <= end - start
        assert credited <= length(played[: n + 1])


@settings(max_examples=200, deadline=None)
@given(pieces)
def test_a_piece_played_again_gives_nothing(played: list[tuple[int, int]]) -> None:
    p = one_record(PROFILE)
    for start, end in played:
        add_interval(p, 0, float(start), float(end))
    for start, end in played:
        assert add_interval(p, 0, float(start), float(end)) == 0.0


# --- whole playbacks, event by event, against an oracle written from the contract


class Oracle:
    """One playback as the contract has it. Times and positions in ms."""

    def __init__(self, ts: int, position: int) -> None:
        self.ts, self.position, self.playing = ts, position, True
        self.played: list[tuple[int, int]] = []

    def at(self, ts: int, position: int) -> None:
        elapsed, advanced = ts - self.ts, position - self.position
        if self.playing and 0 < elapsed <= 90_000 and 0 < advanced <= 2.25 * elapsed + 2_000:
            self.played.append((self.position, position))
        if elapsed >= 0:
            self.ts, self.position = ts, position


step = st.tuples(
    st.sampled_from(["progress", "progress", "progress", "pause", "resume", "seek"]),
    st.sampled_from(
        [-30_000, 0, 1_000, 7_300, 20_000, 20_000, 89_900, 90_000, 90_100, 400_000]
    ),  # after the last
    st.sampled_from([-50.0, 0.0, 0.5, 1.0, 1.0, 1.0, 2.0, 9.0]),  # speed: a jump may come without a seek
    st.integers(0, 36_000),  # tenths: where a seek goes
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(step, max_size=14), min_size=1, max_size=PLAYBACKS))
def test_playbacks_side_by_side_against_the_oracle(plays: list[list[tuple[str, int, float, int]]]) -> None:
    small = SmallPartition(quality_seconds=1e9, quality_share=1e9)
    oracles = []
    base = 0
    for n in range(len(plays)):
        small.send("playback_start", 0, playback_id=f"b{n}", title_id="r00-0", duration_s=3600.0)
        oracles.append(Oracle(0, 0))
    for at in range(max(map(len, plays), default=0)):
        for n, steps in enumerate(plays):
            if at >= len(steps):
                continue
            kind, elapsed, speed, to = steps[at]
            oracle = oracles[n]
            ts = oracle.ts + elapsed
            if kind == "pause" and elapsed < 0:
                kind = "progress"  # late pauses have their own test
            position = oracle.position + round(speed * elapsed / TENTH) * TENTH
            position = min(3_600_000, max(0, position))
            told = {"playback_id": f"b{n}", "title_id": "r00-0"}
            if kind == "seek":
                small.send("playback_seek", base + ts / 1000, **told, from_s=position / 1000, to_s=to / 10)
            else:
                small.send(f"playback_{kind}", base + ts / 1000, **told, position_s=position / 1000)
            oracle.at(ts, position)
            if kind == "seek" and ts >= oracle.ts:
                oracle.position = to * TENTH
            elif kind in ("pause", "resume"):
                oracle.playing = kind == "resume"
    p = small.profile()
    for n, oracle in enumerate(oracles):
        watched, truth = float(p["play_watched_s"][n]), length(oracle.played) / 1000
        assert watched <= truth + 0.01
        if all(len(union(oracle.played[:k])) <= INTERVALS for k in range(len(oracle.played) + 1)):
            assert watched == pytest.approx(truth, abs=0.01)
    assert float(p["watched_s"]) == pytest.approx(float(p["play_watched_s"].sum()), abs=0.01)
