"""Which trailer may bring a profile back: features of a trailer for a profile, the choice with its exact chance, and
what came of an offer. Compiled.

Offers are rare and their outcomes late, so there is little to learn from: the prior does most of the work at first
(how high the title ranks for the profile, how much of its taste the trailer shows), and what an offer earned counts
for its title and its tags. Chances are as for images (``decisions.artwork``), among the best eight trailers.
"""

from __future__ import annotations

import math

import numpy as np

from models.compiled import compiled
from models.thompson import (
    arm_scores,
    best_chances,
    greedy,
    learn_outcome,
    mixed,
    moderated,
    pick,
    rate_log_odds,
)
from streams.decisions.churn import band_of
from streams.decisions.title_counts import has_had
from streams.profiles.layout import FEATURE_SCALE
from streams.profiles.outcomes import quantised
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import ARTWORK_TAGS, MAX_TAGS, TRAILER_FEATURES

FEATURES = ("rank", "taste", "own", "tags", "fresh", "hazard")
"""Of a trailer for a profile: how high its title ranks (1 is the top), how much of the profile's taste is in its tags,
how well offers of its title did (log-odds against all), how well its tags did elsewhere (log of observed over expected
returns), whether the title came out in the last 30 days, and the churn probability. All but the last count from
the mean of the trailers at hand."""
START = (1.0, 1.0, 1.0, 0.5, 0.3, -1.0, 0.0)
PRECISION = (2.0, 2.0, 25.0, 4.0, 4.0, 2.0, 4.0)
"""Prior of the features' weights, and of the intercept behind them."""
USUAL_RETURNS, USUAL_RATE = 6.0, 0.3
"""What is believed of offers to begin with: this share earns its reward, worth this many of them."""
PRIOR_RETURNS = 4.0
"""A title's own rate is believed as if so many returns had been seen at the usual one."""
TAG_PRIOR = 3.0
FRESH_DAYS = 30
AMONG = 8
"""Trailers among which the draw decides: those with the highest scores."""
QUANTUM = 65_535.0

POLICIES = ("thompson", "greedy", "uniform")
SPREAD = (0.5, 0.0, 0.0)
UNIFORM = POLICIES.index("uniform")
WEEK_MS = 7 * 86_400_000
"""An offer's outcome is what followed within this; and the cap counts offers within this."""
OFFERED, VIEWED, RETURNED = 1, 2, 4
"""Bits of an offer's state."""
VIEW_REWARD = 0.3
"""What a trailer that was watched earns when no quality play followed. It is a fraction, because watching is known to
be interest and is seen ten times as often as a return, so it tells trailers apart long before returns do; and a small
one, because it is not what the service wants: no number of views outweighs the returns it costs."""

assert len(FEATURES) == TRAILER_FEATURES and len(START) == len(PRECISION) == TRAILER_FEATURES + 1

OFFERS = np.dtype(
    [
        ("weight", "f8", (TRAILER_FEATURES + 1,)),  # the intercept is last
        ("variance", "f8", (TRAILER_FEATURES + 1,)),
        ("offers", "f8"),
        ("returns", "f8"),  # rewards
        ("learned", "i8"),  # outcomes: the model's version
        ("frozen", "u1"),  # 1: nothing is to be learned
        ("tag_returns", "f4", (MAX_TAGS,)),
        ("tag_expected", "f4", (MAX_TAGS,)),
    ],
    align=True,
)
"""What a partition knows of offers as a whole."""

OUTCOME = np.dtype(
    [("reward", "f8"), ("ours", "u1"), ("policy", "u1"), ("propensity", "f8"), ("shadow", "f8"), ("q", "f8"),
     ("shadow_q", "f8")],
    align=True,
)  # fmt: skip
"""An offer whose outcome is known, on its way to off-policy evaluation; never stored."""


def new_offers() -> Array:
    """The record of a partition that has offered nothing yet, as an array of one."""
    offers = np.zeros(1, OFFERS)
    offers["weight"] = START
    offers["variance"] = [1.0 / precision for precision in PRECISION]
    return offers


@compiled
def had_among(tastes: Array, slot: int, titles: Array) -> Array:
    """For each of ``titles`` 1 when the profile in ``slot`` has had it."""
    had = np.zeros(titles.shape[0], np.uint8)
    for k in range(titles.shape[0]):
        had[k] = 1 if has_had(tastes[slot], titles[k]) else 0
    return had


@compiled
def rises(now: float, before: float, band: int, hazard: float) -> bool:
    """Whether a churn score that was ``before`` (negative: none) and is ``now``, in ``band``, calls for an answer:
    it rose, and passed ``hazard`` or into another band. The first score of a profile is no rise."""
    if before < 0.0 or now <= before:
        return False
    return now >= hazard or band > band_of(before)


@compiled
def usual_return(offers: Fields) -> float:
    """The reward of an offer, over all."""
    return float((offers.returns + USUAL_RETURNS) / (offers.offers + USUAL_RETURNS / USUAL_RATE))


@compiled
def trailer_features(
    p: Fields, title_tastes: Array, titles: Array, tags: Array, ranks: Floats, offers: Fields, ts: int,
    hazard: float, x: Floats, unsure: Floats,
) -> None:  # fmt: skip
    """Fill ``x[n, F]`` with ``FEATURES`` of trailers of ``titles`` (slots) with ``tags[n, 3]`` (1 + tag) and ``ranks``
    (1 the top, 0 unranked), and ``unsure`` with the variance of each title's own log-odds."""
    n = titles.shape[0]
    rate = usual_return(offers)
    usual = math.log(rate / (1.0 - rate))
    total = 1.0
    for t in range(MAX_TAGS):
        total += p.taste[t]
    day = ts // 86_400_000
    for a in range(n):
        t = title_tastes[titles[a]]
        match, effect, known = 0.0, 0.0, 0
        for k in range(ARTWORK_TAGS):
            if tags[a, k] > 0:
                tag = tags[a, k] - 1
                match += p.taste[tag] / total
                effect += math.log(
                    (offers.tag_returns[tag] + TAG_PRIOR) / (offers.tag_expected[tag] + TAG_PRIOR)
                )
                known += 1
        mean, unsure[a] = rate_log_odds(
            PRIOR_RETURNS + t.trailer_returns,
            PRIOR_RETURNS * (1.0 - rate) / rate + max(0.0, float(t.trailer_offers - t.trailer_returns)),
        )
        x[a, 0] = ranks[a]
        x[a, 1] = 4.0 * math.sqrt(match / known) if known > 0 else 0.0
        x[a, 2] = mean - usual
        x[a, 3] = effect / known if known > 0 else 0.0
        x[a, 4] = 1.0 if t.released > 0 and 0 <= day - t.released <= FRESH_DAYS else 0.0
    for f in range(TRAILER_FEATURES - 1):
        centre = 0.0
        for a in range(n):
            centre += x[a, f] / n
        for a in range(n):
            x[a, f] -= centre
    for a in range(n):
        x[a, TRAILER_FEATURES - 1] = hazard


@compiled
def chances_among(
    policy: int,
    x: Floats,
    unsure: Floats,
    offers: Fields,
    base: float,
    share: float,
    scores: Floats,
    chances: Floats,
) -> None:
    """Fill scores and chances of the trailers with features ``x[n, F]`` under a policy, its uniform slice included."""
    n = x.shape[0]
    weight, variance = offers.weight[:TRAILER_FEATURES].copy(), offers.variance[:TRAILER_FEATURES].copy()
    sure, spreads = np.empty(n), np.empty(n)
    for a in range(n):
        sure[a] = weight[2] * weight[2] * unsure[a]
    arm_scores(x, n, np.full(n, base), sure, weight, variance, scores, spreads)
    if policy == UNIFORM:
        chances[:n] = 1.0 / n
        return
    if SPREAD[policy] == 0.0:
        chances[:n] = 0.0
        chances[greedy(scores, n)] = 1.0
    else:
        for a in range(n):
            spreads[a] *= SPREAD[policy]
        best_chances(scores, spreads, n, chances)
    mixed(chances, n, share)


@compiled
def choose_trailer(
    tastes: Array, slot: int, place: int, title_tastes: Array, titles: Array, tags: Array, ranks: Floats,
    offers: Array, ts: int, hazard: float, live: int, shadow: int, share: float, child: bool, draw: float,
) -> int:  # fmt: skip
    """Choose among trailers of ``titles[n]`` and keep the choice's numbers at ``place`` of the profile's offers;
    returns its index, negative (``-1 - index``) when it explores. A child gets the one with the highest score."""
    p, known = tastes[slot], offers[0]
    n = titles.shape[0]
    x, unsure = np.zeros((n, TRAILER_FEATURES)), np.empty(n)
    trailer_features(p, title_tastes, titles, tags, ranks, known, ts, hazard, x, unsure)
    rate = usual_return(known)
    base = math.log(rate / (1.0 - rate)) + known.weight[TRAILER_FEATURES]
    worth = np.zeros(n)
    for a in range(n):
        for f in range(TRAILER_FEATURES):
            worth[a] += known.weight[f] * x[a, f]
    best_first = np.argsort(-worth, kind="mergesort")[:AMONG]
    m = best_first.shape[0]
    among, doubt = np.empty((m, TRAILER_FEATURES)), np.empty(m)
    for k in range(m):
        among[k] = x[best_first[k]]
        doubt[k] = unsure[best_first[k]]
    scores, chances = np.empty(m), np.empty(m)
    chances_among(live, among, doubt, known, base, share, scores, chances)
    best = greedy(scores, m)
    chosen = best if child else pick(chances, m, draw)
    p.trailer_propensity[place] = 1.0 if child else chances[chosen]
    p.trailer_q[place] = round(QUANTUM * moderated(scores[chosen], 0.0)[0])
    p.trailer_policy[place] = 0
    if shadow >= 0 and not child:
        others = np.empty(m)
        chances_among(shadow, among, doubt, known, base, share, np.empty(m), others)
        expected = 0.0
        for k in range(m):
            expected += others[k] * moderated(scores[k], 0.0)[0]
        p.trailer_policy[place] = 1 + shadow
        p.trailer_shadow[place] = round(QUANTUM * others[chosen])
        p.trailer_shadow_q[place] = round(QUANTUM * expected)
    for f in range(TRAILER_FEATURES):
        p.trailer_x[place, f] = quantised(among[chosen, f])
    return int(best_first[chosen]) if chosen == best else -1 - int(best_first[chosen])


@compiled
def resolve_offer(
    tastes: Array, slot: int, place: int, title_tastes: Array, dirty_title: Array, tags: Array, offers: Array,
    outcomes: Array,
) -> None:  # fmt: skip
    """The outcome of the offer at ``place`` is known: learn from it, count it, and say so in ``outcomes[0]``.
    ``tags[3]`` are the trailer's (zeros when the catalog has it no longer)."""
    p, known, out = tastes[slot], offers[0], outcomes[0]
    state = p.trailer_state[place]
    p.trailer_state[place] = 0
    reward = 1.0 if state & RETURNED else VIEW_REWARD if state & VIEWED else 0.0
    out.reward = reward
    out.ours = 1 if p.trailer_propensity[place] < 1.0 else 0
    out.policy = p.trailer_policy[place]
    out.propensity = p.trailer_propensity[place]
    out.shadow = p.trailer_shadow[place] / QUANTUM
    out.q = p.trailer_q[place] / QUANTUM
    out.shadow_q = p.trailer_shadow_q[place] / QUANTUM
    if known.frozen == 1:
        return
    rate = usual_return(known)
    x = np.empty(TRAILER_FEATURES + 1)
    for f in range(TRAILER_FEATURES):
        x[f] = p.trailer_x[place, f] / FEATURE_SCALE
    x[TRAILER_FEATURES] = 1.0
    learn_outcome(x, math.log(rate / (1.0 - rate)), 0.0, reward, known.weight, known.variance)
    known.learned += 1
    known.offers += 1.0
    known.returns += reward
    for k in range(ARTWORK_TAGS):
        if tags[k] > 0:
            known.tag_returns[tags[k] - 1] += np.float32(reward)
            known.tag_expected[tags[k] - 1] += np.float32(rate)
    title = p.trailer_title[place] - 1
    title_tastes[title].trailer_offers += np.float32(1.0)
    title_tastes[title].trailer_returns += np.float32(reward)
    dirty_title[title] = 1
