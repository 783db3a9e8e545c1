"""The live page with a gateway that decides by a rule: keys, screen readers, colours, and what goes wrong."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.hazard import FEATURES
from streams.decisions.demand import TERMS
from streams.decisions.seen_rows import NAMES
from streams.surfaces.titles import REASON_NAMES
from tests.page.chromium import Browser, chromium, require_chromium
from tests.page.fake_gateway import PAGE, FakeGateway

pytestmark = pytest.mark.chromium
MAX_LINES = 300


class Served:
    """A fake gateway in a thread of its own."""

    def __init__(self) -> None:
        self.gateway = FakeGateway()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._call(self.gateway.start())
        self.url = f"http://127.0.0.1:{self.port}/"

    def _call(self, work: object) -> int:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)  # type: ignore[arg-type]

    def vanish(self) -> None:
        """The gateway is gone."""
        self._call(self.gateway.stop())

    def come_back(self) -> None:
        """It is there again, at the same address."""
        self._call(self.gateway.start(self.port))

    def end(self) -> None:
        """Stop it for good."""
        self.vanish()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@pytest.fixture
def served() -> Iterator[Served]:
    require_chromium()
    served = Served()
    yield served
    served.end()


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require_chromium()
    with chromium(tmp_path_factory.mktemp("chromium"), still=True) as browser:
        yield browser


@pytest.fixture
def browser(window: Browser) -> Iterator[Browser]:
    yield window
    window.window.get("about:blank")
    window.complaints()


def opened(browser: Browser, served: Served) -> Browser:
    browser.window.get(served.url)
    browser.until(lambda: len(browser.order()) == 10, "the rows are there")
    return browser


def types(served: Served) -> list[str]:
    return [event["type"] for event in served.gateway.events]


def skip(browser: Browser) -> None:
    """Skip what plays."""
    buttons = browser.until(lambda: browser.all("#player button"), "the player is there")
    next(button for button in buttons if button.text == "Skip").click()


def test_files_can_be_held_in_mind_and_nothing_is_inline() -> None:
    files = [path for path in PAGE.iterdir() if path.suffix in (".js", ".css", ".html")]
    assert {path.name for path in files} >= {"index.html", "main.js", "style.css"}
    assert [path.name for path in files if len(path.read_text().splitlines()) > MAX_LINES] == []
    markup = (PAGE / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", markup)
    for path in files:
        assert not re.search(r"https?://(?!www\.w3\.org/)", path.read_text()), (
            f"{path.name} loads from elsewhere"
        )
        assert "innerHTML" not in path.read_text()


def test_every_reason_has_words() -> None:
    words = (PAGE / "words.js").read_text()
    known = {
        name: set(re.findall(r"^  (\w+): \[", block, re.MULTILINE))
        for name, block in re.findall(r"const (\w+) = \{(.*?)\n\};", words, re.DOTALL)
    }
    assert known["ROWS"] >= {*TERMS, *NAMES} - {"demand"}
    assert known["TITLES"] >= set(REASON_NAMES)
    assert known["CHURN"] >= set(FEATURES)


def test_with_the_keyboard_alone_a_title_is_found_watched_and_moves_its_row(
    browser: Browser, served: Served
) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(browser, served)
    browser.one("body").send_keys(Keys.TAB)
    assert browser.run("return document.activeElement.textContent") == "Skip to the rows"
    browser.window.switch_to.active_element.send_keys(Keys.ENTER)
    browser.window.switch_to.active_element.send_keys(Keys.TAB)
    at = "const b = document.activeElement; return [b.closest('.row')?.dataset.row, b.dataset.title]"
    assert browser.run(at) == ["r0", "t0-0"]
    for key, where in (
        (Keys.ARROW_DOWN, "t1-0"), (Keys.ARROW_DOWN, "t2-0"), (Keys.ARROW_RIGHT, "t2-1"), (Keys.END, "t2-9"),
        (Keys.HOME, "t2-0"), (Keys.ARROW_UP, "t1-0"), (Keys.ARROW_DOWN, "t2-0"),
    ):  # fmt: skip
        browser.window.switch_to.active_element.send_keys(key)
        assert browser.run(at)[1] == where
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.window.switch_to.active_element.send_keys(Keys.ENTER)
    browser.until(lambda: browser.order()[0] == "r2", "the row of what was watched is on top")
    assert browser.run(at) == ["r2", "t2-0"], "focus goes where the title goes"
    told = browser.until(
        lambda: browser.one("#announcer").get_attribute("textContent"), "the move is announced"
    )
    assert "Drama went from row 3 to row 1" in told
    assert "because you played from it just now" in told
    assert re.search(r"\d+ ms after you watched half of The", told)
    assert browser.run("return document.activeElement.getAttribute('aria-current')") == "true"


def test_every_click_is_an_event_of_the_contract(browser: Browser, served: Served) -> None:
    import orjson

    from streams.events.schema import SUBSCRIPTION, VIEWING

    opened(browser, served)
    browser.until(lambda: "impression" in types(served), "rows in view are told")
    browser.click('[data-row="r1"] [data-title="t1-2"]')
    player = {button.text: button for button in browser.all("#player button")}
    assert set(player) == {"Pause", "Rewind", "Skip", "Stop", "Like", "Dislike"}
    browser.until(lambda: "playback_progress" in types(served), "a heartbeat is told")
    player["Pause"].click()
    player["Pause"].click()
    player["Rewind"].click()
    player["Like"].click()
    player["Skip"].click()
    browser.until(lambda: browser.order()[-1] == "r1", "the row of what was skipped is last")
    browser.click('[data-row="r0"] button.title')
    browser.click("#player button:nth-of-type(4)")
    browser.one("#query").send_keys("night\n")
    browser.until(lambda: browser.all("#results button.title"), "titles are found")
    browser.click("#results button.title")
    browser.click("#categories button")
    browser.click("#churn .actions button")
    told = {
        "session_start", "impression", "click", "playback_start", "playback_progress", "playback_pause",
        "playback_resume", "playback_seek", "playback_skip", "playback_stop", "rating", "search", "browse",
        "subscription_payment_failed",
    }  # fmt: skip
    browser.until(lambda: told <= set(types(served)), "everything is told")
    for event in served.gateway.events:
        decoder = SUBSCRIPTION if event["type"].startswith("subscription") else VIEWING
        decoder.decode(orjson.dumps(event))
    profiles = {event["profile_id"] for event in served.gateway.events}
    assert len(profiles) == 1 and profiles.pop().startswith("you-")
    assert len({event["event_id"] for event in served.gateway.events}) == len(served.gateway.events)
    ts = [event["ts"] for event in served.gateway.events]
    assert ts == sorted(ts)
    first = next(event for event in served.gateway.events if event["type"] == "playback_start")
    assert (first["row_id"], first["row_position"], first["position"], first["duration_s"]) == (
        "r1",
        1,
        2,
        10,
    )
    assert browser.complaints() == []


def test_a_trailer_that_is_offered_can_be_seen(browser: Browser, served: Served) -> None:
    opened(browser, served)
    button = "#churn .actions button.primary"
    assert browser.all(button) == []
    profile = browser.run("return document.querySelector('#profile').value")
    served.gateway.trailer = {"trailer_id": "t4-v", "title_id": "t4-0", "version": 1}
    offer = {"profile_id": profile, "ts": 1, "version": 1, "trailer_id": "t4-v", "title_id": "t4-0"}
    served.gateway.tell(
        "decision", {"topic": "trailer-choices", "key": profile, "delay_ms": 5, "record": offer}
    )
    browser.until(lambda: browser.all(button), "the trailer is offered")
    assert browser.one(button).text == "See the trailer of The <i>Long</i> Night 40"
    browser.click(button)
    browser.until(lambda: browser.all("#player button"), "it plays")
    next(button for button in browser.all("#player button") if button.text in ("Stop", "Close")).click()
    browser.until(lambda: "trailer_view" in types(served), "what was seen of it is told")
    told = next(event for event in served.gateway.events if event["type"] == "trailer_view")
    assert (told["trailer_id"], told["title_id"]) == ("t4-v", "t4-0") and 0 <= told["watched_s"] < 60


def test_names_are_text_and_never_markup(browser: Browser, served: Served) -> None:
    opened(browser, served)
    assert browser.one('[data-row="r9"] h3').text == "<b>News</b>"
    assert browser.all("#rows i, #rows b") == []


def test_it_says_when_the_gateway_is_behind_and_when_it_is_gone(browser: Browser, served: Served) -> None:
    served.gateway.ready = False
    browser.window.get(served.url)
    state = "return document.querySelector('#state').dataset.kind"
    browser.until(lambda: browser.run(state) == "behind", "it says that the gateway is still reading")
    served.gateway.ready = True
    browser.until(
        lambda: browser.run(state) == "live" and len(browser.order()) == 10, "then it shows the page"
    )
    served.gateway.break_lines()
    served.vanish()
    browser.until(lambda: browser.run(state) == "gone", "it says that the gateway is gone")
    assert "does not answer" in browser.one("#state").text
    browser.click('[data-row="r3"] button.title')
    seen = len(served.gateway.events)
    served.come_back()
    browser.until(lambda: browser.run(state) == "live", "it comes back by itself")
    browser.until(lambda: "playback_start" in types(served)[seen:], "what was clicked meanwhile is told")


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_accessible_in_both_colours(tmp_path: Path, served: Served, dark: bool) -> None:
    import axe_core_python

    (script,) = Path(axe_core_python.__file__).parent.rglob("axe.min.js")
    with chromium(tmp_path / "chromium", dark=dark, still=True) as browser:
        opened(browser, served)
        colour = browser.run("return getComputedStyle(document.body).backgroundColor")
        red = int(re.findall(r"\d+", colour)[0])
        assert (red < 60) == dark
        browser.click('[data-row="r1"] button.title')
        skip(browser)
        browser.until(lambda: browser.order()[-1] == "r1", "the rows have moved")
        browser.click('[data-row="r2"] button.title')
        browser.run(script.read_text())
        found = browser.window.execute_async_script("axe.run().then(arguments[0])")
        assert len(found["passes"]) > 20
        assert [
            (fault["id"], fault["help"], [node["html"][:120] for node in fault["nodes"][:3]])
            for fault in found["violations"]
        ] == []
        browser.one("#theme").click()
        assert browser.run("return getComputedStyle(document.body).backgroundColor") != colour


def test_it_fits_a_phone(tmp_path: Path, served: Served) -> None:
    require_chromium()
    with chromium(tmp_path / "chromium") as browser:
        phone = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
        browser.window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        opened(browser, served)
        browser.click('[data-row="r1"] button.title')
        browser.until(lambda: browser.all("#player button"), "the player is there")
        assert browser.run("return document.documentElement.scrollWidth") == 360
        narrow = [
            (button.text, button.size) for button in browser.all("#player button")
            if button.size["width"] < 44 or button.size["height"] < 44
        ]  # fmt: skip
        assert narrow == []


def test_rows_are_seen_moving_unless_less_motion_is_wanted(tmp_path: Path, served: Served) -> None:
    moving = "return document.querySelector('[data-row=r4]').getAnimations().length"
    for still in (False, True):
        with chromium(tmp_path / f"still-{still}", still=still) as browser:
            opened(browser, served)
            browser.run(
                "window.most = 0; const look = () => {"
                "window.most = Math.max(window.most, document.querySelector('[data-row=r4]').getAnimations().length);"
                "requestAnimationFrame(look)}; look()"
            )
            assert browser.run(moving) == 0
            browser.click('[data-row="r4"] button.title')
            skip(browser)
            browser.until(lambda: browser.order()[-1] == "r4", "the row is last")
            browser.run(
                "return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            assert (browser.run("return window.most") > 0) != still
