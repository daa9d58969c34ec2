"""Requests with exactly one fault each, made from an OpenAPI document, and the judgement of what they are answered."""

import copy
import itertools
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from shared.ids import new_id
from shared.outbound_http import usual_authorities

from .openapi_walk import METHODS, Operation, example_of
from .thread_client import CLIENT_ZONE

INT64 = 2**63
STRANGE_VALUES = ({"unexpected": 1}, ["unexpected"], "unexpected", 7.5, True, None)
"""One value of every JSON type: what a schema does not take of them is a wrong type."""
UNKNOWN_FIELD = "an unknown field"
NAIVE = "2026-06-08T09:00:00"
LONGEST_TRIED = 20_000
"""Longer limits of texts are not tried: the body's own limit comes first."""
JSON = "application/json"
PROBLEM = "application/problem+json"

DOCUMENT = "urn:upheld:document"
"""Where schemas find the others of their document."""

Path = tuple[str | int, ...]


ANSWERED_ALL_THE_SAME = frozenset({"act_on_many", "assign_item", "create_hours_approval"})
"""Operations whose bodies may name what is not there: of many items each has its own result, the people of the agency
are known to contracts only, and its items to the service desk only.
"""


@dataclass(frozen=True)
class Attempt:
    """A request that must be refused, and what the refusal must say."""

    operation: Operation
    fault: str
    path: str
    expected: tuple[int, ...]
    """Statuses that are right."""
    place: tuple[str, str] | None = None
    """Where `errors` must show the fault: (`pointer` | `parameter` | `header`, which one)."""
    code: str | None = None
    """The problem's slug, where one status can mean several things."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    method: str | None = None
    """None is the operation's."""
    answer_headers: tuple[str, ...] = ()
    """Header fields that the answer must have."""

    def __str__(self) -> str:
        return f"{self.operation} with {self.fault}"

    def is_named_by(self, named: set[tuple[str, str]]) -> bool:
        """Whether one of these places is that of the fault, or in it; one outside of it would not tell as much."""
        if self.place is None:
            return False
        kind, where = self.place
        return self.place in named or (
            kind == "pointer" and any(each == kind and name.startswith(where + "/") for each, name in named)
        )


@dataclass(frozen=True)
class _Faulty:
    """An attempt with one fault in its body, and how the body comes to it."""

    attempt: Attempt
    fault: str
    path: Path
    value: Any
    place: Path
    """Where the answer must name it: there, or around it."""
    in_union: bool


@dataclass
class _FaultGroup:
    """The same fault at places of which none is within another."""

    members: list[_Faulty] = field(default_factory=list)

    def takes(self, another: _Faulty) -> bool:
        """Whether one more place can have this fault at the same time."""
        return not another.in_union and all(
            one.fault == another.fault
            and not one.in_union
            and not _within(one.path, another.path)
            and not _within(one.place, another.place)
            for one in self.members
        )


class Judge:
    """Makes attempts and tells what is wrong with the answers."""

    def __init__(self, urls: Mapping[str, str], token: str, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self._urls = urls
        self.token = token
        self._documents = documents

    def wrongs(self, attempts: Sequence[Attempt]) -> Iterator[str]:
        """One sentence for each attempt that was not refused as it must be."""
        yield from self.wrongs_of_many((one, [one]) for one in attempts)

    def wrongs_of_many(self, groups: Iterable[tuple[Attempt, Sequence[Attempt]]]) -> Iterator[str]:
        """The same for attempts that one request makes together: whichever its answer does not name is made alone."""
        with httpx.Client(trust_env=False, timeout=30, verify=usual_authorities()) as http:
            for together, attempts in groups:
                named: set[tuple[str, str]] = set()
                if len(attempts) > 1:
                    answer = self.answer(http, together)
                    named = set() if any(self._wrong(together, answer)) else _named(answer)
                for attempt in attempts:
                    if attempt.is_named_by(named):
                        continue
                    answer = self.answer(http, attempt)
                    for wrong in self._wrong(attempt, answer):
                        yield f"{attempt}: {wrong}: {answer.status_code} {answer.text[:600]}"

    def answer(self, http: httpx.Client, attempt: Attempt) -> httpx.Response:
        """The answer to one attempt, with the judge's token unless the attempt says otherwise."""
        headers = {"Authorization": f"Bearer {self.token}"} if attempt.operation.secured else {}
        return http.request(
            attempt.method or attempt.operation.method,
            self._urls[attempt.operation.service] + attempt.path,
            params=dict(attempt.query) or None,
            headers={name: value for name, value in (headers | dict(attempt.headers)).items() if value},
            content=attempt.content,
        )

    def _wrong(self, attempt: Attempt, answer: httpx.Response) -> Iterator[str]:
        if answer.status_code not in attempt.expected:
            yield f"not answered {' or '.join(map(str, attempt.expected))}"
            return
        yield from not_a_problem(answer)
        if answer.status_code != httpx.codes.METHOD_NOT_ALLOWED:
            described = self._documents[attempt.operation.service]["paths"][attempt.operation.path]
            if str(answer.status_code) not in described[attempt.operation.method]["responses"]:
                yield "the status is not documented"
        for name in attempt.answer_headers:
            if name not in answer.headers:
                yield f"the header {name} is missing"
        if attempt.code and answer.json().get("code") != attempt.code:
            yield f"the problem is not {attempt.code}"
        if attempt.place and not attempt.is_named_by(_named(answer)):
            yield "no error names the {} {}".format(*attempt.place)


def _named(answer: httpx.Response) -> set[tuple[str, str]]:
    """The places that the errors of a problem name."""
    errors = answer.json().get("errors", [])
    return {(kind, error[kind]) for error in errors for kind in ("pointer", "parameter", "header") if kind in error}


def not_a_problem(answer: httpx.Response) -> Iterator[str]:
    """What keeps an answer from being a problem document as every refusal must be."""
    if answer.headers.get("content-type") != PROBLEM:
        yield "not a problem document"
        return
    problem = answer.json()
    for member in ("type", "title", "detail", "instance", "code", "request_id"):
        if not isinstance(problem.get(member), str) or not problem[member]:
            yield f"the problem has no {member}"
    if problem.get("status") != answer.status_code:
        yield "the problem names another status"
    for word in ("Traceback", "sqlalchemy", "psycopg", "pydantic"):
        if word in answer.text:
            yield f"the problem tells of the inside: {word}"


class BadRequests:
    """Faulty requests for the operations of one service."""

    def __init__(self, operations: Sequence[Operation], document: Mapping[str, Any], owned: Mapping[str, str]) -> None:
        self.operations = operations
        self.service = operations[0].service
        self._document = document
        self._owned = owned
        self._registry: Registry[Any] = (
            Registry().with_resource(DOCUMENT, DRAFT202012.create_resource(document)).crawl()
        )
        self._validators: dict[str, Draft202012Validator] = {}

    # What a good request is made of ---------------------------------------------------------------------------------

    def described(self, operation: Operation) -> Mapping[str, Any]:
        """The operation's description in the document."""
        described: Mapping[str, Any] = self._document["paths"][operation.path][operation.method]
        return described

    def has_header(self, operation: Operation, name: str) -> bool:
        """Whether the operation documents this request header."""
        return any(each["in"] == "header" and each["name"] == name for each in self._parameters(operation))

    def _parameters(self, operation: Operation) -> list[Mapping[str, Any]]:
        return list(self.described(operation).get("parameters", []))

    def _body_schema(self, operation: Operation) -> Mapping[str, Any] | None:
        content = self.described(operation).get("requestBody", {}).get("content", {})
        return dict(content[JSON]["schema"]) if JSON in content else None

    def body(self, operation: Operation) -> Any:
        """The document's example with the owner's ids wherever it names one."""

        moments = moments_of(datetime.now(UTC)) if operation.secured else {}

        def owned(value: Any, key: str = "") -> Any:
            if isinstance(value, Mapping):
                return {name: owned(inner, name) for name, inner in value.items()}
            if isinstance(value, list):
                return [owned(inner, key.removesuffix("s")) for inner in value]
            if value is None:
                return None
            return self._owned.get(key, value) if key.endswith("_id") else moments.get(key, value)

        return owned(copy.deepcopy(operation.body))

    def attempt(self, operation: Operation, fault: str, *expected: int, **how: Any) -> Attempt:
        """A good request to the owner's own things but for what `how` changes. `body` is sent as JSON."""
        headers = {"If-Match": "*"} if self.has_header(operation, "If-Match") else {}
        content = how.pop("content", None)
        body = how.pop("body", self.body(operation) if content is None else None)
        if body is not None and operation.media_type == JSON:
            content = json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = operation.media_type or JSON
        path = operation.filled(self._owned | how.pop("values", {}))
        query = operation.query() | how.pop("query", {})
        headers |= how.pop("headers", {})
        return Attempt(operation, fault, path, expected, headers=headers, query=query, content=content, **how)

    # Bodies ---------------------------------------------------------------------------------------------------------

    def unreadable_bodies(self) -> Iterator[Attempt]:
        """Not JSON at all."""
        for operation in self._with_body():
            for fault, content in (
                ("a body that ends too early", b'{"name": "x"'),
                ("a body of words", b"unexpected"),
                ("a body that is not UTF-8", b'{"name": "\xff"}'),
                ("NaN", b'{"name": NaN}'),
                ("bottomless nesting", b"[" * 100_000),
            ):
                yield self.attempt(operation, fault, 400, content=content, code="invalid-json")

    def bodies_of_another_type(self) -> Iterator[Attempt]:
        """Media types that nobody accepts, and none at all."""
        for operation in self.operations:
            if operation.media_type is None:
                continue
            taken = self.described(operation)["requestBody"]["content"]
            for media_type in {"text/plain", "application/xml", "multipart/form-data", ""} - set(taken):
                yield self.attempt(
                    operation, f"content type {media_type or 'left out'}", 415, content=b"{}",
                    headers={"Content-Type": media_type}, code="unsupported-media-type",
                )  # fmt: skip

    def good_bodies(self) -> Iterator[Attempt]:
        """The document's own examples, for the owner's things."""
        for operation in self._with_body():
            yield self.attempt(operation, "the example of its body")

    def faulty_bodies(self) -> Iterator[tuple[Attempt, list[Attempt]]]:
        """Every fault at every place of every body: unknown, missing, of another type, out of bounds.

        Places are judged each for itself, so that one request has the same fault at all places that are not within one
        another: it comes first, and then the attempts with one fault each that it stands for. Not so within a union:
        which of its alternatives a value is taken for depends on all of the value.
        """
        tried: set[tuple[str, Path, str]] = set()
        for operation in self._with_body():
            good = self.body(operation)
            groups: list[_FaultGroup] = []
            for one in self._faulty(operation, good, tried):
                group = next((group for group in groups if group.takes(one)), None)
                if group is None:
                    groups.append(group := _FaultGroup())
                group.members.append(one)
            for group in groups:
                body = good
                for one in group.members:
                    body = _with(body, one.path, one.value)
                attempts = [one.attempt for one in group.members]
                together = self.attempt(operation, f"{len(attempts)} faults", 422, body=body, code="validation-failed")
                yield together, attempts

    def _faulty(self, operation: Operation, good: Any, tried: set[tuple[str, Path, str]]) -> Iterator[_Faulty]:
        """What can be wrong in the body of an operation and was not tried in another yet.

        What several bodies are made of is tried as a whole in the first, and in the others only as one of their values.
        """
        schema = self._body_schema(operation) or {}
        for path, fault, value, place in self._faults(schema, good):
            inside = {(name, rest, fault) for name, rest in self._components_around(schema, good, path)}
            if inside & tried:
                continue
            tried |= inside
            body = _with(good, path, value)
            # a wrong body must be wrong by the document too, or clients are told less than we ask for
            if fault != UNKNOWN_FIELD and not self._is_wrong(schema, body) and not _beyond_schemas(fault):
                continue
            attempt = self.attempt(
                operation, f"{fault} at {pointer(path)}", 422, body=body, place=("pointer", pointer(place)),
                code="validation-failed",
            )  # fmt: skip
            yield _Faulty(attempt, fault, path, value, place, in_union=self._in_union(schema, good, path))

    def reversed_periods(self) -> Iterator[Attempt]:
        """A period whose end is its beginning, or before it."""
        for operation in self.operations:
            names = {each["name"] for each in self._parameters(operation) if each["in"] == "query"}
            if {"from", "to"} <= names:
                for end in ("2026-06-08T09:00:00Z", "2026-06-07T09:00:00Z", "2026-06-08T10:30:00+02:00"):
                    yield self.attempt(
                        operation, f"a period that ends at {end}", 422,
                        query={"from": "2026-06-08T09:00:00Z", "to": end}, place=("parameter", "to"),
                    )  # fmt: skip
            schema = self._body_schema(operation)
            if schema is None:
                continue
            good = self.body(operation)
            for path, _, _ in self._places(schema, good):
                if _get(good, (*path[:-1], "to_next_day")):
                    continue  # a window that ends on the next day ends at an earlier time of the day
                if path and path[-1] in ("to", "ends_on") and (begin := _sibling(good, path)) is not None:
                    body = _with(good, path, _before(begin))
                    yield self.attempt(
                        operation, f"a period that ends before it begins at {pointer(path)}", 422,
                        body=body, place=("pointer", pointer(path[:-1])),
                    )  # fmt: skip

    def unknown_references(self) -> Iterator[Attempt]:
        """Ids in bodies of things that do not exist."""
        for operation in self._with_body():
            if operation.operation_id in ANSWERED_ALL_THE_SAME:
                continue
            good = self.body(operation)
            for path, schema, value in self._places(self._body_schema(operation) or {}, good):
                if value is not None and schema.get("format") == "uuid" and _get(good, path) is not None:
                    body = _with(good, path, str(new_id()))
                    yield self.attempt(
                        operation, f"an unknown id at {pointer(path)}", 404, 422, body=body,
                        place=("pointer", pointer(path)),
                    )  # fmt: skip

    def _with_body(self) -> Iterator[Operation]:
        return (operation for operation in self.operations if operation.media_type == JSON)

    # Addresses ------------------------------------------------------------------------------------------------------

    def unknown_ids(self) -> Iterator[Attempt]:
        """Each id of a path replaced by one that nothing has."""
        for operation in self.operations:
            for each in self._parameters(operation):
                if each["in"] != "path":
                    continue
                name = each["name"]
                kind = each["schema"].get("format") or each["schema"].get("type")
                unknown = {"uuid": str(new_id()), "integer": "999", "int32": "999"}.get(kind, "unknown-0-name")
                if "pattern" not in each["schema"] or kind in ("uuid",):
                    yield self.attempt(operation, f"an unknown {name}", 404, values={name: unknown})

    def malformed_parameters(self) -> Iterator[Attempt]:
        """Every path and query parameter with values that its schema does not take."""
        for operation in self.operations:
            for each in self._parameters(operation):
                name, schema = each["name"], self._resolved(each["schema"])
                if each["in"] not in ("path", "query") or name == "cursor":
                    continue
                for fault, value in _texts(schema):
                    how: dict[str, Any] = (
                        {"values": {name: value}} if each["in"] == "path" else {"query": {name: value}}
                    )
                    yield self.attempt(
                        operation, f"{fault} as {name}", 422, place=("parameter", name), code="validation-failed", **how
                    )

    def unstorable_addresses(self) -> Iterator[Attempt]:
        """NUL and broken UTF-8 in every path and query parameter."""
        for operation in self.operations:
            for each in self._parameters(operation):
                name = each["name"]
                for fault, text in (("NUL", "a%00b"), ("broken UTF-8", "%ff%fe")):
                    if each["in"] == "path":
                        yield self.attempt(
                            operation, f"{fault} in {name}", 422, values={name: text}, place=("parameter", name)
                        )
                    elif each["in"] == "query":
                        good = self.attempt(operation, f"{fault} in {name}", 422, place=("parameter", name))
                        rest = "".join(f"&{key}={value}" for key, value in good.query.items() if key != name)
                        yield _replaced(good, path=f"{good.path}?{name}={text}{rest}", query={})

    def garbage_cursors(self) -> Iterator[Attempt]:
        """Cursors that no list gave out."""
        for operation in self.operations:
            if not any(each["name"] == "cursor" for each in self._parameters(operation)):
                continue
            for cursor in ("abc", "e30", "eyJ2IjoxfQ", "bnVsbA", "A" * 1000):
                yield self.attempt(
                    operation, f"the cursor {cursor[:20]}", 400, query={"cursor": cursor}, code="invalid-cursor"
                )
            for cursor in ("", "a b", "é", "A" * 1025):
                yield self.attempt(
                    operation,
                    f"the cursor {cursor[:20]!r}",
                    422,
                    query={"cursor": cursor},
                    place=("parameter", "cursor"),
                )

    def other_methods(self) -> Iterator[Attempt]:
        """Every method that a path does not have."""
        seen = set()
        for operation in self.operations:
            if operation.path in seen:
                continue
            seen.add(operation.path)
            for method in METHODS:
                if method not in self._document["paths"][operation.path]:
                    yield self.attempt(operation, method.upper(), 405, method=method, answer_headers=("allow",))

    def allowed(self, path: str) -> set[str]:
        """The methods that `Allow` must name for a path."""
        return {method.upper() for method in METHODS if method in self._document["paths"][path]}

    # Headers --------------------------------------------------------------------------------------------------------

    def preconditions(self) -> Iterator[Attempt]:
        """Changes without If-Match, and with one that was never right or is not any more."""
        for operation in self.operations:
            if not self.has_header(operation, "If-Match"):
                continue
            yield self.attempt(operation, "no If-Match", 428, headers={"If-Match": ""}, code="precondition-required")
            for tag in ('"-1"', 'W/"1"', '"999999999999999999999"', "unexpected", '"a", "b"'):
                yield self.attempt(
                    operation, f"If-Match: {tag}", 412, headers={"If-Match": tag}, code="precondition-failed",
                    answer_headers=("etag",),
                )  # fmt: skip

    def malformed_idempotency_keys(self) -> Iterator[Attempt]:
        """Idempotency keys that are none."""
        for operation in self.operations:
            if self.has_header(operation, "Idempotency-Key"):
                for key in ('"open', "a b", "x" * 256, '""'):
                    yield self.attempt(operation, f"the key {key[:10]}", 400, headers={"Idempotency-Key": key})

    def with_token(self, fault: str, token: str, status: int) -> Iterator[Attempt]:
        """Every operation that asks for a token, with this one; an empty one is none."""
        for operation in self.operations:
            if operation.secured:
                yield self.attempt(
                    operation, fault, status, headers={"Authorization": token and f"Bearer {token}"},
                    answer_headers=("www-authenticate",),
                )  # fmt: skip

    # Schemas --------------------------------------------------------------------------------------------------------

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            target: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = target
        return schema

    def _is_wrong(self, schema: Mapping[str, Any], value: Any) -> bool:
        whole = json.dumps(schema, sort_keys=True)
        if whole not in self._validators:
            moved = json.loads(whole.replace('"#/', f'"{DOCUMENT}#/'))
            self._validators[whole] = Draft202012Validator(moved, registry=self._registry)
        return not self._validators[whole].is_valid(value)

    def _fitting(self, schema: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
        """The alternative of a union that the value is of, or else its first one that is not null."""
        schema = self._resolved(schema)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                options = [each for each in schema[word] if each.get("type") != "null"]
                right = [each for each in options if value is not None and not self._is_wrong(each, value)]
                return self._fitting((right or options)[0], value)
        return schema

    def _places(
        self, schema: Mapping[str, Any], value: Any, path: Path = ()
    ) -> Iterator[tuple[Path, Mapping[str, Any], Any]]:
        """Every place of a body that the schema describes: where, its schema, and an example of a value."""
        fitting = self._fitting(schema, value)
        yield path, fitting, value
        if isinstance(value, Mapping):
            for name, part in fitting.get("properties", {}).items():
                inner = value[name] if value.get(name) is not None else self._example(part)
                yield from self._places(part, inner, (*path, name))
        elif isinstance(value, list) and "items" in fitting:
            yield from self._places(
                fitting["items"], value[0] if value else self._example(fitting["items"]), (*path, 0)
            )

    def _example(self, schema: Mapping[str, Any]) -> Any:
        example = example_of(self._document, schema)
        return example_of(self._document, self._fitting(schema, None)) if example is None else example

    def _faults(self, schema: Mapping[str, Any], good: Any) -> Iterator[tuple[Path, str, Any, Path]]:
        """Where a value is wrong, what is wrong, the value, and the place that the answer must name."""
        for path, part, value in self._places(schema, good):
            whole = self._schema_at(schema, good, path)
            wrong_types = [strange for strange in STRANGE_VALUES if self._is_wrong(whole, strange)]
            for strange in wrong_types[:3]:
                yield path, json.dumps(strange), strange, path
            if isinstance(value, Mapping) and "properties" in part:
                # refused whatever the document says: a document that allows it is wrong as well
                yield (*path, "unexpected_field"), UNKNOWN_FIELD, 1, (*path, "unexpected_field")
                # without a key that tells alternatives apart, a value may count as another of them
                alternatives = {"anyOf", "oneOf"} & set(self._resolved(whole))
                for name in part.get("required", ()):
                    yield (*path, name), "nothing", _MISSING, path if alternatives else (*path, name)
            if part.get("type") == "array" and part.get("maxItems", INT64) <= 200 and value:
                yield path, "too many items", [value[0]] * (part["maxItems"] + 1), path
            if part.get("type") in ("string", "integer", "number", "boolean"):
                for fault, wrong in _values(part):
                    if _beyond_schemas(fault) or self._is_wrong(whole, wrong):
                        yield path, fault, wrong, path

    def _in_union(self, schema: Mapping[str, Any], value: Any, path: Path) -> bool:
        """Whether a place lies in a value that may be of several kinds besides null."""
        return any(self._is_union(self._schema_at(schema, value, path[:at])) for at in range(len(path)))

    def _is_union(self, schema: Mapping[str, Any]) -> bool:
        schema = self._resolved(schema)
        options = [each for word in ("anyOf", "oneOf") for each in schema.get(word, ()) if each.get("type") != "null"]
        return len(options) > 1 or any(self._is_union(each) for each in options)

    def _components_around(self, schema: Mapping[str, Any], value: Any, path: Path) -> Iterator[tuple[str, Path]]:
        """The named schemas that a place lies in, from the outermost on, each with the way from there to the place."""
        for at in range(len(path)):
            whole = self._schema_at(schema, value, path[:at])
            for each in (whole, *whole.get("anyOf", ()), *whole.get("oneOf", ())):
                if "$ref" in each:
                    yield each["$ref"], path[at:]

    def _schema_at(self, schema: Mapping[str, Any], value: Any, path: Path) -> Mapping[str, Any]:
        """The schema of a place with all its alternatives."""
        for part in path:
            fitting = self._fitting(schema, value)
            if isinstance(part, int):
                schema, value = fitting["items"], value[part] if value else self._example(fitting["items"])
            else:
                schema = fitting["properties"][part]
                value = value[part] if value.get(part) is not None else self._example(schema)
        return schema


def _values(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Values that are nearly right: of a type that could be taken for the right one, or beyond a limit."""
    if schema["type"] == "boolean":
        yield from (("zero", 0), ("one", 1), ("the word true", "true"))
        return
    if schema["type"] in ("integer", "number"):
        yield from (("a number as text", "1"), ("true", True))
        yield "an integer beyond int64", INT64
        yield "an integer of 300 digits", 10**300
        if "maximum" in schema:
            yield "more than the maximum", schema["maximum"] + 1
        if "minimum" in schema:
            yield "less than the minimum", schema["minimum"] - 1
        return
    yield "NUL in a text", "a\0b"
    yield "half a surrogate pair", "a\ud800"
    if "enum" in schema:
        yield "an unknown word", "no_such_word"
    if "pattern" in schema:
        yield "a text against the pattern", "\n"
    if schema.get("minLength"):
        yield "an empty text", ""
    if schema.get("maxLength", INT64) < LONGEST_TRIED:
        yield "too long a text", "x" * (schema["maxLength"] + 1)
    yield from _of_format(schema.get("format", ""))


def _texts(schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Values of a path or query parameter that break a limit."""
    kind = schema.get("type")
    if kind == "integer":
        yield from (
            ("a word", "unexpected"), ("a fraction", "1.5"), ("int64 and one", str(INT64)), ("-int64", str(-INT64 - 1)),
            ("300 digits", "9" * 300), ("-1", "-1"), ("more than the maximum", str(schema["maximum"] + 1)),
        )  # fmt: skip
    elif kind == "boolean":
        yield "a word", "unexpected"
    elif "enum" in schema:
        yield "an unknown word", "no_such_word"
    elif schema.get("format"):
        yield from _of_format(schema["format"])
    elif schema.get("maxLength", INT64) < LONGEST_TRIED:
        yield "too long a text", "x" * (schema["maxLength"] + 1)


def _of_format(name: str) -> Iterator[tuple[str, str]]:
    """Texts that are nearly of a format. JSON Schema takes them all: a format is a remark to it."""
    yield from {
        "uuid": [("a malformed id", "not-an-id"), ("half an id", str(uuid.UUID(int=1))[:-1])],
        "date-time": [
            ("a naive date-time", NAIVE), ("a naive date-time with a space", "2026-06-08 09:00:00"),
            ("a day that does not exist", "2026-02-30T09:00:00Z"), ("seconds since 1970", "1780909200"),
        ],
        "date": [("a date that does not exist", "2026-02-30"), ("a date-time as a date", "2026-06-08T00:00:00Z")],
    }.get(name, [])  # fmt: skip


def _beyond_schemas(fault: str) -> bool:
    """Whether JSON Schema cannot say this: formats are remarks to it, and the characters are the edge's rule."""
    formats = {each for name in ("uuid", "date-time", "date") for each, _ in _of_format(name)}
    return fault in formats | {"NUL in a text", "half a surrogate pair"}


def moments_of(now: datetime) -> dict[str, str]:
    """Instants and days that count from the present, by their keys: an example stands still while the clock goes on."""
    ahead = {
        "at": timedelta(),
        "occurred_at": timedelta(minutes=-1),
        "called_at": timedelta(minutes=-1),
        "effective_from": timedelta(days=30),
    }
    instants = {key: f"{now + offset:%Y-%m-%dT%H:%M:%SZ}" for key, offset in ahead.items()}
    next_month = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    return instants | {"first_on": f"{next_month:%Y-%m-%d}", "delivered_on": f"{now.astimezone(CLIENT_ZONE):%Y-%m-%d}"}


_MISSING = object()


def _within(one: Path, another: Path) -> bool:
    """Whether one of two places is the other one, or a part of it."""
    common = min(len(one), len(another))
    return one[:common] == another[:common]


def pointer(path: Path) -> str:
    """The JSON Pointer of a place, as problem documents write it."""
    return "#" + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _with(body: Any, path: Path, value: Any) -> Any:
    """A copy of the body with another value at a place, or without it; parents that are missing are made."""
    if not path:
        return value
    changed = copy.deepcopy(body)
    here = changed
    for part, following in itertools.pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(here, list) and not here:
            here.append(empty)
        elif isinstance(part, str) and here.get(part) is None:
            here[part] = empty
        here = here[part]
    if value is _MISSING:
        here.pop(path[-1], None)
    elif isinstance(path[-1], int) and path[-1] >= len(here):
        here.append(value)
    else:
        here[path[-1]] = value
    return changed


def _get(body: Any, path: Path) -> Any:
    for part in path:
        try:
            body = body[part]
        except (KeyError, IndexError, TypeError):
            return None
    return body


def _sibling(body: Any, path: Path) -> str | None:
    """The beginning that belongs to an end; of days without a year none does: they may go over the end of the year."""
    begin = _get(body, (*path[:-1], {"to": "from", "ends_on": "starts_on"}[str(path[-1])]))
    return begin if isinstance(begin, str) and not re.fullmatch(r"\d\d-\d\d", begin) else None


def _before(begin: str) -> str:
    """A year earlier, in the same form: the first four characters of a date and of a date-time are the year."""
    return f"{int(begin[:4]) - 1:04}{begin[4:]}" if begin[:4].isdigit() else begin


def _replaced(attempt: Attempt, **how: Any) -> Attempt:
    return Attempt(**({name: getattr(attempt, name) for name in Attempt.__dataclass_fields__} | how))
