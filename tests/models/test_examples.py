"""The examples in the docstrings of the learning core are true, and the door names every file."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import models

FILES = sorted(path.stem for path in Path(models.__file__).parent.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", FILES)
def test_the_examples_are_true(name: str) -> None:
    results = doctest.testmod(importlib.import_module(f"models.{name}"), verbose=False)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_reading_order_names_every_file() -> None:
    named = [
        line.split()[0] for line in (models.__doc__ or "").splitlines() if line.split()[:1] and ".py" in line
    ]
    assert sorted(named) == [f"{name}.py" for name in FILES]
