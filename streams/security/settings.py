"""Every setting of the connection to Kafka: part of ``streams.settings``, in a file of its own because all programs
have them in common."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.errors import ConfigurationError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class SecuritySettings:
    """The settings whose names begin with ``security_``, ``sasl_`` and ``ssl_``."""

    # --- security
    # ------------------------------------------------------------------------------------------------
    security_protocol: str = "PLAINTEXT"
    """How Kafka is spoken to: ``PLAINTEXT``, ``SSL``, ``SASL_PLAINTEXT`` or ``SASL_SSL`` (in production)."""
    sasl_mechanism: str = "SCRAM-SHA-512"
    """How the password is proved: ``SCRAM-SHA-512``, ``SCRAM-SHA-256``, or ``PLAIN`` (only with SASL_SSL)."""
    sasl_username: str = ""
    """The Kafka user of this program."""
    sasl_password_file: str = ""
    """Path of a file whose content is that user's password (a line break at its end does not count)."""
    sasl_password: str = field(default="", repr=False)
    """The password itself, where no file can be mounted. Prefer the file: an environment can be listed."""
    ssl_ca_file: str = ""
    """Path of the certificates (PEM) that the brokers' are signed with. Empty: the machine's own."""
    ssl_cert_file: str = ""
    """Path of this program's own certificate (PEM), where brokers ask for one."""
    ssl_key_file: str = ""
    """Path of that certificate's private key (PEM). Empty: it stands in ``ssl_cert_file``."""
    ssl_check_hostname: bool = True
    """Off: a broker's certificate may name another host. Only for tests."""

    @property
    def encrypted(self) -> bool:
        """Whether the connection is TLS."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def with_password(self) -> bool:
        """Whether a user and a password are asked for."""
        return self.security_protocol.startswith("SASL_")

    def check_security(self) -> None:
        """Raise ``ConfigurationError`` when these settings cannot belong together; it names no secret."""
        if self.security_protocol not in PROTOCOLS:
            raise ConfigurationError(
                f"security_protocol is {self.security_protocol!r}: set FLYWHEEL_SECURITY_PROTOCOL to "
                f"{', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}"
            )
        if self.sasl_mechanism not in MECHANISMS:
            raise ConfigurationError(
                f"sasl_mechanism is {self.sasl_mechanism!r}: set FLYWHEEL_SASL_MECHANISM to "
                f"{', '.join(MECHANISMS[:-1])} or {MECHANISMS[-1]}"
            )
        if self.with_password:
            self._check_user()
        elif self.sasl_username or self.sasl_password_file or self.sasl_password:
            wanted = "SASL_SSL" if self.encrypted else "SASL_SSL (or SASL_PLAINTEXT)"
            raise ConfigurationError(
                f"a SASL user or password is set, but security_protocol is {self.security_protocol}, which sends "
                f"none: set FLYWHEEL_SECURITY_PROTOCOL to {wanted}, or unset FLYWHEEL_SASL_*"
            )
        certificates = self.ssl_ca_file or self.ssl_cert_file or self.ssl_key_file
        if certificates and not self.encrypted:
            wanted = "SASL_SSL" if self.with_password else "SSL"
            raise ConfigurationError(
                f"certificates are set, but security_protocol is {self.security_protocol}, which encrypts nothing: "
                f"set FLYWHEEL_SECURITY_PROTOCOL to {wanted}, or unset FLYWHEEL_SSL_*_FILE"
            )
        if self.ssl_key_file and not self.ssl_cert_file:
            raise ConfigurationError(
                "ssl_key_file is set without its certificate: set FLYWHEEL_SSL_CERT_FILE"
            )

    def _check_user(self) -> None:
        protocol = self.security_protocol
        if not self.sasl_username:
            raise ConfigurationError(f"security_protocol is {protocol}: set FLYWHEEL_SASL_USERNAME")
        if not self.sasl_password_file and not self.sasl_password:
            raise ConfigurationError(
                f"security_protocol is {protocol}: set FLYWHEEL_SASL_PASSWORD_FILE to the file with the password of "
                f"{self.sasl_username}"
            )
        if self.sasl_password_file and self.sasl_password:
            raise ConfigurationError(
                "both FLYWHEEL_SASL_PASSWORD_FILE and FLYWHEEL_SASL_PASSWORD are set: unset one, best the second"
            )
        if self.sasl_mechanism == "PLAIN" and protocol != "SASL_SSL":
            raise ConfigurationError(
                "sasl_mechanism PLAIN would send the password readable for all: set FLYWHEEL_SECURITY_PROTOCOL to "
                "SASL_SSL, or FLYWHEEL_SASL_MECHANISM to SCRAM-SHA-512"
            )
