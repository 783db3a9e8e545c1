"""The contract's structs and the documents made from them."""

from __future__ import annotations

import json
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from streams import topics
from streams.errors import ConfigurationError
from streams.events import asyncapi, kinds, schema
from streams.settings import Settings

SETTINGS = Settings()
BASE = {"event_id": "e1", "profile_id": "p1", "ts": 1_760_000_000_000}
FIELDS: dict[str, dict[str, Any]] = {
    "session_start": {},
    "session_end": {},
    "impression": {"row_id": "crime", "row_position": 0, "items": [{"title_id": "t1", "position": 0}]},
    "click": {"title_id": "t1"},
    "playback_start": {"playback_id": "b1", "title_id": "t1", "duration_s": 3600},
    "playback_progress": {"playback_id": "b1", "title_id": "t1", "position_s": 30},
    "playback_pause": {"playback_id": "b1", "title_id": "t1", "position_s": 30.5},
    "playback_resume": {"playback_id": "b1", "title_id": "t1", "position_s": 30.5},
    "playback_stop": {"playback_id": "b1", "title_id": "t1", "position_s": 40},
    "playback_seek": {"playback_id": "b1", "title_id": "t1", "from_s": 40, "to_s": 10},
    "playback_skip": {"title_id": "t1"},
    "playback_complete": {"playback_id": "b1", "title_id": "t1"},
    "search": {"query": "night train"},
    "browse": {"category_id": "c1", "dwell_s": 4},
    "rating": {"title_id": "t1", "value": -1},
    "list_add": {"title_id": "t1"},
    "list_remove": {"title_id": "t1"},
    "trailer_view": {"trailer_id": "v1", "title_id": "t1", "watched_s": 12},
    "profile_settings": {"profiled": False, "kids": True, "max_age": 12},
    "profile_deleted": {},
    "subscription_started": {"plan": "basic", "period_days": 30},
    "subscription_renewed": {},
    "subscription_payment_failed": {},
    "subscription_plan_changed": {"plan": "family"},
    "subscription_paused": {},
    "subscription_cancelled": {},
}
DECISION = {
    "profile_id": "p1",
    "ts": 1,
    "version": 1,
    "cause": {"event_id": "e1", "topic": "viewing-events", "partition": 0, "offset": 7},
    "model": {"name": "quality", "version": 3},
    "explore": False,
    "propensity": 1.0,
}


def decoder_of(type_name: str) -> msgspec.json.Decoder[Any]:
    return schema.SUBSCRIPTION if type_name.startswith("subscription_") else schema.VIEWING


def topic_of(type_name: str) -> str:
    return topics.SUBSCRIPTION_EVENTS if type_name.startswith("subscription_") else topics.VIEWING_EVENTS


def test_the_union_of_each_topic_has_exactly_the_contracts_types() -> None:
    viewing = [schema.type_name(kind) for kind in get_args(schema.ViewingEvents)]
    subscription = [schema.type_name(kind) for kind in get_args(schema.SubscriptionEvents)]
    assert (tuple(viewing), tuple(subscription)) == (kinds.VIEWING_KINDS, kinds.SUBSCRIPTION_KINDS)
    assert set(FIELDS) == {*viewing, *subscription}


@pytest.mark.parametrize("type_name", sorted(FIELDS))
def test_the_least_event_of_each_type_is_taken_and_no_required_field_may_be_left_out(type_name: str) -> None:
    event = {"type": type_name, **BASE, **FIELDS[type_name]}
    decoder = decoder_of(type_name)
    decoded = decoder.decode(json.dumps(event))
    assert schema.type_name(type(decoded)) == type_name
    assert decoded.profile_id == "p1"
    struct_fields = {field.name for field in msgspec.structs.fields(decoded) if field.required}
    for name in sorted(struct_fields):
        less = {key: value for key, value in event.items() if key != name}
        with pytest.raises(msgspec.ValidationError, match=f"missing required field `{name}`"):
            decoder.decode(json.dumps(less))


@pytest.mark.parametrize("type_name", sorted(FIELDS))
def test_the_json_schema_and_the_decoder_agree(type_name: str) -> None:
    validator = jsonschema.Draft202012Validator(asyncapi.schema_of(topic_of(type_name), SETTINGS))
    event = {"type": type_name, **BASE, **FIELDS[type_name], "a_newer_field": {"x": [1]}}
    validator.validate(event)
    decoder_of(type_name).decode(json.dumps(event))
    for wrong in ({"profile_id": ""}, {"ts": "1"}, {"event_id": "x" * 257}, {"country": "Germany"}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate({**event, **wrong})
        with pytest.raises(msgspec.ValidationError):
            decoder_of(type_name).decode(json.dumps({**event, **wrong}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "rating", "title_id": "t", "value": 0},
        {"type": "rating", "title_id": "t", "value": 1.5},
        {"type": "playback_progress", "playback_id": "b", "title_id": "t", "position_s": -0.001},
        {"type": "playback_progress", "playback_id": "b", "title_id": "t", "position_s": "3"},
        {"type": "playback_progress", "playback_id": "b", "title_id": "t", "position_s": 1e300},
        {"type": "impression", "row_id": "r", "row_position": -1, "items": []},
        {"type": "impression", "row_id": "r", "row_position": 0, "items": [{"title_id": "t"}]},
        {"type": "search", "query": "q", "title_ids": ["t"] * 501},
        {"type": "click", "title_id": "t", "device_type": "toaster"},
    ],
)
def test_values_outside_the_contract_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        schema.VIEWING.decode(json.dumps({**BASE, **wrong}))


def test_optional_fields_may_be_null() -> None:
    decoded = schema.VIEWING.decode(json.dumps({**BASE, "type": "click", "title_id": "t", "row_id": None}))
    assert isinstance(decoded, schema.Click)
    assert decoded.row_id is None


def test_every_topic_of_the_contract_has_a_valid_schema_and_internal_ones_of_bytes_have_none() -> None:
    printed = asyncapi.schemas(SETTINGS)
    internal = {SETTINGS.state_topic, SETTINGS.models_topic, SETTINGS.credits_topic}
    assert set(printed) == {topic.name for topic in topics.catalogue(SETTINGS)} - internal
    for document in printed.values():
        jsonschema.Draft202012Validator.check_schema(document)
    with pytest.raises(ConfigurationError, match="no topic of the contract"):
        asyncapi.schema_of("nonsense", SETTINGS)


def test_decision_records_fit_their_schema() -> None:
    order = {**DECISION, "rows": ["a", "b"], "scores": [0.3, 0.1], "previous": None}
    order["reasons"] = [{"row_id": "a", "feature": "own_plays", "contribution": 0.8}]
    validator = jsonschema.Draft202012Validator(asyncapi.schema_of(topics.ROW_ORDER, SETTINGS))
    validator.validate(order)
    validator.validate({**order, "experiment": {"id": "x", "arm": "b"}, "previous": ["b", "a"]})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**order, "propensity": 0})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**order, "version": 0})


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def test_the_asyncapi_document_names_every_topic_and_every_reference_in_it_leads_somewhere() -> None:
    document = asyncapi.asyncapi(SETTINGS, "1.2.3")
    document = json.loads(json.dumps(document))
    assert set(document["channels"]) == set(asyncapi.schemas(SETTINGS))
    assert document["operations"]["read-viewing-events"]["action"] == "receive"
    assert document["operations"]["write-row-order"]["action"] == "send"
    assert references(document)
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_every_schema_topic_is_a_topic_of_the_catalogue() -> None:
    assert set(schema.VALUES) <= {topic.name for topic in topics.catalogue(SETTINGS)}
