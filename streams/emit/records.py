"""Encodes decisions as the contract's records, and dead letters as they came."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from models.hazard import FEATURES as CHURN_FEATURES
from streams.decisions.demand import TERMS
from streams.decisions.seen_rows import NAMES as SEEN_TERMS
from streams.engine import Headers
from streams.events.decode import Reject
from streams.profiles.parameters import Array
from streams.settings import DAY_MS

BANDS = ("low", "medium", "high")
ROW_MODEL = "quality"
PLAIN_MODEL = "popular"
"""What decides for a profile that has chosen a page without personal data."""
CHURN_MODEL = "hazard"
ROW_REASONS = TERMS + SEEN_TERMS[1:]
"""What sets a row apart: a term of the demand model, or one of seen rows beside it."""

PLAIN_PAGE = '"profiled":false,'
Cause = dict[str, Any]


def cause(event_id: str, topic: str, partition: int, offset: int) -> Cause:
    """What made a decision change: an event, and where it stands in the log."""
    return {"event_id": event_id, "topic": topic, "partition": partition, "offset": offset}


def encode_row_orders(
    decisions: Array, profiles: list[str], causes: list[Cause], names: Array
) -> list[bytes]:
    """``row-order`` records of these decisions; ``names`` are the partition's row ids by index (an object
    array)."""
    width = len(names)
    order = names[decisions["order"][:, :width]].tolist()
    previous = names[decisions["previous"][:, :width]].tolist()
    scores = decisions["scores"].tolist()
    moved = decisions["reason_row"].tolist()
    features = decisions["reason_feature"].tolist()
    parts = decisions["reason"].tolist()
    encoded = []
    for i, (ts, version, model, explore, propensity, n, before, plain) in enumerate(
        zip(
            *(
                decisions[field].tolist()
                for field in (
                    "ts",
                    "version",
                    "model",
                    "explore",
                    "propensity",
                    "rows",
                    "previous_rows",
                    "band",
                )
            ),
            strict=True,
        )
    ):
        record = {
            "profile_id": profiles[i],
            "ts": ts,
            "version": version,
            "cause": causes[i],
            "model": {"name": PLAIN_MODEL if plain else ROW_MODEL, "version": model},
            "explore": explore == 1,
            "propensity": propensity,
            "rows": order[i][:n],
            "scores": scores[i][:n],
            "previous": previous[i][:before] if before else None,
            "reasons": [
                {"row_id": names[row], "feature": ROW_REASONS[feature], "contribution": part}
                for row, feature, part in zip(moved[i], features[i], parts[i], strict=True)
                if row >= 0 and feature >= 0
            ],
        }
        if plain:
            record["profiled"] = False
        encoded.append(orjson.dumps(record))
    return encoded


def encode_churn_scores(
    decisions: Array, profiles: list[str], causes: list[Cause], horizon_ms: int
) -> list[bytes]:
    """``churn-scores`` records of these decisions."""
    features = decisions["reason_feature"].tolist()
    parts = decisions["reason"].tolist()
    encoded = []
    for i, (ts, version, model, probability, had_previous, previous, band) in enumerate(
        zip(
            *(
                decisions[field].tolist()
                for field in ("ts", "version", "model", "probability", "had_previous", "previous_p", "band")
            ),
            strict=True,
        )
    ):
        encoded.append(
            orjson.dumps(
                {
                    "profile_id": profiles[i],
                    "ts": ts,
                    "version": version,
                    "cause": causes[i],
                    "model": {"name": CHURN_MODEL, "version": model},
                    "explore": False,
                    "propensity": 1.0,
                    "probability": round(probability, 4),
                    "horizon_days": horizon_ms / DAY_MS,
                    "band": BANDS[band],
                    "previous": round(previous, 4) if had_previous else None,
                    "drivers": [
                        {"feature": CHURN_FEATURES[feature], "contribution": part}
                        for feature, part in zip(features[i], parts[i], strict=True)
                        if feature >= 0
                    ],
                }
            )
        )
    return encoded


@lru_cache(65_536)
def quoted(text: str | None) -> str:
    """An id as JSON: the same few come again and again."""
    return orjson.dumps(text).decode()


def encode_head(
    profile: str, ts: int, event_id: str, topic: str, partition: int, offset: int, plain: bool
) -> bytes:
    """What every decision about one moment begins with, up to the next field. Written out: a general encoder takes
    three times as long.

    >>> encode_head("p", 5, "e", "viewing-events", 0, 7, plain=True)
    b'{"profile_id":"p","ts":5,"cause":{"event_id":"e","topic":"viewing-events","partition":0,"offset":7},\
"profiled":false,'
    """
    event = orjson.dumps(event_id).decode()  # never twice the same
    return (
        f'{{"profile_id":{quoted(profile)},"ts":{ts},"cause":{{"event_id":{event},"topic":"{topic}",'
        f'"partition":{partition},"offset":{offset}}},{PLAIN_PAGE if plain else ""}'
    ).encode()


def encode_image(title: str, artwork: str | None, previous: str | None) -> bytes:
    """How an ``artwork-choices`` record ends.

    >>> encode_image("t1", 'a"b', None)
    b'"title_id":"t1","artwork_id":"a\\\\"b","previous":null}'
    """
    return (
        f'"title_id":{quoted(title)},"artwork_id":{quoted(artwork)},"previous":{quoted(previous)}}}'
    ).encode()


def encode_prediction(
    profile: str, event_id: str, ts: int, row: str, probability: float, offset: int
) -> bytes:
    """A record of the internal predictions topic."""
    return orjson.dumps(
        {
            "event_id": event_id,
            "profile_id": profile,
            "ts": ts,
            "row_id": row,
            "probability": round(probability, 6),
            "offset": offset,
        }
    )


def dead_letter_headers(topic: str, partition: int, offset: int, reject: Reject) -> Headers:
    """Where a dead letter came from, and why it is one. Its key and value are the bytes as they came."""
    return [
        ("topic", topic.encode()),
        ("partition", b"%d" % partition),
        ("offset", b"%d" % offset),
        ("reason", reject.reason.encode()),
        ("detail", reject.detail.encode()),
    ]


def row_names(rows: list[str]) -> Array:
    """Row ids by index, as an array that can be indexed by a page."""
    names = np.empty(len(rows), object)
    names[:] = rows
    return names
