"""The live page of the demo, as a visitor uses it: a real Chromium, a gateway, a worker, a broker and viewers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.audience.titles import TAGS
from tests.page.chromium import Browser, chromium, require_chromium

pytestmark = [pytest.mark.chromium, pytest.mark.embedded]

START_S = 900
"""The first worker of a checkout compiles the engine on whatever else this machine is doing."""
LOWER = 8
"""A row that is not seen without scrolling."""
TRIES = 6


class RunningDemo:
    """``flywheel demo`` in a process of its own. ``url`` is where its page is."""

    def __init__(self) -> None:
        command = [
            sys.executable,
            "-m",
            "streams",
            "demo",
            "--partitions",
            "1",
            "--profiles",
            "60",
            "--rate",
            "150",
        ]
        self.said: list[str] = []
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "120"},
        )
        self.url = ""
        self._found, self._viewers = threading.Event(), threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._viewers.wait(START_S) or not self.url:
            self.process.kill()
            raise AssertionError("the demo has not come up:\n" + "".join(self.said))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
                self.url = found.group()
            if "3. " in line:
                self._viewers.set()
        self._viewers.set()

    def end(self) -> str:
        """Ctrl-C; all that it has said."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(120)
        finally:
            self.process.kill()
            self._reader.join(10)
        return "".join(self.said)


@pytest.fixture(scope="module")
def demo() -> Iterator[RunningDemo]:
    require_chromium()
    demo = RunningDemo()
    yield demo
    said = demo.end()
    assert demo.process.returncode == 0, said
    assert "what happened" in said


@pytest.fixture
def page(demo: RunningDemo, tmp_path: Path) -> Iterator[Browser]:
    with chromium(tmp_path / "chromium") as browser:
        browser.window.get(demo.url)
        state = "return document.querySelector('#state').dataset.kind"
        browser.until(
            lambda: len(browser.order()) == 25 and browser.run(state) == "live", "the page is there"
        )
        yield browser
        assert browser.complaints() == [], "nothing breaks the content policy, nothing fails"


def decided(browser: Browser) -> None:
    """Wait until the visitor has a page of their own: the session's first decision has come."""
    own = "return document.querySelector('#lead-title').dataset.personal"
    browser.until(lambda: browser.run(own) == "true", "the visitor has a page of their own")


def a_title_of_its_own(page: Browser, tried: set[str]) -> tuple[str, str] | None:
    """A row far down and a title on it that is of that row's kind above all (the catalog deals kinds out in turn)."""
    for row in page.order()[LOWER:]:
        if row not in TAGS or row in tried:
            continue
        titles = page.all(f'[data-row="{row}"] button.title')
        own = [
            title
            for title in titles[:5]
            if int(title.get_attribute("data-title")[1:]) % len(TAGS) == TAGS.index(row)
        ]
        if own:
            return row, own[0].get_attribute("data-title")
    return None


def test_a_good_play_of_a_lower_row_raises_it_and_the_page_says_why(page: Browser) -> None:
    decided(page)
    tried: set[str] = set()
    for _ in range(TRIES):  # what the audience has taught meanwhile may weigh more than a single play
        found = a_title_of_its_own(page, tried)
        assert found, "there is a title to play"
        row, title = found
        tried.add(row)
        before = page.order()
        page.click(f'[data-row="{row}"] [data-title="{title}"]')
        page.until(lambda: page.one(".bar.good"), "half of the title is watched")
        page.until(
            lambda: "after you watched half of" in page.one("#move-words").get_attribute("textContent"),
            "a move is told with its cause",
        )
        assert page.order() != before
        if page.order().index(row) < before.index(row):
            break
    assert page.order().index(row) < before.index(row), f"none of {tried} has risen"
    words = page.one("#move-words").get_attribute("textContent")
    assert re.search(r"went from row \d+ to row \d+.*, because .+\. Decided", words), words
    assert re.fullmatch(r"\d+ ms|\d+(\.\d)? s", page.one("#move-ms").text)
    said = page.until(lambda: page.one("#announcer").get_attribute("textContent"), "it is announced")
    assert "went from row" in said and "because" in said
    assert page.one("#feed .ms").text


def test_skipping_titles_of_the_top_row_changes_the_order(page: Browser) -> None:
    decided(page)
    before = page.order()
    for attempt in range(TRIES):
        top = page.run(
            "return [...document.querySelectorAll('#rows .row')].find(row => row.querySelector('button.title'))"
            ".dataset.row"
        )
        page.click(f'[data-row="{top}"] li:nth-child({attempt + 1}) button.title')
        page.until(lambda: page.all("#player button"), "the player is there")
        skip = next(button for button in page.all("#player button") if button.text == "Skip")
        skip.click()
        try:
            page.until(lambda: page.order() != before, "the order has changed", deadline_s=6)
            break
        except AssertionError:
            if attempt == TRIES - 1:
                raise
    assert page.order() != before


def test_what_stands_beside_the_page_is_filled_from_the_stream(page: Browser) -> None:
    decided(page)
    page.until(lambda: page.one("#churn .gauge"), "the visitor has a churn score")
    page.until(
        lambda: re.search(r"[1-9]\d* /s", page.one("#pulse .figure-value").text), "events a second are shown"
    )
    page.until(lambda: page.all("#experiments .experiment"), "experiments are shown")
    assert page.all("#experiments .funnel")
    assert len(page.all("#glance li")) == 25


def test_another_viewer_can_be_watched_and_is_left_alone(page: Browser) -> None:
    decided(page)
    page.until(
        lambda: page.run("return document.querySelectorAll('#active option').length"), "viewers are active"
    )
    other = page.run("return document.querySelector('#active option').value")
    field = page.one("#profile")
    field.clear()
    field.send_keys(f"{other}\n")
    page.until(lambda: page.one("#lead-title").text == f"The page of {other}", "it is the other's page")
    page.click("#rows button.title")
    assert "watching somebody else" in page.one("#notice").text
    assert page.all("#player button") == []
    page.click("#me")
    page.until(lambda: page.one("#lead-title").text == "Your page", "back to the visitor's own")


def test_titles_are_found_and_played_from_the_results(page: Browser) -> None:
    page.one("#query").send_keys("night\n")
    found = page.until(lambda: page.all("#results button.title"), "titles are found")
    assert all("Night" in title.text for title in found)
    page.click("#results button.title")
    page.until(lambda: page.one("#player .player-name").text == found[0].text, "it plays")
