"""Worker processes of a scenario: started, frozen, stopped and killed by their own pid, restarted when they
end.

``Crew`` plays the supervisor that a worker counts on in production: a worker that ends by itself is started
again, and its code and last words are kept, for a test to judge.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_RESTARTS = 40
"""A worker that ends by itself more often than this never gets anywhere."""
LAST_WORDS = 1_500
"""Characters of a worker's log in a failure's message."""
WATCH_INTERVAL_S = 0.1


@dataclass(frozen=True, slots=True)
class Stop:
    """How a worker ended after SIGTERM."""

    worker: str
    code: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Exit:
    """A worker that ended without being told to."""

    worker: str
    code: int
    last_words: str


class Worker:
    """One named worker, of whose processes at most one runs."""

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.wanted = False
        self._command = list(command)
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._begin = 0

    @property
    def code(self) -> int | None:
        """The exit code, or ``None`` while it runs (or never ran)."""
        return None if self._process is None else self._process.poll()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        assert self._process is None or self._process.poll() is not None, f"{self.name} runs already"
        self.wanted = True
        with self.log.open("ab") as output:
            output.write(f"=== start {time.strftime('%H:%M:%S')}\n".encode())
            output.flush()
            self._begin = output.tell()
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environ},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """``kill -9``, also of a frozen process; returns when it is gone."""
        self.wanted = False
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
            self._process.wait()

    async def stop(self, deadline_s: float) -> Stop:
        """SIGTERM, and wait; code ``None`` when it still runs at the deadline (it is then killed)."""
        self.wanted = False
        begin = time.monotonic()
        self.signal(signal.SIGTERM)
        while self.code is None and time.monotonic() - begin < deadline_s:  # noqa: ASYNC110 - a process
            await asyncio.sleep(0.02)
        stop = Stop(self.name, self.code, time.monotonic() - begin)
        self.kill()
        return stop

    def has_said(self, words: str) -> bool:
        """Whether these words stand in its log since its last start."""
        with self.log.open("rb") as said:
            said.seek(self._begin)
            return words.encode() in said.read()

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-LAST_WORDS:] if self.log.exists() else ""


class Crew:
    """The workers of one scenario and their supervisor."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
        self.workers: dict[str, Worker] = {}
        self.exits: list[Exit] = []
        self._command = command
        self._environ = environ
        self._folder = folder

    def worker(self, name: str, **environ: str) -> Worker:
        """The worker of this name; ``environ`` adds to the environment of a new one."""
        if name not in self.workers:
            self.workers[name] = Worker(name, self._command, {**self._environ, **environ}, self._folder)
        return self.workers[name]

    async def supervise(self) -> None:
        """Start again whatever ends while it is wanted. Runs until cancelled."""
        while True:
            for worker in self.workers.values():
                if worker.wanted and worker.code is not None:
                    self.exits.append(Exit(worker.name, worker.code, worker.last_words()))
                    assert len(self.exits) <= MAX_RESTARTS, f"workers keep ending:\n{self.said()}"
                    worker.start()
            await asyncio.sleep(WATCH_INTERVAL_S)

    def said(self) -> str:
        """The last words of every worker."""
        return "\n".join(f"--- {worker.name}\n{worker.last_words()}" for worker in self.workers.values())

    def kill(self) -> None:
        for worker in self.workers.values():
            worker.kill()
