"""What a gateway is made of, without a broker: knowing, shelves, pages, judging, access, rates, listeners."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams import topics
from streams.errors import ConfigurationError
from streams.gateway import judging
from streams.gateway.access import Access, is_loopback, new_service_token, profile_token, read_profile_token
from streams.gateway.known import Known
from streams.gateway.live import Feed, Listener
from streams.gateway.pages import Pages
from streams.gateway.pulse import Pulse
from streams.gateway.rates import BURST_S, Rates
from streams.gateway.search import Search
from streams.gateway.shelves import ROW_TITLES, Shelves
from streams.settings import Settings

NOW_MS = 1_764_000_000_000
SECRET = b"0123456789abcdef0123456789abcdef"


def decision(profile: str, ts: int = NOW_MS, version: int = 1, **more: Any) -> bytes:
    return orjson.dumps({"profile_id": profile, "ts": ts, "version": version, **more})


class Scene:
    """A small catalog: two rows by tag, popular, for you, continue; twenty titles of each tag, even ones for all."""

    def __init__(self) -> None:
        settings = Settings()
        self.known = Known(settings, lambda profile: self.pages.forget(profile))
        self.shelves = Shelves(self.known)
        self.pages = Pages(self.known, self.shelves, 1 << 20)
        for row, rule, tag in (
            ("drama", "tag", "drama"), ("crime", "tag", "crime"), ("hits", "popular", None), ("you", "similar", None),
            ("go-on", "continue", None),
        ):  # fmt: skip
            self.put(topics.ROW_CATALOG, row, {"row_id": row, "name": row.title(), "rule": rule, "tag": tag})
        for number in range(20):
            for tag in ("drama", "crime"):
                title = f"{tag}-{number:02}"
                record = {"title_id": title, "name": f"The {tag} {number}", "kind": "film", "tags": [tag]}
                self.put(topics.TITLE_CATALOG, title, {**record, "maturity": "16" if number % 2 else "0"})
        self.shelves.put_up_now()

    def put(self, topic: str, key: str, record: dict[str, Any] | None) -> None:
        self.known.put(topic, key.encode(), None if record is None else orjson.dumps(record))

    def stats(self, title: str, slow: float, ts: int = NOW_MS) -> None:
        own = {"title_id": title, "ts": ts, "fast": slow, "slow": slow, "quality": slow, "plays": slow}
        self.put(topics.TITLE_STATS, title, own)
        self.shelves.put_up_now()

    def order(self, profile: str, *rows: str, version: int = 1) -> None:
        value = decision(profile, rows=rows, reasons=[{"row_id": rows[0], "feature": "f", "contribution": 1.0}],
                         version=version)  # fmt: skip
        self.known.put(topics.ROW_ORDER, profile.encode(), value)

    def rank(self, profile: str, *titles: str) -> None:
        self.known.put(
            topics.HOMEPAGE_RANKINGS, profile.encode(), decision(profile, titles=titles, reasons=[])
        )

    def page(self, profile: str, max_age: int | None = None) -> dict[str, Any]:
        page: dict[str, Any] = orjson.loads(self.pages.page(profile, max_age) + b"}")
        return page

    def row(self, profile: str, row_id: str, max_age: int | None = None) -> list[str]:
        rows = {row["row_id"]: row["titles"] for row in self.page(profile, max_age)["rows"]}
        return [title["title_id"] for title in rows[row_id]]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_stranger_gets_everybodys_page(scene: Scene) -> None:
    scene.stats("drama-07", 3.0)
    page = scene.page("nobody")
    assert page["personal"] is False
    assert page["profile_id"] == "nobody"
    assert [row["row_id"] for row in page["rows"]] == ["crime", "drama", "go-on", "hits", "you"]
    assert scene.row("nobody", "drama")[0] == "drama-07"
    assert len(scene.row("nobody", "drama")) == ROW_TITLES
    assert page["ranking"][0] == {"title_id": "drama-07", "name": "The drama 7", "artwork_id": None}
    assert scene.row("nobody", "go-on") == []
    made = scene.pages.made
    assert scene.page("another")["profile_id"] == "another"
    assert scene.pages.made == made


def test_a_page_shows_what_was_decided(scene: Scene) -> None:
    scene.order("p", "crime", "gone", "you", "drama", version=3)
    scene.rank("p", "drama-05", "crime-19", "taken-out", "drama-03")
    value = decision("p", ts=NOW_MS + 5, title_id="crime-19", artwork_id="close-up")
    scene.known.put(topics.ARTWORK_CHOICES, b"p|crime-19", value)
    page = scene.page("p")
    assert page["personal"] and page["profiled"]
    assert [row["row_id"] for row in page["rows"]] == ["crime", "you", "drama"]
    assert page["rows"][0]["titles"][0] == {
        "title_id": "crime-19", "name": "The crime 19", "artwork_id": "close-up"
    }  # fmt: skip
    assert scene.row("p", "drama")[:3] == ["drama-05", "drama-03", "drama-00"]
    assert scene.row("p", "you") == ["drama-05", "crime-19", "drama-03"]
    assert page["reasons"]["rows"] == [{"row_id": "crime", "feature": "f", "contribution": 1.0}]
    assert page["versions"] == {"row-order": 3, "homepage-rankings": 1}


def test_a_page_is_made_again_only_when_it_has_changed(scene: Scene) -> None:
    scene.order("p", "crime", "drama")
    first = scene.page("p")
    assert scene.page("p") == first
    assert scene.pages.made == 1
    scene.order("other", "crime")
    assert scene.page("p") == first
    assert scene.pages.made == 1
    scene.order("p", "drama", "crime", version=2)
    assert scene.page("p")["rows"][0]["row_id"] == "drama"
    scene.stats("crime-11", 9.0)
    assert scene.row("p", "crime")[0] == "crime-11"


def test_pages_keep_within_their_room() -> None:
    scene = Scene()
    scene.pages = Pages(scene.known, scene.shelves, 30_000)
    for number in range(50):
        scene.order(f"p{number}", "crime", "drama")
        scene.page(f"p{number}")
    assert 0 < scene.pages.kept_bytes <= 30_000
    assert scene.page("p0")["rows"]


def test_an_age_limit_holds_everywhere(scene: Scene) -> None:
    scene.order("kid", "drama", "you", "hits")
    scene.rank("kid", "drama-05", "drama-04")
    offered = decision("kid", trailer_id="x", title_id="drama-05", previous=None, churn_probability=0.5)
    scene.known.put(topics.TRAILER_CHOICES, b"kid", offered)
    assert scene.page("kid")["trailer"]["title_id"] == "drama-05"
    page = scene.page("kid", max_age=12)
    shown = {title["title_id"] for row in page["rows"] for title in row["titles"]}
    shown |= {title["title_id"] for title in page["ranking"]}
    assert "drama-04" in shown
    assert all(int(title[-2:]) % 2 == 0 for title in shown)
    assert page["trailer"] is None


def test_erasure_leaves_nothing(scene: Scene) -> None:
    odd = "a|b%c"
    scene.order(odd, "crime")
    scene.known.put(topics.ARTWORK_CHOICES, b"a%7Cb%25c|t%7C1", decision(odd, title_id="t|1", artwork_id="i"))
    assert scene.known.profiles[odd].artworks == {"t|1": "i"}
    scene.known.put(topics.ROW_ORDER, odd.encode(), None)
    scene.known.put(topics.ARTWORK_CHOICES, b"a%7Cb%25c|t%7C1", None)
    assert odd not in scene.known.profiles
    assert scene.page(odd)["personal"] is False
    scene.known.put(topics.ROW_ORDER, b"never there", None)
    assert scene.known.profiles == {}


@pytest.mark.parametrize("value", [b"{", b"[]", b'{"rows": 1}', b"\xff", b"[" * 100_000, b""])
def test_a_record_that_cannot_be_read_leaves_what_was(scene: Scene, value: bytes) -> None:
    scene.order("p", "crime", "drama")
    before = scene.page("p")
    for topic in (topics.ROW_ORDER, topics.HOMEPAGE_RANKINGS, topics.TITLE_STATS, topics.ROW_CATALOG):
        scene.known.put(topic, b"p", value)
        assert scene.known.skipped[topic] == 1
    scene.known.put(topics.ARTWORK_CHOICES, b"p|t", value)
    assert scene.known.skipped[topics.ARTWORK_CHOICES] == 1
    assert scene.page("p")["rows"] == before["rows"]


def test_popularity_fades_while_nobody_looks(scene: Scene) -> None:
    month = 30 * 24 * 3_600_000
    scene.stats("drama-01", 8.0, ts=NOW_MS - 2 * month)  # 2 by now
    scene.stats("drama-02", 3.0)
    assert scene.row("x", "drama")[:2] == ["drama-02", "drama-01"]


def test_search_finds_every_word(scene: Scene) -> None:
    search = Search(scene.known)
    scene.stats("crime-13", 5.0)
    assert [title["title_id"] for title in search.find("CRIME 1", 2)] == ["crime-13", "crime-01"]
    assert search.find("crime drama", 5) == []
    assert search.find("  ", 5) == []


def event(**fields: Any) -> bytes:
    return orjson.dumps({"event_id": "e", "profile_id": "p", "ts": NOW_MS, **fields})


def test_events_are_judged_one_by_one() -> None:
    good = event(type="list_add", title_id="t")
    paid = event(type="subscription_renewed")
    wrong = [event(type="list_add"), event(type="fly"), b"{", event(type="rating", title_id="t", value=7), b"[]",
             event(type="list_add", title_id="t", ts=5), b'{"profile_id": 7, "type": "search"}']  # fmt: skip
    judged = judging.judge([good, *wrong, paid], NOW_MS, Settings())
    assert [(each.index, each.topic, each.value) for each in judged.posted] == [
        (0, topics.VIEWING_EVENTS, good),
        (8, topics.SUBSCRIPTION_EVENTS, paid),
    ]
    assert [(each.index, each.reason) for each in judged.refused] == [
        (1, "missing_field"), (2, "unknown_event_type"), (3, "not_json"), (4, "bad_value"), (5, "wrong_type"),
        (6, "absurd_clock"), (7, "wrong_type"),
    ]  # fmt: skip


def test_a_body_is_one_event_many_or_lines() -> None:
    assert judging.parts(b' {"a": 1} ', judging.ONE) == [b' {"a": 1} ']
    assert judging.parts(b'[{"a": 1}, 2]', judging.ONE) == [b'{"a": 1}', b"2"]
    assert judging.parts(b'{"a": 1}\n\n{"b": 2}\n', judging.LINES) == [b'{"a": 1}', b'{"b": 2}']
    assert judging.parts(b"", judging.ONE) == []
    with pytest.raises(judging.UnreadableError):
        judging.parts(b"[1, 2", judging.ONE)


def test_profile_tokens_are_for_one_profile_and_a_while() -> None:
    token = profile_token("p|1 ä", 1_000, SECRET)
    assert read_profile_token(token, SECRET, 999.9) == "p|1 ä"
    assert read_profile_token(token, SECRET, 1_000.0) is None
    assert read_profile_token(token, SECRET[::-1], 0.0) is None
    assert read_profile_token(token.replace(".1000.", ".9000."), SECRET, 0.0) is None
    other = profile_token("q", 1_000, SECRET)
    grafted = ".".join([*other.split(".")[:3], token.split(".")[3]])
    assert read_profile_token(grafted, SECRET, 0.0) is None
    for broken in ("", "fwp1", "fwp1...", "fwp1.é.5.x", "fwp1.a.5.a", token + "=", token[:-1]):
        assert read_profile_token(broken, SECRET, 0.0) is None


def test_service_tokens_have_scopes_and_are_read_again(tmp_path: Path) -> None:
    token, line = new_service_token("read")
    file = tmp_path / "tokens"
    file.write_text(f"# ours\n{line}  # the site\n")
    assert token not in file.read_text()
    access = Access(Settings(gateway_host="0.0.0.0", gateway_tokens=str(file)))
    caller = access.caller(token, "10.0.0.1", 0)
    assert caller is not None and caller.may("read", "anyone") and not caller.may("write")
    assert token not in caller.name
    assert access.caller(token + "x", "10.0.0.1", 0) is None
    assert access.caller(None, "127.0.0.1", 0) is None
    file.write_text(f"admin:{hashlib.sha256(b'new').hexdigest()}\n")
    assert access.refresh() and not access.refresh()
    assert access.caller(token, "10.0.0.1", 0) is None
    admin = access.caller("new", "10.0.0.1", 0)
    assert admin is not None and admin.may("write", "p") and admin.may("admin")
    file.write_text("read:nonsense\n")
    with pytest.raises(ConfigurationError, match="line 1"):
        access.refresh()
    assert access.caller("new", "10.0.0.1", 0) is not None


def test_without_tokens_only_this_machine_is_served(tmp_path: Path) -> None:
    assert Access(Settings()).open
    for host in ("0.0.0.0", "::", "10.0.0.1", "gateway.example"):
        with pytest.raises(ConfigurationError, match="FLYWHEEL_GATEWAY_TOKENS"):
            Access(Settings(gateway_host=host))
    assert is_loopback("::1") and is_loopback("localhost") and not is_loopback("localhost.example")
    short = tmp_path / "secret"
    short.write_text("short")
    with pytest.raises(ConfigurationError, match="at least 32"):
        Access(Settings(gateway_secret=str(short)))
    with pytest.raises(ConfigurationError, match="GATEWAY_TOKENS"):
        Access(Settings(gateway_tokens=str(tmp_path / "none")))


def test_buckets_fill_with_time() -> None:
    rates = Rates()
    burst = int(10 * BURST_S)
    assert [rates.wait_s("a", 10, 0.0) for _ in range(burst)] == [0.0] * burst
    assert rates.wait_s("a", 10, 0.0) == pytest.approx(0.1)
    assert rates.wait_s("b", 10, 0.0) == 0.0
    assert rates.wait_s("a", 10, 0.11) == 0.0


def test_a_slow_listener_loses_its_oldest_messages_alone() -> None:
    async def story() -> None:
        feed = Feed(lambda: NOW_MS)
        wanted = frozenset((topics.ROW_ORDER,))
        slow, quick, other = Listener("p", wanted, 3), Listener(None, wanted, 100), Listener("q", wanted, 3)
        for listener in (slow, quick, other):
            feed.join(listener)
        for number in range(5):
            feed.decided(topics.ROW_ORDER, "p", "p", b'{\n"n": %d}' % number, 7)
        feed.decided(topics.CHURN_SCORES, "p", "p", b"{}", 7)
        assert feed.lost == 2
        told = (await slow.messages() or b"").decode().strip().split("\n\n")
        assert told[0] == 'event: lost\ndata: {"messages":2}'
        said = [orjson.loads(each.split("data: ")[1]) for each in told[1:]]
        assert [each["record"]["n"] for each in said] == [2, 3, 4]
        assert said[0] | {"record": 0} == {"topic": "row-order", "key": "p", "record": 0, "delay_ms": 7}
        assert (await quick.messages() or b"").count(b"event: decision") == 5
        feed.decided(topics.ROW_ORDER, "p", "p", None, None)
        feed.close()
        assert b'"record":null' in (await slow.messages() or b"")
        assert await slow.messages() is None
        assert await other.messages() is None
        for listener in (slow, quick, other):
            feed.leave(listener)
        assert not len(feed)

    asyncio.run(story())


def test_a_pulse_is_of_its_second() -> None:
    pulse = Pulse()
    for delay in range(100):
        pulse.decision(topics.ROW_ORDER, delay)
    pulse.decision(topics.CHURN_SCORES, 1_000_000)
    pulse.event(b'{"type":"playback_start","row_position":3}')
    pulse.event(b'{"type":"playback_start","row_position":6}')
    pulse.event(b'"playback_start"')
    pulse.event(None)
    told = pulse.beat(2.0, profiles=5, stale_ms=9, watching=True)
    assert told == {
        "events_per_s": 2.0, "decisions_per_s": {"churn-scores": 0.5, "row-order": 50.0}, "fresh_p50_ms": 50,
        "fresh_p99_ms": 99, "profiles": 5, "stale_ms": 9, "click_place": 4.5,
    }  # fmt: skip
    later = pulse.beat(1.0, profiles=5, stale_ms=9, watching=False)
    assert (later["events_per_s"], later["decisions_per_s"], later["fresh_p50_ms"]) == (None, {}, 50)
    for _ in range(12):
        later = pulse.beat(1.0, profiles=5, stale_ms=9, watching=False)
    assert later["click_place"] is None
