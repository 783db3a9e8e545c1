"""The API: what is answered to whom. Who asks and how often is settled before (``server.py``)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from aiohttp import web

from streams import topics
from streams.errors import BrokerError
from streams.events.fields import MAX_ID_CHARACTERS
from streams.events.reports import ExperimentResult
from streams.events.schema import ChurnScore
from streams.gateway import access, answers, judging, shapes
from streams.gateway.access import Caller
from streams.gateway.answers import Refusal
from streams.gateway.known import FIELDS
from streams.gateway.live import Listener
from streams.gateway.serving import Serving

LIVE_TOPICS = frozenset((*FIELDS, topics.ARTWORK_CHOICES, topics.EXPERIMENT_RESULTS, topics.AUDIENCE_DEMAND))
"""What can be followed."""
STUCK_S = 30.0
"""A live stream whose reader takes nothing for so long is closed."""
FOUND = 20
"""Titles that a search finds unless told otherwise."""
MAX_AGE = 120

Whom = Literal["public", "service", "profile", "anybody"]
"""Whose a route's answer is: ``public`` asks for no token; ``service`` is refused to profiles; ``profile`` is given to
services and to that profile; ``anybody`` to every valid token, and the route itself looks closer."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a route, as the API document has it."""

    name: str
    where: Literal["path", "query"]
    schema: dict[str, Any]
    meaning: str


@dataclass(frozen=True, slots=True)
class Route:
    """One route: ``answer`` is the struct of its 200 (or ``taken``) answer, ``problems`` its other statuses."""

    method: str
    path: str
    name: str
    whom: Whom
    scope: str
    answer: Any
    problems: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    status: int = 200
    media: str = answers.JSON
    limited: bool = field(default=True)
    """Whether it counts towards the caller's rate."""


_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARACTERS}
_PROFILE = Parameter("id", "path", _ID, "The profile.")
_EXPERIMENT = Parameter("id", "path", _ID, "The experiment.")
ROUTES = (
    Route("GET", "/profiles/{id}/page", "page", "profile", access.READ, shapes.Page, (400, 503), (
        _PROFILE,
        Parameter("max_age", "query", {"type": "integer", "minimum": 0, "maximum": MAX_AGE},
                  "Leave out titles for older viewers, and those of which that is not known."),
    )),
    Route("GET", "/profiles/{id}/churn", "churn", "profile", access.READ, ChurnScore, (404, 503), (_PROFILE,)),
    Route("GET", "/experiments", "experiments", "service", access.READ, shapes.Experiments, (503,)),
    Route("GET", "/experiments/{id}", "experiment", "service", access.READ, ExperimentResult, (404, 503),
          (_EXPERIMENT,)),
    Route("GET", "/demand", "demand", "service", access.READ, shapes.Demand, (503,), (
        Parameter("tag", "query", {"type": "string"}, "Only this tag."),
        Parameter("region", "query", {"type": "string"}, "Only this region."),
    )),
    Route("GET", "/catalog/titles", "titles", "anybody", access.READ, shapes.FoundTitles, (400, 503), (
        Parameter("query", "query", {"type": "string", "maxLength": 256}, "Words that the name has in it."),
        Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 100}, "Titles at most."),
    )),
    Route("GET", "/live", "live", "anybody", access.READ, None, (400, 503), (
        Parameter("profile", "query", _ID, "Only what concerns this profile (and everybody)."),
        Parameter("topics", "query", {"type": "string"}, "Topics, comma separated; all when left out."),
    ), media="text/event-stream"),
    Route("POST", "/events", "events", "anybody", access.WRITE, shapes.EventsTaken, (400, 413, 415, 503), status=202),
    Route("GET", "/openapi.json", "openapi", "public", "", None),
    Route("GET", "/healthz", "healthz", "public", "", None, media="text/plain", limited=False),
    Route("GET", "/readyz", "readyz", "public", "", None, (503,), media="text/plain", limited=False),
    Route("GET", "/metrics", "metrics", "public", "", None, media="text/plain", limited=False),
)  # fmt: skip

Answering = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]


class Routes:
    """The answers to :data:`ROUTES`, by name, out of ``serving``."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._streams: dict[str, int] = {}

    def answering(self, name: str) -> Answering:
        """The coroutine function that answers a route."""
        found: Answering = getattr(self, name)
        return found

    async def page(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """A profile's home page: rows in order with titles and images, ranking, categories, trailer, and why."""
        max_age = _number(request, "max_age", None, 0, MAX_AGE)
        return answers.json(self._serving.page(request.match_info["id"], max_age))

    async def churn(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """How likely a profile is to leave, and what drives it."""
        profile = self._serving.ready().profiles.get(request.match_info["id"])
        if profile is None or profile.churn is None:
            raise Refusal(404, "unknown", "there is no churn score of this profile")
        return answers.json(profile.churn)

    async def experiments(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """Every experiment: arms, intervals, verdict."""
        known = self._serving.ready()
        records = [known.experiments[name] for name in sorted(known.experiments)]
        return answers.json(b'{"experiments":[%b]}' % b",".join(records))

    async def experiment(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """One experiment: arms, intervals, verdict."""
        record = self._serving.ready().experiments.get(request.match_info["id"])
        if record is None:
            raise Refusal(404, "unknown", "there is no such experiment, or it has no result yet")
        return answers.json(record)

    async def demand(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """What is watched where: decayed hours by tag and region, most first."""
        tag, region = request.query.get("tag"), request.query.get("region")
        found = [
            each
            for each in self._serving.ready().demand.values()
            if tag in (None, each.tag) and region in (None, each.region)
        ]
        found.sort(key=lambda each: (-each.demand, each.tag, each.region))
        return answers.value({"demand": [msgspec.structs.asdict(each) for each in found]})

    async def titles(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """Titles by name."""
        self._serving.ready()
        query = request.query.get("query", "")
        if len(query) > MAX_ID_CHARACTERS:
            raise Refusal(400, "too_long", f"query has more than {MAX_ID_CHARACTERS} characters")
        limit = _number(request, "limit", FOUND, 1, 100)
        assert limit is not None, "it has a default"
        return answers.value({"titles": self._serving.search.find(query, limit)})

    async def live(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Server-sent events: ``decision`` as it is made, ``pulse`` every second, ``lost`` to a reader too slow."""
        serving = self._serving
        serving.ready()
        profile = request.query.get("profile") or None
        if profile is not None and len(profile) > MAX_ID_CHARACTERS:
            raise Refusal(400, "too_long", f"profile has more than {MAX_ID_CHARACTERS} characters")
        if not caller.may(access.READ, profile):
            raise Refusal(403, "forbidden", "this token may follow its own profile only: say profile=ID")
        asked = [name for name in request.query.get("topics", "").split(",") if name]
        unknown = sorted(set(asked) - LIVE_TOPICS)
        if unknown:
            raise Refusal(
                400, "unknown_topic", f"no topic of decisions: choose of {', '.join(sorted(LIVE_TOPICS))}"
            )
        wanted = frozenset(asked) or LIVE_TOPICS
        if caller.profile is not None:
            wanted &= {*FIELDS, topics.ARTWORK_CHOICES}
        settings = serving.settings
        most = (
            settings.gateway_caller_streams
            if caller.profile is None
            else settings.gateway_caller_streams // 10
        )
        if len(serving.feed) >= settings.gateway_streams:
            raise Refusal(503, "full", "too many live streams are open", retry_s=5)
        if self._streams.get(caller.name, 0) >= max(1, most):
            raise Refusal(429, "too_many_streams", f"you have {most} live streams open already", retry_s=5)
        listener = Listener(profile, wanted, settings.gateway_stream_backlog)
        answer = web.StreamResponse(
            headers={**answers.FRESH, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        self._streams[caller.name] = self._streams.get(caller.name, 0) + 1
        serving.feed.join(listener)
        try:
            await answer.prepare(request)
            await answer.write(b"retry: 1000\n: here\n\n")
            while (told := await listener.messages()) is not None:
                async with asyncio.timeout(STUCK_S):
                    await answer.write(told)
        except (ConnectionError, TimeoutError):
            if request.transport is not None:
                request.transport.abort()  # else closing would wait for what nobody reads
        finally:
            serving.feed.leave(listener)
            self._streams[caller.name] -= 1
            if not self._streams[caller.name]:
                del self._streams[caller.name]
        return answer

    async def events(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Take events: one, a JSON array, or one a line; answered when Kafka has those that are right."""
        serving = self._serving
        kind = request.content_type
        if kind not in (judging.ONE, judging.LINES):
            raise Refusal(415, "content_type", f"send {judging.ONE}, or {judging.LINES} with an event a line")
        body = await request.read()
        try:
            events = judging.parts(body, kind)
        except judging.UnreadableError as error:
            raise Refusal(400, "not_json", str(error)) from error
        if len(events) > serving.settings.gateway_max_events:
            raise Refusal(
                413,
                "too_many",
                f"{len(events)} events: at most {serving.settings.gateway_max_events} at once",
            )
        judged = judging.judge(events, serving.clock_ms(), serving.settings)
        if any(not caller.may(access.WRITE, event.profile_id) for event in judged.posted):
            raise Refusal(403, "forbidden", "this token may tell of its own profile only; nothing was taken")
        serving.count_refused(judged.refused)
        try:
            await serving.producer.send(judged.posted)
        except BrokerError as error:
            serving.count_untaken(len(judged.posted))
            raise Refusal(
                503, "not_taken", f"{error}; post the same events again, each counts once", retry_s=1
            ) from error
        serving.count_taken(judged.posted)
        rejected = [
            {"index": each.index, "reason": each.reason, "detail": each.detail} for each in judged.refused
        ]
        status = 202 if judged.posted else 400
        return answers.value({"accepted": len(judged.posted), "rejected": rejected}, status)

    async def openapi(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """This document."""
        return answers.json(self._serving.document)

    async def healthz(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """Whether the process lives."""
        return web.Response(text="ok\n", headers=answers.FRESH)

    async def readyz(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """Whether everything that was there at the start has been read."""
        self._serving.ready()
        return web.Response(text="ok\n", headers=answers.FRESH)

    async def metrics(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """Metrics for Prometheus."""
        body, content_type = self._serving.figures.scrape(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={**answers.FRESH, "Content-Type": content_type})


def _number(request: web.Request, name: str, default: int | None, least: int, most: int) -> int | None:
    text = request.query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise Refusal(400, "bad_value", f"{name} must be a whole number from {least} to {most}")
