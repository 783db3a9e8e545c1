"""Compiled functions: the disk cache must never run old code, and no place to write must be no error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLEE = "from models.compiled import compiled\n@compiled\ndef inner(x: float) -> float:\n    return x + {}\n"
CALLER = (
    "from models.compiled import compiled\nfrom tower.inner import inner\n"
    "@compiled\ndef outer(x: float) -> float:\n    return 10.0 * inner(x)\n"
)


def run(tower: Path, cache: Path) -> str:
    """What ``outer(1.0)`` gives in a fresh process."""
    root = Path(__file__).parents[2]
    environ = os.environ | {"PYTHONPATH": f"{tower.parent}{os.pathsep}{root}", "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run(
        [sys.executable, "-B", "-c", "from tower.outer import outer; print(outer(1.0))"],
        env=environ, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


@pytest.fixture
def tower(tmp_path: Path) -> Path:
    package = tmp_path / "tower"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "inner.py").write_text(CALLEE.format("1.0"))
    (package / "outer.py").write_text(CALLER)
    return package


def test_a_change_in_another_file_is_not_missed(tower: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(tower, cache) == "20.0"
    stored = set(cache.rglob("*.nbi"))
    assert stored
    assert run(tower, cache) == "20.0"
    assert set(cache.rglob("*.nbi")) == stored  # the second process found the first one's code
    (tower / "inner.py").write_text(CALLEE.format("2.0"))
    assert run(tower, cache) == "30.0"


def test_without_a_place_to_write_it_compiles_all_the_same(tower: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file, not a directory")
    assert run(tower, taken) == "20.0"
