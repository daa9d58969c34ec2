"""Maintenance windows over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from contracts.adapters import queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.application import maintenance
from contracts.application.maintenance import CancelRequest, MaintenanceWindow, NewWindow
from shared.auth import Principal, require
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/maintenance-windows", tags=["maintenance"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]


@router.post(
    "",
    summary="Schedule a maintenance window",
    status_code=201,
    responses=CREATED | responses_for(NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_maintenance_window(new: NewWindow, response: Response, work: Work, _who: Writer) -> MaintenanceWindow:
    """Planned work in the future. Checks go on meanwhile, and what they find counts as the contract says.

    `starts` and `ends` are what the clocks show: on a night on which they change, the window is as long as they say.
    """
    window = await maintenance.schedule_window(work, new)
    tagged(response, window.version, f"/v1/maintenance-windows/{window.window_id}")
    return window


@router.get("", summary="List maintenance windows")
async def list_maintenance_windows(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: Annotated[UUID | None, Query(description="Only the windows of this client.")] = None,
    ends_after: Annotated[Instant | None, Query(description="Only windows that are not over by then.")] = None,
) -> Page[MaintenanceWindow]:
    """Windows in the order in which they were scheduled, cancelled ones too."""
    return await queries.list_maintenance_windows(unit, params, client_id, ends_after)


@router.get("/{window_id}", summary="Read a maintenance window", responses=SHOWN)
async def get_maintenance_window(window_id: UUID, response: Response, work: Work, _who: Reader) -> MaintenanceWindow:
    """A window with all its occurrences."""
    window = await work.windows.get(window_id)
    tagged(response, window.version)
    return window


@router.post(
    "/{window_id}/cancel",
    summary="Cancel a maintenance window",
    responses=SHOWN | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def cancel_maintenance_window(
    window_id: UUID, why: CancelRequest, response: Response, work: Work, _who: Writer
) -> MaintenanceWindow:
    """No more planned work from this instant. An occurrence that goes on ends now; those that have been stay."""
    window = await maintenance.cancel_window(work, await work.windows.locked(window_id), why.reason)
    tagged(response, window.version)
    return window
