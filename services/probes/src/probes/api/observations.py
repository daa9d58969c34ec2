"""What checks have seen, over HTTP: the certificates that are presented now, and the history of every fact."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from probes.adapters import observation_queries, queries
from probes.api.dependencies import From, Reader, To, check_order
from probes.api.observation_models import Certificate, Observation
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound
from shared.service import Unit

router = APIRouter(tags=["observations"])

ExpiringWithin = Annotated[
    int | None,
    Query(
        ge=0,
        le=3650,
        description="only those that end within so many days, or have ended",
        json_schema_extra={"format": "int32"},
    ),
]
ObservationName = Annotated[
    str | None,
    Query(
        pattern=r"^[a-z_]{1,40}(:[^\x00-\x1f]{1,300})?$", max_length=341, description="such as certificate or domain"
    ),
]


@router.get("/v1/certificates", summary="List certificates")
async def list_certificates(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
    expiring_within_days: ExpiringWithin = None,
) -> Page[Certificate]:
    """The certificates that checks have seen lately, those that end first at the beginning.

    Those of paused monitors are left out.
    """
    within = timedelta(days=expiring_within_days) if expiring_within_days is not None else None
    wanted = observation_queries.CertificateFilter(client_id, contract_id, site_id, within)
    return await paginate(
        unit.session,
        observation_queries.certificates(wanted, unit.now),
        columns=observation_queries.CERTIFICATE_ORDER,
        params=params,
        to_item=lambda row: Certificate.of(row[0], row[1], unit.now),
    )


@router.get("/v1/monitors/{monitor_id}/observations", summary="List the observations of a monitor")
async def list_monitor_observations(
    monitor_id: UUID,
    unit: Unit,
    principal: Reader,
    params: PageParams,
    name: ObservationName = None,
    since: From = None,
    until: To = None,
) -> Page[Observation]:
    """Facts that its checks have seen in the period, each with the instants between which it held, newest first."""
    if await queries.monitor(unit.session, monitor_id) is None:
        raise NotFound("There is no monitor with this id.")
    check_order(since, until)
    return await paginate(
        unit.session,
        observation_queries.observations(monitor_id, name, since, until),
        columns=observation_queries.OBSERVATION_ORDER,
        params=params,
        to_item=Observation.of,
        descending=True,
    )
