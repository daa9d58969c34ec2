"""Escalation policies over HTTP, and what has become of an item's escalation."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from incidents.adapters import on_call_repository as queries
from incidents.adapters import queries as incident_queries
from incidents.adapters.defaults import default_recipients, incidents_settings
from incidents.adapters.on_call_tables import PolicyRow, PolicyVersionRow
from incidents.adapters.repository import read_item
from incidents.api.dependencies import Reader, Writer, agency_only
from incidents.api.on_call_models import EscalationAnswer, EscalationLevelAnswer, PolicyAnswer
from incidents.application.definitions import PolicyDefinition
from incidents.application.escalations import due_of
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import FieldError, NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/escalation-policies", tags=["on-call"], route_class=IdempotentRoute)
of_items = APIRouter(prefix="/v1/items", tags=["items"])

_VERSIONED = responses_for(PreconditionFailed, PreconditionRequired)


@router.post(
    "",
    status_code=201,
    summary="Create an escalation policy",
    dependencies=[Idempotent],
    responses=responses_for(NotFound),
)
async def create_escalation_policy(
    body: PolicyDefinition, unit: Unit, principal: Writer, response: Response
) -> PolicyAnswer:
    """It concerns what opens from now on. A policy of a contract comes before one of all, then one that names the
    severity before one that does not.
    """
    agency_only(principal)
    row = PolicyRow(id=new_id(), tenant_id=principal.tenant_id, version=0, created_at=unit.now)
    answer = await _written(unit, row, body, response)
    response.headers["Location"] = f"/v1/escalation-policies/{row.id}"
    return answer


@router.get("", summary="List escalation policies")
async def list_escalation_policies(unit: Unit, principal: Reader, params: PageParams) -> Page[PolicyAnswer]:
    """In the order in which they were made."""
    agency_only(principal)
    return await paginate(
        unit.session,
        queries.policies(),
        columns=(PolicyRow.id,),
        params=params,
        to_item=lambda row: PolicyAnswer.of_row(row[0], row[1]),
    )


@router.get("/{policy_id}", summary="Read an escalation policy")
async def get_escalation_policy(policy_id: UUID, unit: Unit, principal: Reader, response: Response) -> PolicyAnswer:
    """As it stands now."""
    agency_only(principal)
    row = await _row(unit, policy_id)
    version = await unit.session.get_one(PolicyVersionRow, (row.id, row.version))
    response.headers["ETag"] = etag(row.version)
    return PolicyAnswer.of_row(row, version.policy)


@router.put("/{policy_id}", summary="Replace an escalation policy", responses=_VERSIONED)
async def replace_escalation_policy(
    policy_id: UUID, body: PolicyDefinition, unit: Unit, principal: Writer, if_match: IfMatch, response: Response
) -> PolicyAnswer:
    """For what opens from now on; what is open keeps the policy of its opening."""
    agency_only(principal)
    row = await _row(unit, policy_id, lock=True)
    if_match.require(row.version)
    return await _written(unit, row, body, response)


@router.delete("/{policy_id}", status_code=204, summary="Remove an escalation policy", responses=_VERSIONED)
async def remove_escalation_policy(policy_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """What opens from now on does not escalate by it; what is open goes on."""
    agency_only(principal)
    row = await _row(unit, policy_id, lock=True)
    if_match.require(row.version)
    row.removed_at = unit.now


@of_items.get("/{item_id}/escalation", summary="Read the escalation of an item")
async def get_item_escalation(
    item_id: UUID, unit: Unit, principal: Reader, runtime: CurrentRuntime
) -> EscalationAnswer:
    """The policy as it was when the item opened, when its levels are due as things stand, and whom they asked."""
    agency_only(principal)
    row = await incident_queries.item(unit.session, item_id)
    if row is None:
        raise NotFound("There is no item with this id.")
    escalation = await queries.escalation(unit.session, item_id)
    if escalation is None:
        return EscalationAnswer(item_id=item_id, policy_id=None, policy_version=None, policy=None, levels=[])
    policy = queries.frozen_policy(escalation)
    ports = queries.escalation_ports(unit, default_recipients(incidents_settings(runtime.settings)))
    due = await due_of(ports, await read_item(unit.session, row), policy.levels) if policy is not None else {}
    levels = await queries.escalation_levels(unit.session, item_id)
    return EscalationAnswer.model_validate(
        {
            "item_id": item_id,
            "policy_id": escalation.policy_id,
            "policy_version": escalation.policy_version,
            "policy": escalation.policy,
            "levels": [EscalationLevelAnswer.of_row(level, due) for level in levels],
        }
    )


async def _row(unit: Unit, policy_id: UUID, *, lock: bool = False) -> PolicyRow:
    row = await queries.policy(unit.session, policy_id, lock=lock)
    if row is None:
        raise NotFound("There is no escalation policy with this id.")
    return row


async def _written(unit: Unit, row: PolicyRow, body: PolicyDefinition, response: Response) -> PolicyAnswer:
    if body.contract_id is not None and not await queries.known_contracts(unit.session, [body.contract_id]):
        raise _unknown("#/contract_id", "There is no contract with this id.")
    targets = list(body.targets())
    people = await queries.hold_people(unit.session, [t.person_id for _, t in targets if t.person_id is not None])
    for pointer, target in targets:
        if target.person_id is not None and target.person_id not in people:
            raise _unknown(f"{pointer}/person_id", "There is no person with this id.")
        if target.schedule_id is not None and not await queries.schedule(unit.session, target.schedule_id, lock=True):
            raise _unknown(f"{pointer}/schedule_id", "There is no schedule with this id.")
    row.version += 1
    unit.session.add(row)
    await unit.session.flush()
    written: dict[str, Any] = body.model_dump(mode="json")
    unit.session.add(
        PolicyVersionRow(
            policy_id=row.id,
            version=row.version,
            tenant_id=row.tenant_id,
            effective_from=unit.now,
            policy=written,
        )
    )
    await unit.session.flush()
    response.headers["ETag"] = etag(row.version)
    return PolicyAnswer.of_row(row, written)


def _unknown(pointer: str, detail: str) -> NotFound:
    return NotFound(detail, errors=[FieldError(detail=detail, pointer=pointer)])
