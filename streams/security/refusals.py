"""Why a broker refused, in words that say what to change; and which refusals waiting does not heal.

aiokafka hides the reason of a failed first connection ("Unable to bootstrap") and tries for ever. So whoever catches a
``KafkaError`` asks :func:`refusal`: it names a missing right from the error itself, and looks for a refused password or
certificate by connecting once more.
"""

from __future__ import annotations

import asyncio
import ssl

from aiokafka import errors
from aiokafka.conn import create_conn

from streams.errors import ConfigurationError
from streams.security.connection import credentials
from streams.security.program import program
from streams.settings import Settings

LOOK_DEADLINE_S = 5.0
"""For one connection with its greeting; a broker beside a busy test takes 0.1 s."""

USUAL_APP_ID = "flywheel"
"""Of the settings; any other must be told to what prints rights."""
RIGHTS = (
    errors.TopicAuthorizationFailedError,
    errors.GroupAuthorizationFailedError,
    errors.ClusterAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed,
)
"""What Kafka answers when an ACL is missing."""


async def refusal(error: BaseException, settings: Settings, operation: str = "") -> ConfigurationError | None:
    """The reason to end for, or ``None`` when the broker may only be away. ``operation`` is what was being done to
    topics, which the error does not say: ``Read`` or ``Write``."""
    if isinstance(error, RIGHTS):
        return missing_right(error, settings, operation)
    if isinstance(error, errors.KafkaConnectionError | errors.AuthenticationFailedError | TimeoutError):
        return await look(settings)
    return None


def missing_right(error: BaseException, settings: Settings, operation: str = "") -> ConfigurationError:
    """Which right on what is missing to whom, and the command that prints it."""
    if isinstance(error, errors.TopicAuthorizationFailedError):
        named = " ".join(_named(argument) for argument in error.args)
        right = f"{operation or 'a right'} on topic {named or '(the broker does not say which)'}"
    elif isinstance(error, errors.GroupAuthorizationFailedError):
        right = f"Read on group {settings.app_id}"
    elif isinstance(error, errors.TransactionalIdAuthorizationFailed):
        right = f"Write on transactional-id {settings.app_id}-*"
    else:
        right = "a right on the cluster (IdempotentWrite, or Create of topics)"
    return lacking(right, settings)


def lacking(right: str, settings: Settings) -> ConfigurationError:
    """The error for a missing ``right``, or several."""
    return ConfigurationError(
        f"{who(settings)} was refused by Kafka: missing ACL: {right}. {remedy(settings)}"
    )


def denied(error: BaseException, settings: Settings) -> ConfigurationError | None:
    """The missing right behind a failed send, or ``None``."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, RIGHTS):
        seen = seen.__cause__
    return None if seen is None else missing_right(seen, settings, "Write")


def _named(argument: object) -> str:
    return (
        ", ".join(sorted(map(str, argument)))
        if isinstance(argument, set | frozenset | list)
        else str(argument)
    )


def who(settings: Settings) -> str:
    """The principal of these settings, as ACLs name it."""
    if settings.with_password:
        return f"User:{settings.sasl_username}"
    return f"the owner of {settings.ssl_cert_file}" if settings.ssl_cert_file else "this program's user"


def remedy(settings: Settings) -> str:
    """The command that prints the rights."""
    name = program.get()
    principal = who(settings) if settings.with_password else "User:NAME"
    needs = f"the {name} needs" if name else "each program needs"
    command = f"flywheel acls print --program {name or 'PROGRAM'} --principal {principal}"
    if settings.app_id != USUAL_APP_ID:
        command += f" --app-id {settings.app_id}"
    return f"`{command}` prints what {needs}"


def hidden(settings: Settings) -> str:
    """The end of a sentence on missing topics: without the right to describe it, a topic cannot be seen either."""
    if settings.security_protocol == "PLAINTEXT":
        return ""
    return f"; or {who(settings)} has no ACL to describe them: {remedy(settings)}"


async def look(settings: Settings) -> ConfigurationError | None:
    """Connect to the bootstrap servers in turn until one takes us; the first clear refusal, or ``None``. Where nobody
    is asked who it is, nothing can be refused."""
    if settings.security_protocol == "PLAINTEXT":
        return None
    arguments = credentials(settings)
    for address in settings.brokers.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            async with asyncio.timeout(LOOK_DEADLINE_S):
                made = await create_conn(
                    host.strip("[]"), int(port), client_id=f"{settings.app_id}-look", **arguments
                )
        except (OSError, errors.KafkaError, TimeoutError, ValueError) as error:
            if reason := _reason(error, settings, address.strip()):
                return reason
        else:
            made.close()
            return None
    return None


def _reason(error: BaseException, settings: Settings, address: str) -> ConfigurationError | None:
    """The refusal behind an error or any of its causes."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return ConfigurationError(
                f"the certificate of {address} is not trusted ({seen.verify_message}): set FLYWHEEL_SSL_CA_FILE to the "
                "certificates that sign the brokers', and use the brokers' names as their certificates give them"
            )
        if isinstance(seen, ssl.SSLError):
            return ConfigurationError(
                f"TLS with {address} failed ({(seen.reason or 'no reason').lower()}): check that "
                f"FLYWHEEL_SECURITY_PROTOCOL ({settings.security_protocol}) fits that port, and FLYWHEEL_SSL_CERT_FILE "
                "if brokers ask for one"
            )
        if isinstance(seen, errors.UnsupportedSaslMechanismError):
            return ConfigurationError(
                f"{address} does not take {settings.sasl_mechanism}: set FLYWHEEL_SASL_MECHANISM to one that it does"
            )
        if isinstance(seen, errors.SaslAuthenticationFailed | errors.AuthenticationFailedError):
            return ConfigurationError(
                f"{address} refused the user or password of {settings.sasl_username!r} ({settings.sasl_mechanism}): "
                "check FLYWHEEL_SASL_USERNAME, the content of FLYWHEEL_SASL_PASSWORD_FILE, and FLYWHEEL_SASL_MECHANISM"
            )
        seen = seen.__cause__ or seen.__context__
    return None
