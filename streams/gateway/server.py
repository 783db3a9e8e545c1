"""What stands around every answer, in this order:

1. the route, and whose its answer is;
2. while no tokens are configured, the host's name: a page from elsewhere must not reach a gateway on loopback by a name
   of its own that leads there;
3. who asks, and whether they may;
4. how often they ask;
5. the answer, or why there is none, with the same strict headers always;
6. counted by route, status and time. Nothing about who asked is written down.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from streams.errors import ConfigurationError
from streams.events.fields import MAX_ID_CHARACTERS
from streams.gateway import access, answers
from streams.gateway.access import Access, Caller, is_loopback
from streams.gateway.answers import Refusal
from streams.gateway.rates import Rates
from streams.gateway.routes import ROUTES, Answering, Route, Routes
from streams.gateway.serving import Serving
from streams.settings import ENV_PREFIX

log = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
SHUTDOWN_S = 3.0
"""Requests under way may take this long to finish when the gateway stops."""
NOBODY = Caller("nobody", frozenset())
FILE_ROUTE = "/static"
OTHER_ROUTE = "other"
Answers = Callable[[web.Request], Awaitable[web.StreamResponse]]


class GatewayServer:
    """Serves ``serving`` from ``start`` to ``stop``."""

    def __init__(self, serving: Serving, allowed: Access) -> None:
        self._serving = serving
        self._access = allowed
        self._rates = Rates()
        self._settings = serving.settings
        self._origins = frozenset(
            name.strip() for name in self._settings.gateway_cors.split(",") if name.strip()
        )
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._routes: dict[str, Route] = {}
        self._answering: dict[Route, Answering] = {}

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(
            middlewares=[self._around], client_max_size=self._settings.gateway_max_body_bytes
        )
        routes = Routes(self._serving)
        for route in ROUTES:
            answering = routes.answering(route.name)
            app.router.add_route(route.method, route.path, self._api(route, answering))
            self._routes[route.path] = route
        app.router.add_get("/", _index)
        app.router.add_static(FILE_ROUTE, PAGE)
        return app

    async def start(self) -> str:
        """Begin to serve; returns the base URL. Raises ``ConfigurationError`` when the address is taken."""
        settings = self._settings
        runner = web.AppRunner(
            self.application(), access_log=None, shutdown_timeout=SHUTDOWN_S, handler_cancellation=True
        )
        await runner.setup()
        site = web.TCPSite(runner, settings.gateway_host, settings.gateway_port)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigurationError(
                f"cannot listen on {settings.gateway_host}:{settings.gateway_port} ({error.strerror}): set "
                f"{ENV_PREFIX}GATEWAY_PORT to a free port, or 0 for any"
            ) from error
        self._runner, self._site = runner, site
        host, port = runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def stop(self) -> None:
        """Take no more, end the live streams, let what is under way finish."""
        runner, self._runner = self._runner, None
        if runner is not None:
            if self._site is not None:
                await self._site.stop()
            self._serving.feed.close()
            await runner.cleanup()

    def _api(self, route: Route, answering: Answering) -> Answers:
        async def answer(request: web.Request) -> web.StreamResponse:
            caller = self._admit(request, route)
            return await answering(request, caller)

        return answer

    @web.middleware
    async def _around(self, request: web.Request, handler: Answers) -> web.StreamResponse:
        began = time.perf_counter()
        resource = request.match_info.route.resource
        name = resource.canonical if resource is not None else OTHER_ROUTE
        try:
            if self._access.open:
                _refuse_foreign_names(request)
            answer = await self._preflight(request) or await handler(request)
        except Refusal as refused:
            answer = answers.refusal(refused)
        except web.HTTPException as error:
            answer = error if error.status < 400 else _said(error)
        except (ConnectionError, TimeoutError):
            raise
        except Exception:  # a bug of ours must not show the caller more than that it is one
            log.exception("%s %s failed", request.method, name)
            answer = answers.refusal(Refusal(500, "internal", "the gateway failed; its log says why"))
        if not answer.prepared:
            if name in (FILE_ROUTE, "/"):
                answer.headers.update(answers.FILES)
            elif hdrs.CACHE_CONTROL not in answer.headers:
                answer.headers.update(answers.FRESH)
            if self._origins:
                self._allow_origin(request, answer)
        seconds = None if name == "/live" else time.perf_counter() - began
        self._serving.figures.answered(name, answer.status, seconds)
        return answer

    def _admit(self, request: web.Request, route: Route) -> Caller:
        """Who asks, if they may and not too often. Raises a ``Refusal``."""
        public = route.whom == "public"
        if public and (route.name != "metrics" or self._settings.gateway_open_metrics):
            if route.limited:
                self._limit(f"a {request.remote}", self._settings.gateway_rate)
            return NOBODY
        caller = self._access.caller(_token(request), request.remote or "", time.time())
        if caller is None:
            self._limit(f"x {request.remote}", self._settings.gateway_profile_rate)
            raise Refusal(401, "unauthorized", "send a valid token: Authorization: Bearer ...")
        rate = self._settings.gateway_rate if caller.profile is None else self._settings.gateway_profile_rate
        self._limit(caller.name, rate)
        profile = request.match_info.get("id") if route.whom == "profile" else None
        if profile is not None and len(profile) > MAX_ID_CHARACTERS:
            raise Refusal(400, "too_long", f"a profile's id has at most {MAX_ID_CHARACTERS} characters")
        scope = access.ADMIN if route.name == "metrics" else route.scope
        may = scope in caller.scopes if route.whom == "anybody" else caller.may(scope, profile)
        if not may:
            raise Refusal(403, "forbidden", f"this token does not allow it: that takes the scope {scope!r}")
        return caller

    def _limit(self, name: str, rate: float) -> None:
        wait_s = self._rates.wait_s(name, rate, time.monotonic())
        if wait_s:
            raise Refusal(429, "too_often", f"more than {rate:g} requests a second", retry_s=wait_s)

    async def _preflight(self, request: web.Request) -> web.Response | None:
        if request.method != hdrs.METH_OPTIONS or request.headers.get(hdrs.ORIGIN) not in self._origins:
            return None
        return web.Response(
            status=204,
            headers={
                hdrs.ACCESS_CONTROL_ALLOW_METHODS: "GET, POST",
                hdrs.ACCESS_CONTROL_ALLOW_HEADERS: "Authorization, Content-Type",
                hdrs.ACCESS_CONTROL_MAX_AGE: "600",
            },
        )

    def _allow_origin(self, request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers[hdrs.VARY] = "Origin"
        origin = request.headers.get(hdrs.ORIGIN)
        if origin in self._origins:
            answer.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = origin
            answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"


async def _index(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(PAGE / "index.html")


def _token(request: web.Request) -> str | None:
    kind, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() or None if kind.lower() == "bearer" else None


def _refuse_foreign_names(request: web.Request) -> None:
    try:
        name = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        name = ""
    if not is_loopback(name):
        raise Refusal(421, "wrong_host", "without tokens the gateway answers to localhost and 127.0.0.1 only")


def _said(error: web.HTTPException) -> web.Response:
    known = {
        404: ("not_found", "there is nothing here: /openapi.json lists what there is"),
        405: ("wrong_method", "not with this method: /openapi.json lists what there is"),
        413: ("too_large", "the body is larger than gateway_max_body_bytes allows"),
    }
    word, words = known.get(error.status, ("refused", error.reason))
    return answers.refusal(Refusal(error.status, word, words))
