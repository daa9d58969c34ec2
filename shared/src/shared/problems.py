"""Problem documents (RFC 9457): the only shape in which an API of Upheld refuses or fails.

One class is one problem type. A router or ``api/errors.py`` raises an instance; :func:`install_problem_handlers`
turns it, and everything that FastAPI, Starlette, Pydantic or PostgreSQL raise on their own, into
``application/problem+json``. Domain code never imports this module: its errors know no HTTP.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, cast
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from shared.telemetry import HELD_BACK, current_request_id, current_trace_id
from shared.values import json_pointer

PROBLEM_BASE = "https://upheld.dev/problems/"
"""Every ``type`` starts with this; each service serves the same catalogue under ``/problems``."""

MEDIA_TYPE = "application/problem+json"

_EXTENSION_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{2,}$")
_STANDARD_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id", "trace_id"})

_log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """One fault in a request, and where it is: exactly one of the three places, or none for the request as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detail: str = Field(max_length=1000, examples=["Input should be greater than 0"])
    pointer: str | None = Field(
        default=None, max_length=500, description="JSON Pointer into the body, as a URI fragment", examples=["#/name"]
    )
    parameter: str | None = Field(default=None, max_length=200, description="name of the path or query parameter")
    header: str | None = Field(default=None, max_length=200, description="name of the header field")


class ProblemDocument(BaseModel):
    """What every 4xx and 5xx answer contains (RFC 9457)."""

    model_config = ConfigDict(
        title="Problem",
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": PROBLEM_BASE + "not-found",
                    "title": "Not found",
                    "status": 404,
                    "detail": "There is no contract with this id.",
                    "instance": "/v1/contracts/0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11",
                    "code": "not-found",
                    "request_id": "0190b5c8-9a10-7000-8000-000000000001",
                    "trace_id": "0af7651916cd43dd8448eb211c80319c",
                }
            ]
        },
    )

    type: str = Field(max_length=200, description="URI of the problem type; its page explains what to do")
    title: str = Field(max_length=200, description="the same for every problem of this type")
    status: int = Field(ge=400, le=599, json_schema_extra={"format": "int32"})
    detail: str = Field(max_length=2000, description="what went wrong here and what to do next")
    instance: str = Field(max_length=2000, description="path of the request")
    code: str = Field(max_length=100, description="last part of `type`: a stable word for programs")
    request_id: str = Field(max_length=200, description="quote it when you ask for support; also in the logs")
    trace_id: str = Field(max_length=32, description="W3C trace id of the request")
    errors: list[FieldError] | None = Field(default=None, max_length=1000, description="each fault, with its place")


class Problem(Exception):
    """Raise an instance to answer with this problem.

    A subclass sets ``slug``, ``title`` and ``status`` and its docstring is the page of the type. Two subclasses with
    one slug must agree about title and status; a contradiction is a ``TypeError`` when the module is imported.

    :param detail: what happened and what to do next, for a person; never a stack trace, never a secret.
    :param errors: the faults one by one.
    :param headers: header fields of the answer, e.g. ``Retry-After``.
    :param extensions: further members; names of at least three characters (RFC 9457, section 3.2), values JSON.
    """

    slug: ClassVar[str] = "problem"
    title: ClassVar[str] = "Problem"
    status: ClassVar[int] = 500

    CATALOGUE: ClassVar[dict[str, type[Problem]]] = {}

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        known = Problem.CATALOGUE.get(cls.slug)
        if known is not None and (known.title, known.status) != (cls.title, cls.status):
            raise TypeError(
                f"{cls.__qualname__} and {known.__qualname__} are both problem {cls.slug!r}"
                " but differ in title or status"
            )
        if known is None:
            Problem.CATALOGUE[cls.slug] = cls

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(detail)
        for name in extensions:
            if not _EXTENSION_NAME.match(name) or name in _STANDARD_MEMBERS:
                raise ValueError(f"{name!r} cannot be an extension member of a problem document")
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extensions = extensions

    @classmethod
    def type_uri(cls) -> str:
        """The ``type`` member of every problem of this class."""
        return PROBLEM_BASE + cls.slug

    def document(self, instance: str) -> dict[str, object]:
        """The answer's JSON object; ``instance`` is the path of the request, decoded."""
        body: dict[str, object] = {
            "type": self.type_uri(),
            "title": self.title,
            "status": self.status,
            "detail": self.detail[:2000],
            "instance": quote(instance, safe="/:@!$&'()*+,;=~", errors="replace")[:2000],
            "code": self.slug,
            "request_id": current_request_id(),
            "trace_id": current_trace_id(),
        }
        if self.errors:
            body["errors"] = [error.model_dump(exclude_none=True) for error in self.errors[:1000]]
        return body | self.extensions

    def response(self, instance: str) -> Response:
        """The whole answer, for handlers and for middlewares, which exception handlers do not reach."""
        content = json.dumps(self.document(instance), ensure_ascii=False, default=str).encode("utf-8", "replace")
        headers = {"Content-Language": "en", "Cache-Control": "no-store"} | self.headers
        return Response(content, status_code=self.status, headers=headers, media_type=MEDIA_TYPE)


class BadRequest(Problem):
    """The request cannot be understood as HTTP or as this API's use of it. Correct it; repeating it will not help."""

    slug, title, status = "bad-request", "Bad request", 400


class InvalidJson(Problem):
    """The body is not JSON (RFC 8259) in UTF-8. ``NaN``, ``Infinity`` and absurd nesting are not JSON either."""

    slug, title, status = "invalid-json", "The body is not valid JSON", 400


class InvalidCursor(Problem):
    """The cursor was not given out for this list with these filters. Start again without ``cursor``."""

    slug, title, status = "invalid-cursor", "Invalid cursor", 400


class Unauthorized(Problem):
    """The request carries no token, or one that is expired, forged or for somebody else. Get a new one."""

    slug, title, status = "unauthorized", "Authentication is needed", 401


class Forbidden(Problem):
    """We know who you are, and your role or scopes do not include this."""

    slug, title, status = "forbidden", "Not allowed", 403


class NotFound(Problem):
    """Nothing is at this address, or nothing that you may see: the two are not told apart on purpose."""

    slug, title, status = "not-found", "Not found", 404


class MethodNotAllowed(Problem):
    """The address exists, the method does not. ``Allow`` lists the methods that do."""

    slug, title, status = "method-not-allowed", "Method not allowed", 405


class NotAcceptable(Problem):
    """No representation matches the ``Accept`` header."""

    slug, title, status = "not-acceptable", "Not acceptable", 406


class Conflict(Problem):
    """The request is well formed, but what it would change is in a state that does not allow it. Read it again."""

    slug, title, status = "conflict", "Conflict with the present state", 409


class Gone(Problem):
    """It existed and was removed for good."""

    slug, title, status = "gone", "Gone", 410


class PreconditionFailed(Problem):
    """Somebody changed it since you read it. Read it again, merge, and send the new ``ETag`` in ``If-Match``."""

    slug, title, status = "precondition-failed", "It was changed in the meantime", 412


class TooLarge(Problem):
    """The body is larger than this API accepts."""

    slug, title, status = "too-large", "Body too large", 413


class UnsupportedMediaType(Problem):
    """The body is not of a media type that this address accepts; nearly everywhere that is ``application/json``."""

    slug, title, status = "unsupported-media-type", "Unsupported media type", 415


class ValidationFailed(Problem):
    """The request was understood and breaks a rule. ``errors`` names each fault and its place."""

    slug, title, status = "validation-failed", "The request is not valid", 422


class PreconditionRequired(Problem):
    """Send ``If-Match`` with the ``ETag`` that you read, so that nobody's change is overwritten unseen."""

    slug, title, status = "precondition-required", "If-Match is required", 428


class TooManyRequests(Problem):
    """Nothing was done. Wait as long as ``Retry-After`` says, then repeat it. ``limit`` names what was reached."""

    slug, title, status = "too-many-requests", "Too many requests", 429


class InternalError(Problem):
    """A fault of ours, logged under ``request_id``. A change was not made unless the answer said so."""

    slug, title, status = "internal-error", "Internal error", 500


class Unavailable(Problem):
    """Something that we need does not answer now. Repeat the request after ``Retry-After`` seconds."""

    slug, title, status = "unavailable", "Temporarily unavailable", 503

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        super().__init__(detail, errors=errors, headers={"Retry-After": "2"} | dict(headers or {}), **extensions)


ErrorMapping = Mapping[type[Exception], Callable[[Any], Problem]]
"""``api/errors.py``'s table: domain error class to the function that makes its problem."""


# --- OpenAPI ---------------------------------------------------------------------------------------------------------


def responses_for(*problems: type[Problem]) -> dict[int | str, dict[str, Any]]:
    """``responses=`` of a route: one entry per status, with every problem type of that status named.

    The problems that any route can answer with (401, 403, 404 of an id, 422, 500 …) are added by the service factory;
    name here what is particular: ``responses_for(Conflict, PreconditionFailed)``.
    """
    by_status: dict[int, list[type[Problem]]] = {}
    for problem in problems:
        by_status.setdefault(problem.status, []).append(problem)
    return {
        status: {
            "description": "; ".join(dict.fromkeys(p.title for p in group)),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            "x-problem-types": sorted({p.type_uri() for p in group}),
        }
        for status, group in by_status.items()
    }


# --- From what others raise to a problem -----------------------------------------------------------------------------

_BY_STATUS: dict[int, type[Problem]] = {
    p.status: p
    for p in (
        BadRequest,
        Unauthorized,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        NotAcceptable,
        Conflict,
        Gone,
        PreconditionFailed,
        TooLarge,
        UnsupportedMediaType,
        ValidationFailed,
        PreconditionRequired,
        TooManyRequests,
        InternalError,
        Unavailable,
    )
}


def body_pointer(path: Iterable[object], body: object, *, missing: bool = False) -> str:
    """JSON Pointer (fragment form) of a Pydantic ``loc`` below ``body``.

    Pydantic puts names of union members and validators into ``loc``; they are not in the document, so that only
    parts that exist in ``body`` are kept. ``missing`` keeps the last part, the key that should have been there.
    """
    parts = list(path)
    kept: list[object] = []
    here = body
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        in_list = isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here)
        if in_list or (isinstance(here, dict) and part in here):
            here = cast(Any, here)[part]
        elif not (last and missing and isinstance(here, dict)):
            continue
        kept.append(part)
    return json_pointer(kept)


_OF_ABSENCE = frozenset({"missing", "union_tag_not_found"})


def _validation_problem(errors: Sequence[Mapping[str, Any]], body: object) -> Problem:
    found: list[FieldError] = []
    for error in errors:
        place, *path = error["loc"] or ("body",)
        kind = error["type"]
        if kind in ("union_tag_invalid", "union_tag_not_found"):  # the fault is the word that tells which kind it is
            path = [*path, str(error.get("ctx", {}).get("discriminator", "")).strip("'")]
        message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")[:1000]
        if kind == "json_invalid":
            return InvalidJson(f"The body is not valid JSON: {error.get('ctx', {}).get('error', 'syntax error')}.")
        if place in ("query", "path"):
            found.append(FieldError(detail=message, parameter=".".join(map(str, path))[:200]))
        elif place in ("header", "cookie"):
            found.append(FieldError(detail=message, header=".".join(map(str, path))[:200]))
        else:
            pointer = body_pointer(path, body, missing=kind in _OF_ABSENCE)
            found.append(FieldError(detail=message, pointer=pointer[:500]))
    unique = list(dict.fromkeys(found))
    count = "one fault" if len(unique) == 1 else f"{len(unique)} faults"
    return ValidationFailed(f"The request has {count}; see `errors`.", errors=unique)


def matching_routes(app: FastAPI, scope: Scope) -> dict[str, str]:
    """Method to route template for ALL routes that match the path; Starlette's own 405 knows only the first one.

    Empty when no route has this path.
    """
    found: dict[str, str] = {}
    for context in iter_route_contexts(app.router.routes):
        route = cast(Any, context)._effective_route
        match, _ = route.matches(dict(scope, path_params={}))
        if match is not Match.NONE:
            for method in context.methods or ():
                found.setdefault(method, context.path or "")
    return found


# A service should refuse these before PostgreSQL does; whatever slips through is still an answer that a client can act
# on, and never a 500. SQLSTATE (or its class, two characters) -> problem and what to tell.
_OUTSIDE = "A value is outside of what can be stored: too long, too large or malformed."
_LATER = "The database could not do this now. Try again in a moment."
_BY_SQLSTATE: dict[str, tuple[type[Problem], str]] = {
    **dict.fromkeys(
        ("22001", "22003", "22007", "22008", "22021", "22023", "22P02", "22P03", "22P05"), (ValidationFailed, _OUTSIDE)
    ),
    **dict.fromkeys(
        ("40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "25P03", "08"), (Unavailable, _LATER)
    ),
    **dict.fromkeys(
        ("23505", "23P01"),
        (Conflict, "Something with this identity exists already, or changed at the same moment. Read it again."),
    ),
    "23503": (Conflict, "Something that this refers to does not exist, or something else still refers to it."),
}
_BY_DRIVER_ERROR: dict[str, tuple[type[Problem], str]] = {
    "DataError": (ValidationFailed, "A text or number cannot be stored: NUL, half a surrogate pair, or out of range."),
    "UnicodeEncodeError": (ValidationFailed, "A text contains half a surrogate pair, which cannot be stored."),
    "OperationalError": (Unavailable, "The database does not answer. Try again in a moment."),
    "InterfaceError": (Unavailable, "The database does not answer. Try again in a moment."),
}


def _database_problem(error: DBAPIError) -> Problem | None:
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # the driver itself refused or lost the server
        found = _BY_DRIVER_ERROR.get(type(error.orig).__name__)
    else:
        found = _BY_SQLSTATE.get(state) or _BY_SQLSTATE.get(state[:2])
    return found[0](found[1]) if found else None


def problem_of(error: Exception, errors: ErrorMapping | None = None) -> Problem | None:
    """The problem that answers for an exception, or None when it is a fault of ours (which is a 500)."""
    if isinstance(error, Problem):
        return error
    for cls in type(error).__mro__:
        make = (errors or {}).get(cls)
        if make is not None:
            return make(error)
    if isinstance(error, RequestValidationError):
        return _validation_problem(error.errors(), error.body)
    if isinstance(error, DBAPIError):
        return _database_problem(error)
    if isinstance(error, (PoolTimeout, DisconnectionError)):
        return Unavailable("The database does not answer. Try again in a moment.")
    return None


def _http_problem(app: FastAPI, request: Request, error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(matching_routes(app, request.scope)))
        return MethodNotAllowed(f"{request.method} is not possible here; see Allow.", headers=headers)
    if error.status_code == HTTPStatus.NOT_FOUND and error.detail == HTTPStatus.NOT_FOUND.phrase:
        return NotFound("There is nothing at this address. /openapi.json lists every address.", headers=headers)
    cls = _BY_STATUS.get(error.status_code)
    if cls is None:
        cls = BadRequest if error.status_code < 500 else InternalError
    return cls(str(error.detail), headers=headers)


def server_error(error: BaseException, instance: str, route: str) -> Response:
    """Log a fault of ours with its traceback and give the answer, which tells nothing of the inside.

    Of the address only the route is logged: what stands in the place of a token opens a door.
    """
    _log.error("request_failed", exc_info=error, route=route)
    return InternalError(
        "Something went wrong on our side and nothing was changed. It is logged under this request_id."
    ).response(instance)


def install_problem_handlers(app: FastAPI, errors: ErrorMapping | None = None) -> None:
    """Make every failure of ``app`` a problem document.

    ``errors`` maps the service's domain errors. Failures outside of the routes (middlewares) and unforeseen exceptions
    are answered by the request middleware of :mod:`shared.service`, in the same shape.
    """

    async def on_problem(request: Request, error: Exception) -> Response:
        problem = problem_of(error, errors)
        if problem is None:
            route = getattr(request.scope.get("route"), "path", "unmatched")
            return server_error(error, request.url.path, route)
        if isinstance(problem, TooManyRequests):
            HELD_BACK.labels(str(problem.extensions.get("limit", "other"))).inc()
        return problem.response(request.url.path)

    async def on_http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):  # Starlette promises this; the type checker cannot know
            raise error
        return _http_problem(app, request, error).response(request.url.path)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(DBAPIError, on_problem)
    app.add_exception_handler(PoolTimeout, on_problem)
    app.add_exception_handler(DisconnectionError, on_problem)
    for domain_error in errors or {}:
        app.add_exception_handler(domain_error, on_problem)


class ProblemType(BaseModel):
    """One entry of the catalogue of problem types."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": PROBLEM_BASE + "conflict",
                    "code": "conflict",
                    "title": "Conflict with the present state",
                    "status": 409,
                    "description": "The request is well formed, but …",
                }
            ]
        }
    )

    type: str = Field(max_length=200)
    code: str = Field(max_length=100)
    title: str = Field(max_length=200)
    status: int = Field(ge=400, le=599, json_schema_extra={"format": "int32"})
    description: str = Field(max_length=4000)


def catalogue() -> list[ProblemType]:
    """Every problem type that this process knows, by status and name."""
    known = sorted(Problem.CATALOGUE.values(), key=lambda p: (p.status, p.slug))
    return [
        ProblemType(
            type=p.type_uri(),
            code=p.slug,
            title=p.title,
            status=p.status,
            description=" ".join((p.__doc__ or p.title).split()),
        )
        for p in known
    ]
