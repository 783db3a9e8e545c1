"""The changelog as a whole: every kind of record, and what ends recovery."""

from __future__ import annotations

import numpy as np
import pytest

from streams.errors import RecoveryError
from streams.profiles.layout import PROFILE
from streams.profiles.store import Store
from streams.state import codec
from tests.profiles.small_partition import SmallPartition, restored


def changelog() -> tuple[SmallPartition, list[tuple[bytes, bytes | None]]]:
    small = SmallPartition()
    small.see(0, "r01", titles=("r01-0",))
    small.send("session_start", 1, "q")
    state = small.drain()[small.settings.state_topic]
    return small, list(zip(state.keys, state.values, strict=True))  # type: ignore[arg-type]


def test_a_changelog_holds_every_kind_of_record() -> None:
    small, records = changelog()
    assert sorted({key[:1] for key, _ in records}) == [b"m", b"n", b"p", b"t"]
    again = restored(small, records)
    assert again.pending() == 0
    assert again.state.profiles.records[:2].tobytes() == small.engine.state.profiles.records[:2].tobytes()
    assert again.state.titles.slots == small.engine.state.titles.slots


@pytest.mark.parametrize(
    "bad",
    [(b"x1", b"12345678"), (b"", b"12345678"), (b"", None), (b"m", b"no pickle"), (b"m", None), (b"t0", None),
     (b"nt", None), (b"pp", b""), (b"pp", b"1234567"), (b"t0", b"1234")],
)  # fmt: skip
def test_a_record_that_cannot_be_read_ends_recovery(bad: tuple[bytes, bytes | None]) -> None:
    small, records = changelog()
    with pytest.raises(RecoveryError):
        restored(small, [*records, bad])


def test_a_profile_record_that_was_lost_does_no_harm_and_one_that_is_empty_is_told() -> None:
    small, records = changelog()
    kept = [record for record in records if record[0] != b"pq"]
    assert list(restored(small, kept).state.profiles.slots) == ["p"]
    unborn = Store(PROFILE)
    unborn.slot("q")
    unborn.slot("r")
    _, (value,) = codec.encode_profiles(unborn, np.array([1]))
    with pytest.raises(RecoveryError, match="names 2 profiles and holds 1"):
        restored(small, [*kept, (b"pq", value)])
