"""The numbers behind simulated viewers: how patient, how choosy, when awake, and what they like when."""

from __future__ import annotations

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

HEARTBEAT_S = 60.0
"""Well within the 90 s after which a missing heartbeat no longer counts as watched."""
ITEMS_SHOWN = 6
"""Titles of a row that fit on a screen."""

# --- looking at a page: all in log-odds
PATIENCE = 0.87
"""Chance to look at the next row: half of the viewers never see the sixth."""
CLICK_AT = 5.2
"""Appeal at which the first title of a row that is seen is clicked every second time."""
PLACE_COST = 0.25
"""What a title loses for each place further right in its row."""
PLEASED_AT = 2.5
"""Appeal (of the title, whatever its image promised) at which a play is watched on every second time."""
TASTE_SPREAD = 1.7
"""Standard deviation of a taste: a viewer has three or four tags of 20 that are worth a row."""
QUALITY_WEIGHT = 0.5
IMAGE_TASTE = 0.7
"""What an image gains for each log-odd of taste for what it shows."""
TITLE_FATIGUE = 0.08
"""What a title loses each time it was looked at in vain (of which each visit forgets three tenths)..."""
ROW_FATIGUE = 0.03
"""... and all of a row's titles."""
FORGETS = 0.7
SEEN_COST = 2.5
"""What was just seen is stale..."""
UNFINISHED_GAIN = 1.5
"""... unless it is not yet finished."""

# --- beyond the page
LOOKS_ELSEWHERE = 0.6
"""Chance not to give up when the page had nothing."""
CATEGORIES_SHARE = 0.6
"""Of those, how many go by the categories; the others search."""
CATEGORY_AT = 1.5
"""Mood for a tag at which the first category is entered every second time."""
CATEGORY_COST = 0.15
CATEGORIES_SHOWN = 8
WILLING = 2.0
"""Who searches or has entered a category is that much readier to click, in log-odds."""
ANNOYED = 0.03
"""Contentment lost when no category pleased."""
CRAVING_CHANCE = 0.06
"""At a visit, a tag becomes what this viewer wants just now..."""
CRAVING = 2.0
"""... by so much, in log-odds, ..."""
CRAVING_MS = 2 * DAY
"""... for this long; a search says so."""

# --- staying and leaving
SESSIONS_EVERY_H = 14.0
"""Hours between the sessions of a content viewer, on average."""
GOES_ON = 0.5
"""Chance to look for something else after a play."""
WORN_OUT = 0.25
"""Contentment (moving share of sessions with a quality play) below which a viewer thinks of leaving."""
LEAVES = 0.35
"""Chance to do so, each visit."""
LEAVES_AT_ONCE = 0.4
"""Of those who leave: cancel now; the others fall silent first."""
SILENCE_MS = 2 * DAY
SILENCES = 10
"""Who falls silent may look at messages this often, then cancels."""
NOTICES = 0.7
"""Chance that an offered trailer is looked at."""
WON_AT = 1.0
"""Liking of what a trailer shows at which it wins a leaving viewer back every second time."""
TEASER_TASTE = 0.5
"""What a trailer gains for each log-odd of taste for what it shows."""
PAYMENT_FAILS = 0.05
TROUBLED_SHARE = 0.08
"""Viewers whose payments fail ten times as often."""
PAUSES = 0.04
"""Chance, at a renewal, that the subscription rests for some weeks instead."""
CHANGES_PLAN = 0.05
KIDS_SHARE = 0.1
KIDS_AGE = 12
PLAIN_SHARE = 0.05
"""Profiles that chose a page without anything personal."""
KIDS_TASTE = {"kids": 3.0, "animation": 2.5, "family": 1.5, "nature": 0.5, "news": -2.0, "romance": -2.0}

MOODS: dict[str, tuple[float, float, float, float]] = {
    "kids": (-0.5, 1.2, 0.6, -1.5),
    "animation": (0.0, 0.8, 0.4, -0.5),
    "news": (-0.5, 1.0, 0.4, -0.2),
    "cooking": (-1.0, 0.4, 0.8, -0.6),
    "crime": (0.6, -0.8, -0.1, 0.8),
    "thriller": (0.6, -0.8, -0.1, 0.8),
    "horror": (1.2, -1.5, -0.6, 0.7),
    "romance": (0.2, -0.5, 0.0, 0.6),
    "family": (-1.2, 0.3, 0.6, 0.2),
    "sport": (-0.5, 0.0, 0.7, 0.3),
}
"""What a tag gains in log-odds at night, in the morning, in the afternoon, in the evening."""
ON_DEVICE: dict[str, tuple[float, float, float]] = {
    "news": (-0.2, 0.6, 0.3),
    "comedy": (0.0, 0.4, 0.0),
    "music": (-0.3, 0.7, 0.2),
    "drama": (0.4, -0.5, 0.0),
    "sci-fi": (0.4, -0.4, 0.1),
    "sport": (0.5, -0.1, -0.3),
    "documentary": (0.3, -0.4, 0.2),
    "cooking": (-0.2, 0.5, 0.1),
}
"""What a tag gains in log-odds on a large screen, in the hand, at a desk."""
SIZE_OF = {"tv": 0, "console": 0, "phone": 1, "tablet": 1, "web": 2, "other": 2}
SHORT_GAINS = (-0.3, 0.7, 0.1)
"""What a short gains there..."""
FILM_GAINS = (0.4, -0.8, -0.2)
"""... and a film."""
WAKING = (0.15, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 0.5, 0.5, 0.4, 0.4, 0.5,
          0.6, 0.5, 0.5, 0.6, 0.7, 0.9, 1.2, 1.6, 1.9, 1.8, 1.2, 0.5)  # fmt: skip
"""How much is watched in each hour of the day, against the average."""
DEVICES = ("tv", "tv", "phone", "tablet", "web", "console")
PLACES = (("DE", "BE"), ("DE", "BY"), ("FR", "IDF"), ("US", "CA"), ("US", "NY"), ("BR", "SP"), ("IN", "MH"))
PLANS = ("basic", "standard", "family")
