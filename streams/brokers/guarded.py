"""What makes a broker of ours ask who is there: a listener with TLS and SCRAM, Kafka's own authorizer, and the
certificates that this needs, made on the spot with ``openssl``. For tests, not for service: keys lie in the open.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from streams.brokers import loopback
from streams.errors import BrokerError, ConfigurationError

DAYS = "2"
"""Certificates of a test run need no longer life."""
SUPER = "User:ANONYMOUS"
"""Who comes by the open listener (loopback only) may do everything: brokers among themselves, and who sets up."""


class Guard:
    """Certificates in ``folder`` and the users (name to password) of a guarded cluster.

    Raises ``ConfigurationError`` without openssl, ``BrokerError`` when it fails.
    """

    def __init__(self, folder: Path, users: Mapping[str, str]) -> None:
        if shutil.which("openssl") is None:
            raise ConfigurationError("a guarded broker needs openssl: install it")
        self._folder = folder
        self._users = dict(users)
        self.ca_file = folder / "ca.pem"
        """The certificate that a client must trust."""
        self.other_ca_file = folder / "other-ca.pem"
        """One that has signed nothing."""
        self._keys = folder / "broker.pem"
        self._make()

    def users(self) -> list[str]:
        """Arguments of Kafka's ``format`` that create the users."""
        return [
            word
            for name, password in self._users.items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]

    def properties(self, text: str, port: int) -> str:
        """``server.properties`` with the guarded listener at ``port`` added."""
        lines = []
        for line in text.splitlines():
            if line.startswith(("listeners=", "advertised.listeners=")):
                line += f",GUARDED://{loopback.HOST}:{port}"
            if line.startswith("listener.security.protocol.map="):
                line += ",GUARDED:SASL_SSL"
            lines.append(line)
        module = "org.apache.kafka.common.security.scram.ScramLoginModule"
        lines += [
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users={SUPER}",
            "allow.everyone.if.no.acl.found=false",
            "listener.name.guarded.sasl.enabled.mechanisms=SCRAM-SHA-512",
            f"listener.name.guarded.scram-sha-512.sasl.jaas.config={module} required;",
            "listener.name.guarded.ssl.keystore.type=PEM",
            f"listener.name.guarded.ssl.keystore.location={self._keys}",
        ]
        return "\n".join(lines) + "\n"

    def _make(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._openssl(
            *_NEW, "-subj", "/CN=flywheel tests", "-keyout", "ca.key", "-out", "ca.pem", "-days", DAYS
        )
        self._openssl(
            *_NEW, "-subj", "/CN=strangers", "-keyout", "other.key", "-out", "other-ca.pem", "-days", DAYS
        )
        names = f"subjectAltName=IP:{loopback.HOST},DNS:localhost"
        self._openssl(
            "req", "-x509", *_KEY, "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", "/CN=broker", "-days", DAYS,
            "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", "broker.key", "-out", "broker.crt",
        )  # fmt: skip
        parts = ("broker.key", "broker.crt", "ca.pem")
        self._keys.write_text("".join((self._folder / part).read_text() for part in parts))

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise BrokerError(f"openssl {arguments[0]} failed: {done.stderr[-500:]}")


_KEY = ("-newkey", "rsa:2048", "-nodes", "-batch")
_NEW = ("req", "-x509", *_KEY)
