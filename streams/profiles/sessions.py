"""Sessions, devices, places and the subscription of a profile. Compiled."""

from __future__ import annotations

from models.compiled import compiled
from streams.events.kinds import (
    PAYMENT_FAILED,
    SESSION_END,
    SESSION_START,
    SUBSCRIPTION_CANCELLED,
    SUBSCRIPTION_PAUSED,
    SUBSCRIPTION_RENEWED,
    SUBSCRIPTION_STARTED,
)
from streams.profiles.clock import count
from streams.profiles.layout import Counter, Subscription
from streams.profiles.parameters import Array, Fields, Parameters

SESSIONS = int(Counter.SESSIONS)
SEARCHES_WITHOUT_PLAY = int(Counter.SEARCHES_WITHOUT_PLAY)
DEVICE_CHANGES = int(Counter.DEVICE_CHANGES)
PLACE_CHANGES = int(Counter.PLACE_CHANGES)
PAYMENT_FAILURES = int(Counter.PAYMENT_FAILURES)
ACTIVE = int(Subscription.ACTIVE)
PAUSED = int(Subscription.PAUSED)
FAILED = int(Subscription.PAYMENT_FAILED)
CANCELLED = int(Subscription.CANCELLED)


@compiled
def observe_session(
    p: Fields, kind: int, ts: int, previous_ts: int, weights: Array, parameters: Parameters
) -> bool:
    """Keep the session current; true when this event begins a new one.

    A session begins with ``session_start``, with the first event ever, or after ``session_gap_ms`` of
    silence (``previous_ts`` is the profile's last event time before this one). It ends with
    ``session_end``. A late event belongs to the session under way.
    """
    late = p.sessions > 0 and ts < previous_ts
    begins = p.in_session == 0 or ts - previous_ts > parameters.session_gap_ms
    if kind == SESSION_START and p.session_events > 0:
        begins = True
    if late:
        if p.in_session == 0:
            return False  # it belongs to a session that has ended
        begins = False
    if kind == SESSION_END:
        if p.in_session == 0:
            return False
        begins = False  # a client that tells the end after a long silence was not there again
    if begins:
        close_search(p, weights)
        p.in_session = 1
        p.session_events = 0
        p.sessions += 1
        count(p, SESSIONS, 1.0, weights)
    p.session_events += 1
    if kind == SESSION_END:
        close_search(p, weights)
        p.in_session = 0
    return begins


@compiled
def close_search(p: Fields, weights: Array) -> None:
    """A search that led to no play before the next search or the session's end is counted as one without
    play."""
    if p.open_search:
        count(p, SEARCHES_WITHOUT_PLAY, 1.0, weights)
        p.open_search = 0


@compiled
def observe_device(p: Fields, device: int, place: int, weights: Array) -> None:
    """Count changes of device type and of place (country and region); 0 is not said."""
    if device != 0:
        if p.device_type != 0 and p.device_type != device:
            count(p, DEVICE_CHANGES, 1.0, weights)
        p.device_type = device
    if place != 0:
        if p.place != 0 and p.place != place:
            count(p, PLACE_CHANGES, 1.0, weights)
        p.place = place


@compiled
def observe_subscription(p: Fields, kind: int, ts: int, weights: Array) -> None:
    """Keep the state of the subscription; another plan changes nothing of it."""
    if kind == PAYMENT_FAILED:
        count(p, PAYMENT_FAILURES, 1.0, weights)
    if ts < p.subscription_ts:
        return  # a late one: what came after it is known already
    if kind in (SUBSCRIPTION_STARTED, SUBSCRIPTION_RENEWED):
        p.subscription = ACTIVE
    elif kind == PAYMENT_FAILED:
        p.subscription = FAILED
    elif kind == SUBSCRIPTION_PAUSED:
        p.subscription = PAUSED
    elif kind == SUBSCRIPTION_CANCELLED:
        p.subscription = CANCELLED
    p.subscription_ts = ts
