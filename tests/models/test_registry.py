"""Building a model by name: what works, and what the message says when it does not."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import numpy as np
import pytest
from river import cluster, linear_model, preprocessing, tree

from models.quality import FEATURES, pipeline
from models.registry import UNDECIDED, ManyAtOnce, OnArrays, OneByOne, adapt, build


@pytest.fixture
def house() -> Iterator[types.ModuleType]:
    """A module of somebody's own models."""
    module = types.ModuleType("house_models")
    sys.modules["house_models"] = module
    yield module
    del sys.modules["house_models"]


def test_ours_are_there_by_name() -> None:
    assert isinstance(build("models.quality:pipeline", FEATURES), OnArrays)
    assert isinstance(build("models.hazard:pipeline", FEATURES), OnArrays)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("models.quality", "write it as module:function"),
        (":pipeline", "write it as module:function"),
        ("models.quality:", "write it as module:function"),
        ("models.nowhere:pipeline", "cannot import models.nowhere"),
        ("models.quality:pipelin", "no function pipelin"),
        ("models.quality:FEATURES", "no function FEATURES"),
        ("models.registry:build", "without arguments"),
        ("collections:Counter", "a Counter is no River classifier"),
    ],
)
def test_what_is_wrong_is_said(spec: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        build(spec, FEATURES)


def test_rivers_other_estimators_are_refused(house: types.ModuleType) -> None:
    house.regression = linear_model.LinearRegression
    house.pipeline = lambda: preprocessing.StandardScaler() | cluster.KMeans()
    for function in ("regression", "pipeline"):
        with pytest.raises(ValueError, match="no River classifier"):
            build(f"house_models:{function}", FEATURES)


def test_models_that_take_one_example_at_a_time_are_given_one_at_a_time(house: types.ModuleType) -> None:
    house.tree = tree.HoeffdingTreeClassifier
    house.mixed = lambda: preprocessing.MinMaxScaler() | linear_model.LogisticRegression()
    house.union = lambda: (
        (preprocessing.StandardScaler() + preprocessing.MinMaxScaler()) | linear_model.LogisticRegression()
    )
    house.scaled = lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression()
    kinds = {
        name: type(build(f"house_models:{name}", ("a",))) for name in ("tree", "mixed", "union", "scaled")
    }
    assert kinds == {"tree": OneByOne, "mixed": OneByOne, "union": OneByOne, "scaled": ManyAtOnce}


def test_every_way_of_learning_comes_to_the_same() -> None:
    rng = np.random.default_rng(9)
    X, y = rng.normal(size=(300, len(FEATURES))), rng.random(300) < 0.3
    ways = [way(pipeline(), FEATURES) for way in (OneByOne, ManyAtOnce, OnArrays)]
    for way in ways:
        way.learn(X, y)
    one, many, arrays = (way.predict(X) for way in ways)
    assert np.array_equal(one, many)
    assert np.array_equal(one, arrays)


def test_trying_what_a_model_can_do_teaches_it_nothing() -> None:
    model = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    adapt(model, ("a",))
    assert not model["StandardScaler"].counts
    assert model["LogisticRegression"].weights == {}


def test_a_model_without_an_answer_is_undecided() -> None:
    nan_at_first = adapt(preprocessing.MinMaxScaler() | linear_model.LogisticRegression(), ("a",))
    assert nan_at_first.predict(np.zeros((2, 1))).tolist() == [UNDECIDED, UNDECIDED]
    silent_at_first = adapt(tree.HoeffdingTreeClassifier(), ("a",))
    assert silent_at_first.predict(np.zeros((1, 1))).tolist() == [UNDECIDED]


def test_a_label_never_seen_has_no_chance() -> None:
    model = adapt(tree.HoeffdingTreeClassifier(), ("a",))
    model.learn(np.zeros((4, 1)), np.zeros(4, bool))
    assert model.predict(np.zeros((1, 1))).tolist() == [0.0]
