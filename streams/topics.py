"""The topics of the contract: what each holds, how it is keyed and kept."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from streams.settings import Settings

VIEWING_EVENTS = "viewing-events"
SUBSCRIPTION_EVENTS = "subscription-events"
TITLE_CATALOG = "title-catalog"
ROW_CATALOG = "row-catalog"
ROW_ORDER = "row-order"
CHURN_SCORES = "churn-scores"
HOMEPAGE_RANKINGS = "homepage-rankings"
ARTWORK_CHOICES = "artwork-choices"
TRAILER_CHOICES = "trailer-choices"
CATEGORY_CHOICES = "category-choices"
EXPERIMENT_RESULTS = "experiment-results"
AUDIENCE_DEMAND = "audience-demand"
TITLE_SIGNALS = "title-signals"
TITLE_STATS = "title-stats"
DEAD_LETTERS = "dead-letters"

INPUTS = (VIEWING_EVENTS, SUBSCRIPTION_EVENTS)
"""What producers write, keyed by profile. See :func:`owned` for all that a partition number stands for."""
CATALOGS = (TITLE_CATALOG, ROW_CATALOG)
"""Read whole by every worker."""
KEYED_BY_PROFILE = (ROW_ORDER, CHURN_SCORES, HOMEPAGE_RANKINGS, TRAILER_CHOICES, CATEGORY_CHOICES)
"""Compacted topics whose key is the profile id: an erased profile leaves a tombstone in each."""


_TALLIES = "-tallies"


def owned(settings: Settings) -> tuple[str, ...]:
    """The topics of which a partition number's owner reads that partition, and has a position in each: the
    inputs, and what the partitions write to each other."""
    return (*INPUTS, TITLE_SIGNALS, settings.tallies_topic)


def shared(settings: Settings) -> tuple[str, ...]:
    """The compacted topics by which partitions learn from each other: read whole by every worker, like the
    catalogs."""
    return (TITLE_STATS, EXPERIMENT_RESULTS, settings.models_topic)


def is_owned(topic: str) -> bool:
    """Whether :func:`owned` has this topic, by its name alone: the transport knows no settings."""
    return topic in INPUTS or topic == TITLE_SIGNALS or topic.endswith(_TALLIES)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: ``key`` says by what its records are keyed, ``compacted`` that a key's last one is kept."""

    name: str
    key: str
    compacted: bool
    content: str


def catalogue(settings: Settings) -> tuple[Topic, ...]:
    """Every topic of the contract and the internal ones, in the contract's order."""
    return (
        Topic(VIEWING_EVENTS, "profile", False, "raw viewing events"),
        Topic(SUBSCRIPTION_EVENTS, "profile", False, "raw subscription events"),
        Topic(TITLE_CATALOG, "title", True, "titles with tags, artworks and trailers"),
        Topic(ROW_CATALOG, "row", True, "the rows a home page may show"),
        Topic(ROW_ORDER, "profile", True, "rows in order with scores"),
        Topic(CHURN_SCORES, "profile", True, "probability of leaving, band and drivers"),
        Topic(HOMEPAGE_RANKINGS, "profile", True, "top titles"),
        Topic(ARTWORK_CHOICES, "profile and title", True, "chosen artwork"),
        Topic(TRAILER_CHOICES, "profile", True, "chosen trailer"),
        Topic(CATEGORY_CHOICES, "profile", True, "categories shown"),
        Topic(EXPERIMENT_RESULTS, "experiment", True, "arms, intervals and verdict"),
        Topic(AUDIENCE_DEMAND, "tag and region", True, "decayed demand"),
        Topic(
            TITLE_SIGNALS, "title", False, "what each profile's plays add to a title, from every partition"
        ),
        Topic(TITLE_STATS, "title", True, "decayed plays, neighbours and artwork counts of a title"),
        Topic(DEAD_LETTERS, "as received", False, "records that could not be taken, with the reason"),
        Topic(settings.state_topic, "internal", True, "state changelog: profiles, title statistics, models"),
        Topic(settings.tallies_topic, "experiment, or tag and region", False, "sums of each partition"),
        Topic(settings.models_topic, "model and partition", True, "weights of each partition's models"),
        Topic(settings.credits_topic, "title", False, "to what each quality play is owed (off by default)"),
        Topic(
            settings.predictions_topic,
            "profile",
            False,
            "predictions at the time they were made (off by default)",
        ),
    )


def choice_key(profile: str, title: str) -> str:
    """The key of an ``artwork-choices`` record: both ids with ``|`` between; ``%`` and ``|`` within an id are
    percent-encoded, so that no two pairs share a key.

    >>> choice_key("p|1", "50%")
    'p%7C1|50%25'
    """
    return f"{_encoded(profile)}|{_encoded(title)}"


def choice_of(key: str) -> tuple[str, str]:
    """The profile and the title of an ``artwork-choices`` record's key.

    >>> choice_of("p%7C1|50%25")
    ('p|1', '50%')
    """
    profile, _, title = key.partition("|")
    return unquote(profile), unquote(title)


def profile_of(topic: str, key: str) -> str | None:
    """The profile that a decision's key names; ``None`` on a topic whose records are about nobody.

    >>> profile_of(ROW_ORDER, "p|1"), profile_of(ARTWORK_CHOICES, "p%7C1|t"), profile_of(AUDIENCE_DEMAND, "drama|se")
    ('p|1', 'p|1', None)
    """
    if topic in KEYED_BY_PROFILE:
        return key
    return choice_of(key)[0] if topic == ARTWORK_CHOICES else None


def _encoded(text: str) -> str:
    if "%" in text or "|" in text:
        return text.replace("%", "%25").replace("|", "%7C")
    return text
