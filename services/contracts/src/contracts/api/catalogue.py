"""What the agency offers: plans with versions, the kinds of deliverables, and calendars."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from contracts.adapters import queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import calendars, catalogue
from contracts.application.calendars import Calendar, NewCalendar, NewCalendarVersion
from contracts.application.catalogue import (
    FIXTURES,
    CatalogueName,
    Installed,
    NewPlan,
    NewPlanVersion,
    Plan,
    PlanVersion,
)
from contracts.application.deliverables import PARAMETERS
from contracts.application.shipped import install_shipped
from contracts.application.values import Request
from shared.auth import Principal
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1", tags=["catalogue"], route_class=VersionedRoute)

Reader = Annotated[Principal, agency("contracts:read")]
Writer = Annotated[Principal, agency("contracts:write")]


class InstallRequest(Request):
    """Which of the catalogues that Upheld ships to install."""

    catalogues: list[CatalogueName] = Field(
        default_factory=lambda: list(FIXTURES), min_length=1, max_length=2, examples=[["tiers"]]
    )


class DeliverableKind(BaseModel):
    """A type of deliverable, and the JSON Schema of its parameters."""

    type: str = Field(max_length=64)
    description: str = Field(max_length=500)
    parameters: dict[str, Any] = Field(description="JSON Schema (2020-12).")


class DeliverableKinds(BaseModel):
    """Everything that a plan can promise."""

    data: list[DeliverableKind] = Field(max_length=100)


@router.post("/catalogue/fixtures", summary="Install the shipped catalogues", responses=responses_for(Conflict))
async def install_fixtures(wanted: InstallRequest, work: Work, _who: Writer) -> Installed:
    """Creates the plans, calendars, sector presets and clauses that are not there yet; what the agency has under these
    names stays as it is.

    A new tenant has them already. They are the agency's own data: add versions to change them.
    """
    return await install_shipped(work, wanted.catalogues)


@router.get("/deliverable-types", summary="List the types of deliverables")
async def list_deliverable_types(_who: Reader) -> DeliverableKinds:
    """What a plan can promise, with the parameters that each type is configured with."""
    return DeliverableKinds(
        data=[
            DeliverableKind(type=kind, description=(model.__doc__ or "").strip(), parameters=model.model_json_schema())
            for kind, model in PARAMETERS.items()
        ]
    )


@router.post(
    "/plans",
    summary="Create a plan",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def create_plan(new: NewPlan, response: Response, work: Work, _who: Writer) -> Plan:
    """A plan with its first version. With `extends` it takes over another plan; equal codes override."""
    plan = await catalogue.create_plan(work, new)
    tagged(response, plan.version, f"/v1/plans/{plan.plan_id}")
    return plan


@router.get("/plans", summary="List plans")
async def list_plans(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    catalogue_code: Annotated[
        str | None,
        Query(alias="catalogue", max_length=64, pattern="^[a-z][a-z0-9_]*$", description="Only this catalogue."),
    ] = None,
) -> Page[Plan]:
    """Plans with their newest versions, in the order in which they were created."""
    return await queries.list_plans(unit, params, catalogue_code)


@router.get("/plans/{plan_id}", summary="Read a plan", responses=SHOWN)
async def get_plan(plan_id: UUID, response: Response, work: Work, _who: Reader) -> Plan:
    """A plan with its newest version and everything that it promises."""
    plan = await work.plans.get(plan_id)
    tagged(response, plan.version)
    return plan


@router.post(
    "/plans/{plan_id}/versions", summary="Change a plan", status_code=201, responses=CREATED | responses_for(Conflict)
)
async def create_plan_version(
    plan_id: UUID, new: NewPlanVersion, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Plan:
    """A new version, for contracts that are drafted from now on. What was made from an older one keeps that."""
    plan = await work.plans.locked(plan_id)
    if_match.require(plan.version)
    plan = await catalogue.add_plan_version(work, plan, new)
    tagged(response, plan.version, f"/v1/plans/{plan_id}/versions/{plan.current.number}")
    return plan


@router.get("/plans/{plan_id}/versions", summary="List the versions of a plan")
async def list_plan_versions(
    plan_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[PlanVersion]:
    """All versions, the first one first."""
    await work.plans.get(plan_id)
    return await queries.list_plan_versions(unit, params, plan_id)


@router.get("/plans/{plan_id}/versions/{number}", summary="Read a version of a plan")
async def get_plan_version(
    plan_id: UUID, number: Annotated[int, Path(ge=1, le=2_147_483_647)], work: Work, _who: Reader
) -> PlanVersion:
    """One version, as it was made."""
    return await work.plans.version(plan_id, number)


@router.post(
    "/calendars",
    summary="Create a calendar",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def create_calendar(new: NewCalendar, response: Response, work: Work, _who: Writer) -> Calendar:
    """Coverage hours under a name that contracts use."""
    calendar = await calendars.create_calendar(work, new)
    tagged(response, calendar.version, f"/v1/calendars/{calendar.calendar_id}")
    return calendar


@router.get("/calendars", summary="List calendars")
async def list_calendars(unit: Unit, params: PageParams, _who: Reader) -> Page[Calendar]:
    """Calendars with all their versions, in the order in which they were created."""
    return await queries.list_calendars(unit, params)


@router.get("/calendars/{calendar_id}", summary="Read a calendar", responses=SHOWN)
async def get_calendar(calendar_id: UUID, response: Response, work: Work, _who: Reader) -> Calendar:
    """A calendar with all its versions."""
    calendar = await work.calendars.get(calendar_id)
    tagged(response, calendar.version)
    return calendar


@router.post("/calendars/{calendar_id}/versions", summary="Change a calendar", status_code=201, responses=CREATED)
async def create_calendar_version(
    calendar_id: UUID, new: NewCalendarVersion, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Calendar:
    """New hours from an instant in the future on. Contracts that were proposed keep the hours that were agreed."""
    calendar = await work.calendars.locked(calendar_id)
    if_match.require(calendar.version)
    calendar = await calendars.add_calendar_version(work, calendar, new)
    tagged(response, calendar.version, f"/v1/calendars/{calendar_id}")
    return calendar
