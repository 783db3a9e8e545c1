"""What was freed between things that stay goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from streams import memory

PROGRAM = """
import os
from streams import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")

memory.give_back()
few = resident()
held = [bytes(3_000) for _ in range(40_000)]
many = resident()
del held[:-1]
kept = resident()
assert memory.give_back()
print(many - few, kept - few, resident() - few)
"""
"""120 MB in pieces that the heap has room for; the last one stays, so the heap cannot be cut at its end."""


def test_freed_memory_goes_back() -> None:
    if not hasattr(ctypes.CDLL(None), "malloc_trim"):
        pytest.skip("this C library has no malloc_trim")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    many, kept, after = map(int, done.stdout.split())
    assert many > 100e6
    assert kept > 100e6, "else there is nothing to show"
    assert after < 20e6


def test_where_there_is_no_such_thing_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_trim", lambda: None)
    assert not memory.give_back()
