"""A profile's page as bytes: made when it is first asked for, and kept until a decision or a shelf changes.

What changes with every answer (how far the gateway has read) stands at the end, so that the rest is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import orjson

from streams import topics
from streams.gateway.known import (
    CATEGORIES,
    FIELDS,
    ROWS,
    TITLES,
    TRAILER,
    Decided,
    Known,
    Profile,
    RowsDecided,
)
from streams.gateway.shelves import RANKED, ROW_TITLES, Shelves

NOBODY = Profile()
"""Of whom nothing is known."""
NO_REASONS = b"[]"
OVERHEAD = 200
"""Bytes of the dictionary entry around a kept page, about."""
Images = dict[str, str]


class Pages:
    """The pages of everybody. ``kept_bytes`` is what the kept ones take, at most ``room``."""

    def __init__(self, known: Known, shelves: Shelves, room: int) -> None:
        self._known = known
        self._shelves = shelves
        self._room = room
        self._kept: dict[str, bytes] = {}
        self._version = -1
        self._titles: dict[str, bytes] = {}
        self._plain_rows: dict[str, bytes] = {}
        self.kept_bytes = 0
        self.made = 0
        """Pages made so far: what was asked for beyond was kept."""

    def page(self, profile_id: str, max_age: int | None = None) -> bytes:
        """The page as a JSON object without its closing brace: the caller adds how far the gateway has read.

        ``max_age`` leaves out every title that is for older viewers, or of which that is not known.
        """
        if self._version != self._shelves.version:
            self._forget_all()
        if max_age is not None:
            profile = self._known.profiles.get(profile_id, NOBODY)
            return _named(profile_id, self._make(profile, max_age))
        profile_known = self._known.profiles.get(profile_id)
        if profile_known is None:
            page = self._kept.get("")  # no profile's id is empty
            if page is None:
                page = self._keep("", self._make(NOBODY, None))
            return _named(profile_id, page)
        page = self._kept.get(profile_id)
        if page is None:
            page = self._keep(profile_id, _named(profile_id, self._make(profile_known, None)))
        return page

    def forget(self, profile_id: str) -> None:
        """The profile's page is no longer what it was."""
        page = self._kept.pop(profile_id, None)
        if page is not None:
            self.kept_bytes -= len(page) + OVERHEAD

    def _keep(self, name: str, page: bytes) -> bytes:
        self._kept[name] = page
        self.kept_bytes += len(page) + OVERHEAD
        while self.kept_bytes > self._room and self._kept:
            self.forget(next(iter(self._kept)))  # the oldest
        return page

    def _forget_all(self) -> None:
        self._kept.clear()
        self._titles.clear()
        self._plain_rows.clear()
        self.kept_bytes = 0
        self._version = self._shelves.version

    def _make(self, profile: Profile, max_age: int | None) -> bytes:
        """All but the profile's id and the closing brace."""
        self.made += 1
        rows = ROWS.decode(profile.rows) if profile.rows else None
        titles = TITLES.decode(profile.titles) if profile.titles else None
        categories = CATEGORIES.decode(profile.categories) if profile.categories else None
        catalog = self._known.catalog.titles
        listed = titles.titles if titles else self._shelves.popular
        ranking = [name for name in listed if name in catalog and self._fits(name, max_age)][:RANKED]
        images = profile.artworks or {}
        trailer = profile.trailer
        if trailer is not None and not self._fits(TRAILER.decode(trailer).title_id, max_age):
            trailer = None
        versions, newest = _versions(profile)
        parts = (
            b',"rows":[',
            b",".join(self._rows(rows, ranking if titles else [], ranking, images, max_age)),
            b'],"ranking":[',
            b",".join(self._title(name, images) for name in ranking),
            b'],"categories":',
            bytes(categories.categories) if categories else b"[]",
            b',"trailer":',
            trailer or b"null",
            b',"reasons":{"rows":',
            _raw(rows.reasons) if rows else NO_REASONS,
            b',"titles":',
            _raw(titles.reasons) if titles else NO_REASONS,
            b'},"versions":',
            orjson.dumps(versions),
            b',"profiled":',
            b"true" if (rows or titles or _PROFILED).profiled else b"false",
            b',"personal":',
            b"true" if rows or titles else b"false",
            b',"decided_ts":',
            b"%d" % newest if newest is not None else b"null",
        )
        return b"".join(parts)

    def _rows(
        self,
        decided: RowsDecided | None,
        personal: list[str],
        ranking: list[str],
        images: Images,
        max_age: int | None,
    ) -> Iterable[bytes]:
        """Each row as JSON; ``personal`` are the ranked titles that go first on every row they stand on."""
        rows, shelves = self._known.catalog.rows, self._shelves.titles
        tags_of = self._known.catalog.titles
        order = decided.rows if decided else [row.row_id for row in self._shelves.rows]
        first: dict[str, list[str]] = {}
        for name in personal:
            for tag in tags_of[name].tags:
                first.setdefault(tag, []).append(name)
        for row_id in order:
            row = rows.get(row_id)
            if row is None:
                continue  # taken out of the catalog since it was decided
            shelf: Sequence[str] = shelves.get(row_id, ())
            if row.rule == "tag":
                leading = first.get(row.tag or "", ())
            elif row.rule == "similar":
                leading, shelf = ranking, ()
            else:
                within = set(shelf)
                leading = [name for name in personal if name in within] if row.rule == "popular" else ()
            if (
                not leading
                and max_age is None
                and (not images or images.keys().isdisjoint(shelf[:ROW_TITLES]))
            ):
                yield self._plain_row(row_id, row.name, shelf)
                continue
            names = list(leading)
            taken = set(names)
            names += [name for name in shelf if name not in taken]
            if max_age is not None:
                names = [name for name in names if self._fits(name, max_age)]
            yield self._row(row_id, row.name, names[:ROW_TITLES], images)

    def _plain_row(self, row_id: str, name: str, shelf: Sequence[str]) -> bytes:
        row = self._plain_rows.get(row_id)
        if row is None:
            row = self._plain_rows[row_id] = self._row(row_id, name, shelf[:ROW_TITLES], {})
        return row

    def _row(self, row_id: str, name: str, titles: Sequence[str], images: Images) -> bytes:
        head = orjson.dumps({"row_id": row_id, "name": name})[:-1]
        return b'%b,"titles":[%b]}' % (head, b",".join([self._title(title, images) for title in titles]))

    def _title(self, name: str, images: Images) -> bytes:
        title = self._titles.get(name)
        if title is None:
            facts = self._known.catalog.titles.get(name)
            shown = {"title_id": name, "name": facts.name if facts else name}
            title = self._titles[name] = orjson.dumps(shown)[:-1] + b',"artwork_id":'
        image = images.get(name)
        return title + (b"null}" if image is None else orjson.dumps(image) + b"}")

    def _fits(self, name: str, max_age: int | None) -> bool:
        if max_age is None:
            return True
        facts = self._known.catalog.titles.get(name)
        return facts is not None and facts.age <= max_age


class _Unsaid:
    profiled = True


_PROFILED = _Unsaid()


def _named(profile_id: str, rest: bytes) -> bytes:
    return b'{"profile_id":' + orjson.dumps(profile_id) + rest


def _raw(value: msgspec.Raw) -> bytes:
    return bytes(value)


def _versions(profile: Profile) -> tuple[dict[str, int], int | None]:
    """The version of each surface's decision, and the ``ts`` of the newest."""
    versions: dict[str, int] = {}
    newest: int | None = None
    for topic, (field, _) in FIELDS.items():
        record: bytes | None = getattr(profile, field)
        if record is not None:
            decided = _DECIDED.decode(record)
            versions[topic] = decided.version
            newest = decided.ts if newest is None else max(newest, decided.ts)
    return versions, newest


_DECIDED = msgspec.json.Decoder(Decided)

assert set(FIELDS) == set(topics.KEYED_BY_PROFILE), "every decision of a profile can be erased"
