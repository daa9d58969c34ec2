"""Contracts: drafting, proposing, signing, and what is in force."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ValidationError

from contracts.adapters import queries
from contracts.adapters.stores import document_of_contract
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.api.errors import ContractIncomplete, IllegalTransition, NotSigned, PriceOutsideRange
from contracts.application import amendments, contracts, life
from contracts.application.contracts import (
    ActivatedContract,
    AmendmentRequest,
    Contract,
    ContractState,
    NewContract,
    ReasonRequest,
    SignRequest,
    Terms,
    TermsPatch,
)
from contracts.application.errors import Refused
from contracts.application.life import EffectiveState
from contracts.application.patches import merged
from contracts.domain.lifecycle import Status
from shared.auth import Principal, require
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/contracts", tags=["contracts"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]
Signer = Annotated[Principal, Depends(require("contracts:sign"))]

STEP: dict[int | str, dict[str, Any]] = SHOWN | responses_for(IllegalTransition)


def _shown(contract: Contract, who: Principal) -> Contract:
    """Why a price leaves the plan's range is between the people of the agency."""
    if who.client_id is None:
        return contract
    hidden = {"price_override_reason": None}
    amendment = contract.amendment
    if amendment is not None:
        amendment = amendment.model_copy(update={"terms": amendment.terms.model_copy(update=hidden)})
    return contract.model_copy(update={"terms": contract.terms.model_copy(update=hidden), "amendment": amendment})


def _patched(terms: Terms, patch: TermsPatch, *other: str) -> Terms:
    """The terms with the patch laid over them. Raises Refused with every fault."""
    current = terms.model_dump(mode="json", by_alias=True)
    changes = patch.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude=set(other))
    try:
        return Terms.model_validate(merged(current, changes))
    except ValidationError as error:
        raise Refused.because_of(error) from None


@router.post(
    "",
    summary="Draft a contract",
    status_code=201,
    responses=CREATED | responses_for(Conflict, NotFound, ValidationFailed, PriceOutsideRange),
    dependencies=[Idempotent],
)
async def create_contract(new: NewContract, response: Response, work: Work, _who: Writer) -> Contract:
    """A draft from the newest version of a plan, for a client and its sites.

    The plan's commitments become the contract's own; give `response` or `uptime` to promise something else, or null to
    promise nothing of the kind.
    """
    contract = await contracts.draft_contract(work, new)
    tagged(response, contract.version, f"/v1/contracts/{contract.contract_id}")
    return contract


@router.get("", summary="List contracts")
async def list_contracts(
    unit: Unit,
    params: PageParams,
    who: Reader,
    client_id: Annotated[UUID | None, Query(description="Only the contracts of this client.")] = None,
    status: Annotated[Status | None, Query(description="Only contracts in this state.")] = None,
) -> Page[Contract]:
    """Contracts in the order in which they were drafted."""
    page = await queries.list_contracts(unit, params, client_id, status)
    return Page(data=[_shown(contract, who) for contract in page.data], next_cursor=page.next_cursor)


@router.get("/{contract_id}", summary="Read a contract", responses=SHOWN)
async def get_contract(contract_id: UUID, response: Response, work: Work, who: Reader) -> Contract:
    """A contract with its terms, everything that it promises, and its signatures."""
    contract = await work.contracts.get(contract_id)
    tagged(response, contract.version)
    return _shown(contract, who)


@router.patch(
    "/{contract_id}",
    summary="Change a draft",
    responses=STEP | responses_for(ValidationFailed, PriceOutsideRange),
)
async def update_contract(
    contract_id: UUID, patch: TermsPatch, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Contract:
    """A merge patch (RFC 7396) of the terms of a draft: objects are merged key by key, lists are replaced."""
    contract = await work.contracts.locked(contract_id)
    if_match.require(contract.version)
    contract = await contracts.change_terms(work, contract, _patched(contract.terms, patch))
    tagged(response, contract.version)
    return contract


@router.post(
    "/{contract_id}/propose",
    summary="Propose a contract",
    responses=STEP | responses_for(ContractIncomplete),
    dependencies=[Idempotent],
)
async def propose_contract(contract_id: UUID, response: Response, work: Work, _who: Writer) -> Contract:
    """Fixes the draft as a document with a hash, for both parties to sign. Refused while choices are missing."""
    contract = await contracts.propose_contract(work, await work.contracts.locked(contract_id))
    tagged(response, contract.version)
    return contract


@router.post("/{contract_id}/withdraw", summary="Withdraw a proposal", responses=STEP, dependencies=[Idempotent])
async def withdraw_contract(contract_id: UUID, response: Response, work: Work, _who: Writer) -> Contract:
    """The proposal is a draft again. A signature that was given to it counts for nothing any more."""
    contract = await contracts.withdraw_contract(work, await work.contracts.locked(contract_id))
    tagged(response, contract.version)
    return contract


@router.post("/{contract_id}/sign", summary="Record a signature", responses=STEP, dependencies=[Idempotent])
async def sign_contract(
    contract_id: UUID, consent: SignRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """One party's consent to the proposed version, named by its hash. With the second one the contract is signed."""
    contract = await contracts.sign_contract(work, await work.contracts.locked(contract_id), consent)
    tagged(response, contract.version)
    return contract


@router.post(
    "/{contract_id}/activate",
    summary="Put a contract in force",
    responses=SHOWN | responses_for(IllegalTransition, NotSigned, Conflict),
    dependencies=[Idempotent],
)
async def activate_contract(contract_id: UUID, response: Response, work: Work, _who: Signer) -> ActivatedContract:
    """In force from this instant, if both parties signed exactly what is stored. Monitoring starts.

    `warnings` tell what keeps no contract from beginning and should be settled: an intake audit that is not complete.
    """
    contract = await work.contracts.locked(contract_id)
    activated = await contracts.activate_contract(work, contract)
    tagged(response, activated.version)
    return activated


@router.post("/{contract_id}/suspend", summary="Suspend a contract", responses=STEP, dependencies=[Idempotent])
async def suspend_contract(
    contract_id: UUID, why: ReasonRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """Nothing is promised from this instant until it is resumed. Monitoring pauses."""
    contract = await life.current(work, contract_id)
    contract = await contracts.suspend_contract(work, contract, why.reason)
    tagged(response, contract.version)
    return contract


@router.post("/{contract_id}/resume", summary="Resume a contract", responses=STEP, dependencies=[Idempotent])
async def resume_contract(contract_id: UUID, response: Response, work: Work, _who: Signer) -> Contract:
    """In force again from this instant, as it was signed."""
    contract = await life.current(work, contract_id)
    contract = await contracts.resume_contract(work, contract)
    tagged(response, contract.version)
    return contract


@router.post("/{contract_id}/terminate", summary="Terminate a contract", responses=STEP, dependencies=[Idempotent])
async def terminate_contract(
    contract_id: UUID, why: ReasonRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """Ended for good from this instant. Its history stays."""
    contract = await life.current(work, contract_id)
    contract = await contracts.terminate_contract(work, contract, why.reason)
    tagged(response, contract.version)
    return contract


@router.post(
    "/{contract_id}/amendment",
    summary="Propose an amendment",
    responses=SHOWN
    | responses_for(IllegalTransition, Conflict, ValidationFailed, ContractIncomplete, PriceOutsideRange),
    dependencies=[Idempotent],
)
async def propose_amendment(
    contract_id: UUID, patch: AmendmentRequest, response: Response, work: Work, _who: Writer
) -> Contract:
    """Other terms for a contract in force, as a document with a hash for both parties to sign.

    The body is a merge patch (RFC 7396) of the terms that will be in force when it begins: an amendment builds on those
    that are scheduled before it, and names a later instant. With `plan_code` the newest version of that plan takes the
    place of the present one, and its commitments that of the present ones unless the patch has its own.
    """
    contract = await life.current(work, contract_id)
    base = await amendments.base_of(work, contract)
    terms = _patched(base.terms, patch, "plan_code", "effective_at", "effective_on")
    contract = await amendments.propose(work, contract, base, terms, patch)
    tagged(response, contract.version)
    return contract


@router.post(
    "/{contract_id}/amendment/withdraw", summary="Withdraw an amendment", responses=STEP, dependencies=[Idempotent]
)
async def withdraw_amendment(contract_id: UUID, response: Response, work: Work, _who: Writer) -> Contract:
    """The contract stays as it is in force."""
    contract = await life.current(work, contract_id)
    contract = await contracts.withdraw_amendment(work, contract)
    tagged(response, contract.version)
    return contract


@router.post("/{contract_id}/amendment/sign", summary="Sign an amendment", responses=STEP, dependencies=[Idempotent])
async def sign_amendment(
    contract_id: UUID, consent: SignRequest, response: Response, work: Work, _who: Signer
) -> Contract:
    """One party's consent to the amendment, named by its hash."""
    contract = await contracts.sign_amendment(work, await life.current(work, contract_id), consent)
    tagged(response, contract.version)
    return contract


@router.post(
    "/{contract_id}/amendment/apply",
    summary="Put an amendment in force",
    responses=SHOWN | responses_for(IllegalTransition, NotSigned, Conflict),
    dependencies=[Idempotent],
)
async def apply_amendment(contract_id: UUID, response: Response, work: Work, _who: Signer) -> Contract:
    """The other terms hold from this instant on, if both parties signed exactly what is stored. The past stays.

    With a date the amendment is scheduled: it comes in force at that instant by itself, and is listed until then.
    """
    contract = await amendments.apply(work, await life.current(work, contract_id))
    tagged(response, contract.version)
    return contract


@router.get(
    "/{contract_id}/document",
    summary="Read the proposed document",
    response_class=Response,
    responses={
        200: {
            "description": "The canonical form, byte for byte: its SHA-256 is what was signed, and the ETag.",
            "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
        }
    },
)
async def get_contract_document(
    contract_id: UUID,
    unit: Unit,
    work: Work,
    _who: Reader,
    number: Annotated[
        int | None, Query(ge=1, le=2_147_483_647, description="Which proposed version; left out: the newest.")
    ] = None,
) -> Response:
    """The text that the parties agree on. `sha256sum` of the answer gives the hash that they sign."""
    await work.contracts.get(contract_id)
    document = await document_of_contract(unit, contract_id, number)
    headers = {"ETag": etag(document.hash), "Cache-Control": "private, no-cache"}
    return Response(document.text.encode(), media_type="application/json", headers=headers)


@router.get("/{contract_id}/states", summary="Read the history of a contract")
async def list_contract_states(
    contract_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader
) -> Page[ContractState]:
    """What the contract was, from its activation on; a state is never changed."""
    await work.contracts.get(contract_id)
    return await queries.list_states(unit, params, contract_id)


@router.get(
    "/{contract_id}/effective", summary="Read what is in force at an instant", responses=responses_for(ValidationFailed)
)
async def get_effective_contract(
    contract_id: UUID,
    unit: Unit,
    work: Work,
    _who: Reader,
    at: Annotated[Instant | None, Query(description="RFC 3339 with an offset; left out: now.")] = None,
) -> EffectiveState:
    """The state that held at the instant, as it was published then; of one to come, what is known by now.

    Known are amendments that are signed for a date, renewals, and ends that were agreed on or given notice of. What a
    price revision will come to is not.
    """
    contract = await work.contracts.get(contract_id)
    recorded = await queries.state_at(unit, contract_id, at or unit.now)
    if recorded is None:
        raise NotFound("The contract was not in force at that instant: it was activated later, or never.")
    try:
        return await life.effective(work, contract, at or unit.now, recorded)
    except OverflowError:
        beyond = "is farther ahead than the terms of the contract can be counted"
        raise ValidationFailed(f"The instant {beyond}.", errors=[FieldError(detail=beyond, parameter="at")]) from None
