"""Views of images and what came of them: the outcome of each view teaches the images' counts and the model. Compiled.

A view is an impression that showed an image. It succeeds when a playback of the title that began within the outcome
window becomes a quality play; it fails when the title is seen again without that, when the playback ends before, or
when the window is over (noticed at the profile's next view).
"""

from __future__ import annotations

import math

import numpy as np

from models.compiled import compiled
from models.thompson import learn_outcome
from streams.decisions.artwork import DAYPARTS, DEVICES, features_of, title_rate
from streams.decisions.artwork_choices import entry_of, place_of
from streams.profiles.parameters import Array, Fields
from streams.profiles.taste import ART_CHOICES, ART_FEATURES, ARTWORK_TAGS, ARTWORKS

SHOWN, PLAYING = 1, 2
LONGEST_PLAY_MS = 86_400_000
"""A playback whose end nobody told has ended by then."""
TELL_VIEWS = 20
"""A title's owner is told of its images' views by this many: one record then stands for twenty."""
REMEMBERED_VIEWS = 20_000.0
"""An image with more views forgets half of them: appeal changes with the season."""

RESOLVED = np.dtype(
    [
        ("title", "i4"),
        ("label", "u1"),
        ("policy", "u1"),  # 1 + number of the shadow that was asked
        ("ours", "u1"),  # 1: of a choice made by chance, which can say something of other policies
        ("tell", "u1"),  # 1: time to tell the title's owner
        ("images", "u1"),  # how many the title has
        ("propensity", "f8"),
        ("shadow", "f8"),
        ("q", "f8"),
        ("shadow_q", "f8"),
    ],
    align=True,
)
"""A view whose outcome is known, on its way to off-policy evaluation and the title's owner; never stored."""


@compiled
def count_tag(art: Fields, tag: int, context: int, label: int, rate: float) -> None:
    """Count a view of an image with this tag, whose title is played with that rate."""
    art.tag_plays[tag, context] += np.float32(label)
    art.tag_expected[tag, context] += np.float32(rate)


@compiled
def resolve_view(
    tastes: Array,
    slot: int,
    e: int,
    label: int,
    title_tastes: Array,
    dirty_title: Array,
    arts: Array,
    out: Fields,
) -> None:
    """The view that waits at entry ``e`` has its outcome: count it for the image, learn from it, and say so in
    ``out``."""
    p, art = tastes[slot], arts[0]
    title = p.art_title[e] - 1
    t = title_tastes[title]
    place = p.art_place[e] - 1
    p.art_waiting[e] = 0
    gone = t.art_id[place] == 0
    ours = not gone and t.art_id[place] == p.art_image[e]
    personal = p.plain == 0
    rate = title_rate(art, t.art_views, t.art_plays)
    if ours:
        p.art_views[e] = 0 if label == 1 else min(255, p.art_views[e] + 1)
    if ours and personal and art.frozen == 0:
        x = np.empty(ART_FEATURES + 1)
        features_of(p, e, x)
        learn_outcome(x, math.log(rate / (1.0 - rate)), 0.0, float(label), art.weight, art.variance)
    out.title = title
    out.label = label
    out.policy = p.art_policy[e]
    out.ours = 1 if ours and personal and p.kids == 0 and p.art_propensity[e] < 1.0 else 0
    out.propensity = p.art_propensity[e]
    out.shadow = p.art_shadow[e] / 65_535.0
    out.q = p.art_q[e] / 65_535.0
    out.shadow_q = p.art_shadow_q[e] / 65_535.0
    out.tell = 0
    out.images = 0
    for a in range(ARTWORKS):
        out.images += t.art_id[a] != 0
    if gone or art.frozen == 1:
        return
    art.learned += 1

    device = 1 + min(p.art_device, DEVICES - 1)
    daypart = 1 + DEVICES + int(p.art_shown_s[e] // 21_600) % DAYPARTS
    for k in range(ARTWORK_TAGS):
        tag = t.art_tags[place, k] - 1
        if tag >= 0:
            count_tag(art, tag, 0, label, rate)
            if personal:
                count_tag(art, tag, device, label, rate)
                count_tag(art, tag, daypart, label, rate)
    art.views += 1.0
    art.plays += label
    t.art_views[place] += np.float32(1.0)
    t.art_plays[place] += np.float32(label)
    if t.art_views[place] > REMEMBERED_VIEWS:
        t.art_views[place] *= np.float32(0.5)
        t.art_plays[place] *= np.float32(0.5)
    t.art_untold_views[place] += 1
    t.art_untold_plays[place] += label
    untold = 0
    for a in range(t.art_untold_views.shape[0]):
        untold += t.art_untold_views[a]
    out.tell = 1 if untold >= TELL_VIEWS else 0
    dirty_title[title] = 1


@compiled
def is_late(p: Fields, e: int, ts: int, window_ms: int) -> bool:
    """Whether the view that waits at entry ``e``, if one does, has its window behind it at ``ts``."""
    window = window_ms if p.art_waiting[e] == SHOWN else LONGEST_PLAY_MS
    return bool(p.art_waiting[e] != 0 and ts - 1_000 * np.int64(p.art_shown_s[e]) > window)


@compiled
def resolve_late(
    tastes: Array,
    slot: int,
    ts: int,
    window_ms: int,
    title_tastes: Array,
    dirty_title: Array,
    arts: Array,
    resolved: Array,
) -> int:
    """Views whose window is over at ``ts`` failed; fills ``resolved`` and returns how many."""
    n = 0
    for e in range(ART_CHOICES):
        if is_late(tastes[slot], e, ts, window_ms):
            resolve_view(tastes, slot, e, 0, title_tastes, dirty_title, arts, resolved[n])
            n += 1
    return n


@compiled
def shows_choice(
    tastes: Array, slot: int, event: int, items: Array, items_from: Array, items_to: Array
) -> bool:
    """Whether an impression (``event`` of the columns) shows a title that has a choice."""
    p, chosen = tastes[slot], 0
    for i in range(items_from[event], items_to[event]):
        chosen += items[i] > 0 and entry_of(p, items[i]) >= 0
    return chosen > 0


@compiled
def find_views(
    tastes: Array, slot: int, event: int, items: Array, items_from: Array, items_to: Array, found: Array
) -> int:
    """An impression came (``event`` of the columns): fill ``found[:, 0]`` with the place in it and ``found[:, 1]`` with
    the entry of every title that has a choice; returns how many."""
    p = tastes[slot]
    n = 0
    for i in range(items_from[event], items_to[event]):
        if items[i] > 0 and n < found.shape[0]:
            e = entry_of(p, items[i])
            if e >= 0:
                found[n, 0] = i - items_from[event]
                found[n, 1] = e
                n += 1
    return n


@compiled
def note_view(
    tastes: Array,
    slot: int,
    e: int,
    image: int,
    ts: int,
    title_tastes: Array,
    dirty_title: Array,
    arts: Array,
    resolved: Array,
) -> int:
    """The image of that id was shown for the title of entry ``e``: an earlier view of it that waits has failed (1 is
    returned, and ``resolved[0]`` filled), this one begins to wait. A view while the title plays is none."""
    p = tastes[slot]
    title = p.art_title[e] - 1
    place = place_of(title_tastes[title], image)
    if place < 0 or image == 0 or p.art_waiting[e] == PLAYING:
        return 0
    n = 0
    if p.art_waiting[e] == SHOWN:
        resolve_view(tastes, slot, e, 0, title_tastes, dirty_title, arts, resolved[0])
        n = 1
    p.art_waiting[e] = SHOWN
    p.art_place[e] = 1 + place
    p.art_shown_s[e] = ts // 1_000
    return n


@compiled
def note_start(tastes: Array, slot: int, title: int, ts: int, window_ms: int) -> bool:
    """A playback of ``title`` began; true when it may have come from a view that waits."""
    p = tastes[slot]
    e = entry_of(p, title)
    if e < 0 or p.art_waiting[e] != SHOWN or ts - 1_000 * np.int64(p.art_shown_s[e]) > window_ms:
        return False
    p.art_waiting[e] = PLAYING
    return True


@compiled
def note_outcome(
    tastes: Array,
    slot: int,
    title: int,
    label: int,
    title_tastes: Array,
    dirty_title: Array,
    arts: Array,
    resolved: Array,
) -> int:
    """A playback of ``title`` became a quality play (``label`` 1) or ended before: how many views it resolved."""
    p = tastes[slot]
    e = entry_of(p, title)
    if e < 0 or p.art_waiting[e] != PLAYING:
        return 0
    resolve_view(tastes, slot, e, label, title_tastes, dirty_title, arts, resolved[0])
    return 1
