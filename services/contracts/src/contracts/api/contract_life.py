"""The life of a contract in force: amendments to come, term and renewal, leaving it, and what it costs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from contracts.adapters import life_stores
from contracts.api.contracts import STEP
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import amendments, formal_notices, index_values, life, price_preview
from contracts.application.amendments import ScheduledAmendment, WithdrawRequest
from contracts.application.contracts import Contract
from contracts.application.errors import Unknown
from contracts.application.formal_notices import CureRequest, FormalNotice, NewFormalNotice
from contracts.application.indexation import IndexValue, NewIndexValue, PriceState
from contracts.application.life import (
    EarlyTerminationRequest,
    LeavingCost,
    LeavingQuestion,
    NoticeRequest,
    RenewalRequest,
    TermStanding,
)
from contracts.application.ports import Workspace
from contracts.application.price_preview import PricePreview, PricePreviewRequest
from contracts.application.values import Code
from shared.auth import Principal, require
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["contracts"], route_class=VersionedRoute)
agency_router = APIRouter(prefix="/v1", tags=["contracts"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Signer = Annotated[Principal, Depends(require("contracts:sign"))]
AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]

LEFT = STEP | responses_for(Conflict, ValidationFailed)


def _shown(amendment: ScheduledAmendment, who: Principal) -> ScheduledAmendment:
    """Why a price leaves the plan's range is between the people of the agency."""
    if who.client_id is None:
        return amendment
    terms = amendment.amendment.terms.model_copy(update={"price_override_reason": None})
    return amendment.model_copy(update={"amendment": amendment.amendment.model_copy(update={"terms": terms})})


@router.get("/amendments", summary="List the amendments with a date")
async def list_scheduled_amendments(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, who: Reader
) -> Page[ScheduledAmendment]:
    """Amendments that were signed for an instant to come, in the order in which they begin, and what became of them."""
    await work.contracts.get(contract_id)
    page = await life_stores.list_amendments(unit, params, contract_id)
    return Page(data=[_shown(amendment, who) for amendment in page.data], next_cursor=page.next_cursor)


@router.post(
    "/amendments/{amendment_id}/withdraw",
    summary="Withdraw an amendment with a date",
    responses=responses_for(Conflict),
    dependencies=[Idempotent],
)
async def withdraw_scheduled_amendment(
    contract_id: UUID, amendment_id: UUID, why: WithdrawRequest, work: Work, who: Signer
) -> ScheduledAmendment:
    """It does not come in force. Others may build on it, so only the last one can be withdrawn."""
    contract = await life.current(work, contract_id)
    return _shown(await amendments.withdraw(work, contract, amendment_id, why.reason), who)


@router.get("/term", summary="Read where a contract stands in its term")
async def get_contract_term(contract_id: UUID, work: Work, _who: Reader) -> TermStanding:
    """The current term, until when notice must be given, the alert before that, and the monthly periods.

    Of a draft it is read as if it were signed. A contract without a term has days only.
    """
    return await life.term_standing(work, await work.contracts.get(contract_id))


@router.post("/renewals", summary="Renew a contract expressly", responses=LEFT, dependencies=[Idempotent])
async def renew_contract(
    contract_id: UUID, request: RenewalRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """Another term, which both parties agreed on, after the one that ends. A tacit renewal needs nobody."""
    contract = await life.renew_expressly(work, await life.current(work, contract_id), request)
    tagged(response, contract.version)
    return contract


@router.post("/notice", summary="Give notice", responses=LEFT, dependencies=[Idempotent])
async def give_notice(
    contract_id: UUID, request: NoticeRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """The contract ends with its term; when the deadline is over, with the one after it."""
    contract = await life.give_notice(work, await life.current(work, contract_id), request)
    tagged(response, contract.version)
    return contract


@router.post("/early-termination/preview", summary="Compute what leaving early costs", responses=LEFT)
async def preview_leaving(contract_id: UUID, question: LeavingQuestion, work: Work, _who: Reader) -> LeavingCost:
    """When it could be left for nothing if notice is given today, and what leaving on a day costs; keeps nothing."""
    return await life.leaving_cost(work, await work.contracts.get(contract_id), question.leaves_on)


@router.post("/early-termination", summary="Leave a contract early", responses=LEFT, dependencies=[Idempotent])
async def leave_early(
    contract_id: UUID, request: EarlyTerminationRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """The contract ends on the chosen day. What that costs is recorded with how it comes about."""
    contract = await life.leave_early(work, await life.current(work, contract_id), request)
    tagged(response, contract.version)
    return contract


@router.post("/ending/withdraw", summary="Withdraw a notice", responses=LEFT, dependencies=[Idempotent])
async def withdraw_ending(contract_id: UUID, response: Response, work: Work, _who: Signer) -> Contract:
    """Both parties go on: the contract runs as if no notice had been given."""
    contract = await life.withdraw_ending(work, await life.current(work, contract_id))
    tagged(response, contract.version)
    return contract


@router.post(
    "/formal-notices",
    summary="Give formal notice",
    status_code=201,
    responses=CREATED | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_formal_notice(
    contract_id: UUID, new: NewFormalNotice, response: Response, work: Work, _who: Signer
) -> FormalNotice:
    """One party tells the other what is not kept, with the facts; it has until the end of a day to mend it."""
    notice = await formal_notices.put_on_notice(work, await life.current(work, contract_id), new)
    where = f"/v1/contracts/{contract_id}/formal-notices/{notice.formal_notice_id}"
    tagged(response, notice.version, where)
    return notice


@router.get("/formal-notices", summary="List the formal notices")
async def list_formal_notices(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[FormalNotice]:
    """Formal notices under a contract, the first one first."""
    await work.contracts.get(contract_id)
    return await life_stores.list_notices(unit, params, contract_id)


@router.get("/formal-notices/{formal_notice_id}", summary="Read a formal notice", responses=SHOWN)
async def get_formal_notice(
    contract_id: UUID, formal_notice_id: UUID, response: Response, work: Work, _who: Reader
) -> FormalNotice:
    """A formal notice with its dates: given, to be mended until, mended or terminated."""
    notice = await _notice(work, contract_id, formal_notice_id)
    tagged(response, notice.version)
    return notice


@router.post(
    "/formal-notices/{formal_notice_id}/cure",
    summary="Close a formal notice as mended",
    responses=SHOWN | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def cure_formal_notice(
    contract_id: UUID, formal_notice_id: UUID, request: CureRequest, response: Response, work: Work, _who: Signer
) -> FormalNotice:
    """What was not kept is mended. The contract goes on."""
    contract = await life.current(work, contract_id)
    notice = await formal_notices.cure(work, contract, await _notice(work, contract_id, formal_notice_id), request)
    tagged(response, notice.version)
    return notice


@router.post(
    "/formal-notices/{formal_notice_id}/terminate",
    summary="Terminate for cause",
    responses=STEP | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def terminate_for_cause(
    contract_id: UUID, formal_notice_id: UUID, response: Response, work: Work, _who: Signer
) -> FormalNotice:
    """Ended for good from this instant, because what the notice was of was not mended in time."""
    contract = await life.current(work, contract_id)
    notice = await _notice(work, contract_id, formal_notice_id)
    notice = await formal_notices.terminate_for_cause(work, contract, notice)
    tagged(response, notice.version)
    return notice


async def _notice(work: Workspace, contract_id: UUID, formal_notice_id: UUID) -> FormalNotice:
    notice = await work.life.notices.get(formal_notice_id)
    if notice.contract_id != contract_id:
        raise Unknown("formal notice", formal_notice_id)
    return notice


@router.get("/price-history", summary="Read what a contract has cost")
async def list_price_history(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[PriceState]:
    """The price from each instant on: as signed, as amended, or as an index made it, with the computation."""
    await work.contracts.get(contract_id)
    return await life_stores.list_prices(unit, params, contract_id)


@agency_router.post(
    "/index-values",
    summary="Enter a value of an index",
    status_code=201,
    responses=responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def create_index_value(new: NewIndexValue, work: Work, _who: AgencyWriter) -> IndexValue:
    """As its publisher published it; never changed. A mistake is put right by entering the month again.

    Contracts are revised with the newest value that was published by their day of revision. One whose day is over and
    that waits for a value is revised from now on.
    """
    return await index_values.enter_index_value(work, new)


@agency_router.get("/index-values", summary="List the values of indices")
async def list_index_values(
    unit: Unit,
    params: PageParams,
    _who: AgencyReader,
    index_name: Annotated[Code | None, Query(description="Only the values of this index.")] = None,
) -> Page[IndexValue]:
    """In the order in which they were entered; of two for one month the later one counts."""
    return await life_stores.list_index_values(unit, params, index_name)


@agency_router.post("/price-previews", summary="Preview a price")
async def preview_price(request: PricePreviewRequest, _who: AgencyReader) -> PricePreview:
    """What a pricing model comes to, month by month, with dated discounts; keeps nothing."""
    return price_preview.preview(request)


ROUTERS = (router, agency_router)
