"""The same credentials in Faust's words, for the producer that Faust starts beside Flywheel's own clients."""

from __future__ import annotations

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from streams.security.connection import credentials
from streams.settings import Settings


def host_credentials(settings: Settings) -> Credentials | None:
    """Faust's ``broker_credentials``. Raises ``ConfigurationError`` as ``connection`` does."""
    arguments = credentials(settings)
    if settings.with_password:
        return SASLCredentials(
            username=arguments["sasl_plain_username"],
            password=arguments["sasl_plain_password"],
            mechanism=arguments["sasl_mechanism"],
            ssl_context=arguments.get("ssl_context"),
        )
    return SSLCredentials(context=arguments["ssl_context"]) if settings.encrypted else None
