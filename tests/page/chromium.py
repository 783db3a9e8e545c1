"""A headless Chromium of Debian's packages, driven through its own driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
MISSING = "the live page needs Debian's chromium and chromium-driver: NOTHING OF THE PAGE WAS TESTED"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
"""Headless, quiet on the network, and able to run as root in a container."""
DEADLINE_S = 150.0
"""What the page should show, it shows in a moment; a busy machine gets more."""


def require_chromium() -> None:
    """Skip where there is no Chromium, except in CI: there that is a failure."""
    if CHROMIUM and DRIVER:
        return
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


class Browser:
    """One window. ``window`` is Selenium's driver."""

    def __init__(self, window: Any) -> None:
        self.window = window

    def one(self, selector: str) -> Any:
        """The first element of a CSS selector."""
        return self.window.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        """All elements of a CSS selector."""
        return list(self.window.find_elements("css selector", selector))

    def click(self, selector: str) -> None:
        """Click the first element of a CSS selector, once it stands in the middle of the window. Rows move on a page
        that is alive, and take the element along between looking and clicking: then again."""
        from selenium.common.exceptions import (
            ElementClickInterceptedException,
            StaleElementReferenceException,
        )

        def clicked() -> bool:
            element = self.one(selector)
            self.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
            try:
                element.click()
            except (ElementClickInterceptedException, StaleElementReferenceException):
                return False
            return True

        self.until(clicked, f"{selector} can be clicked")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns."""
        return self.window.execute_script(script, *arguments)

    def until(self, what: Callable[[], Any], why: str, deadline_s: float = DEADLINE_S) -> Any:
        """Wait until ``what()`` is true and return it; fail with ``why`` and what the page says."""
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        passing = (NoSuchElementException, StaleElementReferenceException)
        wait = WebDriverWait(self.window, deadline_s, poll_frequency=0.05, ignored_exceptions=passing)
        try:
            return wait.until(lambda _: what())
        except Exception as error:
            raise AssertionError(f"{why}; the page says: {self.one('body').text[:1500]}") from error

    def order(self) -> list[str]:
        """The ids of the rows, from the top."""
        return list(self.run("return [...document.querySelectorAll('#rows .row')].map(r => r.dataset.row)"))

    def complaints(self) -> list[str]:
        """What the browser has complained about since the last call: scripts, styles, the content policy."""
        usual = "status of 404"  # a viewer about whom nothing is known yet has no churn score
        logged = self.window.get_log("browser")
        return [
            entry["message"]
            for entry in logged
            if entry["level"] == "SEVERE" and usual not in entry["message"]
        ]


@contextmanager
def chromium(
    folder: Path, *, dark: bool = False, still: bool = False, size: tuple[int, int] = (1440, 1000)
) -> Iterator[Browser]:
    """A browser with a new profile in ``folder``; ``dark`` and ``still`` (less motion) are what its system prefers."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, f"--user-data-dir={folder}", f"--window-size={size[0]},{size[1]}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        wishes = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        wishes += [{"name": "prefers-reduced-motion", "value": "reduce"}] if still else []
        window.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wishes})
        yield Browser(window)
    finally:
        window.quit()
