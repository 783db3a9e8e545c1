"""A worker, or a gateway, in a process of its own, for the commands that bring theirs along."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from types import TracebackType

from streams.errors import FlywheelError
from streams.settings import ENV_PREFIX, Settings

TERMINATION_SLACK_S = 10.0
"""Beyond its own shutdown deadline, a worker is killed after this long."""
LAST_WORDS = 15
"""Lines of a dead worker's log that are worth repeating."""


class WorkerProcess:
    """``python -m streams worker`` (or ``program`` of it) with exactly ``settings`` in its environment. Use it as a
    context manager.
    """

    def __init__(self, settings: Settings, program: str = "worker") -> None:
        self._settings = settings
        self._program = program
        self._log = tempfile.NamedTemporaryFile(prefix=f"flywheel-{program}-", suffix=".log")  # noqa: SIM115
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All that the process has said."""
        return Path(self._log.name).read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """How the process has ended; ``None`` before that."""
        return None if self._process is None else self._process.poll()

    def check(self) -> None:
        """Raise ``FlywheelError`` with the worker's last words if it has ended."""
        if self._process is not None and self._process.poll() is not None:
            words = "\n".join(self.log.splitlines()[-LAST_WORDS:])
            raise FlywheelError(
                f"the {self._program} ended with exit code {self._process.returncode}:\n{words}"
            )

    def stop(self) -> None:
        """SIGTERM, and wait until it has finished its checkpoint and left."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(self._settings.shutdown_deadline_ms / 1_000 + TERMINATION_SLACK_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> WorkerProcess:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        for field in fields(Settings):
            environ[f"{ENV_PREFIX}{field.name.upper()}"] = str(getattr(self._settings, field.name))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "streams", self._program],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the command, which then ends its worker in order
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()
