"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a repeated request has the effect of one.

The answer is stored in the transaction that makes the effect, so that there is never one without the other::

    router = APIRouter(prefix="/v1/contracts", route_class=IdempotentRoute)

    @router.post("", status_code=201, dependencies=[Idempotent])
    async def create_contract(unit: Unit, ...) -> Contract: ...

Only successes are stored: a refused request changed nothing, and repeating it may find a better state.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import text

from shared.api_document import dependants
from shared.auth import check_scopes, required_scopes
from shared.operations import request_operation
from shared.problems import Problem
from shared.service import Authenticated, Unit
from shared.unit_of_work import UnitOfWork

KEPT_FOR = timedelta(hours=24)
"""How long an answer is repeated; afterwards the key counts as new."""

_QUOTED = re.compile(r'^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$')
_DOCUMENTED = r'^("[ !#-\[\]-~]{1,255}"|[!#-~]{1,255})$'
_BARE = re.compile(r"^[\x21-\x7e]+$")


class InvalidIdempotencyKey(Problem):
    """The Idempotency-Key is not a quoted string (RFC 8941) or a plain word of 1 to 255 printable ASCII characters."""

    slug, title, status = "invalid-idempotency-key", "Invalid Idempotency-Key", 400


class IdempotencyKeyInUse(Problem):
    """The first request with this key is still being worked on. Repeat yours a little later: its answer is kept."""

    slug, title, status = "idempotency-key-in-use", "A request with this Idempotency-Key is in progress", 409


class IdempotencyKeyReused(Problem):
    """This key was used for another request. A key belongs to one request; make a new one for each."""

    slug, title, status = "idempotency-key-reused", "This Idempotency-Key belongs to another request", 422


class _Replay(Exception):
    """Leaves the dependencies with the answer of the first request."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def parse_key(field: str) -> str:
    """The key of a header field, quoted as the draft wants it or bare as many send it."""
    quoted = _QUOTED.match(field.strip())
    key = re.sub(r'\\(["\\])', r"\1", quoted.group(1)) if quoted else field.strip()
    if not 1 <= len(key) <= 255 or not (quoted or _BARE.match(key)) or (key.startswith('"') and not quoted):
        raise InvalidIdempotencyKey('Send a key of 1 to 255 characters, e.g. Idempotency-Key: "8e03978e-40d5-43dd".')
    return key


@dataclass(frozen=True)
class _Pending:
    """A request with a key, after its look-up and before its answer."""

    unit: UnitOfWork
    table: str
    identity: dict[str, str]
    fingerprint: str

    async def lock(self) -> None:
        """Held until the transaction ends. Does not wait: two at once are told apart at once."""
        name = json.dumps([self.table, *self.identity.values()])
        locked = await self.unit.session.scalar(
            text("select pg_try_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name}
        )
        if not locked:
            raise IdempotencyKeyInUse(
                "The first request with this Idempotency-Key is still in progress. Repeat it in a moment.",
                headers={"Retry-After": "1"},
            )

    async def stored(self) -> Response | None:
        """The first request's answer, if it was this request."""
        found = await self.unit.session.execute(
            text(
                f"select fingerprint, status, headers, body from {self.table} "  # noqa: S608  (a name from the code)
                "where principal = :principal and method = :method and route = :route and key = :key "
                "and expires_at > :now"
            ),
            self.identity | {"now": self.unit.now},
        )
        row = found.one_or_none()
        if row is None:
            return None
        if row.fingerprint != self.fingerprint:
            raise IdempotencyKeyReused("This Idempotency-Key was used for another request. Make a new key for each.")
        response = Response(content=bytes(row.body or b""), status_code=row.status)
        response.raw_headers = [
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in row.headers),
            *(pair for pair in response.raw_headers if pair[0] == b"content-length"),
            (b"idempotency-replayed", b"true"),
        ]
        return response

    async def store(self, response: Response) -> None:
        """Keep the answer; it is committed with the effect or not at all."""
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in response.raw_headers
            if name not in (b"content-length", b"transfer-encoding")
        ]
        await self.unit.session.execute(
            text(
                f"insert into {self.table} "  # noqa: S608  (a name from the code)
                "(principal, method, route, key, fingerprint, status, headers, body, created_at, expires_at) values "
                "(:principal, :method, :route, :key, :fingerprint, :status, cast(:headers as json), :body, :now, "
                ":until) "
                "on conflict (principal, method, route, key) do update set fingerprint = excluded.fingerprint, "
                "status = excluded.status, headers = excluded.headers, body = excluded.body, "
                "created_at = excluded.created_at, expires_at = excluded.expires_at"  # only an expired one is there
            ),
            self.identity
            | {
                "fingerprint": self.fingerprint,
                "status": response.status_code,
                "headers": json.dumps(headers),
                "body": bytes(response.body),
                "now": self.unit.now,
                "until": self.unit.now + KEPT_FOR,
            },
        )


class IdempotentRoute(APIRoute):
    """Stores the answer of a request with an Idempotency-Key while its transaction is still open."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            try:
                response = await handle(request)
            except _Replay as replay:
                return replay.response
            pending: _Pending | None = getattr(request.state, "idempotency", None)
            if pending is not None and response.status_code < 400:
                await pending.store(response)
            return response

        return handle_once


async def idempotent(
    request: Request,
    unit: Unit,
    principal: Authenticated,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=300,
            description=(
                "Makes a repeated request have the effect of one: for 24 hours the first answer is repeated, with "
                "`Idempotency-Replayed: true`. A quoted string, unique per request, e.g. a UUID."
            ),
            examples=['"8e03978e-40d5-43dd-bc93-6894a57f9324"'],
            json_schema_extra={"pattern": _DOCUMENTED},  # not checked as such: a malformed key is a 400, not a 422
        ),
    ] = None,
) -> None:
    """Dependency of a route in a router with ``route_class=IdempotentRoute``; see the module.

    Raises 403 without a scope of the route, 409 while the first request runs, 422 for another request under the same
    key, 400 for a malformed key.
    """
    if key is None:
        return
    route = request.scope["route"]
    if not isinstance(route, IdempotentRoute):
        raise TypeError(f"{route.path} uses Idempotent: give its router route_class=IdempotentRoute")
    # A stored answer is for whoever may ask. FastAPI runs this before the `require` of the endpoint's parameters.
    for dependant in dependants(route.dependant):
        if wanted := required_scopes(dependant.call):
            check_scopes(principal, wanted)
    fingerprint = hashlib.sha256()
    for part in (request.url.path, request.url.query):
        fingerprint.update(part.encode() + b"\0")
    fingerprint.update(await request.body())
    pending = _Pending(
        unit=unit,
        table=f"{request.app.state.service.name}.idempotency_key",
        identity={
            "principal": f"{principal.tenant_id}:{principal.subject}",
            "method": request.method,
            "route": route.path,
            "key": parse_key(key),
        },
        fingerprint=fingerprint.hexdigest(),
    )
    await pending.lock()
    answer = await pending.stored()
    if answer is not None:
        if (operation := request_operation()) is not None:
            operation.repeated = True  # the first request is recorded, and this one changes nothing
        raise _Replay(answer)
    request.state.idempotency = pending


Idempotent = Depends(idempotent)
"""For ``dependencies=[Idempotent]`` of a route that creates something."""
