"""Impressions that await their outcome, and the examples they become. Compiled.

An impression is a row that came into view. Its features are kept as they were at that moment; its outcome
is

- *quality play*: a playback begun from it was truly watched long enough;
- *abandoned*: a playback begun from it ended without that;
- *ignored*: a quality play happened elsewhere, the row came into view again, the session or the outcome
window ended.

A row that was not in view teaches nothing (cascade, Deezer arXiv 2009.06546).
"""

from __future__ import annotations

from typing import NamedTuple

from models.compiled import compiled
from streams.decisions.rows import count_outcome, count_watched
from streams.decisions.seen_rows import learn_seen
from streams.profiles.clock import HOUR, MONTH
from streams.profiles.layout import FEATURE_SCALE, MAX_POSITIONS, PENDING, PLAYBACKS
from streams.profiles.parameters import Array, Fields, Parameters


class Examples(NamedTuple):
    """Resolved outcomes on their way to a model: features, label, the probability that was predicted, and
    how many there are."""

    x: Array
    y: Array
    p: Array
    n: Array


@compiled
def quantised(value: float) -> int:
    """A feature as the int16 it waits as."""
    scaled = round(value * FEATURE_SCALE)
    return int(min(32767.0, max(-32768.0, scaled)))


@compiled
def add_example(examples: Examples, features: Array, label: int, predicted: float) -> None:
    """Append one resolved outcome; ``features`` is a waiting int16 vector."""
    n = examples.n[0]
    for f in range(features.shape[0]):
        examples.x[n, f] = features[f] / FEATURE_SCALE
    examples.y[n] = label
    examples.p[n] = predicted
    examples.n[0] = n + 1


@compiled
def resolve(p: Fields, i: int, label: int, partition: Fields, examples: Examples, weights: Array) -> None:
    """The impression at place ``i`` has its outcome: make it an example, count it, free its place."""
    row = p.pending_row[i] - 1
    position = p.pending_position[i]
    add_example(examples, p.pending_x[i], label, p.pending_p[i])
    learn_seen(p, partition, i, label)
    count_outcome(
        p, partition, row, position, p.pending_length[i], label, p.last_ts, weights[MONTH], weights[HOUR]
    )
    if p.pending_playing[i] == 0:  # ignored; how long a play was watched is known when it ends
        count_watched(p, partition, position, 0.0, weights[MONTH])
    free(p, i)


@compiled
def free(p: Fields, i: int) -> None:
    """Free a waiting impression's place, and what points to it."""
    p.pending_row[i] = 0
    p.pending_playing[i] = 0
    for k in range(PLAYBACKS):
        if p.play_pending[k] == i + 1:
            p.play_pending[k] = 0


@compiled
def resolve_ignored(p: Fields, partition: Fields, examples: Examples, weights: Array) -> None:
    """Every waiting impression without a playback under way was seen and not played."""
    for i in range(PENDING):
        if p.pending_row[i] != 0 and p.pending_playing[i] == 0:
            resolve(p, i, 0, partition, examples, weights)


@compiled
def resolve_expired(
    p: Fields, ts: int, partition: Fields, examples: Examples, weights: Array, parameters: Parameters
) -> None:
    """Impressions older than the outcome window, without a playback under way, were ignored."""
    for i in range(PENDING):
        if (
            p.pending_row[i] != 0
            and p.pending_playing[i] == 0
            and ts - p.pending_ts[i] > parameters.outcome_window_ms
        ):
            resolve(p, i, 0, partition, examples, weights)


@compiled
def place_for_impression(p: Fields, row: int, partition: Fields, examples: Examples, weights: Array) -> int:
    """A free place for a new impression of ``row``; the row's unplayed older one, or else the oldest of
    all, is resolved first."""
    place = -1
    oldest = 0
    for i in range(PENDING):
        if p.pending_row[i] == row + 1 and p.pending_playing[i] == 0:
            resolve(p, i, 0, partition, examples, weights)
        if p.pending_row[i] == 0:
            place = i
        elif p.pending_ts[i] < p.pending_ts[oldest]:
            oldest = i
    if place < 0:
        resolve(p, oldest, 0, partition, examples, weights)
        place = oldest
    return place


@compiled
def await_outcome(
    p: Fields, i: int, row: int, position: int, length: int, ts: int, features: Array, predicted: float
) -> None:
    """Put an impression of ``row`` (its features, predicted probability, and its first title's class of
    length) at place ``i`` to wait."""
    p.pending_length[i] = length
    p.pending_row[i] = row + 1
    p.pending_playing[i] = 0
    p.pending_position[i] = min(position, MAX_POSITIONS - 1)
    p.pending_ts[i] = ts
    p.pending_p[i] = predicted
    for f in range(features.shape[0]):
        p.pending_x[i, f] = quantised(features[f])


@compiled
def impression_of(p: Fields, row: int) -> int:
    """The latest waiting impression of ``row`` from which nothing is being played, or -1."""
    found = -1
    for i in range(PENDING):
        if (
            p.pending_row[i] == row + 1
            and p.pending_playing[i] == 0
            and (found < 0 or p.pending_ts[i] > p.pending_ts[found])
        ):
            found = i
    return found
