"""What makes a broker of ours ask who is there: a listener with TLS and passwords, one with TLS and certificates of the
clients, Kafka's own authorizer, and the certificates that this needs, made on the spot with ``openssl``. For tests, not
for service: keys lie in the open.
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


CLIENT = "User:CN=client"
"""Who comes by the listener that asks for certificates, with the one that :class:`Guard` makes."""
SCRAM = ("SCRAM-SHA-512", "SCRAM-SHA-256")


class Guard:
    """Certificates in ``folder`` and the users (name to password) of a guarded cluster. Each user may prove the
    password by SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN.

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
        self.client_file = folder / "client.pem"
        """A client's own certificate and key, for the second listener; its principal is :data:`CLIENT`."""
        self._keys = folder / "broker.pem"
        self._make()

    def users(self) -> list[str]:
        """Arguments of Kafka's ``format`` that create the users."""
        return [
            word
            for name, password in self._users.items()
            for mechanism in SCRAM
            for word in ("--add-scram", f"{mechanism}=[name={name},password={password}]")
        ]

    def properties(self, text: str, port: int, certified_port: int) -> str:
        """``server.properties`` with the listeners at ``port`` (passwords) and ``certified_port`` added."""
        lines = []
        for line in text.splitlines():
            if line.startswith(("listeners=", "advertised.listeners=")):
                line += f",GUARDED://{loopback.HOST}:{port},CERTIFIED://{loopback.HOST}:{certified_port}"
            if line.startswith("listener.security.protocol.map="):
                line += ",GUARDED:SASL_SSL,CERTIFIED:SSL"
            lines.append(line)
        security = "org.apache.kafka.common.security"
        plain = " ".join(f'user_{name}="{password}"' for name, password in self._users.items())
        lines += [
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            f"super.users={SUPER}",
            "allow.everyone.if.no.acl.found=false",
            f"listener.name.guarded.sasl.enabled.mechanisms={','.join(SCRAM)},PLAIN",
            f"listener.name.guarded.plain.sasl.jaas.config={security}.plain.PlainLoginModule required {plain};",
            "listener.name.certified.ssl.client.auth=required",
            "listener.name.certified.ssl.truststore.type=PEM",
            f"listener.name.certified.ssl.truststore.location={self.ca_file}",
        ]
        for mechanism in SCRAM:
            module = f"{security}.scram.ScramLoginModule"
            lines += [f"listener.name.guarded.{mechanism.lower()}.sasl.jaas.config={module} required;"]
        for listener in ("guarded", "certified"):
            lines += [
                f"listener.name.{listener}.ssl.keystore.type=PEM",
                f"listener.name.{listener}.ssl.keystore.location={self._keys}",
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
        self._signed("broker", "-addext", f"subjectAltName=IP:{loopback.HOST},DNS:localhost")
        self._join(self._keys, "broker.key", "broker.crt", "ca.pem")
        self._signed("client")
        self._join(self.client_file, "client.key", "client.crt")

    def _signed(self, name: str, *extra: str) -> None:
        """``name.key`` and ``name.crt``, signed by our own authority."""
        self._openssl(
            "req", "-x509", *_KEY, "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", f"/CN={name}", "-days", DAYS,
            *extra, "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", f"{name}.key", "-out", f"{name}.crt",
        )  # fmt: skip

    def _join(self, target: Path, *parts: str) -> None:
        target.write_text("".join((self._folder / part).read_text() for part in parts))

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise BrokerError(f"openssl {arguments[0]} failed: {done.stderr[-500:]}")


_KEY = ("-newkey", "rsa:2048", "-nodes", "-batch")
_NEW = ("req", "-x509", *_KEY)
