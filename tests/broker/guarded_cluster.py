"""A real Kafka that asks who is there, with one user for each program, and the programs as processes of their own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from types import TracebackType

from streams.brokers.apache_kafka import ApacheKafka
from streams.brokers.guarded import CLIENT, Guard
from streams.security.acls import PROGRAMS, Right, rights
from streams.settings import ENV_PREFIX, Settings
from tests.broker import log
from tests.broker.acls import grant, withdraw

PASSWORD = "not-for-logs-5517"
HANG_S = 180.0
"""For a hang, not for a slow machine."""
LOOK_S = 0.1


def user(program: str) -> str:
    """The principal of a program."""
    return f"User:{program}-user"


class Guarded:
    """The cluster: each user has the rights that ``flywheel acls print`` prints for its program, and no others; the
    owner of the client certificate has a reader's. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.guard = Guard(folder, {f"{program}-user": PASSWORD for program in PROGRAMS})
        self.cluster = ApacheKafka(guard=self.guard)
        (folder / "password").write_text(PASSWORD + "\n")
        self._logs = 0

    @property
    def open(self) -> Settings:
        """Through the open listener, where everything is allowed."""
        return Settings(
            brokers=self.cluster.address,
            partitions=2,
            web_port=-1,
            stall_deadline_ms=30_000,
            session_timeout_ms=5_000,
        )

    def settings(self, program: str) -> Settings:
        """As the program is set up in production."""
        return replace(
            self.open,
            brokers=self.cluster.guarded_address,
            security_protocol="SASL_SSL",
            sasl_username=f"{program}-user",
            sasl_password_file=str(self.folder / "password"),
            ssl_ca_file=str(self.guard.ca_file),
        )

    def run(self, settings: Settings, *words: str) -> Program:
        """Start ``flywheel`` with these words."""
        self._logs += 1
        return Program(settings, words, self.folder / f"{words[0]}-{self._logs}.log")

    def refused(self, settings: Settings, *words: str) -> str:
        """What a command says that must fail, and must end by itself."""
        with self.run(settings, *words) as program:
            assert program.ended() != 0, program.said
            return program.said

    def grant(self, program: str, *given: Right) -> None:
        """Give rights to a program's user."""
        asyncio.run(grant(self.cluster.address, user(program), given))

    def withdraw(self, program: str, right: Right) -> None:
        """Take one away."""
        asyncio.run(withdraw(self.cluster.address, user(program), right))

    def __enter__(self) -> Guarded:
        self.cluster.start()
        try:
            asyncio.run(self._prepare())
        except BaseException:
            self.cluster.stop()
            raise
        return self

    async def _prepare(self) -> None:
        await log.create_topics(self.open)
        for program in PROGRAMS:
            await grant(self.cluster.address, user(program), rights(program, self.open))
        await grant(self.cluster.address, CLIENT, rights("reader", self.open))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cluster.stop()


class Program:
    """``flywheel ...`` in a process of its own with exactly ``settings`` in its environment; what it says goes to a
    file. Leaving the context kills it."""

    def __init__(self, settings: Settings, words: tuple[str, ...], output: Path) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        for field in fields(Settings):
            environ[f"{ENV_PREFIX}{field.name.upper()}"] = str(getattr(settings, field.name))
        self._output = output
        with output.open("wb") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "streams", *words],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        """All output until now; no password is ever in it."""
        text = self._output.read_text(errors="replace")
        assert PASSWORD not in text
        return text

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL: no chance to say good-bye."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self) -> int:
        """Wait until it ends by itself; the exit code."""
        return self._process.wait(HANG_S)

    def url(self, before: str) -> str:
        """The address that the program names after ``before``, once it does."""
        deadline = time.monotonic() + HANG_S
        while not (found := re.search(rf"{before} (http://[\w.:]+)", self.said)):
            assert self.alive, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(LOOK_S)
        return found[1]

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(ProcessLookupError):
            self.kill()


def ask(url: str, body: bytes | None = None, token: str = "") -> tuple[int, str]:
    """Status and text of an answer; with a ``body``, of a POST of JSON."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=HANG_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def ask_until(
    url: str,
    wanted: Callable[[int, str], bool],
    programs: Sequence[Program],
    token: str = "",
    body: bytes | None = None,
) -> str:
    """Ask again until status and text are as ``wanted``; the text. Fails when one of ``programs`` ends meanwhile."""
    deadline = time.monotonic() + HANG_S
    while True:
        status, text = ask(url, body, token)
        if wanted(status, text):
            return text
        assert all(program.alive for program in programs), "\n".join(program.said for program in programs)
        assert time.monotonic() < deadline, f"{url}: {status} {text}"
        time.sleep(LOOK_S)
