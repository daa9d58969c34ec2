"""What binds of a published event's schema, line by line, and what changed of it since the release before.

A shape names each place in the data and what may stand there: ``{"incident_id": "string, format uuid",
"clocks[].facts?": "array or null"}``. A question mark says that the place may be missing. Titles, descriptions and
examples bind nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Shape = dict[str, str]

BINDING = (
    *("const", "enum", "format", "pattern", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minProperties", "maxProperties"),
)


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """The shape of the data of an event, from the JSON Schema of its envelope."""
    return dict(_lines(schema["properties"]["data"], schema.get("$defs", {}), "", ()))


def differences(before: Mapping[str, Shape], now: Mapping[str, Shape]) -> dict[str, str]:
    """Event and place to what is wrong there, in words. New events are no fault, nor new places that may be missing."""
    found: dict[str, str] = {}
    for event, old in before.items():
        if event not in now:
            found[event] = "is not published any more"
            continue
        new = now[event]
        for place, rule in old.items():
            if place in new:
                if new[place] != rule:
                    found[f"{event} {place}"] = f"was {rule}, is {new[place]}"
            elif f"{place}?" in new:
                found[f"{event} {place}"] = "may be missing now"
            elif place.endswith("?") and place[:-1] in new:
                found[f"{event} {place}"] = "must be there now"
            elif not _below_another(place, old, new):
                found[f"{event} {place}"] = "is gone"
        for place in new.keys() - old.keys():
            if not place.endswith("?") and f"{place}?" not in old and _parent(place) in {"", *old}:
                found[f"{event} {place}"] = "is new and must be there, but events of the release before lack it"
    return found


def _parent(place: str) -> str:
    """The place that holds a place: `clocks[]` of `clocks[].facts?`, `clocks` of `clocks[]`."""
    return re.sub(r"(\.?[^.\[\]{}|]+|\[\d*\]|\{\}|\|\d+)$", "", place)


def _below_another(place: str, old: Shape, new: Shape) -> bool:
    """Whether a place is gone only because one above it is: said once is enough."""
    parent = _parent(place)
    return bool(parent) and parent in old and parent not in new


def _lines(
    schema: Mapping[str, Any], names: Mapping[str, Any], place: str, above: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Each place in a value and its rule. A definition that contains itself is told once."""
    resolved, within = _resolved(schema, names, above)
    if resolved is None:
        yield place, f"as above: {within[-1]}"
        return
    schema = resolved
    choices = [one for key in ("anyOf", "oneOf", "allOf") for one in schema.get(key, ())]
    if choices:
        kinds = [_rule(_resolved(one, names, ())[0] or {}) for one in choices]
        if place:
            yield place, " or ".join(sorted(kinds))
        inner = [one for one in choices if _has_places(_resolved(one, names, ())[0] or {})]
        for number, one in enumerate(inner):
            below = place if len(inner) == 1 else f"{place}|{number}"
            yield from ((at, rule) for at, rule in _lines(one, names, below, within) if at != place)
        return
    if place:
        yield place, _rule(schema)
    required = set(schema.get("required", ()))
    for name, one in schema.get("properties", {}).items():
        here = f"{place}.{name}" if place else name
        yield from _lines(one, names, here if name in required else f"{here}?", within)
    for key, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if isinstance(schema.get(key), dict):
            yield from _lines(schema[key], names, place + mark, within)
    for number, one in enumerate(schema.get("prefixItems", ())):
        yield from _lines(one, names, f"{place}[{number}]", within)


def _resolved(
    schema: Mapping[str, Any], names: Mapping[str, Any], above: tuple[str, ...]
) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
    """A schema without a reference at its top, and the definitions that it stands in; None for one of these."""
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in above:
            return None, (*above, name)
        above = (*above, name)
        schema = {**names[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema, above


def _has_places(schema: Mapping[str, Any]) -> bool:
    return any(
        key in schema for key in ("properties", "items", "prefixItems", "anyOf", "oneOf", "allOf")
    ) or isinstance(schema.get("additionalProperties"), dict)


def _rule(schema: Mapping[str, Any]) -> str:
    """What may stand in a place, without what stands below it."""
    told = [str(schema.get("type", "anything"))]
    for key in BINDING:
        if key in schema:
            value = sorted(schema[key], key=str) if key == "enum" else schema[key]
            told.append(f"{key} {json.dumps(value, ensure_ascii=False)}")
    return ", ".join(told)
