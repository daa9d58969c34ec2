"""Obligations of both parties, the register of breaches, and the lists that the client keeps."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from contracts.adapters import register_queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.api.register_access import ENTERED, STEPPED, Answerer, Reader, Writer, of_the_agency
from contracts.application import client_registers, life, obligations
from contracts.application.client_registers import (
    ClientRegister,
    Confirmation,
    EntryPatch,
    NewEntry,
    RegisterEntry,
)
from contracts.application.errors import Refused
from contracts.application.obligation_terms import Register
from contracts.application.obligations import (
    Breach,
    BreachStatus,
    KeepRequest,
    LiabilityDecision,
    NewObligation,
    Obligation,
    PostponeRequest,
    ReleaseRequest,
)
from contracts.application.ports import Workspace
from contracts.application.register_records import RegisterVersion
from contracts.domain.obligations import Owner, Status
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, ValidationFailed, responses_for
from shared.service import Unit

OfContract = Annotated[UUID | None, Query(description="Only under this contract.")]

owed = APIRouter(prefix="/v1/obligations", tags=["obligations"], route_class=VersionedRoute)
breaches = APIRouter(prefix="/v1/breaches", tags=["obligations"], route_class=VersionedRoute)
registers = APIRouter(prefix="/v1/client-registers", tags=["client registers"], route_class=VersionedRoute)
confirmations = APIRouter(prefix="/v1/register-confirmations", tags=["client registers"], route_class=VersionedRoute)
entries = APIRouter(prefix="/v1/register-entries", tags=["client registers"], route_class=VersionedRoute)
history = APIRouter(prefix="/v1/register-history", tags=["obligations"], route_class=VersionedRoute)


async def _current(work: Workspace, obligation_id: UUID) -> Obligation:
    """The locked obligation, after whatever has become of its contract by now."""
    obligation = await work.registers.obligations.get(obligation_id)
    await life.current(work, obligation.contract_id)
    return await work.registers.obligations.locked(obligation_id)


@owed.post(
    "",
    summary="Ask for something by a date",
    status_code=201,
    responses=CREATED | ENTERED,
    dependencies=[Idempotent],
)
async def create_obligation(new: NewObligation, response: Response, work: Work, _who: Writer) -> Obligation:
    """What a party owes under a contract in force: an access, an answer, an update, a new password.

    With `work_item_id` it is evidence that this incident, request or change waits for its owner.
    """
    obligation = await obligations.ask(work, new)
    tagged(response, obligation.version, f"/v1/obligations/{obligation.obligation_id}")
    return obligation


@owed.get("", summary="List obligations")
async def list_obligations(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    contract_id: OfContract = None,
    owner: Annotated[Owner | None, Query(description="Only what this party owes.")] = None,
    status: Annotated[Status | None, Query(description="Only in this state.")] = None,
    work_item_id: Annotated[UUID | None, Query(description="Only what this item waits for.")] = None,
) -> Page[Obligation]:
    """Obligations in the order in which they began."""
    return await register_queries.list_obligations(unit, params, contract_id, owner, status, work_item_id)


@owed.get("/{obligation_id}", summary="Read an obligation", responses=SHOWN)
async def get_obligation(obligation_id: UUID, response: Response, work: Work, _who: Reader) -> Obligation:
    """An obligation as it stands."""
    obligation = await work.registers.obligations.get(obligation_id)
    tagged(response, obligation.version)
    return obligation


@owed.post("/{obligation_id}/fulfil", summary="Fulfil an obligation", responses=STEPPED, dependencies=[Idempotent])
async def fulfil_obligation(
    obligation_id: UUID, kept: KeepRequest, response: Response, work: Work, who: Answerer
) -> Obligation:
    """It was kept, with what shows it. What comes back is due again, a turn later; a breach of it ends.

    Somebody of the client's fulfils what the client owes, as of now; the agency fulfils both, and says since when.
    """
    obligation = await _current(work, obligation_id)
    if obligation.owner == "provider":
        of_the_agency(who)
    if who.client_id is not None and kept.at is not None:
        # Said of the past, it would take back his own breach, and the wait that was granted to the provider's clocks.
        raise Refused("is for the agency to say: leave it out, and what you give counts from now", "at")
    obligation = await obligations.keep(work, obligation, kept.at, kept.evidence)
    tagged(response, obligation.version)
    return obligation


@owed.post("/{obligation_id}/postpone", summary="Postpone an obligation", responses=STEPPED, dependencies=[Idempotent])
async def postpone_obligation(
    obligation_id: UUID, wanted: PostponeRequest, response: Response, work: Work, _who: Writer
) -> Obligation:
    """Due at another time. One that was fulfilled, but not well, is open again. What is overdue stays a breach."""
    obligation = await _current(work, obligation_id)
    obligation = await obligations.postpone(work, obligation, wanted)
    tagged(response, obligation.version)
    return obligation


@owed.post("/{obligation_id}/release", summary="Release an obligation", responses=STEPPED, dependencies=[Idempotent])
async def release_obligation(
    obligation_id: UUID, why: ReleaseRequest, response: Response, work: Work, _who: Writer
) -> Obligation:
    """It is not asked for any more. A breach that was found stays in the register, and ends."""
    obligation = await _current(work, obligation_id)
    obligation = await obligations.release(work, obligation, why.reason)
    tagged(response, obligation.version)
    return obligation


@breaches.get("", summary="List breaches")
async def list_breaches(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    contract_id: OfContract = None,
    party: Annotated[Owner | None, Query(description="Only by this party.")] = None,
    status: Annotated[BreachStatus | None, Query(description="Only in this state.")] = None,
) -> Page[Breach]:
    """What was not done in time: obligations of either party, targets that the provider missed."""
    return await register_queries.list_breaches(unit, params, contract_id, party, status)


@breaches.get("/{breach_id}", summary="Read a breach", responses=SHOWN)
async def get_breach(breach_id: UUID, response: Response, work: Work, _who: Reader) -> Breach:
    """A breach, with who answers for it."""
    breach = await work.registers.breaches.get(breach_id)
    tagged(response, breach.version)
    return breach


@breaches.post(
    "/{breach_id}/decide",
    summary="Decide who answers for a breach",
    responses=SHOWN | responses_for(ValidationFailed),
    dependencies=[Idempotent],
)
async def decide_on_breach(
    breach_id: UUID, decision: LiabilityDecision, response: Response, work: Work, _who: Writer
) -> Breach:
    """How much of it each party answers for. Decided again, the earlier decision stays in the history."""
    breach = await obligations.decide(work, await work.registers.breaches.locked(breach_id), decision)
    tagged(response, breach.version)
    return breach


@registers.get("", summary="Read how fresh the client's registers are")
async def list_client_registers(
    unit: Unit, params: PageParams, _who: Reader, contract_id: OfContract = None
) -> Page[ClientRegister]:
    """The registers whose freshness the contract asks for. A stale one is a breach by the client."""
    return await register_queries.list_client_registers(unit, params, contract_id)


@confirmations.post(
    "",
    summary="Confirm one of the client's registers",
    responses=responses_for(NotFound, Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def confirm_client_register(confirmation: Confirmation, work: Work, _who: Answerer) -> ClientRegister:
    """Somebody went through the list, and it says what is so: it is fresh again as of now."""
    return await client_registers.confirm(work, confirmation)


@entries.post(
    "",
    summary="Make an entry in one of the client's registers",
    status_code=201,
    responses=CREATED | ENTERED,
    dependencies=[Idempotent],
)
async def create_register_entry(new: NewEntry, response: Response, work: Work, _who: Answerer) -> RegisterEntry:
    """A function, an anomaly, or work that was done. What the service desk records is entered by itself."""
    entry = await client_registers.enter(work, new)
    tagged(response, entry.version, f"/v1/register-entries/{entry.entry_id}")
    return entry


@entries.get("", summary="List entries of the client's registers")
async def list_register_entries(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    contract_id: OfContract = None,
    kind: Annotated[Register | None, Query(description="Only of this register.")] = None,
) -> Page[RegisterEntry]:
    """Entries in the order in which they were made."""
    return await register_queries.list_entries(unit, params, contract_id, kind)


@entries.get("/{entry_id}", summary="Read an entry", responses=SHOWN)
async def get_register_entry(entry_id: UUID, response: Response, work: Work, _who: Reader) -> RegisterEntry:
    """An entry of one of the client's registers."""
    entry = await work.registers.entries.get(entry_id)
    tagged(response, entry.version)
    return entry


@entries.patch("/{entry_id}", summary="Change an entry", responses=SHOWN | responses_for(Conflict))
async def update_register_entry(
    entry_id: UUID, patch: EntryPatch, response: Response, work: Work, if_match: IfMatch, _who: Answerer
) -> RegisterEntry:
    """A merge patch (RFC 7396). What tells of a record of the service desk is changed there."""
    entry = await work.registers.entries.locked(entry_id)
    if_match.require(entry.version)
    entry = await client_registers.change_entry(work, entry, patch.model_dump(exclude_unset=True))
    tagged(response, entry.version)
    return entry


@history.get("/{register_record_id}", summary="Read how a record of a register came to be what it is")
async def get_register_history(
    register_record_id: UUID, unit: Unit, params: PageParams, who: Writer
) -> Page[RegisterVersion]:
    """Every version of an item, rule, obligation, breach, advisory, delivery or entry: who wrote it, when, what."""
    of_the_agency(who)
    found = await register_queries.list_history(unit, params, register_record_id)
    if not found.data and params.cursor is None:
        raise NotFound("There is no record with this id in the registers.")
    return found


ROUTERS = (owed, breaches, registers, confirmations, entries, history)
