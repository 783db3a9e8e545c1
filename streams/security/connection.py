"""The arguments that every Kafka client of Flywheel is made with: where the brokers are, and who asks.

There is no other place that knows of protocols, passwords and certificates.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

from streams.errors import ConfigurationError
from streams.settings import Settings


def connection(settings: Settings) -> dict[str, Any]:
    """aiokafka's ``bootstrap_servers``, and what :func:`credentials` adds.

    Raises ``ConfigurationError`` when a file of the settings cannot be read.

    >>> connection(Settings(brokers="kafka-1:9092,kafka-2:9092"))["bootstrap_servers"]
    'kafka-1:9092,kafka-2:9092'
    """
    return {"bootstrap_servers": settings.brokers, **credentials(settings)}


def credentials(settings: Settings) -> dict[str, Any]:
    """The arguments for security alone. Files are read anew each time: what was rotated counts from the next
    connection on that is made with them."""
    arguments: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.encrypted:
        arguments["ssl_context"] = _tls(settings)
    if settings.with_password:
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.sasl_username
        arguments["sasl_plain_password"] = _password(settings)
    return arguments


def _password(settings: Settings) -> str:
    if not settings.sasl_password_file:
        return settings.sasl_password
    try:
        password = Path(settings.sasl_password_file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        # A `UnicodeDecodeError` would print the bytes it could not read.
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"the password of {settings.sasl_username} cannot be read from {settings.sasl_password_file} ({why}): "
            "put it there, or change FLYWHEEL_SASL_PASSWORD_FILE"
        ) from None
    if not password:
        raise ConfigurationError(
            f"{settings.sasl_password_file} is empty: put the password of {settings.sasl_username} there"
        )
    return password


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ssl_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"no certificates can be read from {settings.ssl_ca_file} ({_why(error)}): FLYWHEEL_SSL_CA_FILE must be "
            "a PEM file"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = settings.ssl_check_hostname
    if settings.ssl_cert_file:
        try:
            context.load_cert_chain(
                settings.ssl_cert_file, settings.ssl_key_file or None, password=_no_password
            )
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"the certificate {settings.ssl_cert_file} and its key {settings.ssl_key_file or '(in the same file)'} "
                f"cannot be used ({_why(error)}): FLYWHEEL_SSL_CERT_FILE and FLYWHEEL_SSL_KEY_FILE must be PEM files "
                "that belong together, the key without a password"
            ) from error
    return context


def _no_password() -> str:
    """Instead of asking at the terminal, where nobody sits."""
    return ""


def _why(error: OSError) -> str:
    return (getattr(error, "reason", None) or error.strerror or type(error).__name__).lower()
