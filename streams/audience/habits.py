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
PATIENCE = 0.87
"""Chance to look at the next row: half of the viewers never see the sixth."""
CLICK_THRESHOLD = 4.4
"""Appeal (log-odds) at which a title that is seen is clicked every second time."""
TASTE_SPREAD = 1.5
"""Standard deviation of a taste in log-odds: a viewer has three or four tags of 20 that are worth a row."""
SESSIONS_EVERY_H = 14.0
"""Hours between the sessions of a content viewer, on average."""
GOES_ON = 0.5
"""Chance to look for something else after a play."""
WORN_OUT = 0.25
"""Contentment (moving share of sessions with a quality play) below which a viewer thinks of leaving."""

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
WAKING = (0.15, 0.05, 0.05, 0.05, 0.05, 0.1, 0.3, 0.5, 0.5, 0.4, 0.4, 0.5,
          0.6, 0.5, 0.5, 0.6, 0.7, 0.9, 1.2, 1.6, 1.9, 1.8, 1.2, 0.5)  # fmt: skip
"""How much is watched in each hour of the day, against the average."""
DEVICES = ("tv", "tv", "phone", "tablet", "web", "console")
PLACES = (("DE", "BE"), ("DE", "BY"), ("FR", "IDF"), ("US", "CA"), ("US", "NY"), ("BR", "SP"), ("IN", "MH"))
PLANS = ("basic", "standard", "family")
