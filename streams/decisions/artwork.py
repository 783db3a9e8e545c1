"""Which image stands for a title: features of an image for a profile, and the choice with its exact chance. Compiled.

The score of an image is in log-odds of a quality play after a view: what the title's views say, plus a linear model
of how this image differs from the title's others. How well an image did itself is a Beta posterior around the title's
rate, so a new image is as unsure as images usually differ, and views settle it. What is shared by all images of a
title is no reason to prefer one, so features count from the images' mean.

Chances are those of independent draws (``models.thompson``), mixed with a uniform slice; the image is then drawn from
these chances with one number, so the propensity is exact.
"""

from __future__ import annotations

import math

import numpy as np

from models.compiled import compiled
from models.thompson import arm_scores, best_chances, greedy, mixed, moderated, pick, rate_log_odds
from streams.profiles.layout import FEATURE_SCALE
from streams.profiles.outcomes import quantised
from streams.profiles.parameters import Array, Fields, Floats
from streams.profiles.taste import ART_FEATURES, ARTWORK_TAGS, ARTWORKS, MAX_TAGS

FEATURES = ("own", "taste", "tags", "device", "daypart", "first")
"""Of an image for a profile, each from the mean of the title's images: how well it did itself (log-odds against the
title), how much of the profile's taste is in its tags, how well its tags did elsewhere (log of observed over
expected plays), the same on this device type and at this time of day, and whether the catalog names it first."""
START = (1.0, 0.4, 0.3, 0.1, 0.1, 0.0, 0.0)
PRECISION = (25.0, 16.0, 25.0, 50.0, 50.0, 50.0, 100.0)
"""Prior of the features' weights, and of the intercept behind them: a rate that was counted is to be believed, what a
tag does on a device is a guess. A tight prior costs nothing where taste decides (0.73 of what can be gained, in
simulation) and much is saved where it does not (0.72 after 4,000 views a title, 0.45 with a prior of 1 +- 1): at one
play in 70 views a wrong weight is unlearned slowly."""
PRIOR_PLAYS = 4.0
"""An image's own rate is believed as if this many plays had been seen at the title's: images then differ by 0.5 in
log-odds (a standard deviation), as much as good and bad images are said to."""
USUAL_PLAYS, USUAL_RATE = 6.0, 0.015
"""What is believed of a title's rate: that of all titles, worth this many plays; and of that, to begin with."""
TAG_PRIOR = 5.0
"""Expected plays that a tag needs to weigh as much as no knowledge of it."""
DEVICES, DAYPARTS = 7, 4
CONTEXTS = 1 + DEVICES + DAYPARTS
"""Columns of the tags' counts: all views, by device type, by six hours of the day (UTC)."""
QUANTUM = 65_535.0
"""Chances and expected rewards are kept as uint16."""

POLICIES = ("thompson", "greedy", "no_context", "wide", "uniform")
USES_CONTEXT = (1.0, 1.0, 0.0, 1.0, 0.0)
SPREAD = (0.5, 0.0, 0.5, 1.0, 0.0)
"""Policies by number: whether features beside the image's own rate count, and how wide it draws (half the posterior's
spread loses less, Chapelle and Li 2011; so it was in simulation: where images differ for all alike, more is gained
with half than with the whole or without any). ``uniform`` draws alike. All keep the uniform slice, so that any
can be evaluated on the log of any other."""
UNIFORM = POLICIES.index("uniform")
PERSONAL, CHILD, PLAIN = 0, 1, 2
"""For whom is chosen: a child is never experimented on, and a plain page uses nothing personal."""

assert len(FEATURES) == ART_FEATURES and len(START) == len(PRECISION) == ART_FEATURES + 1

ART = np.dtype(
    [
        ("weight", "f8", (ART_FEATURES + 1,)),  # the intercept is last
        ("variance", "f8", (ART_FEATURES + 1,)),
        ("views", "f8"),
        ("plays", "f8"),
        ("learned", "i8"),  # outcomes: the model's version
        ("frozen", "u1"),  # 1: nothing is to be learned
        ("tag_plays", "f4", (MAX_TAGS, CONTEXTS)),
        ("tag_expected", "f4", (MAX_TAGS, CONTEXTS)),
    ],
    align=True,
)
"""What a partition knows of images as a whole: 6.3 KB."""


def new_art() -> Array:
    """The record of a partition that has seen no image yet, as an array of one."""
    art = np.zeros(1, ART)
    art["weight"] = START
    art["variance"] = [1.0 / precision for precision in PRECISION]
    return art


@compiled
def usual_rate(art: Fields) -> float:
    """The rate of quality plays per view over all images."""
    return float((art.plays + USUAL_PLAYS) / (art.views + USUAL_PLAYS / USUAL_RATE))


@compiled
def title_rate(art: Fields, views: Array, plays: Array) -> float:
    """The rate of a title over all its images, shrunk towards the usual one."""
    usual = usual_rate(art)
    n, k = USUAL_PLAYS / usual, USUAL_PLAYS
    for a in range(ARTWORKS):
        n += views[a]
        k += plays[a]
    return float(min(k / n, 0.9))


@compiled
def own_posterior(rate: float, views: float, plays: float) -> tuple[float, float]:
    """Mean and variance of an image's log-odds, given the title's rate and its own counts."""
    return rate_log_odds(PRIOR_PLAYS + plays, PRIOR_PLAYS * (1.0 - rate) / rate + max(0.0, views - plays))


@compiled
def tag_effect(art: Fields, tags: Array, context: int) -> float:
    """Log of observed over expected plays of views with these tags (mean over them), shrunk to none."""
    seen, expected, n = 1.0, 1.0, 0
    for k in range(ARTWORK_TAGS):
        if tags[k] > 0:
            t = tags[k] - 1
            seen *= art.tag_plays[t, context] + TAG_PRIOR
            expected *= art.tag_expected[t, context] + TAG_PRIOR
            n += 1
    return math.log(seen / expected) / n if n > 0 else 0.0  # one logarithm for all, it takes longest


@compiled
def image_features(
    taste: Fields,
    title: Fields,
    places: Array,
    n: int,
    own: Floats,
    first: int,
    art: Fields,
    ts: int,
    x: Floats,
) -> None:
    """Fill ``x[:n]`` with ``FEATURES`` of the images at ``places[:n]``, each from its mean over them; ``own`` is
    their own log-odds."""
    total = 1.0
    for t in range(MAX_TAGS):
        total += taste.taste[t]
    device = 1 + min(taste.art_device, DEVICES - 1)
    daypart = 1 + DEVICES + (ts // 21_600_000) % DAYPARTS
    for a in range(n):
        tags = title.art_tags[places[a]]
        match, known = 0.0, 0
        for k in range(ARTWORK_TAGS):
            if tags[k] > 0:
                match += taste.taste[tags[k] - 1] / total
                known += 1
        x[a, 0] = own[a]
        x[a, 1] = 4.0 * math.sqrt(match / known) if known > 0 else 0.0
        x[a, 2] = tag_effect(art, tags, 0)
        x[a, 3] = tag_effect(art, tags, device)
        x[a, 4] = tag_effect(art, tags, daypart)
        x[a, 5] = 1.0 if places[a] == first else 0.0
    for f in range(ART_FEATURES):
        centre = 0.0
        for a in range(n):
            centre += x[a, f] / n
        for a in range(n):
            x[a, f] -= centre


@compiled
def policy_chances(
    policy: int, x: Floats, n: int, own_variance: Floats, art: Fields, base: float, share: float, out: Array
) -> None:
    """Fill ``out[0, :n]`` with scores and ``out[1, :n]`` with the chances of a policy, its uniform slice included."""
    weight, variance = art.weight[:ART_FEATURES].copy(), art.variance[:ART_FEATURES].copy()
    if USES_CONTEXT[policy] == 0.0:
        weight[1:] = 0.0
        variance[1:] = 0.0
    bases, sure = np.full(n, base), np.empty(n)
    for a in range(n):
        sure[a] = weight[0] * weight[0] * own_variance[a]
    spreads = np.empty(n)
    arm_scores(x, n, bases, sure, weight, variance, out[0], spreads)
    if policy == UNIFORM:
        out[1, :n] = 1.0 / n
        return
    if SPREAD[policy] == 0.0:
        out[1, :n] = 0.0
        out[1, greedy(out[0], n)] = 1.0
    else:
        for a in range(n):
            spreads[a] *= SPREAD[policy]
        best_chances(out[0], spreads, n, out[1])
    mixed(out[1], n, share)


@compiled
def choose(
    tastes: Array,
    slot: int,
    entry: int,
    title_tastes: Array,
    title: int,
    views: Array,
    plays: Array,
    first: int,
    arts: Array,
    ts: int,
    live: int,
    shadow: int,
    share: float,
    whom: int,
    draw: float,
) -> int:
    """Choose an image of ``title`` for the profile in ``slot`` and keep the choice at ``entry``; returns its place,
    negative (``-1 - place``) when it explores, that is: when it is not the image with the highest score.

    ``views`` and ``plays`` are the images' counts by place, ``first`` the place of the catalog's first image,
    ``shadow`` the number of the policy whose chances are kept beside (-1: none), ``draw`` in [0, 1).
    """
    p, t, art = tastes[slot], title_tastes[title], arts[0]
    places, own, unsure = np.empty(ARTWORKS, np.int64), np.empty(ARTWORKS), np.empty(ARTWORKS)
    rate = title_rate(art, views, plays)
    base = math.log(rate / (1.0 - rate))
    n = 0
    for a in range(ARTWORKS):
        if t.art_id[a] != 0:
            mean, variance = own_posterior(rate, views[a], plays[a])
            places[n], own[n], unsure[n] = a, mean, variance
            n += 1
    x = np.zeros((n, ART_FEATURES))
    out = np.zeros((2, n))
    chosen = 0
    propensity = 1.0
    p.art_policy[entry] = 0
    if whom == PLAIN:
        chosen = greedy(own, n)
    else:
        image_features(p, t, places, n, own, first, art, ts, x)
        base += art.weight[ART_FEATURES]
        policy_chances(live, x, n, unsure, art, base, share, out)
        best = greedy(out[0], n)
        if whom == CHILD:
            chosen = best
        else:
            chosen = pick(out[1], n, draw)
            propensity = out[1, chosen]
        p.art_q[entry] = round(QUANTUM * moderated(out[0, chosen], 0.0)[0])
        if whom == PERSONAL and shadow >= 0:
            other = np.zeros((2, n))
            policy_chances(shadow, x, n, unsure, art, base, share, other)
            expected = 0.0
            for a in range(n):
                expected += other[1, a] * moderated(out[0, a], 0.0)[0]
            p.art_policy[entry] = 1 + shadow
            p.art_shadow[entry] = round(QUANTUM * other[1, chosen])
            p.art_shadow_q[entry] = round(QUANTUM * expected)
        if chosen != best:
            places[chosen] = -1 - places[chosen]
    for f in range(ART_FEATURES):
        p.art_x[entry, f] = quantised(x[chosen, f])
    place = places[chosen]
    p.art_title[entry] = 1 + title
    p.art_image[entry] = t.art_id[place if place >= 0 else -1 - place]
    p.art_chosen_s[entry] = ts // 1_000
    p.art_views[entry] = 0
    p.art_waiting[entry] = 0
    p.art_propensity[entry] = propensity
    return int(place)


@compiled
def features_of(p: Fields, entry: int, x: Floats) -> None:
    """Fill ``x`` with the features that a choice was made with; the intercept is last."""
    for f in range(ART_FEATURES):
        x[f] = p.art_x[entry, f] / FEATURE_SCALE
    x[ART_FEATURES] = 1.0
