"""Repeats of a client library are thinned out; everything else is heard."""

from __future__ import annotations

import logging

from streams.logs import REPEAT_S, Thinner


def record(name: str, message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, __file__, 1, message, arguments, None)


def test_the_same_complaint_of_a_library_is_heard_once_in_a_while() -> None:
    now = 100.0
    thinner = Thinner(lambda: now)
    assert thinner.filter(record("aiokafka.conn", "no %s", "a"))
    assert not thinner.filter(record("aiokafka.conn", "no %s", "b"))
    assert thinner.filter(record("aiokafka.cluster", "no %s", "a"))
    assert thinner.filter(record("aiokafka.conn", "something else"))
    now += REPEAT_S
    assert thinner.filter(record("aiokafka.conn", "no %s", "c"))


def test_our_own_lines_are_never_thinned() -> None:
    thinner = Thinner(lambda: 0.0)
    assert all(thinner.filter(record("streams.app", "worker ends")) for _ in range(3))
