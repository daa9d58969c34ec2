"""What stands between the network and the routes: two ASGI middlewares of every service.

:class:`RequestEdge` gives each request its id, its trace, its access log line and its metrics, and answers whatever
escapes the routes with a problem document. :class:`BodyGuard` refuses bodies that no route should see: too large, of
the wrong type, not JSON, or with characters that a text column cannot hold.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote_to_bytes

import structlog
from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.caller_limit import rate_limit_fields
from shared.ids import new_id
from shared.operations import FIELDS, SECRET_PARAMETERS
from shared.problems import (
    BadRequest,
    ErrorMapping,
    FieldError,
    InvalidJson,
    Problem,
    TooLarge,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
    body_pointer,
    matching_routes,
    problem_of,
    server_error,
)
from shared.telemetry import (
    IN_FLIGHT,
    REQUESTS,
    TRACEPARENT,
    TraceContext,
    collected_as_we_choose,
    tell_span,
    traced,
)

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body that we accept."""

EVENT_STREAM = "text/event-stream"
"""Media type of an answer that lasts as long as its reader stays: how long is no measure of how we answer."""

LARGE_BODIES_ROOM = 64 * 1024 * 1024
"""Bytes beyond `BODY_LIMIT` that all bodies of a process together may bring at one time."""

CLIENT_GONE = 499
"""Stands in logs and metrics for a request that ended without an answer, as nginx writes it."""

DISCARD_LIMIT = 32 * 1024 * 1024
DISCARD_SECONDS = 5.0

_REQUEST_ID = re.compile(r"^[A-Za-z0-9._:-]{1,128}$")
_REFUSED_AT = "upheld.refused_at"
_QUIET_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_log = structlog.get_logger(__name__)


class RequestEdge:
    """Outermost: request id, trace, access log, metrics, and the answer to what nobody foresaw.

    :param unbelieved: the setting that names the proxies before this service, where it names none: the first request
        that comes through one all the same is told, because everybody who comes so is taken for one caller.
    """

    def __init__(
        self, app: ASGIApp, errors: ErrorMapping, *, callers_choose_traces: bool = False, unbelieved: str | None = None
    ) -> None:
        self._app = app
        self._errors = errors
        self._callers_choose_traces = callers_choose_traces
        self._unbelieved = unbelieved

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._unbelieved is not None and "x-forwarded-for" in headers:
            _log.warning("proxy_is_not_believed", setting=self._unbelieved, remote=(scope.get("client") or ("",))[0])
            self._unbelieved = None
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else str(new_id())
        status = 0
        started = time.perf_counter()
        begun_within: float | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status, begun_within
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                if answer.get("content-type", "").startswith(EVENT_STREAM):
                    begun_within = time.perf_counter() - started
                answer["X-Request-ID"] = request_id
                answer.setdefault("X-Content-Type-Options", "nosniff")
                for name, value in rate_limit_fields(scope):
                    answer[name] = value
            await send(message)

        traceparent = headers.get(TRACEPARENT)
        if not self._callers_choose_traces:
            traceparent = collected_as_we_choose(traceparent)
        with traced(traceparent, request_id=request_id) as trace, IN_FLIGHT.track_inprogress():
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:
                if status:  # too late to say anything; the server closes the connection
                    raise
                problem = problem_of(error, self._errors)
                response = (
                    problem.response(scope["path"])
                    if problem
                    else server_error(error, scope["path"], route_template(scope))
                )
                await response(scope, receive, send_with_id)
            finally:
                lasted = time.perf_counter() - started
                answered_within = lasted if begun_within is None else begun_within
                self._record(scope, status or CLIENT_GONE, answered_within, lasted, trace)
                structlog.contextvars.unbind_contextvars("tenant_id", "subject")

    @staticmethod
    def _record(scope: Scope, status: int, answered_within: float, lasted: float, trace: TraceContext) -> None:
        """Both in seconds, and the same but for a stream of events, which is answered when it begins."""
        if scope["path"] in _QUIET_PATHS:
            return  # the platform asks all the time, and its questions would hide how people are answered
        route = route_template(scope)
        method = scope["method"] if scope["method"] in _KNOWN_METHODS else "OTHER"
        REQUESTS.labels(method, route, str(status)).observe(answered_within)
        tell_span(
            f"{method} {route}",
            "server",
            trace,
            lasted,
            lambda: {"http.request.method": method, "http.route": route, "http.response.status_code": status},
            error=str(status) if status >= 500 else None,
        )
        # no query string: it may hold what somebody searched for, or a token of a feed
        _log.info(
            "request",
            method=scope["method"],
            route=route,
            # what stands in the place of a token opens a door
            path=route if _SECRET_PLACE.search(route) else scope["path"],
            status=status,
            duration_ms=round(lasted * 1000, 2),
            remote=(scope.get("client") or ("",))[0],
        )


_SECRET_PLACE = re.compile(rf"\{{[^}}]*(?:{'|'.join(SECRET_PARAMETERS)})[^}}]*\}}")
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_template(scope: Scope) -> str:
    """The route's path with its parameters as names, or ``unmatched``."""
    return str(getattr(scope.get("route"), "path", None) or scope.get(_REFUSED_AT) or "unmatched")


class BodyGuard:
    """Checks the request before its route: size, media type, JSON, characters.

    The body is read once, at most :data:`BODY_LIMIT` bytes, and handed on whole. One of which its route takes more is
    handed on as it comes: the route reads it once it knows from whom, and nothing is kept of what strangers send.

    :param other_types: path to the media types accepted there instead of JSON (the OAuth token endpoint's form).
    :param raw_bodies: template of a path to the media types that its route reads by itself, each with its own limit in
        bytes: what strangers send is kept even when it is no JSON, and files are none.
    :param room: bytes beyond `BODY_LIMIT` that all bodies together may bring at one time.
    """

    def __init__(
        self,
        app: ASGIApp,
        api: FastAPI,
        other_types: Mapping[str, frozenset[str]],
        raw_bodies: Mapping[str, Mapping[str, int]],
        room: int = LARGE_BODIES_ROOM,
    ) -> None:
        self._app = app
        self._api = api
        self._other_types = other_types
        self._raw_bodies = [(compile_path(template)[0], types) for template, types in raw_bodies.items()]
        self._room = _Room(room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._checked_body(scope, receive)
        except TooLarge as problem:
            # The answer goes out before the rest of the body is taken in, and then only to be thrown away: closing the
            # connection under a client that is still sending would cost it the answer.
            scope[_REFUSED_AT] = matching_routes(self._api, scope).get(scope["method"])
            await _answer_then_discard(problem, scope, receive, send)
            return
        except Problem as problem:
            template = matching_routes(self._api, scope).get(scope["method"])
            if template is None:
                await self._app(scope, _replay(b"", receive), send)  # 404 or 405 says more than a faulty body
                return
            scope[_REFUSED_AT] = template
            await problem.response(scope["path"])(scope, receive, send)
            return
        if isinstance(body, _LargeBody):
            with body:
                await self._app(scope, body.receive, send)
            return
        await self._app(scope, receive if body is None else _replay(body, receive), send)

    async def _checked_body(self, scope: Scope, receive: Receive) -> bytes | _LargeBody | None:
        """The whole body, a large one still to come, or None when there is none. Raises the problem to answer with."""
        headers = Headers(scope=scope)
        length = headers.get("content-length")
        chunked = "transfer-encoding" in headers
        raw = self._raw(scope["path"])
        limit = raw.get(_media_type(headers), BODY_LIMIT)
        announced = int(length) if length is not None and length.isdecimal() else 0
        if announced > limit:
            raise _too_large(limit)
        _check_address(self._api, scope)
        if not chunked and length in (None, "0"):
            return None
        if limit > BODY_LIMIT:
            return _LargeBody(receive, limit, announced, self._room)
        body = await _read(receive, limit)
        if body:
            self._check_content(scope, headers, body, frozenset(raw))
        return body

    def _raw(self, path: str) -> Mapping[str, int]:
        return next((types for template, types in self._raw_bodies if template.match(path)), {})

    def _check_content(self, scope: Scope, headers: Headers, body: bytes, raw: frozenset[str]) -> None:
        if scope["method"] not in _WITH_BODY:
            return
        media_type = _media_type(headers)
        others = self._other_types.get(scope["path"], raw)
        if media_type in others:
            return
        if media_type != "application/json" and not (
            media_type.startswith("application/") and media_type.endswith("+json")
        ):
            accepted = ", ".join(sorted({"application/json", *others}))
            detail = f"Send the body as {accepted}" + (
                f", not {media_type[:100]}." if media_type else " with Content-Type."
            )
            error = FieldError(detail=detail[:1000], header="Content-Type")
            raise UnsupportedMediaType(detail, errors=[error], headers={"Accept-Post": accepted})
        document = check_json(body)
        scope[FIELDS] = list(document) if isinstance(document, dict) else []


@dataclass
class _Room:
    """What large bodies may still bring, in bytes."""

    left: int


class _LargeBody:
    """A body that is handed on as it comes. It holds its part of the room until its request is over.

    Of each body the first `BODY_LIMIT` bytes need no room: what is small passes while others fill it.
    """

    def __init__(self, receive: Receive, limit: int, announced: int, room: _Room) -> None:
        self._receive = receive
        self._limit = limit
        self._size = 0
        self._announced = announced
        self._room = room
        self._held = 0
        self._is_whole = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.left += self._held
        self._held = 0

    async def receive(self) -> Message:
        """The next piece. Raises TooLarge, Unavailable when there is no room, BadRequest when its sender has gone."""
        # What was announced is held before it comes: two halves that each wait for the other's room are no file.
        self._hold(self._announced)
        message = await self._receive()
        if message["type"] == "http.disconnect":
            if not self._is_whole:
                raise BadRequest("The body ended before it was whole. Nothing was done: repeat it.")
            return message
        self._size += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._size > self._limit:
            # The connection stays: the server throws away what still comes, and its sender gets to read the answer.
            raise TooLarge(_too_large(self._limit).detail)
        self._hold(self._size)
        return message

    def _hold(self, size: int) -> None:
        more = size - BODY_LIMIT - self._held
        if more > self._room.left:
            raise Unavailable(
                "So many large bodies come in now that there is no room for this one. Nothing was done: repeat it.",
                headers={"Retry-After": "5"},
            )
        if more > 0:
            self._room.left -= more
            self._held += more


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes. Send it in parts.", headers={"Connection": "close"})


async def _read(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def receive_again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


async def _answer_then_discard(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    response = problem.response(scope["path"])
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    discarded = 0
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while discarded < DISCARD_LIMIT:
                message = await receive()
                discarded += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _check_address(api: FastAPI, scope: Scope) -> None:
    """No NUL and no broken UTF-8 in path and query: a text column could not be asked for it."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    for place, raw in (("path", raw_path), ("query", scope["query_string"])):
        fault = _address_fault(raw)
        if fault is not None:
            faulty = _faulty_segments(api, scope, raw_path) if place == "path" else _faulty_fields(raw)
            detail = f"The {place} {fault}."
            errors = [FieldError(detail=detail, parameter=name[:200]) for name in faulty] or [FieldError(detail=detail)]
            raise ValidationFailed(detail, errors=errors[:100])


def _address_fault(raw: bytes) -> str | None:
    decoded = unquote_to_bytes(raw)
    if b"\0" in decoded:
        return "contains a NUL character"
    try:
        decoded.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    return None


def _faulty_segments(api: FastAPI, scope: Scope, raw_path: bytes) -> list[str]:
    """The path parameters that cannot be stored."""
    template = matching_routes(api, scope).get(scope["method"], "")
    pairs = zip(template.split("/"), raw_path.split(b"/"), strict=False)
    return [name for part, raw in pairs if _address_fault(raw) for name in re.findall(r"{(\w+)", part)]


def _faulty_fields(query: bytes) -> list[str]:
    """The query parameters that cannot be stored, by their own names as far as those can be read."""
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    return [
        unquote_to_bytes(name).decode(errors="replace").replace("\0", "\ufffd")
        for name, _, value in pairs
        if _address_fault(name) or _address_fault(value)
    ]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def check_json(body: bytes) -> object:
    """The document. Raise :class:`InvalidJson` or, for characters that cannot be stored, :class:`ValidationFailed`.

    Stricter than Python: no ``NaN``, no numbers of thousands of digits, no nesting that exhausts the stack.
    """
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise InvalidJson("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(f"{error.msg} at line {error.lineno}, column {error.colno} of the body.") from None
    except RecursionError:
        raise InvalidJson("The body is nested too deeply.") from None
    except ValueError:
        raise InvalidJson("The body contains NaN, Infinity or a number of absurd length.") from None
    if b"\\u" in body or b"e" in body or b"E" in body:  # the only ways to write what _faults looks for
        faults = _faults(document)
        if faults:
            raise ValidationFailed("A value of the body cannot be stored; see `errors`.", errors=faults[:100])
    return document


def _faults(document: object) -> list[FieldError]:
    faults: list[FieldError] = []
    pending: list[tuple[tuple[object, ...], object]] = [((), document)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                if (fault := _text_fault(key)) is not None:
                    faults.append(FieldError(detail=f"a name {fault}", pointer=body_pointer(path, document)[:500]))
                pending.append(((*path, key), item))
        elif isinstance(value, list):
            pending.extend(((*path, index), item) for index, item in enumerate(value))
        elif isinstance(value, str) and (fault := _text_fault(value)) is not None:
            faults.append(FieldError(detail=f"the text {fault}", pointer=body_pointer(path, document)[:500]))
        elif isinstance(value, float) and value in (float("inf"), float("-inf")):
            faults.append(FieldError(detail="the number is too large", pointer=body_pointer(path, document)[:500]))
    return faults


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return "contains a NUL character"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "contains half a surrogate pair"
    return None
