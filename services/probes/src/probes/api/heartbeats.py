"""Heartbeats over HTTP: how jobs that report by themselves stand, what they reported, and where they report to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from probes.adapters import queries
from probes.adapters.report_rows import heartbeats, issue_token, pings
from probes.adapters.tables import HeartbeatRow, PingRow
from probes.api.dependencies import From, Reader, To, check_order
from probes.api.pings import new_token, token_hash
from probes.api.report_models import Heartbeat, Ping, ReportAddress, StandingName
from probes.domain.monitors import CRASH_RATE, HEARTBEAT
from shared.auth import Principal
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, NotFound, responses_for
from shared.service import Unit, require

router = APIRouter(tags=["reported"])

Writer = Annotated[Principal, Depends(require("monitors:write"))]
_PATHS = {HEARTBEAT: "/v1/pings/", CRASH_RATE: "/v1/crash-reports/"}


@router.get("/v1/heartbeats", summary="List heartbeats")
async def list_heartbeats(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    standing: Annotated[StandingName | None, Query(description="how they stand now")] = None,
) -> Page[Heartbeat]:
    """The jobs that report by themselves, and how they stand: late is not missing yet."""
    return await paginate(
        unit.session,
        heartbeats(client_id=client_id, contract_id=contract_id, standing=standing),
        columns=(HeartbeatRow.monitor_id,),
        params=params,
        to_item=Heartbeat.of,
    )


@router.get("/v1/heartbeats/{heartbeat_id}", summary="Read a heartbeat")
async def get_heartbeat(heartbeat_id: UUID, unit: Unit, principal: Reader) -> Heartbeat:
    """How one job stands and when its next report is expected. The id is that of its monitor."""
    row = (await unit.session.execute(heartbeats(monitor_id=heartbeat_id))).one_or_none()
    if row is None:
        raise NotFound("There is no heartbeat with this id.")
    return Heartbeat.of(row)


@router.get("/v1/heartbeats/{heartbeat_id}/pings", summary="List the reports of a heartbeat")
async def list_heartbeat_pings(
    heartbeat_id: UUID, unit: Unit, principal: Reader, params: PageParams, since: From = None, until: To = None
) -> Page[Ping]:
    """Every report that came in during the period, newest first. Without a period: all that are kept."""
    check_order(since, until)
    if (await unit.session.execute(heartbeats(monitor_id=heartbeat_id))).one_or_none() is None:
        raise NotFound("There is no heartbeat with this id.")
    return await paginate(
        unit.session,
        pings(heartbeat_id, since, until),
        columns=(PingRow.number,),
        params=params,
        to_item=Ping.of,
        descending=True,
    )


@router.post(
    "/v1/monitors/{monitor_id}/report-address",
    summary="Make the address that a monitor's reports go to",
    status_code=201,
    responses=responses_for(Conflict),
)
async def create_report_address(monitor_id: UUID, unit: Unit, principal: Writer, response: Response) -> ReportAddress:
    """A new address; the one before, if any, stops working at once. It is shown this once and stored as a hash."""
    row = await queries.monitor(unit.session, monitor_id)
    if row is None:
        raise NotFound("There is no monitor with this id.")
    if row.kind not in _PATHS:
        raise Conflict("This monitor is asked by us; only heartbeats and crash rates have an address to report to.")
    token = new_token()
    await issue_token(unit.session, row, token_hash(token), unit.now)
    response.headers["Cache-Control"] = "no-store"
    return ReportAddress(monitor_id=monitor_id, token=token, path=_PATHS[row.kind] + token)
