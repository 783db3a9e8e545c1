"""The two programs that are compared, as processes of their own: how each is started, watched and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.process import Usage, usage
from streams.brokers import loopback
from streams.settings import ENV_PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
READY_DEADLINE_S = 300.0
"""Start-up with every compiled loop still to compile, on a busy machine."""
STOP_DEADLINE_S = 30.0


class BenchmarkError(Exception):
    """A measurement cannot be made: a contender ended, or made no progress."""


class Contender:
    """A started process; its output goes to a file that is shown when it fails."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self._output = tempfile.NamedTemporaryFile(  # noqa: SIM115  # closed in stop
            prefix=f"flywheel-bench-{name}-", suffix=".log", mode="w+"
        )
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def usage(self) -> Usage:
        """What it has used so far. Raises ``BenchmarkError`` with its last words when it has ended."""
        self.check()
        return usage(self._process.pid)

    def check(self) -> None:
        """Raise ``BenchmarkError`` when the process has ended."""
        code = self._process.poll()
        if code is not None:
            raise BenchmarkError(f"{self.name} ended with code {code}:\n{self.said()[-3_000:]}")

    def said(self) -> str:
        """All of its output so far."""
        return Path(self._output.name).read_text(errors="replace")

    def stop(self) -> float:
        """SIGTERM, then SIGKILL after the deadline; returns the seconds it took to end."""
        began = time.monotonic()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()
        return time.monotonic() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Worker(Contender):
    """Ours: ``python -m streams worker``, with its metrics at hand."""

    def __init__(self, settings: Settings) -> None:
        self.web = f"http://127.0.0.1:{loopback.free_port()}"
        environment = {
            f"{ENV_PREFIX}BROKERS": settings.brokers,
            f"{ENV_PREFIX}APP_ID": settings.app_id,
            f"{ENV_PREFIX}PARTITIONS": str(settings.partitions),
            f"{ENV_PREFIX}GUARANTEE": settings.guarantee,
            f"{ENV_PREFIX}SURFACES": settings.surfaces,
            f"{ENV_PREFIX}WEB_HOST": "127.0.0.1",
            f"{ENV_PREFIX}WEB_PORT": self.web.rsplit(":", 1)[1],
        }
        super().__init__("worker", [sys.executable, "-m", "streams", "worker"], environment)

    def await_ready(self, deadline_s: float = READY_DEADLINE_S) -> None:
        """Wait until every assigned partition has been recovered."""
        deadline = time.monotonic() + deadline_s
        while True:
            self.check()
            try:
                with urllib.request.urlopen(f"{self.web}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, OSError) as error:
                if time.monotonic() > deadline:
                    raise BenchmarkError(f"worker not ready: {error}\n{self.said()[-3_000:]}") from error
            time.sleep(0.05)

    def metrics(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Every sample by its name, then by its labels (sorted pairs)."""
        with urllib.request.urlopen(f"{self.web}/metrics", timeout=30) as answer:
            text = answer.read().decode()
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
        return found


def stock(brokers: str, app_id: str, partitions: int) -> Contender:
    """Faust and River as their manuals show it."""
    environment = {
        "STOCK_BROKERS": brokers,
        "STOCK_APP_ID": app_id,
        "STOCK_PARTITIONS": str(partitions),
    }
    return Contender("stock", [sys.executable, "-m", "benchmarks.stock"], environment)
