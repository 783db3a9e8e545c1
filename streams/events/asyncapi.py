"""The published form of the contract: a JSON Schema per topic, and one AsyncAPI 3 document of all topics.

Both are derived from the structs in ``schema.py``; nothing here adds to the contract or can disagree with it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from streams import topics
from streams.errors import ConfigurationError
from streams.events.reasons import Reason
from streams.events.rekeyed import Tally, TitleSignal, TitleStats
from streams.events.schema import VALUES, DeadLetterHeaders, Prediction
from streams.settings import Settings

JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
ASYNCAPI_VERSION = "3.0.0"

READ = "receive"
WRITTEN = "send"


def schema_of(topic: str, settings: Settings) -> dict[str, Any]:
    """The JSON Schema of a topic's values, self-contained. Of ``dead-letters`` it is that of the headers.

    ``ConfigurationError`` for a topic that is not in the contract.
    """
    kind = _values(settings).get(topic)
    if kind is None:
        names = ", ".join(_values(settings))
        raise ConfigurationError(f"{topic!r} is no topic of the contract; it has {names}")
    (schema,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    document = {"$schema": JSON_SCHEMA_DIALECT, "$id": f"urn:flywheel:{topic}", "title": topic, **schema}
    if components:
        document["$defs"] = components
    return _with_reasons(document)


def schemas(settings: Settings) -> dict[str, dict[str, Any]]:
    """The JSON Schema of every topic, by topic name."""
    return {topic: schema_of(topic, settings) for topic in _values(settings)}


def asyncapi(settings: Settings, version: str) -> dict[str, Any]:
    """The AsyncAPI 3 document of the contract as ``settings`` deploy it; ``version`` is the program's."""
    kinds = _values(settings)
    _, components = msgspec.json.schema_components(
        list(kinds.values()), ref_template="#/components/schemas/{name}"
    )
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for topic in topics.catalogue(settings):
        if topic.name not in kinds:
            continue
        read = topic.name in topics.owned(settings) or topic.name in topics.CATALOGS
        (schema,), _ = msgspec.json.schema_components(
            [kinds[topic.name]], ref_template="#/components/schemas/{name}"
        )
        message: dict[str, Any] = {
            "name": topic.name,
            "title": topic.content,
            "contentType": "application/json",
            "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}}},
        }
        message["headers" if topic.name == topics.DEAD_LETTERS else "payload"] = schema
        messages[topic.name] = message
        channels[topic.name] = {
            "address": topic.name,
            "description": topic.content,
            "messages": {topic.name: {"$ref": f"#/components/messages/{topic.name}"}},
            "bindings": {
                "kafka": {
                    "partitions": settings.partitions,
                    "replicas": settings.replication,
                    "topicConfiguration": {"cleanup.policy": ["compact" if topic.compacted else "delete"]},
                }
            },
        }
        operations[f"{'read' if read else 'write'}-{topic.name}"] = {
            "action": READ if read else WRITTEN,
            "channel": {"$ref": f"#/channels/{topic.name}"},
            "messages": [{"$ref": f"#/channels/{topic.name}/messages/{topic.name}"}],
        }
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Flywheel",
            "version": version,
            "description": "Viewing events in; what each viewer should see, and who may leave, out.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": settings.brokers.split(",")[0], "protocol": "kafka"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": _with_reasons(components)},
    }


def _values(settings: Settings) -> dict[str, object]:
    return {
        **VALUES,
        topics.TITLE_SIGNALS: TitleSignal,
        topics.TITLE_STATS: TitleStats,
        topics.DEAD_LETTERS: DeadLetterHeaders,
        settings.tallies_topic: Tally,
        settings.predictions_topic: Prediction,
    }


def _with_reasons(document: dict[str, Any]) -> dict[str, Any]:
    """Name the reasons of a dead letter, which are an enumeration of their own."""
    for components in (document.get("$defs", {}), document):
        headers = components.get("DeadLetterHeaders")
        if headers:
            headers["properties"]["reason"] = {"enum": [reason.value for reason in Reason]}
    return document
