"""What the surfaces beside rows and churn keep of a profile and of a title: a second record for each.

They are apart from ``layout.PROFILE`` because they change at other times: every heartbeat changes a
profile, only what says something about taste changes these, so most checkpoints leave them out. A field is
named for the surface that owns it. Only surfaces write them, and the compiled loop never reads them (it may
be ahead of the surfaces).
"""

from __future__ import annotations

import numpy as np

MAX_TAGS = 64
"""Tags with a place of their own per partition; rarer ones (later in the catalog) share the last."""
TITLE_TAGS = 8
"""Tags of a title that count; the catalog names the most important first."""
ARTWORKS = 8
"""Images of a title among which can be chosen."""
ARTWORK_TAGS = 3
"""Tags of an image that count."""
TOP_TITLES = 20
"""Titles of a homepage ranking."""
HAD_WORDS = 64
"""A Bloom filter of 4,096 bits of the titles a profile has had: 0.04 % of the others look had after 100
titles, 1.6 % after 400, 7 % after 740."""
RECENT_TITLES = 32
"""Titles played well last, for co-watching."""
UNFINISHED = 4
"""Titles to be continued."""
FACTORS = 16
"""Dimensions of the factorisation."""
NEIGHBOURS = 40
"""Titles remembered as played well by the same profiles."""
FOLLOWERS = 96
"""Titles remembered as played after it, well or not: more, because what follows is more various."""
PLAYED_TITLES = 16
"""Titles played last, well or not, for what is played next."""
ART_CHOICES = 16
"""Images chosen that a profile's record remembers."""
ART_FEATURES = 6
TRAILERS_SEEN = 32
"""Trailers remembered as viewed: none of these is offered again."""
TRAILER_OFFERS = 3
"""Offers of a trailer whose outcome is waited for at once; a week's cap cannot be higher."""
TRAILER_FEATURES = 6
EXPERIMENTS = 4
"""Experiments that a profile can be in at once: one a layer."""
CATEGORIES = 8

TASTE = np.dtype(
    [
        # settings as of the moments dealt out so far (the profile's own record may be ahead)
        ("plain", "u1"),  # 1: a page without personal data
        ("kids", "u1"),
        ("max_age", "u1"),  # 0: no limit
        ("wake_offset", "i8"),  # the event after which a surface asked to be woken
        # titles
        ("taste", "f4", (MAX_TAGS,)),  # decayed interest by tag, in quality plays; as of taste_ts
        ("taste_ts", "i8"),
        ("title_had", "u8", (HAD_WORDS,)),
        ("title_had_n", "u4"),
        ("title_recent", "i4", (RECENT_TITLES,)),  # 1 + slot, 0 is none; ring, newest at title_recent_n - 1
        ("title_recent_n", "u4"),
        ("title_played", "i4", (PLAYED_TITLES,)),  # 1 + slot; ring like title_recent
        ("title_played_n", "u4"),
        ("title_vector", "f4", (FACTORS,)),
        ("title_unfinished", "i4", (UNFINISHED,)),  # 1 + slot
        ("title_unfinished_s", "f4", (UNFINISHED,)),  # where it stopped
        ("title_unfinished_ts", "i8", (UNFINISHED,)),
        ("title_search", "i4", (4,)),  # 1 + slot: results opened or shown last
        ("title_search_tag", "i1", (2,)),  # 1 + tag
        ("title_search_ts", "i8"),
        ("title_explored", "i4"),  # 1 + slot: the new title shown higher than earned in this session
        ("title_version", "u4"),
        ("title_draws", "u4"),
        ("top_titles", "i4", (TOP_TITLES,)),  # 1 + slot, best first, as emitted
        ("top_scores", "f4", (TOP_TITLES,)),
        # artwork: the choices that stand. Times in seconds since the epoch: that is enough, and half as much
        ("art_version", "u4"),
        ("art_draws", "u4"),
        ("art_whom", "u1"),  # 1 + for whom the choices were made: other settings make them anew
        ("art_device", "u1"),  # the device type that was said last
        ("art_title", "i4", (ART_CHOICES,)),  # 1 + slot, 0 is free
        ("art_image", "u4", (ART_CHOICES,)),  # as in TITLE_TASTE's art_id
        ("art_chosen_s", "u4", (ART_CHOICES,)),
        ("art_shown_s", "u4", (ART_CHOICES,)),
        ("art_waiting", "u1", (ART_CHOICES,)),  # 0: no view waits for its outcome, 1 shown, 2 being played
        ("art_place", "u1", (ART_CHOICES,)),  # of the image that was shown: a client may be behind
        ("art_views", "u1", (ART_CHOICES,)),  # of this choice since it last led to a quality play
        ("art_policy", "u1", (ART_CHOICES,)),  # 1 + number of the shadow policy that was asked, 0 is none
        ("art_propensity", "f4", (ART_CHOICES,)),
        ("art_shadow", "u2", (ART_CHOICES,)),  # the shadow's chance for this image, in units of 1/65535
        (
            "art_q",
            "u2",
            (ART_CHOICES,),
        ),  # reward expected of this image, and of the shadow's choice; same units
        ("art_shadow_q", "u2", (ART_CHOICES,)),
        ("art_x", "i2", (ART_CHOICES, ART_FEATURES)),
        # trailers: the last offers, in a ring (the newest at trailer_n - 1)
        ("trailer_version", "u4"),
        ("trailer_draws", "u4"),
        ("trailer_n", "u4"),
        ("trailer_lost", "u1"),  # 1: the subscription is cancelled
        ("trailer_title", "i4", (TRAILER_OFFERS,)),  # 1 + slot
        ("trailer_id", "u4", (TRAILER_OFFERS,)),  # hash of the trailer's id
        ("trailer_state", "u1", (TRAILER_OFFERS,)),  # 0 outcome known; bits: 1 offered, 2 viewed, 4 came back
        ("trailer_policy", "u1", (TRAILER_OFFERS,)),  # these five as for artwork
        ("trailer_propensity", "f4", (TRAILER_OFFERS,)),
        ("trailer_shadow", "u2", (TRAILER_OFFERS,)),
        ("trailer_q", "u2", (TRAILER_OFFERS,)),
        ("trailer_shadow_q", "u2", (TRAILER_OFFERS,)),
        ("trailer_ts", "i8", (TRAILER_OFFERS,)),
        ("trailer_x", "i2", (TRAILER_OFFERS, TRAILER_FEATURES)),
        ("trailer_seen", "u4", (TRAILERS_SEEN,)),  # hashes of trailers viewed; ring
        ("trailer_seen_n", "u4"),
        # experiments
        ("exp_id", "u4", (EXPERIMENTS,)),  # one place a layer: digest of the experiment, 0 is none
        ("exp_arm", "u1", (EXPERIMENTS,)),
        ("exp_state", "u1", (EXPERIMENTS,)),  # 1 observed, 2 counted, 3 its arm was stopped
        ("exp_share", "f4", (EXPERIMENTS,)),  # the arm's chance when the profile was put into it
        ("exp_ts", "i8", (EXPERIMENTS,)),  # exposed
        ("exp_until", "i8", (EXPERIMENTS,)),  # observed until
        ("exp_x", "f4", (EXPERIMENTS,)),  # the metric before
        ("exp_y", "f4", (EXPERIMENTS, 3)),  # since: quality plays, watched hours, came back (0 or 1)
        ("exp_before", "f4", (3,)),  # decayed: quality plays, watched hours, visits; as of exp_before_ts
        ("exp_before_ts", "i8"),
        # categories
        ("cat_version", "u4"),
        ("cat_arm", "u4"),  # stands for the experiment and arm of the last decision, 0 is none
        ("cat_shown", "i1", (CATEGORIES,)),  # 1 + tag
        ("cat_browsed", "i1", (CATEGORIES,)),  # 1 + tag: those looked at most ...
        ("cat_minutes", "f4", (CATEGORIES,)),  # ... for how long, decayed; as of cat_ts
        ("cat_ts", "i8"),
        # credit: what has been counted of each trailer's offer (bits: 1 offered, 2 viewed, 4 played), and of which
        ("credit_offers", "u1", (TRAILER_OFFERS,)),
        ("credit_offer_s", "u4", (TRAILER_OFFERS,)),
        # demand
        ("demand_region", "u1"),  # 1 + index of the region of the last session
    ],
    align=True,
)
"""One profile's second record. Zero bytes are a profile of whom nothing is known."""

TITLE_TASTE = np.dtype(
    [
        # from the catalog
        ("active", "u1"),  # 1: in the catalog
        ("tags", "i1", (TITLE_TAGS,)),  # 1 + tag, 0 is none
        ("age", "u1"),  # from which age on; 255 is unknown
        ("artworks", "u1"),
        ("trailers", "u1"),
        ("released", "i4"),  # days since the epoch, 0 is unknown
        # titles
        ("again", "u1"),  # 1: having played it does not mean having had it (series, live)
        ("hour", "f4"),  # decayed quality plays, half-lives of 1 h, 6 h, 1 and 30 days; as of ts
        ("fast", "f4"),
        ("day", "f4"),
        ("slow", "f4"),
        ("plays_hour", "f4"),  # plays, good and bad: 1 h and 30 days
        ("plays", "f4"),
        ("ts", "i8"),
        ("near", "i4", (NEIGHBOURS,)),  # 1 + slot: co-watched, and how often (near_all: with anything)
        ("near_n", "f4", (NEIGHBOURS,)),
        ("near_all", "f4"),
        ("next", "i4", (FOLLOWERS,)),  # 1 + slot: played next, likewise
        ("next_n", "f4", (FOLLOWERS,)),
        ("next_all", "f4"),
        ("vector", "f4", (FACTORS,)),
        # artwork, by place; a place keeps its image as long as the catalog has it
        ("art_id", "u4", (ARTWORKS,)),  # hash of the image's id, 0 is free
        ("art_tags", "i1", (ARTWORKS, ARTWORK_TAGS)),  # 1 + tag, 0 is none
        ("art_first", "u1"),  # 1 + place of the image that the catalog names first, 0 is none
        ("art_views", "f4", (ARTWORKS,)),  # counted here
        ("art_plays", "f4", (ARTWORKS,)),
        ("art_untold_views", "u1", (ARTWORKS,)),  # of which the title's owner has not been told
        ("art_untold_plays", "u1", (ARTWORKS,)),
        # trailers
        ("trailer_offers", "f4"),  # of any trailer of the title, with known outcome
        ("trailer_returns", "f4"),  # ... and the rewards they earned
    ],
    align=True,
)
"""One title's second record."""

TITLE_FACTS = ("active", "tags", "age", "artworks", "trailers", "released", "again")
"""Fields that the catalog fills; everything else is learned."""
