"""What was freed between things that stay goes back to the system, but not while there is work."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref

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


class Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.self = self


def test_what_lies_in_cycles_goes_too() -> None:
    knot = Knot()
    alive = weakref.ref(knot)
    gc.collect()  # whatever else there is
    gc.disable()
    try:
        del knot
        assert alive() is not None
        memory.give_back()
        assert alive() is None
    finally:
        gc.enable()


REQUESTS = """
import resource
from streams import memory

def faults_of_requests():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        copies = [bytes(range(256)) * 16_000 for _ in range(5)]
        del copies
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults_of_requests()
given_up = faults_of_requests()
assert memory.keep_freed()
faults_of_requests()
print(given_up, faults_of_requests())
"""
"""A checkpoint's requests: 20 times five copies of 4 MB, some thousand pages each."""


def test_freed_memory_is_kept_while_there_is_work() -> None:
    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("this C library has no mallopt")
    done = subprocess.run([sys.executable, "-c", REQUESTS], capture_output=True, text=True, check=True)
    given_up, kept = map(int, done.stdout.split())
    assert given_up > 10_000, "else there is nothing to show"
    assert kept < 1_000


def test_where_there_is_no_such_thing_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_of_libc", lambda name: None)
    assert not memory.give_back()
    assert not memory.keep_freed()
