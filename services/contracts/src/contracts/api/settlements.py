"""Settlements: drafted, reviewed, closed and corrected; claims, rights to terminate, what-if, tables of remedies."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import ValidationError

from contracts.adapters import settlement_stores
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.api.errors import IllegalTransition, NotSigned
from contracts.api.register_access import must_be_evident
from contracts.application import claims, settlement_terms, settling, termination_rights
from contracts.application.claims import ClaimAnswer, NewClaim, SettlementClaim
from contracts.application.errors import Refused, Unknown
from contracts.application.patches import merged
from contracts.application.settlement_terms import NewRemedyTable, RemedyTable, RemedyTableContent, RemedyTablePatch
from contracts.application.settling import (
    ClosedSummary,
    CorrectionRequest,
    NewAdjustment,
    SettlementRecord,
    SettlementRequest,
    SettlementStatus,
    SettlementSummary,
)
from contracts.application.termination_rights import ExerciseRequest, TerminationRight
from contracts.application.what_if import Replay, WhatIf, what_if
from shared.auth import Principal, require
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import LocalDate

settlements = APIRouter(prefix="/v1/settlements", tags=["settlements"], route_class=VersionedRoute)
objections = APIRouter(prefix="/v1/settlement-claims", tags=["settlements"], route_class=VersionedRoute)
rights = APIRouter(prefix="/v1/termination-rights", tags=["settlements"], route_class=VersionedRoute)
tables = APIRouter(prefix="/v1/remedy-tables", tags=["settlements"], route_class=VersionedRoute)
replays = APIRouter(prefix="/v1/contracts", tags=["settlements"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Answerer = Annotated[Principal, Depends(require("contracts:answer"))]
AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]
OfContract = Annotated[UUID | None, Query(description="Only of this contract.")]
STEP: dict[int | str, dict[str, Any]] = SHOWN | responses_for(Conflict)


async def shown_to(work: Work, record: SettlementRecord, who: Principal) -> SettlementRecord:
    """A client is shown what was closed; what the agency still works on is its own affair. Raises Unknown."""
    if who.client_id is None:
        return record
    if record.closed_number is None or record.closed_hash is None:
        raise Unknown("settlement", record.settlement_id)
    if record.status == "closed":
        return record
    content = (await work.settlements.settlements.closed(record.settlement_id, record.closed_number)).content
    return record.model_copy(
        update={
            "status": "closed",
            "number": record.closed_number,
            "reviewed_at": None,
            "reviewed_by": None,
            "adjustments": [],
            "correction_reason": None,
            "content": content,
            "net": content.totals.net,
            "gross": content.totals.gross,
        }
    )


async def _summary(work: Work, record: SettlementSummary, who: Principal) -> SettlementSummary:
    """A client is not told of what the agency still works on."""
    if who.client_id is None or record.status == "closed":
        return record
    whole = await shown_to(work, await work.settlements.settlements.get(record.settlement_id), who)
    return record.model_copy(update={name: getattr(whole, name) for name in SettlementSummary.model_fields})


# --- settlements -----------------------------------------------------------------------------------------------------


@settlements.post(
    "",
    summary="Draft a settlement",
    status_code=201,
    responses=CREATED | responses_for(Conflict, NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_settlement(
    wanted: SettlementRequest, response: Response, work: Work, _who: AgencyWriter
) -> SettlementRecord:
    """The settlement of the period of a day, as of now. One that is there already is answered as it stands.

    A job drafts each contract's settlement when its period is over; nobody has to ask for it.
    """
    record = await settling.draft_settlement(work, wanted)
    tagged(response, record.version, f"/v1/settlements/{record.settlement_id}")
    return record


@settlements.get("", summary="List settlements")
async def list_settlements(
    unit: Unit,
    work: Work,
    params: PageParams,
    who: Reader,
    contract_id: OfContract = None,
    status: Annotated[SettlementStatus | None, Query(description="Only in this state.")] = None,
) -> Page[SettlementSummary]:
    """Settlements without their lines, in the order in which they were drafted. A client sees closed ones."""
    for_client = who.client_id is not None
    page = await settlement_stores.list_settlements(
        unit, params, contract_id, None if for_client else status, closed_only=for_client
    )
    return Page(data=[await _summary(work, record, who) for record in page.data], next_cursor=page.next_cursor)


@settlements.get("/{settlement_id}", summary="Read a settlement", responses=SHOWN)
async def get_settlement(settlement_id: UUID, response: Response, work: Work, who: Reader) -> SettlementRecord:
    """A settlement with its lines, what was promised and measured, and what is owed. A client sees what was closed."""
    record = await shown_to(work, await work.settlements.settlements.get(settlement_id), who)
    tagged(response, record.version)
    return record


@settlements.post(
    "/{settlement_id}/recompute", summary="Compute a draft again", responses=STEP, dependencies=[Idempotent]
)
async def recompute_settlement(
    settlement_id: UUID, response: Response, work: Work, _who: AgencyWriter
) -> SettlementRecord:
    """From everything that is known now: facts that came late, decisions on breaches, work that was entered since."""
    record = await settling.recompute(work, await work.settlements.settlements.locked(settlement_id))
    tagged(response, record.version)
    return record


@settlements.post(
    "/{settlement_id}/adjust",
    summary="Adjust a draft",
    responses=STEP | responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def adjust_settlement(
    settlement_id: UUID, new: NewAdjustment, response: Response, work: Work, _who: AgencyWriter
) -> SettlementRecord:
    """Adds a line by hand, with who added it and why."""
    record = await settling.adjust(work, await work.settlements.settlements.locked(settlement_id), new)
    tagged(response, record.version)
    return record


@settlements.post("/{settlement_id}/review", summary="Review a draft", responses=STEP, dependencies=[Idempotent])
async def review_settlement(
    settlement_id: UUID, response: Response, work: Work, _who: AgencyWriter
) -> SettlementRecord:
    """Computed once more and looked through: from now on it does not change, until it is closed or reopened."""
    record = await settling.review(work, await work.settlements.settlements.locked(settlement_id))
    tagged(response, record.version)
    return record


@settlements.post(
    "/{settlement_id}/reopen", summary="Reopen a reviewed draft", responses=STEP, dependencies=[Idempotent]
)
async def reopen_settlement(
    settlement_id: UUID, response: Response, work: Work, _who: AgencyWriter
) -> SettlementRecord:
    """A draft again. What is closed is not reopened but corrected."""
    record = await settling.reopen(work, await work.settlements.settlements.locked(settlement_id))
    tagged(response, record.version)
    return record


@settlements.post("/{settlement_id}/close", summary="Close a settlement", responses=STEP, dependencies=[Idempotent])
async def close_settlement(settlement_id: UUID, response: Response, work: Work, _who: AgencyWriter) -> SettlementRecord:
    """Fixed for good with the SHA-256 of its canonical JSON. The client sees it, and can claim against it."""
    record = await settling.close(work, await work.settlements.settlements.locked(settlement_id))
    tagged(response, record.version)
    return record


@settlements.post(
    "/{settlement_id}/correct", summary="Correct a closed settlement", responses=STEP, dependencies=[Idempotent]
)
async def correct_settlement(
    settlement_id: UUID, why: CorrectionRequest, response: Response, work: Work, _who: AgencyWriter
) -> SettlementRecord:
    """Begins a further version, with the difference against the closed one, which stays as it is."""
    record = await settling.correct(work, await work.settlements.settlements.locked(settlement_id), why.reason)
    tagged(response, record.version)
    return record


@settlements.get("/{settlement_id}/versions", summary="List the closed versions of a settlement")
async def list_settlement_versions(
    settlement_id: UUID, unit: Unit, work: Work, params: PageParams, who: Reader
) -> Page[ClosedSummary]:
    """Closed versions with their hashes; none of them is ever changed."""
    await shown_to(work, await work.settlements.settlements.get(settlement_id), who)
    return await settlement_stores.list_versions(unit, params, settlement_id)


@settlements.get(
    "/{settlement_id}/versions/{number}",
    summary="Read a closed version of a settlement",
    response_class=Response,
    responses={
        200: {
            "content": {"application/json": {"schema": {"type": "object"}}},
            "description": "Exactly the bytes whose SHA-256 is the version's hash.",
        }
    },
)
async def get_settlement_version(
    settlement_id: UUID,
    number: Annotated[int, Path(ge=1, le=2**31 - 1, json_schema_extra={"format": "int32"})],
    unit: Unit,
    _who: Reader,
) -> Response:
    """The canonical JSON. `sha256sum` of the answer gives the hash that was announced when it was closed."""
    closed = await settlement_stores.closed_version(unit, settlement_id, number)
    headers = {"ETag": etag(closed.hash), "Cache-Control": "private, no-cache"}
    return Response(closed.text.encode(), media_type="application/json", headers=headers)


# --- claims ----------------------------------------------------------------------------------------------------------


@settlements.post(
    "/{settlement_id}/claims",
    summary="Claim against a closed settlement",
    status_code=201,
    responses=CREATED | responses_for(Conflict, NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_settlement_claim(
    settlement_id: UUID, new: NewClaim, response: Response, work: Work, who: Answerer
) -> SettlementClaim:
    """What the client objects to, within the days that the contract gives. The agency says how it was told."""
    record = await work.settlements.settlements.locked(settlement_id)
    must_be_evident(who, new.evidence)
    made = await claims.claim(work, await shown_to(work, record, who), new)
    tagged(response, made.version, f"/v1/settlement-claims/{made.claim_id}")
    return made


@objections.get("", summary="List claims")
async def list_settlement_claims(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    contract_id: OfContract = None,
    settlement_id: Annotated[UUID | None, Query(description="Only against this settlement.")] = None,
) -> Page[SettlementClaim]:
    """Claims in the order in which they were made."""
    return await settlement_stores.list_claims(unit, params, contract_id, settlement_id)


@objections.get("/{claim_id}", summary="Read a claim", responses=SHOWN)
async def get_settlement_claim(claim_id: UUID, response: Response, work: Work, _who: Reader) -> SettlementClaim:
    """A claim, with what was answered."""
    made = await work.settlements.claims.get(claim_id)
    tagged(response, made.version)
    return made


@objections.post(
    "/{claim_id}/answer",
    summary="Answer a claim",
    responses=STEP | responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def answer_settlement_claim(
    claim_id: UUID, said: ClaimAnswer, response: Response, work: Work, _who: AgencyWriter
) -> SettlementClaim:
    """Refused with a reason; or accepted, which begins a correction of the settlement."""
    known = await work.settlements.claims.get(claim_id)
    record = await work.settlements.settlements.locked(known.settlement_id)
    made = await claims.answer(work, await work.settlements.claims.locked(claim_id), record, said)
    tagged(response, made.version)
    return made


# --- rights to terminate ---------------------------------------------------------------------------------------------


@rights.get("", summary="List rights to terminate")
async def list_termination_rights(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    contract_id: OfContract = None,
    usable_on: Annotated[LocalDate | None, Query(description="Only those that can be used on this day.")] = None,
) -> Page[TerminationRight]:
    """Rights that a pattern of misses opened, with the day on which each lapses."""
    return await settlement_stores.list_rights(unit, params, contract_id, usable_on)


@rights.get("/{termination_right_id}", summary="Read a right to terminate", responses=SHOWN)
async def get_termination_right(
    termination_right_id: UUID, response: Response, work: Work, _who: Reader
) -> TerminationRight:
    """A right to terminate, with the misses that opened it."""
    right = await work.settlements.rights.get(termination_right_id)
    tagged(response, right.version)
    return right


@rights.post(
    "/{termination_right_id}/exercise",
    summary="Use a right to terminate",
    responses=STEP | responses_for(IllegalTransition, NotSigned, ValidationFailed),
    dependencies=[Idempotent],
)
async def exercise_termination_right(
    termination_right_id: UUID, said: ExerciseRequest, response: Response, work: Work, who: Answerer
) -> TerminationRight:
    """The client leaves: the contract ends at this instant, without compensation. The agency says how it was told."""
    known = await work.settlements.rights.get(termination_right_id)
    must_be_evident(who, said.evidence)
    contract = await work.contracts.locked(known.contract_id)
    right = await work.settlements.rights.locked(termination_right_id)
    settlement = await work.settlements.settlements.get(right.settlement_id)
    right = await termination_rights.exercise(work, right, contract, settlement, said.evidence)
    tagged(response, right.version)
    return right


# --- what if ---------------------------------------------------------------------------------------------------------


@replays.post(
    "/{contract_id}/what-if",
    summary="Replay past periods under other terms",
    responses=responses_for(Conflict, NotFound, ValidationFailed),
)
async def replay_contract(contract_id: UUID, wanted: WhatIf, work: Work, _who: AgencyReader) -> Replay:
    """What the facts of these periods come to under other terms, line by line against what is owed. Stores nothing."""
    return await what_if(work, await work.contracts.get(contract_id), wanted)


# --- tables of the agency --------------------------------------------------------------------------------------------


@tables.post(
    "",
    summary="Add a table of credits and penalties",
    status_code=201,
    responses=CREATED | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_remedy_table(new: NewRemedyTable, response: Response, work: Work, _who: AgencyWriter) -> RemedyTable:
    """What missed promises cost. Nothing of it counts until a contract names it."""
    table = await settlement_terms.add_table(work, new)
    tagged(response, table.version, f"/v1/remedy-tables/{table.remedy_table_id}")
    return table


@tables.get("", summary="List tables of credits and penalties")
async def list_remedy_tables(unit: Unit, params: PageParams, _who: AgencyReader) -> Page[RemedyTable]:
    """The agency's tables, in the order in which they were added."""
    return await settlement_stores.list_tables(unit, params)


@tables.get("/{remedy_table_id}", summary="Read a table of credits and penalties", responses=SHOWN)
async def get_remedy_table(remedy_table_id: UUID, response: Response, work: Work, _who: AgencyReader) -> RemedyTable:
    """A table as it is now. A contract that was proposed keeps what the table said then."""
    table = await work.settlements.tables.get(remedy_table_id)
    tagged(response, table.version)
    return table


@tables.patch(
    "/{remedy_table_id}",
    summary="Change a table of credits and penalties",
    responses=SHOWN | responses_for(ValidationFailed),
)
async def update_remedy_table(
    remedy_table_id: UUID,
    patch: RemedyTablePatch,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: AgencyWriter,
) -> RemedyTable:
    """A merge patch (RFC 7396). Contracts that were proposed or signed keep what they said."""
    table = await work.settlements.tables.locked(remedy_table_id)
    if_match.require(table.version)
    current = table.model_dump(mode="json", include=set(RemedyTableContent.model_fields))
    try:
        content = RemedyTableContent.model_validate(merged(current, patch.model_dump(mode="json", exclude_unset=True)))
    except ValidationError as error:
        raise Refused.because_of(error) from None
    table = await settlement_terms.change_table(work, table, content)
    tagged(response, table.version)
    return table


ROUTERS = (settlements, objections, rights, tables, replays)
