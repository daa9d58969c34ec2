"""The telephone: calls written down by hand, with the time of the call."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from incidents.adapters import intake_store as store
from incidents.adapters.intake_tables import CallRow
from incidents.api.dependencies import InPorts, Reader, Writer, agency_only, who
from incidents.api.intake_models import CallView, NewCall
from incidents.application import intake_items as items
from incidents.application.incidents import OLDEST_REPORT
from incidents.application.items import UnknownContractError, UnknownSiteError
from incidents.domain.work_item import InstantOutOfRangeError
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/calls", tags=["intake"], route_class=IdempotentRoute)


@router.post("", status_code=201, summary="Log a call", dependencies=[Idempotent], responses=responses_for(NotFound))
async def log_call(body: NewCall, ports: InPorts, unit: Unit, principal: Writer, response: Response) -> CallView:
    """Who called when and about what. An item that the call opens has its clocks start at the time of the call."""
    agency_only(principal)
    if body.called_at > unit.now:
        raise InstantOutOfRangeError("called_at", "This instant is in the future. State when the telephone rang.")
    if body.called_at < unit.now - OLDEST_REPORT:
        raise InstantOutOfRangeError("called_at", "This instant is more than a year ago. State one that is not.")
    contract = await ports.contracts.newest(body.contract_id)
    if contract is None:
        raise UnknownContractError
    taken_by = body.taken_by or principal.name
    item_id = None
    told = {"caller": body.caller, "number": body.number, "taken_by": taken_by}
    if body.opens is not None:
        new = items.NewItem(
            contract_id=body.contract_id,
            site_id=body.opens.site_id,
            environment_id=body.opens.environment_id,
            severity=body.opens.severity.value,
            title=body.opens.title,
            description=body.notes,
            occurred_at=None,
            reported_at=body.called_at,
        )
        try:
            item_id = (await items.open_item(ports, new, who(principal))).id
        except UnknownSiteError as error:
            place = FieldError(detail=str(error), pointer=f"#/opens/{error.field}")
            raise ValidationFailed(str(error), errors=[place]) from error
    elif body.incident_id is not None:
        item = await items.read_item(ports, body.incident_id)
        if item is None or item.contract_id != body.contract_id:
            detail = "There is no incident with this id under this contract."
            raise NotFound(detail, errors=[FieldError(detail=detail, pointer="#/incident_id")])
        item_id = item.id
    calendar, within_hours = await store.hotline_open(unit, body.contract_id, body.called_at)
    if item_id is not None:
        await items.comment(
            ports,
            item_id,
            body.notes,
            who(principal),
            at=body.called_at,
            source="phone",
            kind="call",
            data=told | {"within_hours": within_hours},
        )
    row = CallRow(
        id=new_id(),
        tenant_id=principal.tenant_id,
        client_id=contract.client_id,
        contract_id=body.contract_id,
        item_id=item_id,
        opened_item=body.opens is not None,
        caller=body.caller,
        number=body.number,
        called_at=body.called_at,
        taken_by=taken_by,
        notes=body.notes,
        calendar=calendar,
        within_hours=within_hours,
        recorded_at=unit.now,
        recorded_by=principal.subject,
    )
    unit.session.add(row)
    await unit.session.flush()
    response.headers["Location"] = f"/v1/calls/{row.id}"
    return CallView.of_row(row)


@router.get("", summary="List calls")
async def list_calls(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    contract_id: Annotated[UUID | None, Query(description="only the calls about this contract")] = None,
) -> Page[CallView]:
    """The newest call first."""
    agency_only(principal)
    return await paginate(
        unit.session,
        store.calls(contract_id),
        columns=(CallRow.called_at, CallRow.id),
        params=params,
        to_item=CallView.of_row,
        descending=True,
    )


@router.get("/{call_id}", summary="Read a call")
async def get_call(call_id: UUID, unit: Unit, principal: Reader) -> CallView:
    """One call."""
    agency_only(principal)
    row = await unit.session.get(CallRow, call_id)
    if row is None:
        raise NotFound("There is no call with this id.")
    return CallView.of_row(row)
