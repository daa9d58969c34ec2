"""Who may be in a client's systems, what was asked of him for it, and who was there: how, when, why."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement

from incidents.adapters.records_tables import AccessGrantRow, AccessRequestRow, AccessSessionRow
from incidents.api.dependencies import InPorts, who
from incidents.api.follow_up import MISSING
from incidents.api.record_desk import (
    CONTRACT,
    ITEM,
    PERSON,
    WRITTEN,
    Audience,
    Line,
    Narrowed,
    OfContract,
    OfItem,
    ReadingDesk,
    RecordAnswer,
    SharedDesk,
    Text,
    WritingDesk,
)
from incidents.application import items
from incidents.domain.access import Grant, GrantState, admit
from incidents.domain.records import AlreadyThereError, BrokenRuleError, must, must_have_happened
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, responses_for
from shared.values import Instant, forbid_unknown

_GRANT: dict[str, Any] = {
    "audience": "client",
    "system": "Server of the shop",
    "scope": "Read logs and restart the service, through the VPN",
    "granted_to": "Ada Martin",
    "reason": "Second-level support",
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_until": "2099-12-31T23:00:00Z",
}
_REQUEST: dict[str, Any] = {
    "audience": "client",
    "what": "An account of the payment back-office",
    "asked_of": "Léa Martin",
    "reason": "The failed payments can only be seen there.",
}
_SESSION: dict[str, Any] = {
    "audience": "client",
    "grant_id": PERSON[:-2] + "61",
    "who": "Ada Martin",
    "how": "SSH through the VPN",
    "why": "Read the log of the failed payments",
}


class GrantBody(OfContract):
    """A right of access to a system of the client's, within a scope and a time."""

    model_config = forbid_unknown(examples=[{"contract_id": CONTRACT} | _GRANT])

    audience: Audience = "client"
    system: Line
    scope: Text = Field(description="what may be done there")
    granted_to: Line
    reason: Text
    valid_from: Instant
    valid_until: Instant = Field(description="the first instant at which it is over; every grant has one")


class Revocation(BaseModel):
    """Why a grant ends early."""

    model_config = forbid_unknown(examples=[{"reason": "Ada Martin has left the team."}])

    reason: Text


class AccessGrant(RecordAnswer):
    """A right of access and what it is worth now."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                WRITTEN | {"grant_id": PERSON[:-2] + "61", "revoked_at": None, "revoked_reason": None} | _GRANT
            ]
        },
    )
    ROW: ClassVar[type[Any]] = AccessGrantRow
    KEY: ClassVar[str] = "grant_id"

    grant_id: UUID
    system: Line
    scope: Text
    granted_to: Line
    reason: Text
    valid_from: Instant
    valid_until: Instant
    revoked_at: Instant | None
    revoked_reason: Text | None


class RequestBody(OfItem):
    """An access that the client is asked for, because the work on an item needs it."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _REQUEST])

    audience: Audience = "client"
    what: Text
    asked_of: Line
    reason: Text
    requested_at: Instant | None = Field(default=None, description="when he was asked; null is now")


class AccessAnswer(BaseModel):
    """What became of a request for access."""

    model_config = forbid_unknown(examples=[{"outcome": "given", "answer": "The account is there."}])

    outcome: Literal["given", "refused", "withdrawn"]
    answer: Text | None = None
    answered_at: Instant | None = Field(default=None, description="when he answered; null is now")


class AccessRequest(RecordAnswer):
    """A request for access. While it has no answer the client keeps us waiting."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                WRITTEN
                | {
                    "access_request_id": PERSON[:-2] + "62",
                    "requested_at": "2026-06-08T12:00:00Z",
                    "answered_at": None,
                    "outcome": None,
                    "answer": None,
                }
                | _REQUEST
            ]
        },
    )
    ROW: ClassVar[type[Any]] = AccessRequestRow
    KEY: ClassVar[str] = "access_request_id"

    access_request_id: UUID
    what: Text
    asked_of: Line
    reason: Text
    requested_at: Instant
    answered_at: Instant | None
    outcome: Literal["given", "refused", "withdrawn"] | None
    answer: Text | None


class SessionBody(OfItem):
    """Somebody enters a system of the client's for an item."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _SESSION])

    audience: Audience = "client"
    grant_id: UUID = Field(description="the grant that allows it")
    who: Line
    how: Line = Field(description="by which way")
    why: Text
    started_at: Instant | None = Field(
        default=None, description="when it began, if it is logged afterwards; null is now"
    )


class SessionEnd(BaseModel):
    """Somebody leaves a system of the client's."""

    model_config = forbid_unknown(examples=[{"done": "Read the log from 08:00 to 09:00. Nothing was changed."}])

    done: Text = Field(description="what was done there")
    ended_at: Instant | None = Field(default=None, description="when it ended; null is now")


class AccessSession(RecordAnswer):
    """Who was in a system of the client's: how, when, why, and what he did there."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                WRITTEN
                | {
                    "access_session_id": PERSON[:-2] + "63",
                    "system": "Server of the shop",
                    "started_at": "2026-06-08T12:00:00Z",
                    "ended_at": None,
                    "done": None,
                }
                | _SESSION
            ]
        },
    )
    ROW: ClassVar[type[Any]] = AccessSessionRow
    KEY: ClassVar[str] = "access_session_id"

    access_session_id: UUID
    grant_id: UUID
    who: Line
    system: Line
    how: Line
    why: Text
    started_at: Instant
    ended_at: Instant | None
    done: Text | None


grants = APIRouter(prefix="/v1/access-grants", tags=["access"], route_class=IdempotentRoute)
requests = APIRouter(prefix="/v1/access-requests", tags=["access"], route_class=IdempotentRoute)
sessions = APIRouter(prefix="/v1/access-sessions", tags=["access"], route_class=IdempotentRoute)


@grants.post("", status_code=201, summary="Record an access grant", dependencies=[Idempotent], responses=MISSING)
async def record_access_grant(body: GrantBody, desk: WritingDesk) -> AccessGrant:
    """A right of access. To prolong it, record the next one."""
    must(body.valid_until > body.valid_from, "valid_until", "It ends before it begins.")
    return await desk.record(AccessGrant, body)


@grants.get("", summary="List access grants")
async def list_access_grants(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    state: Annotated[GrantState | None, Query(description="what they are worth now")] = None,
) -> Page[AccessGrant]:
    """Newest first."""
    return await desk.page(AccessGrant, params, narrowed.select(AccessGrantRow, *_in_state(state, desk)))


def _in_state(state: GrantState | None, desk: ReadingDesk) -> list[ColumnElement[bool]]:
    now = desk.unit.now
    revoked = AccessGrantRow.revoked_at.is_not(None) & (AccessGrantRow.revoked_at <= now)
    if state is None:
        return []
    if state is GrantState.REVOKED:
        return [revoked]
    return [
        ~revoked,
        {
            GrantState.PLANNED: AccessGrantRow.valid_from > now,
            GrantState.VALID: (AccessGrantRow.valid_from <= now) & (AccessGrantRow.valid_until > now),
            GrantState.EXPIRED: AccessGrantRow.valid_until <= now,
        }[state],
    ]


@grants.get("/{grant_id}", summary="Read an access grant")
async def get_access_grant(grant_id: UUID, desk: ReadingDesk) -> AccessGrant:
    """One grant as it stands."""
    return await desk.read(AccessGrant, grant_id)


@grants.post(
    "/{grant_id}/revoke",
    summary="Revoke an access grant",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def revoke_access_grant(grant_id: UUID, body: Revocation, desk: WritingDesk) -> AccessGrant:
    """From now on no session begins under it."""
    row = await desk.found(AccessGrant, grant_id, lock=True)
    if row.revoked_at is not None:
        raise AlreadyThereError("This grant is revoked already.")
    return await desk.rewritten(AccessGrant, row, {"revoked_at": desk.unit.now, "revoked_reason": body.reason})


@requests.post("", status_code=201, summary="Ask the client for access", dependencies=[Idempotent], responses=MISSING)
async def record_access_request(body: RequestBody, desk: WritingDesk, ports: InPorts) -> AccessRequest:
    """What the client was asked for, of whom, when: the evidence of the wait that follows, a pause of the item."""
    must_have_happened("requested_at", body.requested_at, desk.unit.now)
    asked_at = body.requested_at or desk.unit.now
    asked = await desk.record(AccessRequest, body, requested_at=asked_at)
    await items.wait_for_access(ports, body.item_id, asked.access_request_id, at=asked_at, actor=who(desk.principal))
    return asked


@requests.get("", summary="List requests for access")
async def list_access_requests(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    answered: Annotated[bool | None, Query(description="whether the client has answered")] = None,
) -> Page[AccessRequest]:
    """Newest first."""
    conditions = [] if answered is None else [AccessRequestRow.answered_at.is_not(None) == answered]
    return await desk.page(AccessRequest, params, narrowed.select(AccessRequestRow, *conditions))


@requests.get("/{access_request_id}", summary="Read a request for access")
async def get_access_request(access_request_id: UUID, desk: ReadingDesk) -> AccessRequest:
    """One request and its answer."""
    return await desk.read(AccessRequest, access_request_id)


@requests.post(
    "/{access_request_id}/answer",
    summary="Answer a request for access",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def answer_access_request(
    access_request_id: UUID, body: AccessAnswer, desk: SharedDesk, ports: InPorts
) -> AccessRequest:
    """The client gives or refuses it, or the agency does not need it any more. Ends the wait."""
    row = await desk.found(AccessRequest, access_request_id, lock=True)
    if row.answered_at is not None:
        raise AlreadyThereError("This request is answered already: ask again.")
    if desk.principal.client_id is not None:
        must(body.answered_at is None, "answered_at", "Only the agency may say when it was answered.")
        must(body.outcome != "withdrawn", "outcome", "Only the agency withdraws what it asked for.")
    answered_at = body.answered_at or desk.unit.now
    must_have_happened("answered_at", answered_at, desk.unit.now)
    must(answered_at >= row.requested_at, "answered_at", "It cannot be answered before it was asked.")
    facts = {"outcome": body.outcome, "answer": body.answer, "answered_at": answered_at}
    answered = await desk.rewritten(AccessRequest, row, facts)
    await items.end_wait_for_access(
        ports, row.item_id, access_request_id, body.outcome, at=answered_at, actor=who(desk.principal)
    )
    return answered


@sessions.post(
    "",
    status_code=201,
    summary="Begin an access session",
    dependencies=[Idempotent],
    responses=responses_for(NotFound, Conflict),
)
async def begin_access_session(body: SessionBody, desk: WritingDesk) -> AccessSession:
    """Who goes in, how, and why, for which item. Refused unless the grant is valid when the session begins."""
    must_have_happened("started_at", body.started_at, desk.unit.now)
    place = await body.place(desk.book)
    # Locked: a revocation at the same moment is either before this or waits for it.
    grant = await desk.book.find(AccessGrantRow, body.grant_id, lock=True)
    if grant is None or grant.contract_id != place.contract_id:
        raise BrokenRuleError("grant_id", "There is no such grant under the contract of this item.")
    started_at = body.started_at or desk.unit.now
    admit(Grant(grant.valid_from, grant.valid_until, grant.revoked_at), started_at)
    return await desk.record(AccessSession, body, started_at=started_at, system=grant.system)


@sessions.get("", summary="List access sessions")
async def list_access_sessions(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    grant_id: UUID | None = None,
    ended: Annotated[bool | None, Query(description="whether they are over")] = None,
) -> Page[AccessSession]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = []
    if grant_id is not None:
        conditions.append(AccessSessionRow.grant_id == grant_id)
    if ended is not None:
        conditions.append(AccessSessionRow.ended_at.is_not(None) == ended)
    return await desk.page(AccessSession, params, narrowed.select(AccessSessionRow, *conditions))


@sessions.get("/{access_session_id}", summary="Read an access session")
async def get_access_session(access_session_id: UUID, desk: ReadingDesk) -> AccessSession:
    """One session."""
    return await desk.read(AccessSession, access_session_id)


@sessions.post(
    "/{access_session_id}/end",
    summary="End an access session",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def end_access_session(access_session_id: UUID, body: SessionEnd, desk: WritingDesk) -> AccessSession:
    """What was done, and when it was over."""
    row = await desk.found(AccessSession, access_session_id, lock=True)
    if row.ended_at is not None:
        raise AlreadyThereError("This session is over already.")
    ended_at = body.ended_at or desk.unit.now
    must_have_happened("ended_at", ended_at, desk.unit.now)
    must(ended_at >= row.started_at, "ended_at", "It cannot have ended before it began.")
    return await desk.rewritten(AccessSession, row, {"ended_at": ended_at, "done": body.done})
