"""Components over HTTP: which versions were seen, and how they stand in their lives."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from probes.adapters.components import components
from probes.adapters.tables import ComponentRow
from probes.api.dependencies import Reader
from probes.api.report_models import ComponentName
from shared.pagination import Page, PageParams, paginate
from shared.service import Unit
from shared.values import Instant, LocalDate

router = APIRouter(prefix="/v1/components", tags=["reported"])

VerdictName = Literal["current", "newer_cycle", "security_only", "behind", "ending", "end_of_life", "unknown"]

_COMPONENT: dict[str, Any] = {
    "monitor_id": "0190a000-0000-7000-8000-000000000042",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "component": "php",
    "version": "8.1.32",
    "cycle": "8.1",
    "verdict": "end_of_life",
    "since": "2026-01-01T04:10:00Z",
    "observed_at": "2026-06-08T04:10:00Z",
    "latest": "8.1.32",
    "end_of_life": "2025-12-31",
    "data_of": "2025-05-31",
}


class Component(BaseModel):
    """A component of a site and the version that was seen last.

    The verdict is about its cycle as the list of `data_of` has it, on the day of `observed_at`; `since` is when this
    version got it. `unknown`: the list does not have the component, or this cycle of it.
    """

    model_config = ConfigDict(frozen=True, from_attributes=True, json_schema_extra={"examples": [_COMPONENT]})

    monitor_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    component: str = Field(max_length=60)
    version: str = Field(max_length=60)
    cycle: str | None = Field(max_length=60)
    verdict: VerdictName
    since: Instant
    observed_at: Instant
    latest: str | None = Field(max_length=60, description="newest release of the cycle")
    end_of_life: LocalDate | None
    data_of: LocalDate


@router.get("", summary="List components")
async def list_components(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
    component: Annotated[ComponentName | None, Query(description="one component everywhere")] = None,
    verdict: Annotated[VerdictName | None, Query(description="how they stand")] = None,
    outdated: Annotated[bool | None, Query(description="only what somebody has to update, or only the rest")] = None,
) -> Page[Component]:
    """Versions of components as they were seen last, with what is known about the life of their cycle."""
    return await paginate(
        unit.session,
        components(
            client_id=client_id,
            contract_id=contract_id,
            site_id=site_id,
            component=component,
            verdict=verdict,
            outdated=outdated,
        ),
        columns=(ComponentRow.component, ComponentRow.monitor_id),
        params=params,
        to_item=Component.model_validate,
    )
