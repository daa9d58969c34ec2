"""Sector presets, promotions, and what they make of a contract."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from contracts.adapters import sector_stores
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.api.errors import IllegalTransition
from contracts.application import critical_periods, promotions, sector_presets
from contracts.application.contracts import Contract
from contracts.application.promotions import DiscountedFee, NewPromotion, Promotion, PromotionContent
from contracts.application.sector_presets import NewSectorPreset, SectorPreset, SectorPresetContent
from contracts.application.sectors import AHEAD, CalendarEntry
from contracts.application.values import Code
from shared.auth import Principal, require
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, FieldError, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/sector-presets", tags=["catalogue"], route_class=VersionedRoute)
promotion_router = APIRouter(prefix="/v1/promotions", tags=["catalogue"], route_class=VersionedRoute)
contract_router = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["contracts"], route_class=VersionedRoute)
ROUTERS = (router, promotion_router, contract_router)

Reader = Annotated[Principal, agency("contracts:read")]
Writer = Annotated[Principal, agency("contracts:write")]
PartyReader = Annotated[Principal, Depends(require("contracts:read"))]
LONGEST = 10 * AHEAD
LATEST = datetime(9900, 1, 1, tzinfo=UTC)
"""A calendar that is asked for from later than this begins here: dates have an end."""
PresetName = Annotated[Code, Path(description="Name of a preset.")]


class CriticalPeriodCalendar(BaseModel):
    """When the critical periods of a contract come, the earliest first."""

    data: list[CalendarEntry] = Field(max_length=10_000)


class DiscountedFees(BaseModel):
    """The fees of a contract, period by period, if its terms stay as they are."""

    data: list[DiscountedFee] = Field(max_length=60)


@router.post(
    "",
    summary="Add a sector preset",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def create_sector_preset(new: NewSectorPreset, response: Response, work: Work, _who: Writer) -> SectorPreset:
    """What the contracts of a kind of client usually ask for beside their plan."""
    preset = await sector_presets.create_preset(work, new)
    tagged(response, preset.version, f"/v1/sector-presets/{preset.name}")
    return preset


@router.get("", summary="List sector presets")
async def list_sector_presets(unit: Unit, params: PageParams, _who: Reader) -> Page[SectorPreset]:
    """Presets in the order in which they were created. A new tenant has those that Upheld ships; they are its own."""
    return await sector_stores.list_presets(unit, params)


@router.get("/{preset_name}", summary="Read a sector preset", responses=SHOWN)
async def get_sector_preset(preset_name: PresetName, response: Response, work: Work, _who: Reader) -> SectorPreset:
    """A preset with what it fills contracts with."""
    preset = await sector_presets.preset_named(work, preset_name)
    tagged(response, preset.version)
    return preset


@router.put("/{preset_name}", summary="Change a sector preset", responses=SHOWN)
async def put_sector_preset(
    preset_name: PresetName,
    content: SectorPresetContent,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: Writer,
) -> SectorPreset:
    """What it says from now on. Contracts that were filled from it keep what they have."""
    preset = await work.sectors.presets.locked(preset_name)
    if_match.require(preset.version)
    preset = await sector_presets.change_preset(work, preset, content)
    tagged(response, preset.version)
    return preset


@promotion_router.post(
    "",
    summary="Add a promotion",
    status_code=201,
    responses=CREATED | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_promotion(new: NewPromotion, response: Response, work: Work, _who: Writer) -> Promotion:
    """What is taken off the fee of plans between two days; contracts that are drafted from now on are offered it."""
    promotion = await promotions.create_promotion(work, new)
    tagged(response, promotion.version, f"/v1/promotions/{promotion.promotion_id}")
    return promotion


@promotion_router.get("", summary="List promotions")
async def list_promotions(unit: Unit, params: PageParams, _who: Reader) -> Page[Promotion]:
    """Promotions in the order in which they were created, those that are over included."""
    return await sector_stores.list_promotions(unit, params)


@promotion_router.get("/{promotion_id}", summary="Read a promotion", responses=SHOWN)
async def get_promotion(promotion_id: UUID, response: Response, work: Work, _who: Reader) -> Promotion:
    """A promotion with its dates."""
    promotion = await work.sectors.promotions.get(promotion_id)
    tagged(response, promotion.version)
    return promotion


@promotion_router.put(
    "/{promotion_id}", summary="Change a promotion", responses=SHOWN | responses_for(ValidationFailed)
)
async def put_promotion(
    promotion_id: UUID, content: PromotionContent, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Promotion:
    """What contracts are offered from now on; those that hold it keep it as it was. One that is over offers nothing."""
    promotion = await work.sectors.promotions.locked(promotion_id)
    if_match.require(promotion.version)
    promotion = await promotions.change_promotion(work, promotion, content)
    tagged(response, promotion.version)
    return promotion


@contract_router.post(
    "/presets/{preset_name}",
    summary="Fill a draft from a sector preset",
    responses=SHOWN | responses_for(IllegalTransition, Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def apply_sector_preset(
    contract_id: UUID, preset_name: PresetName, response: Response, work: Work, _who: Writer
) -> Contract:
    """Replaces the block `sector` of the draft by that of the preset; change it afterwards like every other term."""
    contract = await sector_presets.apply_preset(work, await work.contracts.locked(contract_id), preset_name)
    tagged(response, contract.version)
    return contract


@contract_router.get(
    "/critical-periods",
    summary="Read when the critical periods of a contract come",
    responses=responses_for(ValidationFailed),
)
async def list_critical_periods(
    contract_id: UUID,
    work: Work,
    _who: PartyReader,
    since: Annotated[Instant | None, Query(description="RFC 3339 with an offset; left out: now.")] = None,
    until: Annotated[Instant | None, Query(description="Left out: 400 days later.")] = None,
) -> CriticalPeriodCalendar:
    """Every time that one comes, with what is stricter then, by the contract's terms in the client's zone."""
    contract = await work.contracts.get(contract_id)
    start = min(since or work.now, LATEST)
    end = until or start + AHEAD
    if not start < end <= start + LONGEST:
        detail = f"must be after the beginning, and at most {LONGEST.days} days after it"
        raise ValidationFailed(f"`until` {detail}.", errors=[FieldError(detail=detail, parameter="until")])
    return CriticalPeriodCalendar(data=await critical_periods.calendar_of(work, contract, start, end))


@contract_router.get("/discounted-fees", summary="Read the fees of a contract with their discounts")
async def list_discounted_fees(
    contract_id: UUID,
    work: Work,
    _who: PartyReader,
    periods: Annotated[int, Query(ge=1, le=60, description="How many monthly periods from the first day on.")] = 12,
) -> DiscountedFees:
    """The fee of each monthly period with a line for every discount that runs in it, if the terms stay as they are."""
    contract = await work.contracts.get(contract_id)
    client = await work.clients.get(contract.client_id)
    terms = contract.terms
    return DiscountedFees(
        data=promotions.discounted_fees(
            terms.price,
            terms.discounts or [],
            terms.starts_on,
            terms.ends_on,
            ZoneInfo(client.time_zone),
            periods,
        )
    )
