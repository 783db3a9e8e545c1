"""Metrics and health pages as a service of the worker's app: built with it, started and stopped by it.

``observe(settings)`` before the app is made gives its observer; ``serve(app, observations)`` afterwards adds
the pages. Two lines in ``streams/app.py``, and the app itself knows nothing of Prometheus.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mode import Service
from prometheus_client import disable_created_metrics

from streams.errors import FlywheelError
from streams.metrics.engines import EngineFigures
from streams.metrics.instruments import Instruments
from streams.metrics.observe import Observations
from streams.metrics.server import MetricsServer
from streams.metrics.views import CatalogView, EngineView
from streams.pipeline import PartitionEngine
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.app import FlywheelApp

log = logging.getLogger(__name__)


def observe(settings: Settings) -> Observations:
    """An observer that counts into instruments of its own."""
    # Else every counter would have a second series that says when it began.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    return Observations(settings, Instruments())


def serve(app: FlywheelApp, observations: Observations, catalog: CatalogView | None = None) -> None:
    """Let ``app`` serve the pages of what ``observations`` has counted, for as long as it runs."""
    observations.follow(lambda: _engines(app), lambda: app.status.guarantee, catalog)
    app.add_dependency(Pages(app, observations))


def _engines(app: FlywheelApp) -> Mapping[int, EngineView]:
    # An engine of another kind (a toy of the tests) is not looked into.
    return {
        number: EngineFigures(partition.engine)
        for number, partition in app.assignment.partitions.items()
        if isinstance(partition.engine, PartitionEngine)
    }


class Pages(Service):
    """Starts and stops the server with the app. A port that is taken ends the worker: it could not be
    watched."""

    def __init__(self, app: FlywheelApp, observations: Observations) -> None:
        super().__init__()
        self._app = app
        self._server = MetricsServer(
            app.settings,
            observations.instruments,
            healthy=observations.unhealthy,
            ready=observations.unready,
            refresh=observations.refresh,
        )

    async def on_start(self) -> None:
        try:
            url = await self._server.start()
        except FlywheelError as error:
            self._app.fail(error)
            return
        if url is not None:
            log.warning("metrics at %s/metrics", url)

    async def on_stop(self) -> None:
        await self._server.stop()
