"""Walks over every operation of an OpenAPI document: what to call, with which path, with which body."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One operation of a service: `path` is the template, `parameters` the names in it."""

    service: str
    operation_id: str
    method: str
    path: str
    parameters: tuple[str, ...]
    secured: bool
    body: Any
    """An example of a JSON body, None where there is none."""
    media_type: str | None
    required: dict[str, Any]
    """Examples of the query parameters that are required, and what makes an endless answer end at once."""
    optional: tuple[str, ...]
    """The names of the other query parameters."""

    def __str__(self) -> str:
        return f"{self.service} {self.method.upper()} {self.path}"

    def query(self) -> dict[str, Any]:
        """Values of the required query parameters; a period is the day up to now, whatever the examples say."""
        now = datetime.now(UTC)
        period = {"from": now - timedelta(days=1), "to": now}
        return self.required | {
            name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in period.items() if name in self.required
        }

    def filled(self, values: Mapping[str, str]) -> str:
        """The path with its parameters; raises KeyError when a value is missing."""
        return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], self.path)


def operations_of(service: str, document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of the document, in its order."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method not in methods:
                continue
            described = methods[method]
            media_type, body = _body(document, described)
            yield Operation(
                service=service,
                operation_id=described["operationId"],
                method=method,
                path=path,
                parameters=tuple(re.findall(r"\{(\w+)\}", path)),
                secured=bool(described.get("security", document.get("security"))),
                body=body,
                media_type=media_type,
                required={
                    each["name"]: example_of(document, each.get("schema", {}))
                    for each in described.get("parameters", [])
                    if each["in"] == "query" and each.get("required")
                }
                | ({"for_seconds": 0} if _is_endless(described) else {}),
                optional=tuple(
                    each["name"]
                    for each in described.get("parameters", [])
                    if each["in"] == "query" and not each.get("required")
                ),
            )


def _is_endless(described: Mapping[str, Any]) -> bool:
    return "text/event-stream" in described["responses"].get("200", {}).get("content", {})


def _body(document: Mapping[str, Any], described: Mapping[str, Any]) -> tuple[str | None, Any]:
    content = described.get("requestBody", {}).get("content", {})
    for media_type, description in content.items():
        return media_type, example_of(document, description.get("schema", {}), description)
    return None, None


def example_of(document: Mapping[str, Any], schema: Mapping[str, Any], media: Mapping[str, Any] | None = None) -> Any:  # noqa: PLR0911
    """The example that the document gives for a schema, or one made of its parts."""
    if media and "example" in media:
        return media["example"]
    if media and media.get("examples"):
        return next(iter(media["examples"].values()))["value"]
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return example_of(document, target)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("const", "example", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example_of(document, schema[key][0])
    if schema.get("type") == "object":
        required = schema.get("required", [])
        return {
            name: example_of(document, part) for name, part in schema.get("properties", {}).items() if name in required
        }
    return {"array": [], "string": "text", "integer": 1, "number": 1, "boolean": True}.get(schema.get("type", ""))
