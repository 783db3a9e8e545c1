"""A gateway without a stream behind it, for tests of what the page does when things go wrong.

It speaks the gateway's API over two dozen rows that it makes up, decides by a rule that needs no learning (what is
watched well goes up, what is skipped goes down), and can be told to be behind, to refuse, or to break the line.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

PAGE = Path(__file__).resolve().parents[2] / "streams" / "gateway" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
ROWS = (
    "Crime",
    "Comedy",
    "Drama",
    "Thriller",
    "Romance",
    "Sci-fi",
    "Documentary",
    "Kids",
    "Horror",
    "<b>News</b>",
)
TITLES = 10


class FakeGateway:
    """Serve it with :meth:`start`; ``ready`` off answers 503, ``events`` is all that was posted, ``trailer`` what
    the page offers."""

    def __init__(self) -> None:
        self.ready = True
        self.events: list[dict[str, Any]] = []
        self.trailer: dict[str, Any] | None = None
        self.lines: set[asyncio.Queue[bytes | None]] = set()
        self._order: dict[str, list[str]] = {}
        self._version: dict[str, int] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> int:
        """Serve on loopback; returns the port."""
        app = web.Application(middlewares=[_strict])
        app.router.add_get("/", self._index)
        app.router.add_static("/static", PAGE)
        app.router.add_get("/profiles/{id}/page", self._page)
        app.router.add_get("/profiles/{id}/churn", self._churn)
        app.router.add_get("/experiments", self._experiments)
        app.router.add_get("/catalog/titles", self._titles)
        app.router.add_get("/live", self._live)
        app.router.add_post("/events", self._events)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close every connection and the port."""
        self.break_lines()
        if self._runner is not None:
            await self._runner.cleanup()

    def break_lines(self) -> None:
        """End every live stream."""
        for line in self.lines:
            line.put_nowait(None)

    async def _index(self, _: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "index.html")

    def _row(self, row_id: str) -> dict[str, Any]:
        number = int(row_id[1:])
        titles = [
            {
                "title_id": f"t{number}-{place}",
                "name": f"The <i>Long</i> Night {number * TITLES + place}",
                "artwork_id": f"a{number}-{place}",
            }
            for place in range(TITLES)
        ]
        return {"row_id": row_id, "name": ROWS[number], "titles": titles}

    def _ordered(self, profile: str) -> list[str]:
        return self._order.setdefault(profile, [f"r{number}" for number in range(len(ROWS))])

    async def _page(self, request: web.Request) -> web.Response:
        if not self.ready:
            return _json({"error": "reading"}, 503)
        profile = request.match_info["id"]
        return _json(
            {
                "profile_id": profile,
                "rows": [self._row(row_id) for row_id in self._ordered(profile)],
                "ranking": [],
                "categories": ["crime", "comedy", "drama"],
                "trailer": self.trailer,
                "reasons": {"rows": [], "titles": []},
                "versions": {"row-order": self._version.get(profile, 0)},
                "profiled": True,
                "personal": profile in self._version,
                "decided_ts": None,
                "as_of_ts": 0,
                "stale_ms": 0,
            }
        )

    async def _churn(self, request: web.Request) -> web.Response:
        return _json({"error": "unknown"}, 404)

    async def _experiments(self, _: web.Request) -> web.Response:
        return _json({"experiments": []})

    async def _titles(self, request: web.Request) -> web.Response:
        return _json({"titles": self._row("r2")["titles"][:3] if "night" in request.query["query"] else []})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if not self.ready:
            return _json({"error": "reading"}, 503)
        answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await answer.prepare(request)
        line: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.lines.add(line)
        try:
            await answer.write(b": here\n\n")
            while (said := await line.get()) is not None:
                await answer.write(said)
        finally:
            self.lines.discard(line)
        return answer

    async def _events(self, request: web.Request) -> web.Response:
        if not self.ready:
            return _json({"error": "reading"}, 503)
        told = orjson.loads(await request.read())
        for event in told:
            self.events.append(event)
            self._decide(event)
        return _json({"accepted": len(told), "rejected": []}, 202)

    def _decide(self, event: dict[str, Any]) -> None:
        good = event["type"] == "playback_progress" and 5 <= event["position_s"] < 6
        skipped = event["type"] == "playback_skip"
        if not good and not skipped:
            return
        profile = event["profile_id"]
        row_id = event["title_id"].split("-")[0].replace("t", "r")
        previous = list(self._ordered(profile))
        rows = [other for other in previous if other != row_id]
        rows.insert(0 if good else len(rows), row_id)
        self._order[profile] = rows
        self._version[profile] = self._version.get(profile, 0) + 1
        reason = {"row_id": row_id, "feature": "own_recent", "contribution": 1.0 if good else -1.0}
        self.tell(
            "decision",
            {
                "topic": "row-order",
                "key": profile,
                "delay_ms": 5,
                "record": {
                    "profile_id": profile, "ts": event["ts"], "version": self._version[profile],
                    "cause": {"event_id": event["event_id"], "topic": "viewing-events", "partition": 0, "offset": 1},
                    "model": {"name": "rule", "version": 1}, "explore": False, "propensity": 1.0,
                    "rows": rows, "scores": [0.0] * len(rows), "previous": previous, "reasons": [reason],
                },
            },
        )  # fmt: skip

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """Say something on every live stream."""
        for line in self.lines:
            line.put_nowait(b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data)))


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


@web.middleware
async def _strict(request: web.Request, handler: Any) -> web.StreamResponse:
    answer: web.StreamResponse = await handler(request)
    if not answer.prepared:
        answer.headers["content-security-policy"] = POLICY
    return answer
