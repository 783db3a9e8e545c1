"""Who asks, and what they may: service tokens with scopes, tokens of single profiles, and nobody.

A service token is random and only its SHA-256 is kept, so the file that lists them gives nothing away. A profile's
token says whose it is and until when, signed with a secret (HMAC-SHA256); it allows that profile's page, churn score,
live stream and events, the catalog, and nothing of anybody else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from streams.errors import ConfigurationError
from streams.settings import ENV_PREFIX, Settings

READ, WRITE, ADMIN = "read", "write", "admin"
SCOPES = (READ, WRITE, ADMIN)
PROFILE_PREFIX = "fwp1"
"""Begins every profile token, and says how it is signed."""
LEAST_SECRET_BYTES = 32
LONGEST_TOKEN = 2_048
"""Characters: 256 of a profile id are at most 1,368 in base64."""
LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``name`` stands for them in rates and limits and is never shown; ``profile`` is the only one they may
    ask about, ``None`` for services."""

    name: str
    scopes: frozenset[str]
    profile: str | None = None

    def may(self, scope: str, profile: str | None = None) -> bool:
        """Whether they may do what needs ``scope``, to ``profile`` or (``None``) to what is nobody's."""
        if scope not in self.scopes:
            return False
        return self.profile is None or self.profile == profile


EVERYTHING = frozenset(SCOPES)
OF_ONE_PROFILE = frozenset((READ, WRITE))


class Access:
    """Tells callers apart. Raises ``ConfigurationError`` when a file is missing or wrong, or when nothing is configured
    and the gateway would listen on more than loopback."""

    def __init__(self, settings: Settings) -> None:
        self._tokens_file = Path(settings.gateway_tokens) if settings.gateway_tokens else None
        self._tokens: tuple[tuple[str, str], ...] = ()
        self._read_at: int | None = None
        self._secret = _secret(settings.gateway_secret) if settings.gateway_secret else None
        if self._tokens_file is not None:
            self._tokens, self._read_at = _tokens(self._tokens_file)
        if self.open and not is_loopback(settings.gateway_host):
            raise ConfigurationError(
                f"gateway_host is {settings.gateway_host!r} and there are no tokens, so anybody could read every "
                f"profile: set {ENV_PREFIX}GATEWAY_TOKENS to a file of tokens (`flywheel gateway token --scope read` "
                f"makes one), or {ENV_PREFIX}GATEWAY_HOST to 127.0.0.1"
            )

    @property
    def open(self) -> bool:
        """Whether no tokens are configured: everybody on this machine may do everything."""
        return self._tokens_file is None and self._secret is None

    def refresh(self) -> bool:
        """Read the file of tokens again if it has changed; whether it had. A file that has become unreadable leaves
        what was known, and raises ``ConfigurationError``."""
        if self._tokens_file is None or _changed_at(self._tokens_file) == self._read_at:
            return False
        self._tokens, self._read_at = _tokens(self._tokens_file)
        return True

    def caller(self, token: str | None, address: str, now_s: float) -> Caller | None:
        """Who brings ``token`` (``None``: none) from ``address``; ``None`` for one that is not known or has expired."""
        if self.open:
            return Caller(f"a {address}", EVERYTHING)
        if token is None or len(token) > LONGEST_TOKEN:
            return None
        if self._secret is not None and token.startswith(PROFILE_PREFIX + "."):
            profile = read_profile_token(token, self._secret, now_s)
            return None if profile is None else Caller(f"p {profile}", OF_ONE_PROFILE, profile)
        digest = hashlib.sha256(token.encode()).hexdigest()
        # All are compared, each in constant time: how long it takes tells nothing.
        scopes = [scope for scope, known in self._tokens if hmac.compare_digest(known, digest)]
        if not scopes:
            return None
        return Caller(f"t {digest}", EVERYTHING if ADMIN in scopes else frozenset(scopes))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_NAMES


def new_service_token(scope: str) -> tuple[str, str]:
    """A new token, and the line that allows it."""
    token = secrets.token_urlsafe(32)
    return token, f"{scope}:{hashlib.sha256(token.encode()).hexdigest()}"


def profile_token(profile: str, expires_s: int, secret: bytes) -> str:
    """A token for ``profile`` that is valid until ``expires_s`` (seconds since the epoch)."""
    said = f"{PROFILE_PREFIX}.{_encode(profile.encode())}.{expires_s}"
    return f"{said}.{_encode(_signature(said, secret))}"


def read_profile_token(token: str, secret: bytes, now_s: float) -> str | None:
    """Whose token this is; ``None`` when it was not signed with ``secret``, or has expired."""
    said, _, signature = token.rpartition(".")
    fields = said.split(".")
    if len(fields) != 3 or not re.fullmatch(r"\d{1,12}", fields[2]):
        return None
    try:
        good = hmac.compare_digest(signature.encode(), _encode(_signature(said, secret)).encode())
        profile = _decode(fields[1]).decode()
    except (ValueError, binascii.Error):
        return None
    return profile if good and profile and now_s < int(fields[2]) else None


def read_secret(path: str) -> bytes:
    """The secret in a file. Raises ``ConfigurationError`` when it is missing or too short."""
    return _secret(path)


def _signature(said: str, secret: bytes) -> bytes:
    return hmac.digest(secret, said.encode(), "sha256")


def _encode(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _secret(path: str) -> bytes:
    try:
        secret = Path(path).read_bytes().strip()
    except OSError as error:
        raise ConfigurationError(
            f"the secret of profile tokens cannot be read: {error.strerror}: {path}; set "
            f"{ENV_PREFIX}GATEWAY_SECRET to a file of at least {LEAST_SECRET_BYTES} random bytes"
        ) from error
    if len(secret) < LEAST_SECRET_BYTES:
        raise ConfigurationError(
            f"the secret in {path} has {len(secret)} bytes: it must have at least {LEAST_SECRET_BYTES} "
            "(`openssl rand -hex 32`)"
        )
    return secret


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise _unreadable(path, error) from error


def _tokens(path: Path) -> tuple[tuple[tuple[str, str], ...], int]:
    try:
        changed_at = path.stat().st_mtime_ns
        lines = path.read_text().splitlines()
    except OSError as error:
        raise _unreadable(path, error) from error
    tokens = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        scope, _, digest = text.partition(":")
        if scope not in SCOPES or not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ConfigurationError(
                f"{path}, line {number} is not `scope:sha256` with a scope of {', '.join(SCOPES)} and the SHA-256 of "
                "the token in 64 hex digits: `flywheel gateway token --scope read` prints such a line"
            )
        tokens.append((scope, digest))
    return tuple(tokens), changed_at


def _unreadable(path: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"the file of tokens cannot be read: {error.strerror}: {path}; set {ENV_PREFIX}GATEWAY_TOKENS to its path"
    )
