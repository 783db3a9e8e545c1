"""A real Kafka that asks who is there (TLS, SCRAM, ACLs): whoever it refuses ends by itself and says what to change."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from streams import admin
from streams.brokers.apache_kafka import ApacheKafka, missing_tools
from streams.brokers.guarded import Guard
from streams.security.acls import PROGRAMS, rights
from streams.settings import ENV_PREFIX, Settings
from tests.broker.acls import grant

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PASSWORD = "not-for-logs-5517"
HANG_S = 180.0
"""For a hang, not for a slow machine."""


class Guarded:
    """A cluster with one user for each program, each with the printed rights and no others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.guard = Guard(folder, {f"{program}-user": PASSWORD for program in PROGRAMS})
        self.cluster = ApacheKafka(guard=self.guard)
        (folder / "password").write_text(PASSWORD + "\n")

    @property
    def open(self) -> Settings:
        """Through the open listener, where everything is allowed."""
        return Settings(brokers=self.cluster.address, partitions=2, web_port=-1, stall_deadline_ms=30_000)

    def settings(self, program: str) -> Settings:
        return replace(
            self.open,
            brokers=self.cluster.guarded_address,
            security_protocol="SASL_SSL",
            sasl_username=f"{program}-user",
            sasl_password_file=str(self._folder / "password"),
            ssl_ca_file=str(self.guard.ca_file),
        )

    def command(self, settings: Settings, *words: str) -> subprocess.Popen[str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        for field in fields(Settings):
            environ[f"{ENV_PREFIX}{field.name.upper()}"] = str(getattr(settings, field.name))
        return subprocess.Popen(
            [sys.executable, "-m", "streams", *words],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def ended(self, settings: Settings, *words: str) -> str:
        """What a command says that must fail, and must end by itself."""
        process = self.command(settings, *words)
        try:
            said, _ = process.communicate(timeout=HANG_S)
        finally:
            process.kill()
        assert process.returncode not in (0, None), said
        assert PASSWORD not in said
        return said


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    if missing := missing_tools():
        pytest.fail(f"needs {' and '.join(missing)}")
    made = Guarded(tmp_path_factory.mktemp("guarded"))
    with made.cluster:
        admin.create_topics(made.open)

        async def allow() -> None:
            for program in PROGRAMS:
                await grant(made.cluster.address, f"User:{program}-user", rights(program, made.open))

        asyncio.run(allow())
        yield made


@pytest.mark.parametrize("words", [("topics", "check"), ("audience",), ("watch", "p-1"), ("models", "list")])
def test_a_wrong_password_ends_the_program_and_says_so(
    guarded: Guarded, words: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    said = guarded.ended(
        replace(guarded.settings("worker"), sasl_password_file=str(tmp_path / "wrong")), *words
    )
    assert "refused the user or password of 'worker-user'" in said
    assert "FLYWHEEL_SASL_PASSWORD_FILE" in said


@pytest.mark.parametrize("words", [("topics", "check")])
def test_an_untrusted_certificate_ends_the_program_and_says_so(
    guarded: Guarded, words: tuple[str, ...]
) -> None:
    stranger = replace(guarded.settings("worker"), ssl_ca_file=str(guarded.guard.other_ca_file))
    said = guarded.ended(stranger, *words)
    assert "is not trusted" in said
    assert "FLYWHEEL_SSL_CA_FILE" in said
