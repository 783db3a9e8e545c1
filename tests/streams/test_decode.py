"""Decoding: what is good passes as it is, everything else becomes one reject with the right reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import topics
from streams.events import schema
from streams.events.decode import MAX_DETAIL_CHARACTERS, Reject, decode, decode_catalog
from streams.events.reasons import Reason
from streams.settings import DAY_MS, Settings

NOW = 1_760_000_000_000
SETTINGS = Settings()


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """What the decoder reads of a fetched record."""

    value: bytes | None
    key: bytes | None = b"p1"
    offset: int = 0
    timestamp: int = NOW


def event(**fields: Any) -> dict[str, Any]:
    return {
        "type": "rating",
        "event_id": "e",
        "profile_id": "p1",
        "ts": NOW,
        "title_id": "t",
        "value": 1,
        **fields,
    }


def raw(**fields: Any) -> bytes:
    return json.dumps(event(**fields)).encode()


def only_reject(record: FakeRecord, topic: str = topics.VIEWING_EVENTS) -> Reject:
    decoded = decode(topic, [record], NOW, SETTINGS)
    assert not decoded.events
    assert not decoded.indexes
    (reject,) = decoded.rejects
    return reject


GOOD = raw()
TOO_DEEP = GOOD[:-1] + b', "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
CASES: list[tuple[str, FakeRecord, Reason]] = [
    ("null value", FakeRecord(None), Reason.EMPTY),
    ("no bytes", FakeRecord(b""), Reason.EMPTY),
    ("text", FakeRecord(b"hello"), Reason.NOT_JSON),
    ("cut off", FakeRecord(GOOD[:-1]), Reason.NOT_JSON),
    ("two values", FakeRecord(GOOD + GOOD), Reason.NOT_JSON),
    ("byte order mark", FakeRecord(b"\xef\xbb\xbf" + GOOD), Reason.NOT_JSON),
    ("UTF-16", FakeRecord(json.dumps(event()).encode("utf-16")), Reason.NOT_JSON),
    ("invalid UTF-8 in a field", FakeRecord(GOOD.replace(b'"t"', b'"\xff"')), Reason.NOT_JSON),
    ("lone surrogate, escaped", FakeRecord(GOOD.replace(b'"t"', b'"\\ud800"')), Reason.NOT_JSON),
    ("lone surrogate, raw", FakeRecord(GOOD.replace(b'"t"', b'"\xed\xa0\x80"')), Reason.NOT_JSON),
    ("NaN", FakeRecord(GOOD.replace(b'"value": 1', b'"value": NaN')), Reason.NOT_JSON),
    ("wrong field, then no JSON", FakeRecord(raw(ts="x")[:-1] + b", oops}"), Reason.NOT_JSON),
    ("nested too deep", FakeRecord(TOO_DEEP), Reason.TOO_DEEP),
    ("nested too deep, cut", FakeRecord(b"[" * 30_000), Reason.TOO_DEEP),
    ("a list", FakeRecord(b"[1]"), Reason.WRONG_TYPE),
    ("a number", FakeRecord(b"7"), Reason.WRONG_TYPE),
    ("null, as JSON", FakeRecord(b"null"), Reason.WRONG_TYPE),
    ("number as text", FakeRecord(raw(ts=str(NOW))), Reason.WRONG_TYPE),
    ("fraction as time", FakeRecord(raw(ts=NOW + 0.5)), Reason.WRONG_TYPE),
    ("null in a required field", FakeRecord(raw(title_id=None)), Reason.WRONG_TYPE),
    ("object as id", FakeRecord(raw(profile_id={"id": 1})), Reason.WRONG_TYPE),
    ("number as event type", FakeRecord(raw(type=3)), Reason.WRONG_TYPE),
    ("no event type", FakeRecord(b'{"event_id": "e"}'), Reason.MISSING_FIELD),
    (
        "no event_id",
        FakeRecord(b'{"type": "session_end", "profile_id": "p1", "ts": 1}'),
        Reason.MISSING_FIELD,
    ),
    ("unknown event type", FakeRecord(raw(type="telepathy")), Reason.UNKNOWN_EVENT_TYPE),
    ("type of the other topic", FakeRecord(raw(type="subscription_paused")), Reason.UNKNOWN_EVENT_TYPE),
    ("empty id", FakeRecord(raw(profile_id=""), key=b""), Reason.BAD_VALUE),
    ("long id", FakeRecord(raw(title_id="x" * 257)), Reason.BAD_VALUE),
    ("rating of 7", FakeRecord(raw(value=7)), Reason.BAD_VALUE),
    ("unknown device", FakeRecord(raw(device_type="toaster")), Reason.BAD_VALUE),
    ("other profile's key", FakeRecord(GOOD, key=b"p2"), Reason.KEY_MISMATCH),
    ("no key", FakeRecord(GOOD, key=None), Reason.KEY_MISMATCH),
    ("empty key", FakeRecord(GOOD, key=b""), Reason.KEY_MISMATCH),
    ("key that is no UTF-8", FakeRecord(GOOD, key=b"\xff\xfe"), Reason.KEY_MISMATCH),
    ("clock in seconds", FakeRecord(raw(ts=NOW // 1000)), Reason.ABSURD_CLOCK),
    ("clock in microseconds", FakeRecord(raw(ts=NOW * 1000)), Reason.ABSURD_CLOCK),
    ("negative clock", FakeRecord(raw(ts=-1)), Reason.ABSURD_CLOCK),
    ("clock of 30 digits", FakeRecord(raw(ts=10**30)), Reason.ABSURD_CLOCK),
    ("clock of 5,000 digits", FakeRecord(GOOD.replace(str(NOW).encode(), b"9" * 5_000)), Reason.ABSURD_CLOCK),
    ("good but too large", FakeRecord(raw(pad="x" * SETTINGS.max_event_bytes)), Reason.TOO_LARGE),
    ("bad and too large", FakeRecord(b"x" * (SETTINGS.max_event_bytes + 1)), Reason.TOO_LARGE),
]


@pytest.mark.parametrize(("record", "reason"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_fault_has_its_reason(record: FakeRecord, reason: Reason) -> None:
    reject = only_reject(record)
    assert (reject.index, reject.reason) == (0, reason)
    assert 0 < len(reject.detail) <= MAX_DETAIL_CHARACTERS
    reject.detail.encode()  # a header is UTF-8


def test_every_reason_can_be_reached() -> None:
    assert {case[2] for case in CASES} == set(Reason)


def test_rejects_do_not_disturb_their_neighbours() -> None:
    records = [
        FakeRecord(GOOD),
        FakeRecord(b"x"),
        FakeRecord(raw(event_id="f")),
        FakeRecord(None),
        FakeRecord(GOOD),
    ]
    decoded = decode(topics.VIEWING_EVENTS, records, NOW, SETTINGS)
    assert [e.event_id for e in decoded.events] == ["e", "f", "e"]
    assert decoded.indexes == [0, 2, 4]
    assert [r.index for r in decoded.rejects] == [1, 3]


def test_the_tolerated_clock_is_inclusive_on_both_ends() -> None:
    ends = (SETTINGS.earliest_ts_ms, NOW + SETTINGS.future_tolerance_ms)
    decoded = decode(topics.VIEWING_EVENTS, [FakeRecord(raw(ts=ts)) for ts in ends], NOW, SETTINGS)
    assert [e.ts for e in decoded.events] == list(ends)
    assert only_reject(FakeRecord(raw(ts=ends[0] - 1))).reason is Reason.ABSURD_CLOCK
    assert only_reject(FakeRecord(raw(ts=ends[1] + 1))).reason is Reason.ABSURD_CLOCK
    later = decode(topics.VIEWING_EVENTS, [FakeRecord(raw(ts=ends[1] + 1))], NOW + DAY_MS, SETTINGS)
    assert len(later.events) == 1


def test_what_is_odd_but_within_the_contract_passes() -> None:
    duplicate_key = GOOD.replace(b'"title_id": "t"', b'"title_id": "old", "title_id": "t"')
    unicode_profile = FakeRecord(raw(profile_id="Zoë 🎬"), key="Zoë 🎬".encode())
    spaced = FakeRecord(b" \r\n\t" + GOOD + b"\n")
    exactly = FakeRecord(raw(pad="x" * (SETTINGS.max_event_bytes - len(raw(pad="")))))
    assert exactly.value is not None
    assert len(exactly.value) == SETTINGS.max_event_bytes
    records = [FakeRecord(duplicate_key), unicode_profile, spaced, exactly]
    decoded = decode(topics.VIEWING_EVENTS, records, NOW, SETTINGS)
    assert decoded.indexes == [0, 1, 2, 3]
    first = decoded.events[0]
    assert isinstance(first, schema.Rating)
    assert first.title_id == "t"  # the last of two equal keys counts, as in Python's own json


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.lists(st.tuples(st.none() | st.binary(max_size=200), st.none() | st.binary(max_size=8)), max_size=8)
)
def test_random_bytes_never_raise_and_every_record_is_accounted_for(pairs: list[tuple[Any, Any]]) -> None:
    records = [FakeRecord(value, key) for value, key in pairs]
    for topic in topics.INPUTS:
        decoded = decode(topic, records, NOW, SETTINGS)
        assert sorted(decoded.indexes + [r.index for r in decoded.rejects]) == list(range(len(records)))


@given(st.data())
@settings(max_examples=300)
def test_an_event_with_one_field_changed_is_an_event_or_one_reject(data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([*event(), "device_type", "region", "session_id"]))
    changed = event(**{field: data.draw(json_values)})
    value = json.dumps(changed).encode()
    decoded = decode(topics.VIEWING_EVENTS, [FakeRecord(value)], NOW, SETTINGS)
    assert len(decoded.events) + len(decoded.rejects) == 1
    for reject in decoded.rejects:
        reject.detail.encode()
    for good in decoded.events:
        assert good.profile_id == "p1"
        assert SETTINGS.earliest_ts_ms <= good.ts <= NOW + SETTINGS.future_tolerance_ms


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
@settings(max_examples=300)
def test_an_event_with_one_byte_changed_is_an_event_or_one_reject(at: int, byte: int) -> None:
    value = GOOD[:at] + bytes([byte]) + GOOD[at + 1 :]
    decoded = decode(topics.VIEWING_EVENTS, [FakeRecord(value)], NOW, SETTINGS)
    assert len(decoded.events) + len(decoded.rejects) == 1


def test_catalog_records_are_judged_by_the_same_rules() -> None:
    row = {"row_id": "crime", "name": "Crime", "rule": "tag", "tag": "crime"}
    good = decode_catalog(topics.ROW_CATALOG, b"crime", json.dumps(row).encode(), SETTINGS)
    assert isinstance(good, schema.Row)
    title = {"title_id": "t1", "name": "One", "kind": "film", "tags": ["crime"]}
    assert isinstance(
        decode_catalog(topics.TITLE_CATALOG, b"t1", json.dumps(title).encode(), SETTINGS), schema.Title
    )
    for key, value, reason in (
        (b"drama", json.dumps(row).encode(), Reason.KEY_MISMATCH),
        (None, json.dumps(row).encode(), Reason.KEY_MISMATCH),
        (b"crime", b"{", Reason.NOT_JSON),
        (b"crime", json.dumps({**row, "rule": "magic"}).encode(), Reason.BAD_VALUE),
        (b"crime", json.dumps({**row, "x": "y" * SETTINGS.max_event_bytes}).encode(), Reason.TOO_LARGE),
    ):
        reject = decode_catalog(topics.ROW_CATALOG, key, value, SETTINGS)
        assert isinstance(reject, Reject)
        assert reject.reason is reason
