"""The live page of the demo: an experiment to watch on it, a port, and the gateway's process.

The demo's audience lives in the past and fast (a viewer's day takes seconds), so its experiment begins soon after
the audience does and looks at half a day of each viewer: its intervals close in while one looks.
"""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime

from streams.brokers.loopback import free_port, is_free
from streams.errors import FlywheelError
from streams.settings import MINUTE_MS, Settings
from streams.worker_process import WorkerProcess

USUAL_PORT = 8080
READY_DEADLINE_S = 120.0
ENROLS_AFTER_MS = 40 * MINUTE_MS
"""All viewers open the service within its first 20 minutes; joining later, they join one by one."""
EXPERIMENTS = """\
[[experiments]]
id = "categories-by-taste"
layer = "policy"
metric = "quality_plays"
window_days = 0.5
minimum = 20
starts = {starts}
arms = [{{ name = "popular", policy = "popular" }}, {{ name = "taste", policy = "taste" }}]

[[experiments]]
id = "fewer-categories"
layer = "count"
metric = "watched_hours"
window_days = 0.5
minimum = 20
starts = {starts}
arms = [{{ name = "eight", count = 8 }}, {{ name = "four", count = 4 }}]
"""


def experiments_from(start_ms: int) -> str:
    """The demo's experiments as a TOML document, for an audience that begins at ``start_ms``."""
    starts = datetime.fromtimestamp((start_ms + ENROLS_AFTER_MS) // 1_000, UTC)
    return EXPERIMENTS.format(starts=starts.isoformat())


def page_settings(settings: Settings) -> Settings:
    """``settings`` with a gateway on loopback that also follows the inputs, for the figures on the page."""
    port = USUAL_PORT if is_free(USUAL_PORT) else free_port()
    return replace(settings, gateway_host="127.0.0.1", gateway_port=port, gateway_watch_inputs=True)


def page_url(settings: Settings) -> str:
    """Where the page is."""
    return f"http://{settings.gateway_host}:{settings.gateway_port}/"


def gateway_process(settings: Settings) -> WorkerProcess:
    """The gateway of ``settings``, to be used as a context manager."""
    return WorkerProcess(settings, "gateway")


async def until_page(settings: Settings, gateway: WorkerProcess) -> None:
    """Wait until the page can be looked at. Raises ``FlywheelError`` when the gateway ends or takes too long."""
    deadline = time.monotonic() + READY_DEADLINE_S
    while not await asyncio.to_thread(_ready, page_url(settings) + "readyz"):
        gateway.check()
        if time.monotonic() > deadline:
            said = gateway.log[-2_000:]
            raise FlywheelError(f"the gateway is not ready after {READY_DEADLINE_S:.0f} s; it said:\n{said}")
        await asyncio.sleep(0.2)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
