"""Who did what, when, to what: one record of each operation, in the transaction that has its effect.

Every operation that may change something is recorded, without a word in its route: the record is written by the unit of
work that commits. Of the operations that only read, a service names those that are watched
(`Service.recorded_readings`). A request that its caller may not make is recorded as refused.

A record holds ids, versions and names of fields, never a value: neither secrets nor what somebody wrote. What jobs and
handlers do is not an operation; their events say it, and `causationid` says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol
from uuid import UUID

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.events import Actor, OperationRecorded
from shared.ids import new_id
from shared.telemetry import current_request_id

if TYPE_CHECKING:
    from shared.unit_of_work import UnitOfWork, UnitsOfWork

CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
FIELDS = "upheld.fields"
"""Key of the ASGI scope under which the edge leaves the names of the body's fields."""
INSTALLATION = UUID(int=0)
"""Stands for the tenant where an operator's command concerns the installation and no tenant."""
LONGEST_LIST = 100

_FIELD = re.compile(r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")
_VERSION = re.compile(r'^"(\d{1,18})"$')
SECRET_PARAMETERS = ("token", "secret")
"""What a parameter of a path has in its name when its value opens a door: it stands in no log and in no record."""


@dataclass(frozen=True)
class Caller:
    """Who acts, for which tenant, as what."""

    tenant_id: UUID
    actor: Actor
    role: str | None = None
    client_id: UUID | None = None


class Operation(Protocol):
    """What is under way in this task, and wants to be recorded by the units of work that commit."""

    @property
    def correlation_id(self) -> str | None:
        """For units of work that were opened without one."""

    def record(self, unit: UnitOfWork) -> None:
        """Says the record in this unit, unless there is nothing to record."""


_current: ContextVar[Operation | None] = ContextVar("upheld_operation", default=None)


def current_operation() -> Operation | None:
    """The operation of this task; None in jobs, handlers and whatever else nobody asked for."""
    return _current.get()


def correlation_of(headers: Headers) -> str:
    """The caller's own correlation id if it is a plain word, else the id of this request."""
    given = headers.get("x-correlation-id", "")
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else current_request_id()


class CommandOperation:
    """A command of an operator. Where it concerns no tenant, the record is the installation's."""

    def __init__(self, command: str) -> None:
        self._name = f"command: {command}"
        self._recorded: set[UUID] = set()
        self.correlation_id: str | None = None

    def record(self, unit: UnitOfWork) -> None:
        """Once for each tenant that the command concerns, however many transactions it takes."""
        tenant = unit.tenant_id or unit.said_for or INSTALLATION
        if tenant in self._recorded:
            return
        self._recorded.add(tenant)
        _say(unit, Caller(tenant, unit.actor), kind="change", name=self._name, resource=f"/{unit.registry.service}")


@contextmanager
def command_operation(command: str) -> Iterator[None]:
    """Whatever is committed inside was done by this command."""
    token = _current.set(CommandOperation(command))
    try:
        yield
    finally:
        _current.reset(token)


class RequestOperation:
    """A request. Its route is known once a unit of work commits: routing is over by then."""

    def __init__(self, scope: Scope, readings: frozenset[str], unrecorded: frozenset[str]) -> None:
        self._scope = scope
        self._readings = readings
        self._unrecorded = unrecorded
        self._headers = Headers(scope=scope)
        self._read = False
        self.repeated = False
        """The answer is that of an earlier request with the same Idempotency-Key."""
        self.response: Response | None = None
        """What the route answers, as far as it is known when the unit commits: status and headers."""
        self.about: str | None = None
        """Path of what it is about, where its own path does not say: the route of a link that opens something sets it.
        """

    @property
    def correlation_id(self) -> str | None:
        return correlation_of(self._headers)

    @property
    def name(self) -> str:
        return str(getattr(self._scope.get("route"), "name", ""))

    @property
    def kind(self) -> Literal["change", "reading"] | None:
        """None: not to be recorded."""
        if self.repeated:
            return None
        if self.name and self._scope["method"] in CHANGING and self.name not in self._unrecorded:
            return "change"
        return "reading" if self.name in self._readings else None

    @property
    def caller(self) -> Caller | None:
        """Who was found to call; None on public routes and before the token was looked at."""
        principal = self._scope.get("state", {}).get("principal")
        if principal is None:
            return None
        return Caller(principal.tenant_id, principal.actor, principal.role, principal.client_id)

    def record(self, unit: UnitOfWork) -> None:
        """A change once for each unit that commits: some requests are many. A reading once for the request."""
        kind = self.kind
        if kind is None or (kind == "reading" and self._read):
            return
        tenant = unit.tenant_id or unit.said_for
        caller = unit.caller or self.caller or (Caller(tenant, unit.actor) if tenant else None)
        if caller is None:
            return  # a look-up on behalf of nobody yet: who is found is told by the unit that goes on
        self._read = kind == "reading"
        self.say(unit, caller, kind, "done")

    def say(
        self, unit: UnitOfWork, caller: Caller, kind: Literal["change", "reading"], outcome: Literal["done", "refused"]
    ) -> None:
        # What a refused caller wrote, in path or body, was never looked at: it names nothing, and may say anything.
        done = outcome == "done"
        resource, resource_id = self._resource() if done else (self._template, None)
        answered = self.response.headers if self.response is not None else {}
        _say(
            unit,
            caller,
            kind=kind,
            name=self.name,
            resource=resource,
            resource_id=resource_id,
            version_before=_version(self._headers.get("if-match")),
            version_after=_version(answered.get("etag")),
            fields=self._fields() if done else [],
            outcome=outcome,
        )

    @property
    def _template(self) -> str:
        return str(getattr(self._scope.get("route"), "path", ""))

    def _resource(self) -> tuple[str, str | None]:
        """The path of what was made, else the path that was asked for, without what opens a door."""
        if self.response is not None and (made := self.response.headers.get("location", "")).startswith("/"):
            return made[:2000], made.rpartition("/")[2][:300]
        if self.about is not None:
            return self.about[:2000], self.about.rpartition("/")[2][:300]
        path, last = self._template, None
        for name, value in self._scope.get("path_params", {}).items():
            if not any(word in name for word in SECRET_PARAMETERS):
                last = str(value)[:300]
                path = path.replace(f"{{{name}}}", str(value))
        return path[:2000], last

    def _fields(self) -> list[str]:
        names: list[str] = self._scope.get(FIELDS, [])
        return sorted(name for name in names if _FIELD.match(name))[:LONGEST_LIST]


class OperationRecorder:
    """ASGI middleware: makes the request the operation of its task, and records what was refused."""

    def __init__(self, app: ASGIApp, units: UnitsOfWork, readings: frozenset[str], unrecorded: frozenset[str]) -> None:
        self._app = app
        self._units = units
        self._readings = readings
        self._unrecorded = unrecorded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        operation = RequestOperation(scope, self._readings, self._unrecorded)

        async def record_refusal(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 403:
                await self._refused(operation)
            await send(message)

        token = _current.set(operation)
        try:
            await self._app(scope, receive, record_refusal)
        finally:
            _current.reset(token)

    async def _refused(self, operation: RequestOperation) -> None:
        """Before the answer: who may not do this learns so only once it is written down."""
        caller, kind = operation.caller, operation.kind
        if caller is None or kind is None:
            return
        token = _current.set(None)
        try:
            async with self._units.for_tenant(
                caller.tenant_id, actor=caller.actor, correlation_id=operation.correlation_id
            ) as unit:
                operation.say(unit, caller, kind, "refused")
        finally:
            _current.reset(token)


def request_operation() -> RequestOperation | None:
    """The request of this task, for the dependencies that learn more about it."""
    operation = _current.get()
    return operation if isinstance(operation, RequestOperation) else None


def _say(
    unit: UnitOfWork,
    caller: Caller,
    *,
    kind: Literal["change", "reading"],
    name: str,
    resource: str,
    resource_id: str | None = None,
    version_before: int | None = None,
    version_after: int | None = None,
    fields: list[str] | None = None,
    outcome: Literal["done", "refused"] = "done",
) -> None:
    unit.publish(
        OperationRecorded(
            record_id=new_id(),
            kind=kind,
            operation=name,
            actor=caller.actor,
            role=caller.role,
            client_id=caller.client_id,
            resource=resource,
            resource_id=resource_id,
            version_before=version_before,
            version_after=version_after,
            fields=fields or [],
            events=unit.said_ids,
            outcome=outcome,
        ),
        version=1,
        tenant_id=caller.tenant_id,
    )


def _version(field: Any) -> int | None:
    found = _VERSION.match(field.strip()) if isinstance(field, str) else None
    return int(found.group(1)) if found else None
