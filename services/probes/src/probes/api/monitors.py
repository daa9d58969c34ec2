"""Monitors over HTTP: what is watched, what the checks found, how the state line runs."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from probes.adapters import queries
from probes.adapters.tables import BlipRow, MonitorRow, StretchRow
from probes.api.dependencies import From, Reader, To, check_order, period
from probes.api.models import (
    Blip,
    CheckResult,
    KindName,
    Monitor,
    MonitorDetails,
    SourceName,
    StateName,
    StateStretch,
)
from shared.etag import etag
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound
from shared.service import Unit

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])


@router.get("", summary="List monitors")
async def list_monitors(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
    environment_id: UUID | None = None,
    state: Annotated[StateName | None, Query(description="how they stand now")] = None,
    kind: Annotated[KindName | None, Query(description="how it is looked at")] = None,
    source: Annotated[SourceName | None, Query(description="who decided that it is watched")] = None,
    group_id: Annotated[UUID | None, Query(description="the group of which it watches a page")] = None,
) -> Page[Monitor]:
    """The monitors that contracts have made or people have added, paused and removed ones included."""
    wanted = queries.MonitorFilter(client_id, contract_id, site_id, environment_id, state, kind, source, group_id)
    found: Page[Any] = await paginate(
        unit.session,
        queries.monitors(wanted),
        columns=(MonitorRow.monitor_id,),
        params=params,
        to_item=lambda row: row,
    )
    rows: list[MonitorRow] = found.data
    locations = await queries.location_states(unit.session, [row.monitor_id for row in rows])
    return Page[Monitor](
        data=[Monitor.of(row, locations[row.monitor_id]) for row in rows], next_cursor=found.next_cursor
    )


@router.get("/{monitor_id}", summary="Read a monitor")
async def get_monitor(monitor_id: UUID, unit: Unit, principal: Reader, response: Response) -> MonitorDetails:
    """What is watched and how, what each location says, and how it was watched before."""
    row = await _monitor(unit, monitor_id)
    locations = await queries.location_states(unit.session, [monitor_id])
    history = await queries.rules_history(unit.session, monitor_id, unit.now)
    response.headers["ETag"] = etag(row.edition)
    return MonitorDetails.with_history(row, locations[monitor_id], list(history))


@router.get("/{monitor_id}/results", summary="List the results of a monitor")
async def list_monitor_results(
    monitor_id: UUID, unit: Unit, principal: Reader, params: PageParams, since: From = None, until: To = None
) -> Page[CheckResult]:
    """Every check that began in the period, newest first. Without a period: the last day.

    Raw results are kept for 35 days unless the installation keeps them longer.
    """
    row = await _monitor(unit, monitor_id)
    beginning, end = period(since, until, unit.now)
    return await paginate(
        unit.session,
        queries.results(row.number, beginning, end),
        columns=queries.RESULT_ORDER,
        params=params,
        to_item=CheckResult.of,
        descending=True,
    )


@router.get("/{monitor_id}/states", summary="List the state line of a monitor")
async def list_monitor_states(
    monitor_id: UUID, unit: Unit, principal: Reader, params: PageParams, since: From = None, until: To = None
) -> Page[StateStretch]:
    """The stretches of the state line that touch the period, newest first. Without a period: all of them."""
    await _monitor(unit, monitor_id)
    check_order(since, until)
    return await paginate(
        unit.session,
        queries.stretches(monitor_id, since, until),
        columns=(StretchRow.started_at, StretchRow.version),
        params=params,
        to_item=StateStretch.of,
        descending=True,
    )


@router.get("/{monitor_id}/blips", summary="List the blips of a monitor")
async def list_monitor_blips(
    monitor_id: UUID, unit: Unit, principal: Reader, params: PageParams, since: From = None, until: To = None
) -> Page[Blip]:
    """Failures that did not confirm and began in the period, newest first. Without a period: all of them."""
    await _monitor(unit, monitor_id)
    check_order(since, until)
    return await paginate(
        unit.session,
        queries.blips(monitor_id, since, until),
        columns=(BlipRow.first_at, BlipRow.location),
        params=params,
        to_item=Blip.of,
        descending=True,
    )


async def _monitor(unit: Unit, monitor_id: UUID) -> MonitorRow:
    row = await queries.monitor(unit.session, monitor_id)
    if row is None:
        raise NotFound("There is no monitor with this id.")
    return row
