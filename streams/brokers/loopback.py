"""What every broker of ours needs: a free port, to be asked whether it answers, and to be ended.

The two questions are spoken in Kafka's own protocol over a plain socket, so that starting a broker needs
neither an event loop nor a client that retries behind our back.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import time
from pathlib import Path

from streams.errors import BrokerError

HOST = "127.0.0.1"
API_VERSIONS = 18
METADATA = 3


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether nobody listens on this loopback port at this moment."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _ask(port: int, api: int, version: int, body: bytes, timeout_s: float) -> bytes | None:
    """Send one request and return the response's body, or ``None`` when nobody answers in time."""
    header = struct.pack(">hhih", api, version, 1, -1)
    request = header + body
    try:
        with socket.create_connection((HOST, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = b""
            while len(answer) < 4 or len(answer) < 4 + struct.unpack(">i", answer[:4])[0]:
                part = connection.recv(65_536)
                if not part:
                    return None
                answer += part
    except OSError:
        return None
    return answer[8:]  # length and correlation id are ours


def answers(port: int, timeout_s: float = 1.0) -> bool:
    """Whether a Kafka broker answers on this port."""
    body = _ask(port, API_VERSIONS, 0, b"", timeout_s)
    return body is not None and body[:2] == b"\x00\x00"


def live_brokers(port: int, timeout_s: float = 1.0) -> int:
    """How many brokers the one on this port knows to be alive; 0 when it does not answer."""
    body = _ask(port, METADATA, 1, struct.pack(">i", 0), timeout_s)
    return 0 if body is None or len(body) < 4 else int(struct.unpack(">i", body[:4])[0])


def tail(log: Path, size: int = 2_000) -> str:
    """The last ``size`` characters of a broker's log, for an error message."""
    return log.read_text(errors="replace")[-size:].strip() if log.exists() else ""


def await_brokers(
    process: subprocess.Popen[bytes], port: int, count: int, deadline_s: float, log: Path
) -> None:
    """Wait until the broker of ``process`` knows ``count`` live brokers. Raises ``BrokerError`` at the
    deadline (seconds).
    """
    deadline = time.monotonic() + deadline_s
    while live_brokers(port) < count:
        if process.poll() is not None:
            raise BrokerError(f"the broker on port {port} ended with code {process.returncode}: {tail(log)}")
        if time.monotonic() > deadline:
            raise BrokerError(
                f"the broker on port {port} did not answer within {deadline_s:.0f} s: {tail(log)}"
            )
        time.sleep(0.02)


def end(process: subprocess.Popen[bytes], grace_s: float = 0.0) -> None:
    """End exactly this process: ask first when ``grace_s`` (seconds) is given, then kill. Safe when it is
    gone already.
    """
    if process.poll() is None and grace_s > 0:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace_s)
    if process.poll() is None:
        process.kill()
    process.wait()
