"""The events that every benchmark streams: viewers with tastes, in sessions, all in the contract's JSON.

Deterministic from its seed. The mix is a video service's: four in ten are impressions, a third are playback
heartbeats, and a quality play follows an impression the likelier the more the viewer likes the row, so that
there is something to learn. About 300 bytes an event.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from streams import topics

ROWS = 24
TITLES_PER_ROW = 40
ITEMS_SHOWN = 3
"""Titles that come into view with a row."""
MOODS = 8
ARTWORKS = 3
"""Images a title can be shown by."""
ACTIVE_SHARE = 0.1
"""Share of the profiles in a session at the same moment, unless said otherwise."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One record to publish; ``ts`` is the event time in ``value`` (ms since epoch), 0 for catalogs."""

    ts: int
    topic: str
    key: bytes
    value: bytes


def row_id(row: int) -> str:
    """The id of a row by its number."""
    return f"row-{row:02d}"


def catalogs() -> Iterator[Sent]:
    """The title and row catalogs that belong to the events."""
    for row in range(ROWS):
        tag = f"tag-{row:02d}"
        shown = {"row_id": row_id(row), "name": f"Row {row}", "rule": "tag", "tag": tag}
        yield Sent(0, topics.ROW_CATALOG, row_id(row).encode(), orjson.dumps(shown))
        for number in range(TITLES_PER_ROW):
            title = f"title-{row:02d}-{number:02d}"
            described = {
                "title_id": title,
                "name": f"Title {number} of row {row}",
                "kind": "film",
                "tags": [tag, f"mood-{number % MOODS}"],
                "released": f"20{10 + number % 16}-01-01",
                "duration_s": _duration(row, number),
                "maturity": "12",
                "artworks": [
                    {"artwork_id": artwork_id(title, image), "tags": [f"mood-{(number + image) % MOODS}"]}
                    for image in range(ARTWORKS)
                ],
                "trailers": [{"trailer_id": f"{title}-v", "tags": [tag], "duration_s": 60}],
            }
            yield Sent(0, topics.TITLE_CATALOG, title.encode(), orjson.dumps(described))


def artwork_id(title: str, image: int) -> str:
    """The id of one of a title's images."""
    return f"{title}-a{image}"


def _duration(row: int, number: int) -> float:
    return 600.0 + 137.0 * ((row * 7 + number * 13) % 40)


class _Profile:
    """A viewer: three rows they like, most first."""

    __slots__ = ("country", "device", "key", "likes", "name", "sessions")

    def __init__(self, number: int, dice: random.Random) -> None:
        self.name = f"profile-{number:06d}"
        self.key = self.name.encode()
        # Popular rows are liked by more: the smaller of two draws.
        self.likes = [min(dice.randrange(ROWS), dice.randrange(ROWS)) for _ in range(3)]
        self.device = dice.choice(("tv", "tv", "tv", "phone", "web", "tablet"))
        self.country = dice.choice(("DE", "FR", "PL", "SE", "US"))
        self.sessions = 0

    def appeal(self, row: int) -> float:
        """Chance that a shown row is played."""
        return (0.55, 0.35, 0.25)[self.likes.index(row)] if row in self.likes else 0.04


def _session(profile: _Profile, run: str, start_ms: int, dice: random.Random) -> Iterator[Sent]:
    """The events of one visit, in order."""
    profile.sessions += 1
    visit = f"{run}-{profile.name}-{profile.sessions}"
    common = (
        f'"profile_id":"{profile.name}","session_id":"{visit}",'
        f'"device_type":"{profile.device}","country":"{profile.country}"'
    )
    count = itertools.count()
    ts = start_ms

    def event(kind: str, rest: str, seconds: float, topic: str = topics.VIEWING_EVENTS) -> Sent:
        nonlocal ts
        ts += max(1, int(seconds * 1_000))
        told = f'{{"event_id":"{visit}-{next(count)}","type":"{kind}","ts":{ts},{common}{rest}}}'
        return Sent(ts, topic, profile.key, told.encode())

    yield event("session_start", "", 0)
    if dice.random() < 0.03:
        kind = dice.choice(("subscription_renewed", "subscription_renewed", "subscription_payment_failed"))
        yield event(kind, ',"plan":"standard","period_days":30', 0, topics.SUBSCRIPTION_EVENTS)
    if dice.random() < 0.15:
        yield event("search", f',"query":"something like {row_id(profile.likes[0])}"', 6)
    order = [*dict.fromkeys(profile.likes), *(row for row in range(ROWS) if row not in profile.likes)]
    page = order if profile.sessions > 1 else list(range(ROWS))  # later pages suit the viewer
    plays = 0
    for position, row in enumerate(page):
        if plays >= 2 or dice.random() < 0.08:
            break
        first = dice.randrange(TITLES_PER_ROW - ITEMS_SHOWN)
        shown = [f"title-{row:02d}-{first + item:02d}" for item in range(ITEMS_SHOWN)]
        image = len(profile.name) % ARTWORKS
        items = ",".join(
            f'{{"title_id":"{title}","position":{at},"artwork_id":"{artwork_id(title, image)}"}}'
            for at, title in enumerate(shown)
        )
        where = f',"row_id":"{row_id(row)}","row_position":{position}'
        yield event("impression", f'{where},"items":[{items}]', dice.uniform(1, 5))
        if dice.random() < 0.02:
            yield event("browse", f',"category_id":"tag-{row:02d}","dwell_s":{dice.uniform(2, 30):.1f}', 4)
        if dice.random() >= profile.appeal(row):
            continue
        plays += 1
        title = shown[0]
        duration = _duration(row, first)
        play = f',"playback_id":"{visit}-p{plays}","title_id":"{title}"'
        yield event("click", f',"title_id":"{title}"{where},"position":0', dice.uniform(1, 4))
        yield event("playback_start", f'{play},"duration_s":{duration:.1f}{where},"position":0', 1)
        at = 0.0
        liked = row in profile.likes
        beats = min(int(duration // 60), int(dice.expovariate(1 / (10 if liked else 3))))
        for _ in range(beats):
            at += 60
            yield event("playback_progress", f'{play},"position_s":{at:.1f}', 60)
            chance = dice.random()
            if chance < 0.04:
                yield event("playback_pause", f'{play},"position_s":{at:.1f}', 1)
                yield event("playback_resume", f'{play},"position_s":{at:.1f}', dice.uniform(5, 120))
            elif chance < 0.08:
                to = max(0.0, at + dice.choice((-30, -15, 60)))
                yield event("playback_seek", f'{play},"from_s":{at:.1f},"to_s":{to:.1f}', 1)
                at = to
        if at + 60 >= duration:
            yield event("playback_complete", play, max(1.0, duration - at))
        elif beats == 0:
            yield event("playback_skip", f'{play},"position_s":8.0', 8)
        else:
            yield event("playback_stop", f'{play},"position_s":{at + 10:.1f}', 10)
        if liked and dice.random() < 0.06:
            yield event("rating", f',"title_id":"{title}","value":1', 5)
    yield event("session_end", "", 2)


def generate(
    count: int,
    *,
    profiles: int,
    start_ms: int,
    seed: int = 1,
    first_profile: int = 0,
    run: str = "a",
    active_share: float = ACTIVE_SHARE,
) -> list[Sent]:
    """``count`` records of ``profiles`` viewers in time order, from ``start_ms`` (ms since epoch) on.

    Every viewer has a first session before any has a second. 400,000 events of 20,000 viewers last about two
    hours. ``first_profile`` offsets the viewers' numbers, for another audience; ``run`` begins every event
    id, so that the same viewers can come back with other events.
    """
    dice = random.Random(seed)
    viewers = [_Profile(first_profile + number, dice) for number in range(profiles)]
    waiting = viewers[:]
    dice.shuffle(waiting)
    made: list[Sent] = []
    active: list[tuple[int, int, Sent, Iterator[Sent]]] = []
    ticket = itertools.count()
    now = start_ms
    for start in range(max(1, int(profiles * active_share))):
        _enter(active, waiting, viewers, start_ms + start * 37 % 60_000, run, dice, next(ticket))
    while len(made) < count:
        now, _, sent, rest = heapq.heappop(active)
        made.append(sent)
        following = next(rest, None)
        if following is not None:
            heapq.heappush(active, (following.ts, next(ticket), following, rest))
        else:
            _enter(active, waiting, viewers, now, run, dice, next(ticket))
    return made


def _enter(
    active: list[tuple[int, int, Sent, Iterator[Sent]]],
    waiting: list[_Profile],
    viewers: list[_Profile],
    now: int,
    run: str,
    dice: random.Random,
    ticket: int,
) -> None:
    profile = waiting.pop() if waiting else viewers[int(len(viewers) * dice.random() ** 2)]
    visit = _session(profile, run, now, dice)
    first = next(visit)
    heapq.heappush(active, (first.ts, ticket, first, visit))
