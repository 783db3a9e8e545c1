"""The API as an OpenAPI 3.1 document, derived from the routes and the structs of their answers."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import msgspec

from streams.events.schema import SubscriptionEvents, ViewingEvents
from streams.gateway import shapes

REF = "#/components/schemas/{name}"
MEANINGS = {
    400: "Something in the request is wrong; `detail` says what. For posted events: none was right.",
    401: "No token, or none that is valid.",
    403: "The token does not allow this.",
    404: "There is no such thing.",
    413: "Too large, or too many events at once.",
    415: "Neither JSON nor one event a line.",
    429: "Too often; `Retry-After` says when again.",
    503: "Not now: still reading, full, or Kafka did not take the events. `Retry-After` says when again.",
}


def document() -> dict[str, Any]:
    """The document as a value."""
    from streams.gateway.routes import ROUTES, Routes

    structs = {route.answer for route in ROUTES if route.answer is not None} | {shapes.Problem}
    ordered = sorted(structs, key=lambda each: str(each.__name__))
    kinds = [*ordered, ViewingEvents, SubscriptionEvents]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF)
    viewing, subscription = schemas[-2:]
    components["InputEvent"] = {
        "description": "An event of `viewing-events` or `subscription-events`; `type` says which.",
        "anyOf": [viewing, subscription],
    }
    named = dict(zip(ordered, schemas, strict=False))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        words = (getattr(Routes, route.name).__doc__ or "").strip()
        operation: dict[str, Any] = {
            "operationId": route.name,
            "summary": " ".join(words.split()),
            "parameters": [
                {
                    "name": each.name,
                    "in": each.where,
                    "required": each.where == "path",
                    "schema": each.schema,
                    "description": each.meaning,
                }
                for each in route.parameters
            ],
            "responses": _responses(route, named),
            "security": [] if route.whom == "public" else [{"bearer": []}],
        }
        if route.method == "POST":
            operation["requestBody"] = _events()
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Flywheel gateway",
            "version": version("flywheel"),
            "summary": "What Flywheel decides for every viewer, and events in.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A service's token (scopes read, write, admin) or one profile's. None is needed "
                    "while none is configured; the gateway then serves this machine only.",
                }
            },
        },
    }


def _responses(route: Any, named: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    schema: dict[str, Any] = named[route.answer] if route.answer is not None else {}
    responses: dict[str, Any] = {
        str(route.status): {
            "description": "Taken." if route.status == 202 else "The answer.",
            "content": {route.media: {"schema": schema} if schema else {}},
        }
    }
    statuses = [
        *route.problems,
        *(() if route.whom == "public" else (401, 403)),
        *((429,) if route.limited else ()),
    ]
    for status in sorted(statuses):
        problem: dict[str, Any] = named[shapes.Problem]
        if route.name == "events" and status == 400:
            problem = {"anyOf": [named[shapes.EventsTaken], problem]}
        responses[str(status)] = {
            "description": MEANINGS[status],
            "content": {"application/json": {"schema": problem}},
        }
    return responses


def _events() -> dict[str, Any]:
    event = {"$ref": REF.format(name="InputEvent")}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [event, {"type": "array", "items": event}]}},
            "application/x-ndjson": {"schema": {"type": "string", "description": "One event a line."}},
        },
    }
