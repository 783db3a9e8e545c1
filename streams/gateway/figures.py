"""Counts what the gateway does: gathered cheaply as requests go by, put into the instruments when somebody looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from prometheus_client import disable_created_metrics
from prometheus_client.exposition import choose_encoder

from streams.gateway import catalogue
from streams.metrics.catalogue import Metric
from streams.metrics.instruments import Instruments

GATHERED = 2_000
"""Times of answers that are put into the histogram together: one by one they would cost more than a page."""


class Figures:
    """The figures of one gateway. ``look`` is called before each scrape and puts in what is only looked up then."""

    def __init__(self, look: Callable[[], None]) -> None:
        # Else every counter would have a second series that says when it began.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._look = look
        self.instruments = Instruments(catalogue.CATALOGUE)
        self._requests: Counter[tuple[str, str]] = Counter()
        self._seconds: dict[str, list[float]] = {}
        self._told: dict[tuple[Metric, tuple[str, ...]], float] = {}

    def answered(self, route: str, status: int, seconds: float | None) -> None:
        """A request to ``route`` was answered; ``seconds`` is ``None`` for a live stream."""
        self._requests[route, str(status)] += 1
        if seconds is not None:
            gathered = self._seconds.setdefault(route, [])
            gathered.append(seconds)
            if len(gathered) >= GATHERED:
                self._put_times(route, gathered)

    def reach(self, metric: Metric, total: float, *labels: str) -> None:
        """Bring a counter up to ``total``."""
        told = self._told.get((metric, labels), 0.0)
        if total > told:
            self.instruments.add(metric, total - told, *labels)
            self._told[metric, labels] = total

    def reach_all(self, metric: Metric, totals: Mapping[str, int]) -> None:
        """The same for each label."""
        for label, total in totals.items():
            self.reach(metric, total, label)

    def refresh(self) -> None:
        """Put in what was gathered."""
        for (route, status), total in self._requests.items():
            self.reach(catalogue.REQUESTS, total, route, status)
        for route, gathered in self._seconds.items():
            self._put_times(route, gathered)

    def scrape(self, accept: str) -> tuple[bytes, str]:
        """All figures in the text format that ``accept`` asks for, and its content type."""
        self._look()
        self.refresh()
        encode, content_type = choose_encoder(accept)
        return encode(self.instruments.registry), content_type

    def _put_times(self, route: str, gathered: list[float]) -> None:
        self.instruments.observe(catalogue.ANSWER, gathered, route)
        gathered.clear()
