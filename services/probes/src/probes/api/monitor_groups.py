"""Groups of pages over HTTP: watched alike, more closely in critical periods, and shown together."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import select

from probes.adapters.check_secrets import secrets_of
from probes.adapters.group_results import NoLongerKept, pages_since, results_of
from probes.adapters.monitor_groups import group_of
from probes.adapters.ports import group_ports
from probes.adapters.tables import MonitorGroupRow
from probes.api.dependencies import From, Reader, To, Writer, period
from probes.api.group_models import (
    MonitorGroup,
    MonitorGroupBody,
    MonitorGroupDetails,
    MonitorGroupPatch,
    MonitorGroupResult,
)
from probes.api.monitor_changes import refused_at
from probes.application.adding_monitors import NotInForce
from probes.application.changing_monitors import NotAllowed
from probes.application.critical_periods import Group
from probes.application.groups import NewGroup, Ports, change_group, create_group, remove_group
from probes.domain.rollup import HOUR, beginning_of, hour_of
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/monitor-groups", tags=["groups"], route_class=IdempotentRoute)

MOST_PAGE_HOURS = 25_000
"""Hours times pages of one result: a hundred pages over ten days, or ten over three months."""


@router.get("", summary="List groups of pages")
async def list_monitor_groups(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    environment_id: UUID | None = None,
) -> Page[MonitorGroup]:
    """Groups in the order of their identities, removed ones included."""
    conditions = [
        column == value
        for column, value in (
            (MonitorGroupRow.client_id, client_id),
            (MonitorGroupRow.contract_id, contract_id),
            (MonitorGroupRow.environment_id, environment_id),
        )
        if value is not None
    ]
    return await paginate(
        unit.session,
        select(MonitorGroupRow).where(*conditions),
        columns=(MonitorGroupRow.group_id,),
        params=params,
        to_item=lambda row: MonitorGroup.of(row, group_of(row, secrets_of(unit.session)), unit.now),
    )


@router.post("", summary="Create a group of pages", status_code=201, dependencies=[Idempotent])
async def create_monitor_group(
    body: MonitorGroupBody, unit: Unit, principal: Writer, response: Response
) -> MonitorGroupDetails:
    """Watches all of the pages from now on, or none of them when anything is refused.

    Each page is a monitor with states and outages of its own. As with other monitors that are added, none is checked
    more often than the contract has anything checked, and none counts for the service level.
    """
    ports = group_ports(unit)
    with refused_at(body.model_dump(mode="json", exclude_unset=True)):
        try:
            group_id = await create_group(
                NewGroup(
                    body.contract_id,
                    body.environment_id,
                    body.name,
                    {page.url: page.name for page in body.pages},
                    body.configuration,
                    body.cadence.given(),
                    tuple(body.critical_periods),
                ),
                ports,
                unit.now,
            )
        except NotInForce:
            raise NotAllowed("There is no active contract with this id.", "contract_id") from None
    response.headers["Location"] = f"/v1/monitor-groups/{group_id}"
    return await _shown(unit, group_id, response)


@router.get("/{group_id}", summary="Read a group of pages")
async def get_monitor_group(group_id: UUID, unit: Unit, principal: Reader, response: Response) -> MonitorGroupDetails:
    """The pages with how they stand, what they have in common, and which of the critical periods are in force."""
    return await _shown(unit, group_id, response)


@router.patch("/{group_id}", summary="Change a group of pages", responses=responses_for(Conflict))
async def update_monitor_group(
    group_id: UUID, patch: MonitorGroupPatch, unit: Unit, principal: Writer, response: Response, if_match: IfMatch
) -> MonitorGroupDetails:
    """A merge patch (RFC 7396); it holds from now on, all of it or nothing. What was measured before does not change.

    A page keeps its monitor for as long as it keeps its address. What is hidden of the configuration stays as it is
    when it is sent back; pages on a site of which there was none need the secrets in full.
    """
    ports, group, pages = await _held(unit, group_id)
    if_match.require(group.edition)
    with refused_at(patch.model_dump(mode="json", exclude_unset=True)):
        await change_group(group, pages, patch.patch(), ports, unit.now)
    return await _shown(unit, group_id, response)


@router.delete("/{group_id}", summary="Remove a group of pages", status_code=204)
async def delete_monitor_group(group_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """Watches none of its pages any more, for good; what was measured stays."""
    ports, group, pages = await _held(unit, group_id)
    if_match.require(group.edition)
    await remove_group(group, pages, ports, unit.now)


@router.get("/{group_id}/result", summary="Read the result of a group of pages")
async def get_monitor_group_result(
    group_id: UUID, unit: Unit, principal: Reader, since: From = None, until: To = None
) -> MonitorGroupResult:
    """How the group stands now, and page by page what became of it: altogether, inside critical periods, and outside.

    The period is widened to whole hours (UTC) and cut to what is known of the group; without one it is the last day.
    What was critical is what was in force then, whatever the group says now.
    """
    row = await _row(unit, group_id)
    start, end = _known(row, *period(since, until, unit.now), unit.now)
    pages = await pages_since(unit.session, group_id, start)
    if len(pages) * ((end - start) // HOUR) > MOST_PAGE_HOURS:
        raise _refused(f"That is more than {MOST_PAGE_HOURS} hours of pages. Ask for a shorter period.")
    try:
        results = await results_of(unit.session, pages, start, end, unit.now)
    except NoLongerKept as error:
        raise _refused(
            f"{error} A critical period began or ended within an hour before that, so that what came of it can no "
            "longer be told apart: ask for a later period."
        ) from None
    return MonitorGroupResult.of(row, results, start, end)


def _known(row: MonitorGroupRow, start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """The part of a period in which something can be known of a group, from the beginning of an hour on."""
    whole = hour_of(end - timedelta.resolution) + 1
    end = min(beginning_of(whole), now) if end < now else now
    first = beginning_of(hour_of(row.created_at))
    start = beginning_of(hour_of(max(start, first)))
    return min(start, beginning_of(hour_of(now))), max(end, start + timedelta.resolution)


def _refused(detail: str) -> ValidationFailed:
    return ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="from")])


async def _held(unit: Unit, group_id: UUID) -> tuple[Ports, Group, Any]:
    ports = group_ports(unit)
    found = await ports.groups.held(group_id)
    if found is None:
        raise NotFound("There is no group with this id.")
    return ports, *found


async def _row(unit: Unit, group_id: UUID) -> MonitorGroupRow:
    row = await unit.session.get(MonitorGroupRow, group_id, populate_existing=True)
    if row is None:
        raise NotFound("There is no group with this id.")
    return row


async def _shown(unit: Unit, group_id: UUID, response: Response) -> MonitorGroupDetails:
    row = await _row(unit, group_id)
    response.headers["ETag"] = etag(row.edition)
    pages = await pages_since(unit.session, group_id, unit.now)
    return MonitorGroupDetails.with_pages(row, group_of(row, secrets_of(unit.session)), pages, unit.now)
