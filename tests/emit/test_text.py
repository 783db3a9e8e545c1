"""Records written as bytes in compiled code say what a general encoder would say."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.dealing.parts import CHOICE, IMAGE, RANKING, SIGNAL
from streams.decisions.categories import BEFORE, BEST, FIXED, WHY
from streams.emit.names import Names, texts
from streams.emit.signals import plays_told
from streams.emit.text import choices_behind, made, rankings_behind
from streams.events.rekeyed import TitleSignal

ODD = ["plain", 'a"quote', "back\\slash", "tab\there", "ünïcode", "日本", "emoji 🎬", "", "x" * 300]
FEATURES, MODELS = texts([b'"popular"', b'"taste"']), texts([b'"titles"', b'"popular"'])


def names(of: list[str]) -> Names:
    known = Names()
    for n in range(len(of) + 1):  # as they come
        known.follow(of[:n])
    return known


def whole(rest: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(b"{" + rest)
    return found


def ranking(**fields: Any) -> np.ndarray[Any, Any]:
    made_up = np.zeros(1, RANKING)
    made_up["features"] = -1
    for name, value in fields.items():
        made_up[name] = value
    return made_up


def test_a_ranking_is_told_whole() -> None:
    slots = np.arange(1, 1 + len(ODD))
    told = ranking(version=7, learned=12_345_678_901, explores=1, propensity=0.1, length=len(ODD))
    told["titles"][0, : len(ODD)] = slots[::-1]
    told["scores"][0, : len(ODD)] = [-1.5, 0.0, 2.25, -0.0001, 1e-9, 3.0, 12.3456, -7.0, 100.0]
    told["features"][0], told["parts"][0] = [1, -1, 0], [0.5, 9.0, -0.25]
    plain = ranking(version=1, plain=1, propensity=1.0, length=1, titles=2, scores=0.5)
    first, second = map(whole, rankings_behind(np.concatenate([told, plain]), names(ODD), FEATURES, MODELS))
    assert first == {
        "version": 7,
        "model": {"name": "titles", "version": 12_345_678_901},
        "explore": True,
        "propensity": 0.1,
        "titles": ODD[::-1],
        "scores": [-1.5, 0.0, 2.25, -0.0001, 0.0, 3.0, 12.3456, -7.0, 100.0],
        "reasons": [
            {"title_id": ODD[-1], "feature": "taste", "contribution": 0.5},
            {"title_id": ODD[-3], "feature": "popular", "contribution": -0.25},
        ],
    }
    assert (second["model"]["name"], second["titles"], second["reasons"]) == ("popular", [ODD[1]], [])
    assert (second["explore"], second["propensity"]) == (False, 1.0)


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e12, 1e12) | st.floats(-2.0, 2.0))
def test_a_number_is_rounded_and_short(value: float) -> None:
    (rest,) = rankings_behind(ranking(length=1, titles=1, scores=value), names(["t"]), FEATURES, MODELS)
    text = rest.partition(b'"scores":[')[2].partition(b"]")[0].decode()
    assert math.isclose(float(text), value, rel_tol=1e-14, abs_tol=0.00005001)
    digits = text.partition(".")[2]
    assert 1 <= len(digits) <= 4 and (digits == "0" or digits[-1] != "0") and text != "-0.0"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
def test_what_is_no_number_is_null(value: float) -> None:
    (rest,) = rankings_behind(ranking(length=1, titles=1, scores=value), names(["t"]), FEATURES, MODELS)
    assert whole(rest)["scores"] == [None]


@settings(max_examples=200, deadline=None)
@given(st.floats(0.0, 1.0, width=32), st.integers(0, 2**53))
def test_a_propensity_keeps_its_digits(chance: float, version: int) -> None:
    image = np.zeros(1, IMAGE)
    image["propensity"], image["version"], image["explores"] = chance, version, 1
    (rest,) = made(image, MODELS)
    told = whole(rest[:-1] + b"}")
    assert rest.endswith(b",") and abs(told["propensity"] - chance) <= 5.1e-10
    assert (told["version"], told["explore"], told["model"]["name"]) == (version, True, "titles")


@pytest.mark.parametrize(("policy", "version"), [(1, 1), (1, 9), (FIXED, 2)])
def test_categories_are_told_whole(policy: int, version: int) -> None:
    choice = np.zeros(1, CHOICE)
    out = choice["out"][0]
    out[:2] = policy, version
    out[BEST : BEST + 3], out[BEFORE : BEFORE + 1], out[WHY : WHY + 3] = [3, 1, 2], [5], [0, 1, 0]
    choice["reasons"], choice["plays"] = [1.5, 0.00004, 2.0], 44
    policies = texts([b'"popular"', b'"taste"', b'"dwell"', b'"fixed"'])
    told = whole(choices_behind(choice, names(ODD), FEATURES, policies)[0])
    assert told["categories"] == [ODD[2], ODD[0], ODD[1]]
    assert told["previous"] == ([ODD[4]] if version > 1 else None)
    assert told["model"] == {"name": "fixed" if policy == FIXED else "taste", "version": 44}
    assert [reason["contribution"] for reason in told["reasons"]] == (
        [] if policy == FIXED else [1.5, 0.0, 2.0]
    )


def test_titles_owners_are_told_of_plays_whole() -> None:
    signals = np.zeros(3, SIGNAL)
    known = [name for name in ODD if 0 < len(name) < 256]  # the catalog has no others
    signals["title"], signals["good"], signals["watched"] = [1, 0, 6], [1, 0, 1], [len(known), 5, 0]
    signals["recent"][0, : len(known)] = np.arange(1, 1 + len(known))
    told = plays_told(signals, np.array([5, 0, 1_700_000_000_000]), 3, names(known))
    good, bad, alone = (msgspec.json.decode(record, type=TitleSignal, strict=True) for record in told)
    weights = [round(0.9**back, 3) for back in range(len(known))]
    assert (good.title_id, good.ts, good.quality, good.played, good.source) == (known[1], 5, 1.0, 1.0, 3)
    assert good.with_ == list(zip(known, weights, strict=True))
    assert (bad.title_id, bad.ts, bad.quality, bad.played, bad.with_) == (known[0], 0, 0.0, 1.0, [])
    assert (alone.title_id, alone.ts, alone.quality, alone.with_) == (known[6], 1_700_000_000_000, 1.0, [])
