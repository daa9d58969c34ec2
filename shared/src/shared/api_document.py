"""The OpenAPI document of a service, completed so that frontend teams and generators can rely on it, and its HTML page.

FastAPI knows routes and models. What it cannot know is added here, the same for the four services: the problem answers
that every route can give, the scopes, the limits of texts and numbers that the edge enforces.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi._compat import get_definitions, get_flat_models_from_fields, get_model_name_map
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_fields_from_routes, get_openapi
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute

from shared.auth import BEARER_DESCRIPTION, SCOPES, authenticated, required_scopes
from shared.problems import (
    MEDIA_TYPE,
    BadRequest,
    Conflict,
    FieldError,
    Forbidden,
    InternalError,
    InvalidCursor,
    InvalidJson,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    Problem,
    ProblemDocument,
    TooLarge,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_GENERIC_PAGE = re.compile(r"^Page_(\w+)_$")
NO_NUL = "^[^\\u0000]*$"
INT32 = 2**31 - 1

CONTACT = {"name": "Upheld", "url": "https://upheld.dev"}
LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

_COMPONENT_RESPONSES: Mapping[str, tuple[type[Problem], ...]] = {
    "BadRequest": (BadRequest, InvalidJson, InvalidCursor),
    "Unauthorized": (Unauthorized,),
    "Forbidden": (Forbidden,),
    "NotFound": (NotFound,),
    "Conflict": (Conflict,),
    "PreconditionFailed": (PreconditionFailed,),
    "TooLarge": (TooLarge,),
    "UnsupportedMediaType": (UnsupportedMediaType,),
    "ValidationFailed": (ValidationFailed,),
    "PreconditionRequired": (PreconditionRequired,),
    "TooManyRequests": (TooManyRequests,),
    "InternalError": (InternalError,),
    "Unavailable": (Unavailable,),
}

_RATE_LIMIT_FIELDS: Mapping[str, Any] = {
    "RateLimit": {
        "description": "draft-ietf-httpapi-ratelimit-headers-10: how many requests (`r`) this person or key may "
        "make at once now, and after a refusal in how many seconds (`t`) again. Counted by each process of the "
        "service for itself; absent where the installation sets no limit.",
        "schema": {"type": "string", "maxLength": 100, "examples": ['"credential";r=199']},
    },
    "RateLimit-Policy": {
        "description": "draft-ietf-httpapi-ratelimit-headers-10: how many requests may come at once after a rest "
        "(`q`), and in how many seconds they may come again (`w`)",
        "schema": {"type": "string", "maxLength": 100, "examples": ['"credential";q=200;w=4']},
    },
}
_RETRY_AFTER = {
    "description": "seconds to wait",
    "schema": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 86400},
}


def dependants(dependant: Dependant) -> Iterator[Dependant]:
    """The dependant and everything below it."""
    yield dependant
    for child in dependant.dependencies:
        yield from dependants(child)


def openapi_document(
    app: FastAPI,
    *,
    title: str,
    version: str,
    description: str,
    tags: Sequence[Mapping[str, str]],
    servers: Sequence[Mapping[str, str]],
    webhooks: Sequence[BaseRoute] = (),
) -> dict[str, Any]:
    """The complete document. Raises ``ValueError`` when two operations share an id or an operation has no tag."""
    document = get_openapi(
        title=title,
        version=version,
        description=description,
        routes=app.router.routes,
        webhooks=webhooks,
        tags=[dict(tag) for tag in tags],
        servers=[dict(server) for server in servers],
        contact=CONTACT,
        license_info=LICENSE,
        separate_input_output_schemas=False,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    _restore_nulls(schemas, [*app.router.routes, *webhooks])
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas["Problem"].pop("$defs", None)
    schemas["FieldError"] = FieldError.model_json_schema()
    components["responses"] = {name: _problem_response(group) for name, group in _COMPONENT_RESPONSES.items()}
    components["headers"] = _RATE_LIMIT_FIELDS
    components["securitySchemes"] = {
        "bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": BEARER_DESCRIPTION},
        "oauth2": {
            "type": "oauth2",
            "description": (
                "How a program gets its bearer token: client credentials (RFC 6749, section 4.4) at the contracts "
                "service, with the id and the secret of an API key. The token is then sent as `bearerAuth`."
            ),
            "flows": {"clientCredentials": {"tokenUrl": "/v1/oauth/token", "scopes": dict(SCOPES)}},
        },
    }
    _rename_pages(document)
    scopes = _scopes_by_operation(app)
    seen: set[str] = set()
    for path, method, operation in operations(document):
        name = operation.get("operationId", f"{method} {path}")
        if name in seen:
            raise ValueError(f"two operations are called {name}")
        seen.add(name)
        if not operation.get("tags"):
            raise ValueError(f"{name} has no tag")
        _complete(operation, path, scopes.get((path, method)))
    for item in document.get("webhooks", {}).values():
        for operation in item.values():
            operation["responses"].pop("422", None)  # FastAPI's; what a receiver answers is for the receiver to say
    for node in _nodes([document["paths"], document.get("webhooks", {})]):
        _bound(node)
    for node in _nodes(schemas):
        _bound(node)
    return document


def _restore_nulls(schemas: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """FastAPI drops every null from its document; without theirs, examples lack keys that a request must have."""
    fields = get_fields_from_routes(routes)
    names = get_model_name_map(get_flat_models_from_fields(fields, known_models=set()))
    _, definitions = get_definitions(fields=fields, model_name_map=names, separate_input_output_schemas=False)
    for name, definition in definitions.items():
        if "examples" in definition:
            schemas[name]["examples"] = definition["examples"]


def _rename_pages(document: dict[str, Any]) -> None:
    """``Page_Client_``, as FastAPI calls ``Page[Client]``, becomes ``ClientPage``: a name that a client can show."""
    schemas = document["components"]["schemas"]
    names = {}
    for name in list(schemas):
        generic = _GENERIC_PAGE.match(name)
        if generic and f"{generic[1]}Page" not in schemas:
            schemas[f"{generic[1]}Page"] = schemas.pop(name)
            names[f"#/components/schemas/{name}"] = f"#/components/schemas/{generic[1]}Page"
    for node in _nodes(document):
        if node.get("$ref") in names:
            node["$ref"] = names[node["$ref"]]


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each (path, method, operation) of an OpenAPI document."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _scopes_by_operation(app: FastAPI) -> dict[tuple[str, str], list[str]]:
    """(path, method) to the scopes of which one is needed; missing for public operations."""
    found: dict[tuple[str, str], list[str]] = {}
    for context in iter_route_contexts(app.router.routes):
        dependant = getattr(context, "dependant", None)
        if not isinstance(dependant, Dependant):
            continue
        below = list(dependants(dependant))
        if not any(d.call is authenticated for d in below):
            continue
        scopes = sorted({scope for d in below for scope in required_scopes(d.call)})
        for method in context.methods or ():
            found[(context.path_format or context.path or "", method.lower())] = scopes
    return found


def _problem_response(group: Sequence[type[Problem]]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": "; ".join(p.title for p in group),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        "x-problem-types": [p.type_uri() for p in group],
    }
    if group[0] is Unauthorized:
        response["headers"] = {
            "WWW-Authenticate": {
                "description": "RFC 6750: what is wrong with the token",
                "schema": {"type": "string", "maxLength": 1000},
            }
        }
    if group[0] in (TooManyRequests, Unavailable):
        response["headers"] = {"Retry-After": _RETRY_AFTER}
    if group[0] is TooManyRequests:
        response["headers"] = response["headers"] | _rate_limit_references()
    return response


def _rate_limit_references() -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMIT_FIELDS}


def _complete(operation: dict[str, Any], path: str, scopes: list[str] | None) -> None:
    for parameter in operation.get("parameters", ()):
        _not_null(parameter["schema"])
        if parameter["name"] == "If-Match":  # optional in the code only so that its absence is a 428 and not a 422
            parameter["required"] = True
    parameters = {(p["in"], p["name"].lower()) for p in operation.get("parameters", ())}
    answers = ["InternalError", "Unavailable"]
    if scopes is None:
        operation["security"] = []
    else:
        operation["security"] = [{"bearerAuth": scopes}]
        answers += ["Unauthorized", "Forbidden", "TooManyRequests"]
        if scopes:
            note = "Needs the scope " + " or ".join(f"`{scope}`" for scope in scopes) + "."
            operation["description"] = "\n\n".join(filter(None, (operation.get("description"), note)))
    for applies, names in (
        ("requestBody" in operation, ("BadRequest", "TooLarge", "UnsupportedMediaType", "ValidationFailed")),
        (bool(parameters), ("ValidationFailed",)),
        ("{" in path, ("NotFound",)),
        (("query", "cursor") in parameters, ("BadRequest",)),
        (("header", "if-match") in parameters, ("PreconditionFailed", "PreconditionRequired")),
        (("header", "idempotency-key") in parameters, ("BadRequest", "Conflict")),
    ):
        if applies:
            answers += names
    responses = operation.setdefault("responses", {})
    if "HTTPValidationError" in json.dumps(responses.get("422", {})):
        del responses["422"]
    for answer in answers:
        status = str(_COMPONENT_RESPONSES[answer][0].status)
        responses.setdefault(status, {"$ref": f"#/components/responses/{answer}"})
    if ("header", "if-none-match") in parameters:
        responses.setdefault("304", {"description": "It has not changed since"})
    for status, response in responses.items():
        if scopes is not None and status.startswith("2"):
            response["headers"] = response.get("headers", {}) | _rate_limit_references()
    operation["responses"] = dict(sorted(responses.items()))


def _not_null(schema: dict[str, Any]) -> None:
    """A parameter is there or not; there is no null in an address or a header."""
    others = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(others) == 1:
        del schema["anyOf"]
        schema.update(others[0])


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for key, child in node.items():
            if key not in ("examples", "example", "default", "const", "enum"):
                yield from _nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from _nodes(child)


def _bound(schema: dict[str, Any]) -> None:
    """State what the edge enforces on every text and what an integer can hold."""
    kind = schema.get("type")
    if kind == "string" and not {"pattern", "format", "enum", "const"} & set(schema):
        schema["pattern"] = NO_NUL
    if kind == "integer" and "format" not in schema:
        top = schema.get("maximum", schema.get("exclusiveMaximum"))
        bottom = schema.get("minimum", schema.get("exclusiveMinimum"))
        small = top is not None and bottom is not None and top <= INT32 and bottom >= -INT32
        schema["format"] = "int32" if small else "int64"


# --- the HTML page ---------------------------------------------------------------------------------------------------

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
code,pre{font:14px/1.4 ui-monospace,monospace}
pre{background:var(--soft);padding:.75rem;overflow:auto;border-radius:.4rem}
section{border-top:1px solid var(--line);margin-top:1.5rem;padding-top:.5rem}
summary{cursor:pointer}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left;vertical-align:top}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
"""


def _text(value: object) -> str:
    return html.escape(str(value))


def _type_of(schema: Mapping[str, Any]) -> str:
    """A schema in one line of HTML, with links to named schemas."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f'<a href="#schema-{_text(name)}">{_text(name)}</a>'
    for word, joint in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " &amp; ")):
        if word in schema:
            return joint.join(_type_of(part) for part in schema[word])
    if "const" in schema:
        return _text(json.dumps(schema["const"], ensure_ascii=False))
    if "enum" in schema:
        return " | ".join(_text(json.dumps(value, ensure_ascii=False)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"[{_type_of(schema.get('items', {}))}]"
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("format", ""), ("minimum", "≥"), ("maximum", "≤"), ("maxLength", "at most"))
        if key in schema
    ]
    return _text(" ".join(filter(None, (str(schema.get("type", "any")), *map(str.strip, limits)))))


def _json_block(value: object) -> str:
    return f"<pre>{_text(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _content(content: Mapping[str, Any]) -> str:
    parts = []
    for media_type, body in content.items():
        parts.append(f"<code>{_text(media_type)}</code> {_type_of(body.get('schema', {}))}")
        examples = body.get("examples") or ({"": {"value": body["example"]}} if "example" in body else {})
        parts.extend(_json_block(example.get("value", example)) for example in examples.values())
    return "<br>".join(parts)


def _operation_html(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{_text(p['name'])}</code></td>"
        f"<td>{_text(p['in'])}{', required' if p.get('required') else ''}</td>"
        f"<td>{_type_of(p.get('schema', {}))}</td><td>{_text(p.get('description', ''))}</td></tr>"
        for p in operation.get("parameters", ())
    )
    answers = ""
    for status, answer in operation.get("responses", {}).items():
        found: Mapping[str, Any] = answer
        if "$ref" in answer:
            found = document["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
        answers += (
            f"<tr><td>{_text(status)}</td><td>{_text(found.get('description', ''))}</td>"
            f"<td>{_content(found.get('content', {}))}</td></tr>"
        )
    body = operation.get("requestBody")
    return (
        f'<section id="{_text(operation["operationId"])}"><h3><span class="method">{_text(method.upper())}</span> '
        f"<code>{_text(path)}</code></h3><p><strong>{_text(operation.get('summary', ''))}</strong> "
        f"<code>{_text(operation['operationId'])}</code></p><p>{_text(operation.get('description', ''))}</p>"
        + (f"<table><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr>{rows}</table>" if rows else "")
        + (f"<p>Body: {_content(body['content'])}</p>" if body else "")
        + f"<details><summary>Answers</summary><table>{answers}</table></details></section>"
    )


def _schema_html(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{_text(key)}</code>{'' if key in required else ' ?'}</td><td>{_type_of(value)}</td>"
        f"<td>{_text(value.get('description', ''))}</td></tr>"
        for key, value in schema.get("properties", {}).items()
    )
    return (
        f'<section id="schema-{_text(name)}"><h3>{_text(name)}</h3><p>{_text(schema.get("description", ""))}</p>'
        + (f"<table>{rows}</table>" if rows else f"<p>{_type_of(schema)}</p>")
        + "".join(_json_block(example) for example in schema.get("examples", ()))
        + "</section>"
    )


def html_page(document: Mapping[str, Any]) -> str:
    """The document as one HTML page, complete in itself: no script, nothing loaded from elsewhere."""
    info = document["info"]
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {tag["name"]: [] for tag in document.get("tags", ())}
    for path, method, operation in operations(document):
        by_tag.setdefault(operation["tags"][0], []).append((path, method, operation))
    described = {tag["name"]: tag.get("description", "") for tag in document.get("tags", ())}
    contents = "".join(
        f"<li>{_text(tag)}<ul>"
        + "".join(
            f'<li><a href="#{_text(op["operationId"])}"><code>{_text(method.upper())} {_text(path)}</code></a> '
            f"{_text(op.get('summary', ''))}</li>"
            for path, method, op in group
        )
        + "</ul></li>"
        for tag, group in by_tag.items()
    )
    chapters = "".join(
        f"<h2>{_text(tag)}</h2><p>{_text(described.get(tag, ''))}</p>"
        + "".join(_operation_html(path, method, op, document) for path, method, op in group)
        for tag, group in by_tag.items()
    )
    schemas = "".join(_schema_html(name, s) for name, s in sorted(document["components"].get("schemas", {}).items()))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{_text(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{_text(info['title'])} <small>{_text(info['version'])}</small></h1>"
        f"<p>{_text(info.get('description', ''))}</p>"
        '<p><a href="openapi.json">openapi.json</a> · <a href="problems">problem types</a></p>'
        f"<ul>{contents}</ul>{chapters}<h2>Schemas</h2>{schemas}</body></html>\n"
    )
