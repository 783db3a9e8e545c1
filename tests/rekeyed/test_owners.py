"""Bad re-keyed records become dead letters, with the reason, and disturb nobody else."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from streams import topics
from streams.events.reasons import Reason
from streams.rekeyed.partitioner import partition_of
from tests.rekeyed.small_owners import NOW_MS, SETTINGS, START_MS, SmallOwners, signal

GOOD = {"title_id": "a", "ts": START_MS, "source": 0}
TALLY = {"kind": "experiment", "key": "x", "source": 0, "ts": START_MS, "seq": 1, "sums": {}}


def changed(**fields: object) -> bytes:
    return orjson.dumps({**GOOD, **fields})


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"a", None, Reason.EMPTY),
        (b"a", b"", Reason.EMPTY),
        (b"a", b"{", Reason.NOT_JSON),
        (b"a", b"x" * 70_000, Reason.TOO_LARGE),
        (b"a", changed(pad="x" * 70_000), Reason.TOO_LARGE),
        (b"a", b'{"title_id":"a","source":0}', Reason.MISSING_FIELD),
        (b"a", changed(quality="1"), Reason.WRONG_TYPE),
        (b"a", changed(quality=-1), Reason.BAD_VALUE),
        (b"a", changed(quality=2e6), Reason.BAD_VALUE),
        (b"a", changed(source=-1), Reason.BAD_VALUE),
        (b"a", b'{"title_id":"a","source":0,"ts":1760000000000,"played":1e999}', Reason.BAD_VALUE),
        (b"a", changed(ts=1), Reason.ABSURD_CLOCK),
        (b"a", changed(ts=NOW_MS + 2 * 86_400_000), Reason.ABSURD_CLOCK),
        (b"b", changed(), Reason.KEY_MISMATCH),
        (None, changed(), Reason.KEY_MISMATCH),
    ],
)
def test_a_bad_signal_is_rejected_between_good_ones(
    key: bytes | None, value: bytes | None, reason: Reason
) -> None:
    small = SmallOwners()
    good = signal("a", START_MS, quality=1.0)
    small.take(topics.TITLE_SIGNALS, [good, (key, value), good])
    assert [(offset, reject.reason) for offset, reject in small.rejects] == [(1, reason)]
    assert small.owners.titles.titles["a"].quality == 2
    assert small.owners.records[topics.TITLE_SIGNALS] == 2


def test_a_key_of_another_partition_is_rejected() -> None:
    small = SmallOwners(replace(SETTINGS, partitions=8))
    titles = [f"t{number}" for number in range(40)]
    small.take(topics.TITLE_SIGNALS, [signal(title, START_MS) for title in titles])
    mine = {title for title in titles if partition_of(title.encode(), 8) == 0}
    assert 0 < len(mine) < 40
    assert set(small.owners.titles.titles) == mine
    assert {reject.reason for _, reject in small.rejects} == {Reason.KEY_MISMATCH}
    assert len(small.rejects) == 40 - len(mine)


@pytest.mark.parametrize(
    ("key", "fields", "reason"),
    [
        (b"x", {"kind": "nonsense"}, Reason.BAD_VALUE),
        (b"x", {"seq": -1}, Reason.BAD_VALUE),
        (b"x", {"sums": []}, Reason.WRONG_TYPE),
        (b"y", {}, Reason.KEY_MISMATCH),
        (b"x", {"ts": 5}, Reason.ABSURD_CLOCK),
    ],
)
def test_a_bad_tally_is_rejected(key: bytes, fields: dict[str, object], reason: Reason) -> None:
    small = SmallOwners()
    small.take(SETTINGS.tallies_topic, [(key, orjson.dumps({**TALLY, **fields}))])
    assert [reject.reason for _, reject in small.rejects] == [reason]


def test_only_re_keyed_topics_are_the_owners() -> None:
    owners = SmallOwners().owners
    assert {topic for topic in topics.owned(SETTINGS) if owners.takes(topic)} == set(
        topics.owned(SETTINGS)
    ) - set(topics.INPUTS)
