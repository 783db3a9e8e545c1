"""The pages over HTTP: metrics in both formats, health, readiness, ports."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

from streams.errors import ConfigurationError
from streams.metrics import catalogue
from streams.metrics.instruments import Instruments
from streams.metrics.server import MetricsServer
from streams.settings import Settings


def get(url: str, accept: str = "") -> tuple[int, str, str]:
    request = urllib.request.Request(url, headers={"Accept": accept} if accept else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read().decode()


def serve(
    instruments: Instruments | None = None,
    healthy: Callable[[], str | None] = lambda: None,
    ready: Callable[[], str | None] = lambda: None,
    refresh: Callable[[], None] = lambda: None,
    port: int = 0,
) -> MetricsServer:
    return MetricsServer(
        Settings(web_port=port), instruments or Instruments(), healthy=healthy, ready=ready, refresh=refresh
    )


async def ask(server: MetricsServer, path: str, accept: str = "") -> tuple[int, str, str]:
    url = await server.start()
    try:
        return await asyncio.to_thread(get, f"{url}{path}", accept)
    finally:
        await server.stop()


def test_metrics_are_read_when_somebody_looks() -> None:
    instruments = Instruments()
    server = serve(instruments, refresh=lambda: instruments.set(catalogue.ASSIGNED, 4))
    code, kind, text = asyncio.run(ask(server, "/metrics"))
    assert code == 200
    assert kind.startswith("text/plain; version=")
    assert "flywheel_assigned_partitions 4.0" in text.splitlines()
    assert "process_cpu_seconds_total" in text


def test_openmetrics_on_request() -> None:
    _, kind, text = asyncio.run(ask(serve(), "/metrics", "application/openmetrics-text; version=1.0.0"))
    assert kind.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_says_what_is_wrong(path: str) -> None:
    assert asyncio.run(ask(serve(), path))[::2] == (200, "ok\n")
    broken = serve(healthy=lambda: "stands still", ready=lambda: "stands still")
    assert asyncio.run(ask(broken, path))[::2] == (503, "stands still\n")


def test_unknown_pages_are_not_found() -> None:
    assert asyncio.run(ask(serve(), "/nothing"))[0] == 404


def test_a_taken_port_is_said_plainly() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*FLYWHEEL_WEB_PORT"):
            asyncio.run(ask(serve(port=port), "/metrics"))


def test_no_server_when_switched_off() -> None:
    async def run() -> None:
        server = serve(port=-1)
        assert await server.start() is None
        assert server.url is None
        await server.stop()

    asyncio.run(run())
