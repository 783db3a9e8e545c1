"""The owner of titles against sums made by hand, whatever the order, the batches and the restarts."""

from __future__ import annotations

import itertools
import json
import random

import pytest

from streams import topics
from streams.errors import RecoveryError
from streams.rekeyed import owned_title, titles
from streams.rekeyed.owners import CHANGELOG_KEY
from streams.rekeyed.titles import PATIENCE
from tests.rekeyed.small_owners import SETTINGS, START_MS, SmallOwners, signal
from tests.rekeyed.title_sums import logged, oracle, some_signals

SIGNALS = topics.TITLE_SIGNALS
MOST = owned_title.NEIGHBOURS_TOLD
PATIENCE_MS = PATIENCE * SETTINGS.title_stats_interval_ms


@pytest.mark.parametrize("seed", range(5))
def test_what_is_told_is_what_the_signals_add_up_to(seed: int) -> None:
    signals = some_signals(seed, 300)
    small = SmallOwners()
    small.take(SIGNALS, logged(signals))
    small.owners.tick(small.owners._last_now_ms + PATIENCE_MS)
    for title in "abc":
        right = oracle(signals, title)
        told = small.stats()[title]
        assert {name: told[name] for name in ("ts", "quality", "plays")} == {
            name: right[name] for name in ("ts", "quality", "plays")
        }
        assert told["fast"] == pytest.approx(right["fast"], abs=1e-4)
        assert told["slow"] == pytest.approx(right["slow"], abs=1e-4)
        counts = [count for _, count in told["neighbours"]]
        assert counts == pytest.approx(sorted(right["neighbours"].values(), reverse=True)[:MOST], abs=1e-4)
        for neighbour, count in told["neighbours"]:
            assert count == pytest.approx(right["neighbours"][neighbour], abs=1e-4)
        assert {a: [v, p] for a, v, p in told["artworks"]} == {
            a: pytest.approx(counts, abs=1e-4) for a, counts in right["artworks"].items()
        }


def test_batches_make_no_difference() -> None:
    records = logged(some_signals(7, 400))
    whole, pieces = SmallOwners(), SmallOwners()
    whole.take(SIGNALS, records, size=400)
    pieces.take(SIGNALS, records, size=1)
    assert whole.told == pieces.told
    assert sorted(zip(*whole.owners.take_changes(), strict=True)) == sorted(
        zip(*pieces.owners.take_changes(), strict=True)
    )


def test_a_restart_anywhere_makes_no_difference() -> None:
    records = logged(some_signals(8, 120))
    whole = SmallOwners()
    whole.take(SIGNALS, records)
    for cut in range(0, 120, 7):
        first = SmallOwners()
        first.take(SIGNALS, records[:cut])
        second = first.successor()
        second.take(SIGNALS, records[cut:])
        assert first.told + second.told == whole.told


def test_a_signal_that_comes_again_counts_once() -> None:
    records = logged(some_signals(9, 50))
    small = SmallOwners()
    small.take(SIGNALS, records)
    told = list(small.told)
    again = small.successor()
    again.next = {}
    again.take(SIGNALS, records)
    assert again.told == [] and small.told == told
    assert again.owners.pending() == 0


def test_a_title_is_told_at_once_then_at_most_once_an_interval() -> None:
    small = SmallOwners()
    small.take(SIGNALS, [signal("a", START_MS + second * 1_000, quality=1.0) for second in range(26)])
    told = [value for _, _, value in small.told if value]
    assert len(told) == 3  # at 0, 10 and 20 s
    assert small.stats()["a"]["quality"] == 21


def test_what_says_little_new_of_a_title_waits_and_what_says_much_does_not() -> None:
    small = SmallOwners()
    steady = [signal("a", START_MS + second * 1_000, quality=1.0) for second in range(0, 9_000, 30)]
    small.take(SIGNALS, steady)
    told = [json.loads(value) for _, _, value in small.told if value]
    plays = [stats["quality"] for stats in told]
    assert plays[:3] == [1, 2, 4], (
        "news of one play is no less than chance while there is one, of two while four"
    )
    assert len(told) < 50 and max(b - a for a, b in itertools.pairwise(plays)) <= 20
    waits = [b["ts"] - a["ts"] for a, b in itertools.pairwise(told)]
    assert max(waits) <= PATIENCE_MS
    assert waits[-1] > 300_000, "ten of a hundred and more"
    small.told.clear()
    burst = [signal("a", START_MS + 9_000_000 + second * 1_000, quality=1.0) for second in range(60)]
    small.take(SIGNALS, burst)
    assert len(small.told) >= 2, "twenty new plays need no patience"


def test_plays_that_came_to_nothing_make_no_haste() -> None:
    small = SmallOwners()
    good = [signal("a", START_MS + second * 1_000, quality=1.0, played=1.0) for second in range(100)]
    bad = [signal("a", START_MS + 200_000 + second * 1_000, played=1.0) for second in range(100)]
    small.take(SIGNALS, good + bad)
    assert small.stats()["a"]["plays"] == small.stats()["a"]["quality"] <= 100
    small.owners.tick(small.owners._last_now_ms + PATIENCE_MS)
    assert (small.stats()["a"]["quality"], small.stats()["a"]["plays"]) == (100, 200)


def test_what_waits_with_patience_is_told_at_the_same_time_over_a_restart() -> None:
    signals = [signal("a", START_MS + second * 1_000, quality=1.0) for second in range(0, 6_000, 30)]
    whole = SmallOwners()
    whole.take(SIGNALS, signals)
    for cut in (37, 90, 151, 163):
        first = SmallOwners()
        first.take(SIGNALS, signals[:cut])
        second = first.successor()
        second.take(SIGNALS, signals[cut:])
        assert first.told + second.told == whole.told


def test_what_is_held_back_leaves_with_the_next_signal_of_any_title_or_with_time() -> None:
    small = SmallOwners()
    small.take(SIGNALS, [signal("a", START_MS, quality=1.0), signal("a", START_MS + 5_000, quality=1.0)])
    assert small.stats()["a"]["quality"] == 1
    small.take(SIGNALS, [signal("b", START_MS + 10_000)])
    assert small.stats()["a"]["quality"] == 2
    small.take(SIGNALS, [signal("a", START_MS + 11_000, quality=1.0) for _ in range(2)])
    later = small.successor()  # held back over a restart too
    now_ms = later.owners._last_now_ms
    later.owners.tick(1_000_000)  # the first tick after a restart knows no time before it
    later.owners.tick(1_000_000 + 8_999)
    assert later.told == [] and now_ms == 0
    later.owners.tick(1_000_000 + 9_000)
    assert later.stats()["a"]["quality"] == 4
    later.owners.tick(1_000_000 + 90_000)
    assert len(later.told) == 1


def test_neighbours_are_bounded_and_the_heavy_ones_stay() -> None:
    rng = random.Random(3)
    signals = []
    for number in range(4_000):
        heavy = f"heavy{rng.randrange(20)}"
        signals.append(
            signal(
                "a",
                START_MS + number * 1_000,
                **{"with": [[heavy, 1.0], [f"rare{rng.randrange(10_000)}", 1.0]]},
            )
        )
    small = SmallOwners()
    small.take(SIGNALS, signals)
    kept = small.owners.titles.titles["a"].neighbours
    assert len(kept) <= owned_title.NEIGHBOURS_MOST
    told = small.stats()["a"]["neighbours"]
    assert len(told) == owned_title.NEIGHBOURS_TOLD
    assert {title for title, _ in told[:20]} == {f"heavy{n}" for n in range(20)}


def test_artworks_are_bounded_by_views() -> None:
    small = SmallOwners()
    for number in range(40):
        small.take(
            SIGNALS, [signal("a", START_MS + number, artworks=[[f"i{number:02}", 100.0 + number, 1.0]])]
        )
    assert sorted(small.owners.titles.titles["a"].artworks) == [f"i{n:02}" for n in range(8, 40)]


def test_a_title_is_no_neighbour_of_itself() -> None:
    small = SmallOwners()
    small.take(SIGNALS, [signal("a", START_MS, **{"with": [["a", 1.0], ["b", 1.0]]})])
    assert small.stats()["a"]["neighbours"] == [["b", 1.0]]


def test_a_title_without_signals_for_a_year_is_forgotten() -> None:
    small = SmallOwners()
    old = START_MS - titles.FORGOTTEN_AFTER_MS
    small.take(SIGNALS, [signal("a", old, quality=1.0), signal("b", old + 10_000, quality=1.0)])
    small = small.successor()
    small.take(SIGNALS, [signal("c", START_MS + 9_999, quality=1.0)])
    assert small.told[-1] == (topics.TITLE_STATS, b"a", None)
    assert set(small.owners.titles.titles) == {"b", "c"}
    changes = dict(zip(*small.owners.take_changes(), strict=True))
    assert changes[CHANGELOG_KEY + b"ta"] is None
    small.take(SIGNALS, [signal("a", START_MS + 10_000, quality=1.0)])
    assert small.stats()["a"]["quality"] == 1 and small.stats()["b"] is None


def test_a_damaged_changelog_is_an_error() -> None:
    small = SmallOwners()
    with pytest.raises(RecoveryError, match="title 'a' cannot be read"):
        small.owners.restore(CHANGELOG_KEY + b"ta", b"\xc1")
    with pytest.raises(RecoveryError, match="unknown owner"):
        small.owners.restore(CHANGELOG_KEY + b"?a", b"")
    small.take(SIGNALS, [signal("a", START_MS)])
    (_,), (value,) = small.owners.take_changes()
    assert value is not None
    newer = value.replace(bytes([titles.CHANGELOG_VERSION]), bytes([99]), 1)
    with pytest.raises(RecoveryError, match="version 99"):
        small.owners.restore(CHANGELOG_KEY + b"ta", newer)
