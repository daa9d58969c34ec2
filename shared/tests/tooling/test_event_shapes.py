"""A published event may get more to say; whatever else changes of it is found, by its place."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from event_shapes import differences, shape_of

Schema = dict[str, Any]
EVENT = "contracts.thing.happened.v1"
SCHEMA: Schema = {
    "properties": {
        "data": {
            "type": "object",
            "required": ["thing_id", "kind", "ended_at", "parts"],
            "properties": {
                "thing_id": {"type": "string", "format": "uuid", "title": "Thing"},
                "kind": {"type": "string", "enum": ["large", "small"]},
                "ended_at": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
                "note": {"type": "string", "maxLength": 100},
            },
        }
    },
    "$defs": {
        "Part": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
            },
        }
    },
}


def data(schema: Schema) -> Schema:
    found: Schema = schema["properties"]["data"]
    return found


def part(schema: Schema) -> Schema:
    found: Schema = schema["$defs"]["Part"]
    return found


def changed(change: Callable[[Schema], object]) -> dict[str, str]:
    schema = copy.deepcopy(SCHEMA)
    change(schema)
    found = differences({EVENT: shape_of(SCHEMA)}, {EVENT: shape_of(schema)})
    return {place.removeprefix(EVENT).strip(): what for place, what in found.items()}


def test_a_shape_names_every_place_and_what_may_stand_there() -> None:
    assert shape_of(SCHEMA) == {
        "thing_id": 'string, format "uuid"',
        "kind": 'string, enum ["large", "small"]',
        "ended_at": "null or string",
        "parts": "array",
        "parts[]": "object",
        "parts[].name": "string",
        "parts[].parts?": "array",
        "parts[].parts?[]": "as above: Part",
        "note?": "string, maxLength 100",
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda schema: data(schema)["properties"].update(more={"type": "string"}),
        lambda schema: part(schema)["properties"].update(more={"type": "object", "properties": {"x": {}}}),
        lambda schema: data(schema)["properties"]["thing_id"].update(title="Another", description="Said better"),
        lambda schema: data(schema)["properties"]["kind"].update(enum=["small", "large"]),
    ],
    ids=["a place that may be missing", "one further down", "words about it", "another order"],
)
def test_what_binds_nobody_may_change(change: Callable[[Schema], object]) -> None:
    assert changed(change) == {}


@pytest.mark.parametrize(
    ("change", "place", "what"),
    [
        (lambda schema: data(schema)["properties"].pop("note"), "note?", "is gone"),
        (lambda schema: data(schema)["properties"].pop("parts"), "parts", "is gone"),
        (lambda schema: part(schema)["properties"].pop("name"), "parts[].name", "is gone"),
        (lambda schema: data(schema)["required"].remove("kind"), "kind", "may be missing now"),
        (lambda schema: data(schema)["required"].append("note"), "note?", "must be there now"),
        (
            lambda schema: data(schema)["properties"]["thing_id"].pop("format"),
            "thing_id",
            'was string, format "uuid", is string',
        ),
        (
            lambda schema: data(schema)["properties"]["kind"]["enum"].append("huge"),
            "kind",
            'was string, enum ["large", "small"], is string, enum ["huge", "large", "small"]',
        ),
        (
            lambda schema: data(schema)["properties"]["ended_at"]["anyOf"].pop(),
            "ended_at",
            "was null or string, is string",
        ),
        (
            lambda schema: data(schema)["properties"]["note"].update(maxLength=50),
            "note?",
            "was string, maxLength 100, is string, maxLength 50",
        ),
    ],
)
def test_what_a_reader_relies_on_may_not_change(change: Callable[[Schema], object], place: str, what: str) -> None:
    assert changed(change) == {place: what}


def test_a_new_place_must_be_one_that_events_of_before_may_lack() -> None:
    def add(schema: Schema) -> None:
        part(schema)["properties"]["more"] = {"type": "string"}
        part(schema)["required"].append("more")

    assert changed(add) == {"parts[].more": "is new and must be there, but events of the release before lack it"}


def test_an_event_that_is_not_published_any_more_is_missed_and_a_new_one_is_not() -> None:
    shape = shape_of(SCHEMA)
    assert differences({EVENT: shape}, {EVENT.replace("v1", "v2"): shape}) == {EVENT: "is not published any more"}
