"""The settings of the connection to Kafka: what fits together, what is said when not, and that no secret is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams import topics
from streams.errors import ConfigurationError
from streams.security import refusals
from streams.security.acls import PROGRAMS, READ, internal, rights
from streams.security.connection import connection
from streams.security.program import RunningProgram
from streams.settings import Settings, load

SECRET = "tell-nobody-7731"


def secured(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "security_protocol": "SASL_SSL",
        "sasl_username": "worker",
        "sasl_password": SECRET,
    }
    return load({}, **(values | changes))


def test_without_settings_nothing_is_asked() -> None:
    assert connection(load({})) == {"bootstrap_servers": "127.0.0.1:9092", "security_protocol": "PLAINTEXT"}


def test_a_password_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{SECRET}\n")
    settings = secured(sasl_password=None, sasl_password_file=str(tmp_path / "password"))
    arguments = connection(settings)
    assert arguments["sasl_plain_password"] == SECRET
    assert arguments["sasl_mechanism"] == "SCRAM-SHA-512"
    assert arguments["ssl_context"].check_hostname
    (tmp_path / "password").write_text("rotated")
    assert connection(settings)["sasl_plain_password"] == "rotated"


def test_the_password_is_never_shown() -> None:
    assert SECRET not in repr(secured())
    assert SECRET not in str(secured())


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"security_protocol": "TLS"}, "FLYWHEEL_SECURITY_PROTOCOL"),
        ({"sasl_mechanism": "GSSAPI"}, "FLYWHEEL_SASL_MECHANISM"),
        ({"sasl_username": ""}, "FLYWHEEL_SASL_USERNAME"),
        ({"sasl_password": ""}, "FLYWHEEL_SASL_PASSWORD_FILE"),
        ({"sasl_password_file": "password"}, "unset one"),
        ({"security_protocol": "SASL_PLAINTEXT", "sasl_mechanism": "PLAIN"}, "SCRAM-SHA-512"),
        ({"security_protocol": "PLAINTEXT"}, "SASL_SSL"),
        ({"security_protocol": "SSL"}, "SASL_SSL"),
        ({"security_protocol": "SASL_PLAINTEXT", "ssl_ca_file": "ca.pem"}, "SASL_SSL"),
        ({"ssl_key_file": "key.pem"}, "FLYWHEEL_SSL_CERT_FILE"),
    ],
)
def test_what_does_not_fit_together_is_said(values: dict[str, Any], advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice) as told:
        secured(**values)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("sasl_password_file", None),
        ("sasl_password_file", b""),
        ("sasl_password_file", SECRET.encode() + b"\xff"),
        ("ssl_ca_file", None),
        ("ssl_ca_file", b"no certificate"),
        ("ssl_cert_file", None),
        ("ssl_cert_file", b"no certificate"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(name: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    password = None if name == "sasl_password_file" else SECRET
    with pytest.raises(ConfigurationError, match=str(path)) as told:
        connection(secured(**{"sasl_password": password, name: str(path)}))
    assert SECRET not in str(told.value)
    assert told.value.__cause__ is None or SECRET not in repr(told.value.__cause__)


def test_only_workers_and_operators_come_near_state() -> None:
    settings = load({})
    for program in set(PROGRAMS) - {"worker", "operator"}:
        named = {right.name for right in rights(program, settings)} - {
            topics.TITLE_STATS
        }  # of titles, not of people
        assert not internal(settings) & named, program


def test_a_gateway_reads_events_only_to_watch_them() -> None:
    def reads(settings: Settings) -> set[str]:
        return {right.name for right in rights("gateway", settings) if right.operation == READ}

    assert not reads(load({})) & set(topics.INPUTS)
    assert reads(load({}, gateway_watch_inputs=True)) >= set(topics.INPUTS)


@pytest.mark.parametrize(
    ("changes", "command"),
    [
        ({}, "`flywheel acls print --program PROGRAM --principal User:worker`"),
        (
            {"app_id": "other"},
            "`flywheel acls print --program PROGRAM --principal User:worker --app-id other`",
        ),
    ],
)
def test_the_remedy_is_a_command_to_run(
    changes: dict[str, str], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "program", RunningProgram())
    assert command in refusals.remedy(secured(**changes))
    refusals.program.set("gateway")
    assert command.replace("PROGRAM", "gateway") in refusals.remedy(secured(**changes))
