"""Outages over HTTP, with their evidence."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from probes.adapters import queries
from probes.adapters.tables import OutageRow
from probes.api.dependencies import From, Reader, To, check_order
from probes.api.models import Outage, OutageDetails
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound
from shared.service import Unit

router = APIRouter(prefix="/v1/outages", tags=["outages"])


@router.get("", summary="List outages")
async def list_outages(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
    monitor_id: UUID | None = None,
    ongoing: Annotated[bool | None, Query(description="only those that go on, or only those that are over")] = None,
    exclusion_candidate: Annotated[
        bool | None, Query(description="only those for which somebody else may answer, or only the others")
    ] = None,
    since: From = None,
    until: To = None,
) -> Page[Outage]:
    """Confirmed outages that touch the period, newest first. Without a period: all of them."""
    check_order(since, until)
    wanted = queries.OutageFilter(
        client_id, contract_id, site_id, monitor_id, ongoing, exclusion_candidate, since, until
    )
    return await paginate(
        unit.session,
        queries.outages(wanted),
        columns=(OutageRow.down_since, OutageRow.outage_id),
        params=params,
        to_item=lambda row: Outage.of(row, unit.now),
        descending=True,
    )


@router.get("/{outage_id}", summary="Read an outage with its evidence")
async def get_outage(outage_id: UUID, unit: Unit, principal: Reader) -> OutageDetails:
    """From the first failing check to the first good one, with what each failing check saw until it was confirmed."""
    row = await queries.outage(unit.session, outage_id)
    if row is None:
        raise NotFound("There is no outage with this id.")
    return OutageDetails.with_evidence(row, unit.now)
