"""The documents that others build against, generated from the code and committed: OpenAPI, AsyncAPI, JSON Schemas and
frozen examples of a service, and the merged OpenAPI of all of them.

A test calls :func:`check_documents`, so that a change of an API is always a visible change of a file. Output is stable:
sorted keys, two spaces, a newline at the end.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.api_document import CONTACT, LICENSE, operations
from shared.events import CONTENT_TYPE, Envelope, EventName, PublishedEvent, envelope_of, schema_address, stream_of
from shared.jetstream import event_stream
from shared.service import Service, openapi_of

ASYNCAPI_VERSION = "3.1.0"
JSON_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXAMPLE_TIME = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
EXAMPLE_TENANT = UUID("0190a000-0000-7000-8000-000000000001")
EXAMPLE_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Documents = Mapping[str, object]
"""Path below the service's folder to the JSON document."""


def serialized(document: object) -> str:
    """The one textual form of a document.

    Values of an enumeration are sorted: Python caches ``Literal["a", "b"] | None`` under a key that ignores order, so
    their order would depend on which other module of the process was imported first.
    """
    return json.dumps(_with_sorted_enumerations(document), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _with_sorted_enumerations(node: object) -> object:
    if isinstance(node, dict):
        return {
            key: sorted(child, key=str)
            if key == "enum" and isinstance(child, list)
            else _with_sorted_enumerations(child)
            for key, child in node.items()
        }
    if isinstance(node, list):
        return [_with_sorted_enumerations(child) for child in node]
    return node


# --- events ----------------------------------------------------------------------------------------------------------


def _example_id(name: EventName) -> UUID:
    """An id that looks like any other (UUIDv7) and is always the same for an event."""
    digest = bytearray(hashlib.sha256(str(name).encode()).digest()[:16])
    digest[:6] = int(EXAMPLE_TIME.timestamp() * 1000).to_bytes(6, "big")
    digest[6] = 0x70 | (digest[6] & 0x0F)
    digest[8] = 0x80 | (digest[8] & 0x3F)
    return UUID(bytes=bytes(digest))


def example_envelope(event: type[PublishedEvent], name: EventName) -> Envelope:
    """The frozen example of an event, as consumers test against it. Raises when ``EXAMPLE`` is not valid data."""
    data = event.model_validate(event.EXAMPLE)
    version = getattr(data, "version", 1)
    return envelope_of(
        data,
        name,
        event_id=_example_id(name),
        at=EXAMPLE_TIME,
        tenant_id=EXAMPLE_TENANT,
        version=version if isinstance(version, int) else 1,
        correlation_id="example",
        traceparent=EXAMPLE_TRACE,
    )


def event_schema(event: type[PublishedEvent], name: EventName) -> dict[str, Any]:
    """JSON Schema of the whole envelope of an event, ``data`` included."""
    data = event.model_json_schema(mode="serialization")
    definitions = data.pop("$defs", {})
    envelope = Envelope.model_json_schema(mode="serialization")
    properties = envelope["properties"] | {
        "type": {"const": name.type, "type": "string"},
        "dataschema": {"const": schema_address(name), "type": "string"},
        "data": data,
    }
    schema: dict[str, Any] = {
        "$schema": JSON_SCHEMA_DIALECT,
        "$id": schema_address(name),
        "title": event.__name__,
        "description": " ".join((event.__doc__ or event.__name__).split()),
        "type": "object",
        "properties": properties,
        "required": [
            *("specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema"),
            *("tenantid", "aggregateversion", "data"),
        ],
    }
    if definitions:
        schema["$defs"] = definitions
    return schema


def schemas_of(service: Service) -> Documents:
    """``schemas/<event>.schema.json`` and ``schemas/examples/<event>.json`` of every event that the service publishes.

    ``<event>`` is the name used in code, e.g. ``contracts.contract.activated.v1``.
    """
    found: dict[str, object] = {}
    for event in service.registry.events:
        name = service.registry.name_of(event)
        found[f"schemas/{name}.schema.json"] = event_schema(event, name)
        found[f"schemas/examples/{name}.json"] = json.loads(example_envelope(event, name).to_bytes())
    return found


# --- AsyncAPI --------------------------------------------------------------------------------------------------------


def _consumed(service: Service) -> list[tuple[EventName, type[BaseModel] | None, str]]:
    """Event, the model that this service reads of it, and what it does with it."""
    return [
        (s.name, s.model, " ".join((s.handle.__doc__ or s.handle.__name__.replace("_", " ")).split()))
        for s in sorted(service.handlers or (), key=lambda s: str(s.name))
    ]


def _channel(name: EventName, key: str) -> dict[str, Any]:
    return {
        "address": f"{name.service}.{name.aggregate}.{{{key}}}.{name.event}.v{name.version}",
        "description": f"{name.type}, one subject per {name.aggregate}",
        "parameters": {key: {"description": f"id of the {name.aggregate}"}},
        "messages": {str(name): {"$ref": f"#/components/messages/{name}"}},
    }


def _message(name: EventName, title: str, summary: str, data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name.type,
        "title": title,
        "summary": summary,
        "contentType": CONTENT_TYPE,
        "headers": {
            "type": "object",
            "properties": {
                "Nats-Msg-Id": {"type": "string", "format": "uuid", "description": "the event's id"},
                "ce-type": {"type": "string", "const": name.type},
            },
        },
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {"type": "object", "properties": {"type": {"const": name.type}, "data": data}},
            ]
        },
    }


def asyncapi_of(service: Service) -> dict[str, Any]:
    """The AsyncAPI 3.1.0 document: what the service publishes and what it reads of others."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (event, "serialization") for event in service.registry.events
    ]
    consumed = _consumed(service)
    models += [(model, "validation") for _, model, _ in consumed if model is not None]
    models.append((Envelope, "serialization"))
    refs, definitions = models_json_schema(models, ref_template="#/components/schemas/{model}")
    by_model = {key[0]: value for key, value in refs.items()}
    channels: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    todo: dict[str, Any] = {}
    stream = event_stream(service.name)
    for event in service.registry.events:
        name = service.registry.name_of(event)
        summary = " ".join((event.__doc__ or event.__name__).split())
        channels[str(name)] = _channel(name, event.KEY)
        messages[str(name)] = _message(name, event.__name__, summary, by_model[event])
        messages[str(name)]["examples"] = [
            {"name": str(name), "payload": json.loads(example_envelope(event, name).to_bytes())}
        ]
        todo[f"send_{name.aggregate}_{name.event}_v{name.version}"] = _operation(
            "send",
            name,
            summary,
            {"stream": stream.name, "subject": name.subject_filter, "deduplication": "Nats-Msg-Id"},
        )
    durables = {d.stream: d for d in service.handlers.declarations()} if service.handlers else {}
    for name, model, summary in consumed:
        if str(name) not in channels:
            channels[str(name)] = _channel(name, f"{name.aggregate}_id")
            messages[str(name)] = _message(
                name,
                f"{name.aggregate} {name.event}",
                f"as {service.name} reads it",
                by_model.get(model, {}),  # type: ignore[arg-type]
            )
        durable = durables[stream_of(name.service)]
        binding = {
            "stream": durable.stream,
            "durable": durable.durable,
            "ack_wait": durable.ack_wait,
            "max_deliver": durable.max_deliver,
            "max_ack_pending": durable.max_ack_pending,
        }
        operation = f"receive_{name.service}_{name.aggregate}_{name.event}_v{name.version}"
        todo[operation] = _operation("receive", name, summary, binding)
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "id": f"urn:upheld:service:{service.name}",
        "info": {
            "title": f"{service.title}: events",
            "version": service.version,
            "description": service.description,
            "contact": CONTACT,
            "license": {"name": LICENSE["name"], "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": service.name}],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "nats": {
                "host": "127.0.0.1:4222",
                "protocol": "nats",
                "description": "NATS with JetStream; set by *_NATS_URL",
            }
        },
        "channels": channels,
        "operations": todo,
        "components": {"messages": messages, "schemas": definitions.get("$defs", {})},
    }


def _operation(action: str, name: EventName, summary: str, jetstream: Mapping[str, object]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": summary,
        "description": f"{summary} CloudEvents 1.0, structured JSON.",
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
        "x-jetstream": dict(jetstream),
    }


# --- files -----------------------------------------------------------------------------------------------------------


def documents_of(service: Service) -> Documents:
    """Every generated document of a service, by path below its folder."""
    further = {f"schemas/{name}": schema() for name, schema in service.further_schemas.items()}
    return {
        "openapi.json": openapi_of(service),
        "asyncapi.json": asyncapi_of(service),
        **schemas_of(service),
        **further,
    }


def write_documents(service: Service, folder: Path, documents: Documents | None = None) -> list[Path]:
    """Write the documents (all of them by default) below ``folder`` and delete schemas of events that are no more.

    Returns the paths that changed.
    """
    wanted = documents_of(service) if documents is None else documents
    changed = []
    for name, document in wanted.items():
        path = folder / name
        content = serialized(document)
        if not path.is_file() or path.read_text(encoding="utf-8") != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            changed.append(path)
    for path in _left_over(folder, wanted):
        path.unlink()
        changed.append(path)
    return changed


def _left_over(folder: Path, wanted: Documents) -> Iterator[Path]:
    for path in sorted((folder / "schemas").rglob("*.json")):
        if path.relative_to(folder).as_posix() not in wanted:
            yield path


def check_documents(service: Service) -> list[str]:
    """What of the committed documents is missing, stale or left over; empty when all is up to date.

    For a test: ``assert check_documents(SERVICE) == []``. ``python -m <service> documents`` repairs it.
    """
    wanted = documents_of(service)
    faults = []
    for name, document in wanted.items():
        path = service.folder / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif path.read_text(encoding="utf-8") != serialized(document):
            faults.append(f"{name} is stale")
    faults += [
        f"{path.relative_to(service.folder).as_posix()} is left over" for path in _left_over(service.folder, wanted)
    ]
    return faults


# --- the merged OpenAPI ----------------------------------------------------------------------------------------------


def merged_openapi(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One OpenAPI document of several services, for generators of one client.

    :param documents: service name to its document. Each path carries the server of its service; components that differ
        under one name get the service's name in front.
    :raises ValueError: two services share a path, a tag with two meanings or an operation id.
    """
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Upheld",
            "version": next(iter(documents.values()))["info"]["version"],
            "description": "The four services of Upheld in one document. Every path names the server that answers it.",
            "contact": CONTACT,
            "license": LICENSE,
        },
        "servers": [server for document in documents.values() for server in document.get("servers", ())],
        "tags": [],
        "paths": {},
        "components": {},
    }
    operation_ids: set[str] = set()
    for service, original in documents.items():
        document = _renamed(service, original, merged["components"])
        for path, item in document["paths"].items():
            if path in merged["paths"]:
                raise ValueError(f"two services answer {path}")
            merged["paths"][path] = {"servers": document["servers"], **item}
        for _, _, operation in operations(document):
            if operation["operationId"] in operation_ids:
                raise ValueError(f"two services have an operation {operation['operationId']}")
            operation_ids.add(operation["operationId"])
        for tag in document.get("tags", ()):
            if tag not in merged["tags"]:
                if any(other["name"] == tag["name"] for other in merged["tags"]):
                    raise ValueError(f"two services describe the tag {tag['name']} differently")
                merged["tags"].append(tag)
        if "webhooks" in document:
            merged.setdefault("webhooks", {}).update(document["webhooks"])
        for kind, entries in document["components"].items():
            merged["components"].setdefault(kind, {}).update(entries)
    return merged


def _renamed(service: str, original: Mapping[str, Any], taken: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A copy whose components do not collide with other ones under the same name."""
    document: dict[str, Any] = copy.deepcopy(dict(original))
    names: dict[str, str] = {}
    while True:  # a component with the same text collides too once something that it refers to has a new name
        collisions = {
            f"#/components/{kind}/{name}": f"#/components/{kind}/{service.capitalize()}{name}"
            for kind, entries in document["components"].items()
            for name, entry in entries.items()
            if name in taken.get(kind, {}) and taken[kind][name] != entry
        }
        if not collisions:
            return document
        names |= collisions
        _point_to(document, names)
        for old, new in collisions.items():
            kind, name = old.split("/")[2:]
            entries = document["components"][kind]
            entries[new.rsplit("/", 1)[-1]] = entries.pop(name)


def _point_to(node: Any, names: Mapping[str, str]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and (key == "$ref" or value in names):
                node[key] = names.get(value, value)
            else:
                _point_to(value, names)
    elif isinstance(node, list):
        for item in node:
            _point_to(item, names)


def main(argv: Sequence[str] | None = None) -> int:
    """``python -m shared.schema_docs [--check] OUTPUT SERVICE_FOLDER…``: merge the committed OpenAPI documents."""
    parser = argparse.ArgumentParser(prog="python -m shared.schema_docs", description="merge OpenAPI documents")
    parser.add_argument("output", type=Path)
    parser.add_argument("folders", type=Path, nargs="+", help="services/contracts …: folders with an openapi.json")
    parser.add_argument("--check", action="store_true", help="change nothing; status 1 when OUTPUT is not up to date")
    arguments = parser.parse_args(argv)
    try:
        documents = {
            folder.name: json.loads((folder / "openapi.json").read_text(encoding="utf-8"))
            for folder in arguments.folders
        }
        content = serialized(merged_openapi(documents))
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot merge: {error}\n")
        return 1
    if arguments.check:
        if arguments.output.is_file() and arguments.output.read_text(encoding="utf-8") == content:
            return 0
        sys.stderr.write(f"{arguments.output} is stale: run python -m shared.schema_docs without --check\n")
        return 1
    arguments.output.write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
