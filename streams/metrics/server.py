"""The worker's pages: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for its supervisor.

It runs inside the worker's own event loop on purpose: when that loop hangs, the pages hang with it, and the
supervisor's liveness check fails, as it should.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from streams.errors import ConfigurationError
from streams.metrics.instruments import Instruments
from streams.settings import ENV_PREFIX, Settings

Probe = Callable[[], str | None]
"""Says what is wrong, in words, or ``None`` when all is well."""

DISABLED = -1
SHUTDOWN_SECONDS = 1.0
"""A scrape under way may take this long to finish; the whole shutdown has 8 s."""


class MetricsServer:
    """Serves the pages from ``start`` to ``stop``.

    ``refresh`` is called before each scrape, so that gauges are read when somebody looks and not before.
    """

    def __init__(
        self,
        settings: Settings,
        instruments: Instruments,
        *,
        healthy: Probe,
        ready: Probe,
        refresh: Callable[[], None],
    ) -> None:
        self._host = settings.web_host
        self._port = settings.web_port
        self._instruments = instruments
        self._healthy = healthy
        self._ready = ready
        self._refresh = refresh
        self._runner: web.AppRunner | None = None

    async def start(self) -> str | None:
        """Begin to serve; returns the base URL (with the port picked for 0), ``None`` when switched off.

        Raises ``ConfigurationError`` when the address cannot be listened on.
        """
        if self._port == DISABLED:
            return None
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._health),
                web.get("/readyz", self._readiness),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(
                f"cannot serve metrics on {self._host}:{self._port} ({error.strerror}): "
                f"set {ENV_PREFIX}WEB_PORT to a free port, 0 for any, -1 for none"
            ) from error
        self._runner = runner
        return self.url

    @property
    def url(self) -> str | None:
        """Where the pages are; ``None`` when they are not served."""
        if self._runner is None:
            return None
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop serving. May be called twice, and without ``start``."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        self._refresh()
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._instruments.registry), headers={"Content-Type": content_type})

    async def _health(self, _: web.Request) -> web.Response:
        return _verdict(self._healthy())

    async def _readiness(self, _: web.Request) -> web.Response:
        return _verdict(self._ready())


def _verdict(problem: str | None) -> web.Response:
    if problem is None:
        return web.Response(text="ok\n")
    return web.Response(text=f"{problem}\n", status=503)
