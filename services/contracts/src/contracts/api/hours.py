"""The hours of contracts: what each month comes to, what was worked, annual reviews, and growth."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from contracts.adapters import hours_stores
from contracts.api.dependencies import SHOWN, VersionedRoute, Work, agency, tagged
from contracts.api.errors import ContractIncomplete, PriceOutsideRange
from contracts.application import growth, hours, hours_reviews
from contracts.application.growth import Growth, NewUsageFigure, UsageFigure
from contracts.application.hours import (
    HoursApproval,
    HoursEntry,
    HoursMonth,
    NewHoursApproval,
    NewHoursEntry,
    NewReversal,
    PlacedHoursEntry,
)
from contracts.application.hours_reviews import AcceptReview, DeclineReview, HoursReview
from shared.auth import Principal, require
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Month

Reader = Annotated[Principal, Depends(require("contracts:read"))]
AgencyWriter = Annotated[Principal, agency("contracts:write")]
OfMonth = Annotated[Month, Query(description="A calendar month in the client's zone.", examples=["2026-06"])]
YearNumber = Annotated[int, Path(ge=1, le=1000, description="Which year of the contract; 1 is the first one.")]
OneMonth = Annotated[Month | None, Query(description="Only work of this calendar month.", examples=["2026-06"])]

ledger = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["hours"], route_class=VersionedRoute)
figures = APIRouter(prefix="/v1/usage-figures", tags=["hours"], route_class=VersionedRoute)
reviews = APIRouter(prefix="/v1/hours-reviews", tags=["hours"], route_class=VersionedRoute)


def _read_by(who: Principal, entry: HoursEntry) -> HoursEntry:
    """Who worked, and what was noted, is between the people of the agency unless it is for the client."""
    if who.client_id is None or entry.audience == "client":
        return entry
    return entry.model_copy(update={"person_name": "", "note": None, "recorded_by": ""})


@ledger.get("/hours", summary="Read the hours of a month", responses=responses_for(Conflict))
async def get_hours(contract_id: UUID, month: OfMonth, work: Work, _who: Reader) -> HoursMonth:
    """What each line was used, what remains and what is over, and the entries behind it.

    An open month is computed from what was told until now; a closed one is as it was counted. What is told of a closed
    month later stands under `adjustments` of the first open one.
    """
    return await hours.hours_month(work, await work.contracts.get(contract_id), month)


@ledger.post(
    "/hours/entries",
    summary="Log work that is in no ticket",
    status_code=201,
    responses=responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_hours_entry(contract_id: UUID, new: NewHoursEntry, work: Work, _who: AgencyWriter) -> HoursEntry:
    """Steering, coordination, a call: work of a date on a line of the contract. It is never changed.

    Work on an item of the service desk is logged there, and enters by itself.
    """
    return await hours.log_entry(work, await work.contracts.locked(contract_id), new)


@ledger.get("/hours/entries", summary="List the entries of a contract's hours")
async def list_hours_entries(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, who: Reader, month: OneMonth = None
) -> Page[PlacedHoursEntry]:
    """What was worked, what was told last first; entries that were taken back, and what takes them back, too."""
    await work.contracts.get(contract_id)
    page = await hours_stores.list_entries(unit, params, contract_id, month)
    shown = await hours.placed(work, contract_id, [_read_by(who, entry) for entry in page.data])
    return Page(data=shown, next_cursor=page.next_cursor)


@ledger.post(
    "/hours/reversals",
    summary="Take an entry back",
    status_code=201,
    responses=responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_hours_reversal(contract_id: UUID, wrong: NewReversal, work: Work, _who: AgencyWriter) -> HoursEntry:
    """Writes an entry of as many negative minutes on the same date. What the service desk told is corrected there."""
    return await hours.reverse_entry(work, await work.contracts.locked(contract_id), wrong)


@ledger.post(
    "/hours/approvals",
    summary="Approve work that is not in scope",
    status_code=201,
    responses=responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_hours_approval(
    contract_id: UUID, new: NewHoursApproval, work: Work, _who: AgencyWriter
) -> HoursApproval:
    """The client wants an item that is not in scope done on his included hours. Without it the item draws nothing."""
    return await hours.approve(work, await work.contracts.locked(contract_id), new)


@ledger.get("/growth", summary="Read how a contract grows")
async def get_growth(contract_id: UUID, work: Work, _who: Reader) -> Growth:
    """Use of the sites against the agreed volume and the time that reactions take, over the months that are over."""
    return await growth.growth_of(work, await work.contracts.get(contract_id))


@figures.post(
    "",
    summary="Tell how much a site was used",
    status_code=201,
    responses=responses_for(NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_usage_figure(new: NewUsageFigure, work: Work, _who: AgencyWriter) -> UsageFigure:
    """Users and visits of a site in a month. Told again, the newer figure counts; the older one stays to be seen."""
    return await growth.tell_usage(work, new)


@figures.get("", summary="List figures of use")
async def list_usage_figures(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    site_id: Annotated[UUID | None, Query(description="Only of this site.")] = None,
) -> Page[UsageFigure]:
    """Figures in the order in which they were told."""
    return await hours_stores.list_figures(unit, params, site_id)


@reviews.get("", summary="List annual reviews of hours")
async def list_hours_reviews(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    contract_id: Annotated[UUID | None, Query(description="Only under this contract.")] = None,
) -> Page[HoursReview]:
    """Reviews, the newest first. Each is made by itself when a contract's year is over."""
    return await hours_stores.list_reviews(unit, params, contract_id)


@ledger.get("/hours/reviews/{number}", summary="Read an annual review", responses=SHOWN)
async def get_hours_review(
    contract_id: UUID, number: YearNumber, response: Response, work: Work, _who: Reader
) -> HoursReview:
    """A year of real use by line, and the volume that would have fitted it."""
    await work.contracts.get(contract_id)
    review = await work.hours.reviews.of_year(contract_id, number)
    tagged(response, review.version)
    return review


@ledger.post(
    "/hours/reviews/{number}/accept",
    summary="Accept the proposed volume",
    responses=SHOWN | responses_for(Conflict, ValidationFailed, ContractIncomplete, PriceOutsideRange),
    dependencies=[Idempotent],
)
async def accept_hours_review(
    contract_id: UUID, number: YearNumber, wanted: AcceptReview, response: Response, work: Work, _who: AgencyWriter
) -> HoursReview:
    """Proposes an amendment with that volume, for both parties to sign. Nothing changes before it is applied."""
    contract = await work.contracts.locked(contract_id)
    review = await hours_reviews.accept_review(
        work, contract, await work.hours.reviews.of_year(contract_id, number), wanted
    )
    tagged(response, review.version)
    return review


@ledger.post(
    "/hours/reviews/{number}/decline",
    summary="Decline the proposed volume",
    responses=SHOWN | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def decline_hours_review(
    contract_id: UUID, number: YearNumber, why: DeclineReview, response: Response, work: Work, _who: AgencyWriter
) -> HoursReview:
    """The volume stays as it is agreed, with the reason."""
    await work.contracts.locked(contract_id)
    review = await work.hours.reviews.of_year(contract_id, number)
    review = await hours_reviews.decline_review(work, review, why.reason)
    tagged(response, review.version)
    return review


ROUTERS = (ledger, figures, reviews)
