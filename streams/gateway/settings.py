"""Every setting of a gateway: part of ``streams.settings``, in a file of its own because a worker needs none."""

from __future__ import annotations

from dataclasses import dataclass

from streams.security.settings import SecuritySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings(SecuritySettings):
    """The settings whose names begin with ``gateway_``."""

    # --- gateway
    # -------------------------------------------------------------------------------------------------
    gateway_host: str = "127.0.0.1"
    """Address the gateway listens on. Another than loopback needs ``gateway_tokens`` or ``gateway_secret``."""
    gateway_port: int = 8080
    """Port of the gateway; 0 picks a free one (printed at start-up)."""
    gateway_tokens: str = ""
    """Path of a file with a line ``scope:sha256`` for each token (``flywheel gateway token --scope`` makes them);
    scopes are ``read``, ``write`` and ``admin`` (both, and ``/metrics``). Read again when it changes."""
    gateway_secret: str = ""
    """Path of a file whose content (at least 32 bytes) signs the tokens of single profiles."""
    gateway_watch_inputs: bool = False
    """On: the gateway also follows the input topics, for the rate of events and the place of plays in its pulse. With
    ACLs it needs ``Read`` on them: print its rights with this setting."""
    gateway_cors: str = ""
    """Origins whose pages may ask, comma separated (``https://tv.example``). Empty: none but its own."""
    gateway_open_metrics: bool = True
    """Off: ``/metrics`` asks for a token of scope ``admin``. Nothing personal is in it."""
    gateway_max_body_bytes: int = 1_048_576
    """A larger request body is refused (413)."""
    gateway_max_events: int = 1_000
    """Events of one request at most (413)."""
    gateway_rate: float = 10_000.0
    """Requests a second of one service token, or of an address while no tokens are set."""
    gateway_profile_rate: float = 20.0
    """Requests a second of one profile's token, or of an address whose token is refused."""
    gateway_streams: int = 1_000
    """Open live streams at most; one more is refused (503)."""
    gateway_caller_streams: int = 100
    """Open live streams of one caller at most (429); a profile's token has a tenth of it."""
    gateway_stream_backlog: int = 256
    """Messages that wait for a slow reader of a live stream; the oldest are lost beyond, and it is told how many."""
    gateway_write_deadline_ms: int = 5_000
    """Kafka acknowledges posted events within this time, or the answer is 503."""
    gateway_page_cache_mb: int = 256
    """Memory for pages that are ready to be sent."""
