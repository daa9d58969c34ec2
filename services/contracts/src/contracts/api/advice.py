"""Advice: what the client was told, and what he answered."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from contracts.adapters import register_queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.api.register_access import ENTERED, STEPPED, Answerer, Reader, Writer, must_be_evident
from contracts.application import advice
from contracts.application.advice import (
    AcknowledgeRequest,
    Advisory,
    AnswerRequest,
    DeliveryReport,
    NewAdvisory,
    WithdrawRequest,
)
from contracts.domain.advice import Status
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.service import Unit

router = APIRouter(prefix="/v1/advisories", tags=["advice"], route_class=VersionedRoute)


@router.post("", summary="Issue advice", status_code=201, responses=CREATED | ENTERED, dependencies=[Idempotent])
async def issue_advisory(new: NewAdvisory, response: Response, work: Work, _who: Writer) -> Advisory:
    """What the provider owes the client to say. Until it is acknowledged it is sent again, each time with its date."""
    advisory = await advice.issue(work, new)
    tagged(response, advisory.version, f"/v1/advisories/{advisory.advisory_id}")
    return advisory


@router.get("", summary="List advice")
async def list_advisories(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: Annotated[UUID | None, Query(description="Only for this client.")] = None,
    contract_id: Annotated[UUID | None, Query(description="Only under this contract.")] = None,
    status: Annotated[Status | None, Query(description="Only in this state.")] = None,
) -> Page[Advisory]:
    """Advisories in the order in which they were issued."""
    return await register_queries.list_advisories(unit, params, client_id, contract_id, status)


@router.get("/{advisory_id}", summary="Read an advisory", responses=SHOWN)
async def get_advisory(advisory_id: UUID, response: Response, work: Work, _who: Reader) -> Advisory:
    """An advisory, with everything that became of it."""
    advisory = await work.registers.advisories.get(advisory_id)
    tagged(response, advisory.version)
    return advisory


@router.post(
    "/{advisory_id}/deliver", summary="Record a delivery of advice", responses=STEPPED, dependencies=[Idempotent]
)
async def deliver_advisory(
    advisory_id: UUID, report: DeliveryReport, response: Response, work: Work, _who: Writer
) -> Advisory:
    """It has reached the client: by mail, on the portal, as a letter, in a meeting, on the telephone."""
    advisory = await advice.deliver(work, await work.registers.advisories.locked(advisory_id), report)
    tagged(response, advisory.version)
    return advisory


@router.post("/{advisory_id}/acknowledge", summary="Acknowledge advice", responses=STEPPED, dependencies=[Idempotent])
async def acknowledge_advisory(
    advisory_id: UUID, seen: AcknowledgeRequest, response: Response, work: Work, who: Answerer
) -> Advisory:
    """The client has read it: it is not sent again. Said by himself, or by the agency with how it knows."""
    must_be_evident(who, seen.evidence)
    advisory = await advice.acknowledge(work, await work.registers.advisories.locked(advisory_id), seen.evidence)
    tagged(response, advisory.version)
    return advisory


@router.post("/{advisory_id}/answer", summary="Answer advice", responses=STEPPED, dependencies=[Idempotent])
async def answer_advisory(
    advisory_id: UUID, given: AnswerRequest, response: Response, work: Work, who: Answerer
) -> Advisory:
    """The client follows it, or refuses to, with his reason: a fact that settlement and reports show."""
    must_be_evident(who, given.evidence)
    advisory = await advice.answer(work, await work.registers.advisories.locked(advisory_id), given)
    tagged(response, advisory.version)
    return advisory


@router.post("/{advisory_id}/withdraw", summary="Withdraw advice", responses=STEPPED, dependencies=[Idempotent])
async def withdraw_advisory(
    advisory_id: UUID, why: WithdrawRequest, response: Response, work: Work, _who: Writer
) -> Advisory:
    """It does not hold any more: it is not sent again, and its history stays."""
    advisory = await advice.withdraw(work, await work.registers.advisories.locked(advisory_id), why.reason)
    tagged(response, advisory.version)
    return advisory
