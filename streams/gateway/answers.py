"""How an answer looks: JSON bytes, problems, and the headers that every answer has."""

from __future__ import annotations

import math
from typing import Any

import orjson
from aiohttp import web

JSON = "application/json"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""The page may load its own files and ask its own gateway, nothing else; no script or style stands in a document."""
STRICT = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "flywheel",
}
FRESH = {**STRICT, "Cache-Control": "no-store"}
"""Of everything but the page's own files: nobody keeps a copy."""
FILES = {**STRICT, "Cache-Control": "no-cache"}
"""Of the page's own files: asked for again, and sent again when they have changed."""


class Refusal(Exception):
    """Raised by a route: the request ends with ``status`` and says why."""

    def __init__(
        self, status: int, error: str, detail: str, *, retry_s: float | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"error": error, "detail": detail, **more}
        self.retry_s = retry_s


def json(body: bytes, status: int = 200) -> web.Response:
    """An answer of JSON that is encoded already."""
    return web.Response(body=body, status=status, headers=FRESH, content_type=JSON)


def value(answer: Any, status: int = 200) -> web.Response:
    """An answer of what orjson can encode."""
    return json(orjson.dumps(answer), status)


def refusal(refused: Refusal) -> web.Response:
    """The answer of a refusal."""
    answer = value(refused.body, refused.status)
    if refused.retry_s is not None:
        answer.headers["Retry-After"] = str(max(1, math.ceil(refused.retry_s)))
    if refused.status == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    return answer
