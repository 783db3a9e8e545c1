"""Churn: the features of a profile at a moment, its score, and labels that have matured. Compiled.

The label of a prediction made at ``t`` is whether the subscription was cancelled, or nothing was viewed,
within ``(t, t + horizon]``. It exists from ``t + horizon`` on and is used then, never before: a viewer
who came back early is known to have come back, but learning that at once would teach the model from
returns only.
"""

from __future__ import annotations

import numpy as np

from models.compiled import compiled
from streams.decisions.rows import linear_log_odds, log_odds
from streams.profiles.clock import DAY, HALF_LIVES_MS, remaining
from streams.profiles.layout import SNAPSHOTS, Counter, Subscription
from streams.profiles.moments import MomentKind, Noted, note
from streams.profiles.outcomes import Examples, add_example, quantised
from streams.profiles.parameters import Fields, Floats, Models, Outbox, Parameters, Scratch

ON_SCORED = int(MomentKind.SCORED)
CHURN_SCORE = 2
"""The kind of a decision that is a churn score."""
SILENT, CAME_BACK, LEFT = 1, 2, 3
MEDIUM_FROM, HIGH_FROM = 0.2, 0.5
"""Bands of the churn probability: low below, medium from, high from."""
LOW, MEDIUM, HIGH = 0, 1, 2
CANCELLED = int(Subscription.CANCELLED)
PAUSED = int(Subscription.PAUSED)
FAILED = int(Subscription.PAYMENT_FAILED)
SESSIONS = int(Counter.SESSIONS)
WATCHED = int(Counter.WATCHED_HOURS)
PLAYS = int(Counter.PLAYS)
QUALITY = int(Counter.QUALITY_PLAYS)
SKIPS = int(Counter.SKIPS)
REWINDS = int(Counter.REWINDS)
LOST_SEARCHES = int(Counter.SEARCHES_WITHOUT_PLAY)
DEVICE_CHANGES = int(Counter.DEVICE_CHANGES)
PAYMENT_FAILURES = int(Counter.PAYMENT_FAILURES)
IMPRESSIONS = int(Counter.IMPRESSIONS)


@compiled
def churn_features(p: Fields, ts: int, out: Floats) -> None:
    """Fill ``out`` with ``models.hazard.FEATURES`` of profile ``p`` as of ``ts``; nothing later than its
    last event is in them."""
    silent = float(max(0, ts - p.active_ts))
    age = float(max(0, ts - p.first_ts))
    day = remaining(float(ts - p.last_ts), HALF_LIVES_MS[0])
    week = remaining(float(ts - p.last_ts), HALF_LIVES_MS[1])
    month = remaining(float(ts - p.last_ts), HALF_LIVES_MS[2])
    plays = p.counters[1, PLAYS] * week
    out[0] = np.log1p(silent / DAY * 4.0)
    out[1] = np.log1p(age / DAY)
    out[2] = np.log1p(p.counters[0, SESSIONS] * day)
    out[3] = np.log1p(p.counters[1, SESSIONS] * week)
    out[4] = np.log1p(p.counters[2, SESSIONS] * month)
    out[5] = np.log1p(60.0 * p.counters[1, WATCHED] * week)
    out[6] = np.log1p(60.0 * p.counters[2, WATCHED] * month)
    out[7] = np.log1p(p.counters[1, IMPRESSIONS] * week)
    out[8] = p.counters[1, QUALITY] * week / (plays + 2.0)
    out[9] = p.counters[1, SKIPS] * week / (plays + 2.0)
    out[10] = np.log1p(p.counters[1, REWINDS] * week)
    out[11] = np.log1p(p.counters[1, LOST_SEARCHES] * week)
    out[12] = np.log1p(p.counters[2, DEVICE_CHANGES] * month)
    out[13] = np.log1p(p.counters[2, PAYMENT_FAILURES] * month)
    out[14] = 1.0 if p.subscription == FAILED or p.subscription == PAUSED else 0.0
    out[15] = 1.0 if p.subscription == CANCELLED else 0.0


@compiled
def band_of(probability: float) -> int:
    """The band of a churn probability."""
    if probability >= HIGH_FROM:
        return HIGH
    return MEDIUM if probability >= MEDIUM_FROM else LOW


@compiled
def linear_probability(features: Floats, weights: Floats, intercept: float) -> float:
    """Probability of a folded linear model."""
    return float(1.0 / (1.0 + np.exp(-linear_log_odds(features, weights, intercept))))


@compiled
def mature_labels(p: Fields, ts: int, examples: Examples, parameters: Parameters) -> None:
    """Turn predictions that are older than the horizon at ``ts`` into examples."""
    for s in range(SNAPSHOTS):
        if p.snapshot_state[s] != 0 and ts - p.snapshot_ts[s] > parameters.churn_horizon_ms:
            label = 0 if p.snapshot_state[s] == CAME_BACK else 1
            add_example(examples, p.snapshot_x[s], label, p.snapshot_p[s])
            p.snapshot_state[s] = 0


@compiled
def observe_life(p: Fields, ts: int, cancelled: bool, parameters: Parameters) -> None:
    """A sign of life, or a cancellation, at ``ts``: note it in every prediction whose window it falls
    in."""
    for s in range(SNAPSHOTS):
        if p.snapshot_state[s] != 0 and 0 < ts - p.snapshot_ts[s] <= parameters.churn_horizon_ms:
            if cancelled:
                p.snapshot_state[s] = LEFT
            elif p.snapshot_state[s] == SILENT:
                p.snapshot_state[s] = CAME_BACK


@compiled
def keep_snapshot(p: Fields, ts: int, features: Floats, probability: float, parameters: Parameters) -> None:
    """Keep this prediction until its label exists: one a third of the horizon at most, while there is a
    place. None as of a late event: what came after it is known already, and would be missing from its
    label."""
    if ts < p.last_ts or ts - p.last_snapshot_ts < parameters.churn_horizon_ms // SNAPSHOTS:
        return
    for s in range(SNAPSHOTS):
        if p.snapshot_state[s] == 0:
            p.snapshot_state[s] = SILENT
            p.snapshot_ts[s] = ts
            p.snapshot_p[s] = probability
            for f in range(features.shape[0]):
                p.snapshot_x[s, f] = quantised(features[f])
            p.last_snapshot_ts = ts
            return


@compiled
def decide_churn(
    p: Fields,
    slot: int,
    event: int,
    ts: int,
    parameters: Parameters,
    models: Models,
    outbox: Outbox,
    scratch: Scratch,
    topic: int,
    offset: int,
    noted: Noted,
) -> bool:
    """Score churn from ``scratch.churn_ask``; true when the profile's record changed.

    A decision leaves when the band changes or its log-odds moved by ``churn_step``.
    """
    features = scratch.churn_ask
    if models.churn_linear == 1:
        probability = linear_probability(features, models.churn_weights, models.churn_intercept)
    else:
        probability = scratch.answer[0]
    snapshot_before = p.last_snapshot_ts
    keep_snapshot(p, ts, features, probability, parameters)
    band = band_of(probability)
    if (
        p.churn_version > 0
        and band == p.churn_band
        and abs(log_odds(probability) - log_odds(p.churn_p)) < parameters.churn_step
    ):
        return bool(p.last_snapshot_ts != snapshot_before)
    out = outbox.decisions[outbox.n[0]]
    outbox.n[0] += 1
    out.kind = CHURN_SCORE
    out.offsets[0] = p.offsets[0]
    out.offsets[1] = p.offsets[1]
    out.model = models.churn_version
    out.slot = slot
    out.event = event
    out.ts = ts
    out.explore = 0
    out.propensity = 1.0
    out.had_previous = 1 if p.churn_version > 0 else 0
    out.previous_p = p.churn_p
    scored = note(noted, ON_SCORED, event, slot, ts, topic, offset, -1, -1, probability)
    scored.band = band
    scored.b = p.churn_p if p.churn_version > 0 else -1.0
    p.churn_version += 1
    p.churn_p = probability
    p.churn_band = band
    out.version = p.churn_version
    out.probability = p.churn_p  # as it is kept: the next record's ``previous`` must be this number
    out.band = band
    for reason in range(3):
        out.reason_row[reason] = -1
        out.reason_feature[reason] = -1
    if models.churn_linear == 1:
        for reason in range(3):
            strongest = 0.0
            for f in range(features.shape[0]):
                part = models.churn_weights[f] * (features[f] - models.churn_centre[f])
                taken = False
                for other in range(reason):
                    if out.reason_feature[other] == f:
                        taken = True
                if not taken and abs(part) > abs(strongest):
                    strongest = part
                    out.reason_feature[reason] = f
            out.reason[reason] = round(strongest * 1e4) / 1e4
    return True
