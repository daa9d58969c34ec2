"""Obligations of both parties under a contract, and the register of what was not kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import ConfigDict, Field, StrictInt, model_validator

from contracts.application.errors import NotNow, Refused, named_at
from contracts.application.obligation_terms import (
    REGISTERS,
    AgreedKind,
    Days,
    ObligationTerms,
    Register,
    Worth,
    check_worth,
    register_code,
)
from contracts.application.ports import Workspace
from contracts.application.register_records import Evidence, LongTexts, Record, changed
from contracts.application.register_words import named
from contracts.application.values import Name, Reason, Request
from contracts.domain import agreement
from contracts.domain import obligations as rules
from contracts.domain.lifecycle import Status as ContractStatus
from contracts.domain.obligations import Owner, Standing, Status
from shared.values import Instant

if TYPE_CHECKING:
    from contracts.application.contracts import Change, Contract

ObligationKind: TypeAlias = Literal[AgreedKind, "functions_register", "anomalies_register", "works_register"]
ClockMetric: TypeAlias = Literal["response", "mitigation", "repair", "next_reply", "post_mortem"]
BreachKind: TypeAlias = Literal[ObligationKind, ClockMetric]
BreachStatus = Literal["open", "ended", "withdrawn"]

MOST_EVIDENCE = 20

_CONTRACT = "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a31"


class NewObligation(Request):
    """Something that a party has to do under a contract in force: an access, an answer, an update, a new password."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "contract_id": _CONTRACT,
                    "owner": "client",
                    "kind": "access",
                    "title": {"fr": "Accès au serveur de production", "en": "Access to the production server"},
                    "due_at": "2099-06-10T16:00:00Z",
                }
            ]
        },
    )

    contract_id: UUID
    owner: Owner = Field(description="Who owes it.")
    kind: AgreedKind
    title: LongTexts
    due_at: Instant = Field(description="In the future; what is done at this instant is in time.")
    every_days: Days | None = Field(default=None, description="Due again so long after it was kept; null: once.")
    site_id: UUID | None = None
    configuration_item_id: UUID | None = Field(default=None, description="What is to be updated or rotated.")
    work_item_id: UUID | None = Field(
        default=None, description="The incident, request or change that waits for it: evidence of its pause."
    )
    worth: Worth | None = Field(
        default=None,
        description="What `penalties.late` is counted by, in the currency of the price; null: lateness costs nothing.",
    )

    @model_validator(mode="after")
    def _worth_of_the_provider(self) -> Self:
        check_worth(self.owner, self.worth)
        return self


class KeepRequest(Request):
    """That an obligation was kept, with what shows it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"evidence": [{"what": "Account created for Nadia"}]}]}
    )

    at: Instant | None = Field(
        default=None, description="When; not in the future; left out: now. Only the agency says an earlier time."
    )
    evidence: list[Evidence] = Field(min_length=1, max_length=MOST_EVIDENCE)


class PostponeRequest(Request):
    """Another time, agreed before the first one was over; or because what was done is not enough."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"due_at": "2099-06-12T16:00:00Z", "reason": "The host answers on Thursday"}]},
    )

    due_at: Instant
    reason: Reason


class ReleaseRequest(Request):
    """Why an obligation is not asked for any more."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Found another way in"}]})

    reason: Reason


class Obligation(Record):
    """An obligation, as stored."""

    NAMED: ClassVar[tuple[str, ...]] = ("owner", "kind", "status")

    obligation_id: UUID
    contract_id: UUID
    code: str | None = Field(description="Its code in the contract's terms; null: asked for on its own.")
    owner: Owner
    kind: ObligationKind
    title: LongTexts
    site_id: UUID | None
    configuration_item_id: UUID | None
    work_item_id: UUID | None
    status: Status
    due_at: Instant
    every_days: int | None
    worth: Worth | None = Field(description="What its lateness is counted by.")
    kept_at: Instant | None = Field(description="When it was last kept.")
    evidence: list[Evidence] = Field(max_length=MOST_EVIDENCE, description="What shows that it was last kept.")
    paused_at: Instant | None = Field(description="Since when its time stands still because the contract is suspended.")
    status_reason: str | None

    @property
    def standing(self) -> Standing:
        """Where it stands, as the domain knows it."""
        every = None if self.every_days is None else timedelta(days=self.every_days)
        return Standing(self.status, self.due_at, every, self.kept_at, self.paused_at)


class Breach(Record):
    """Something that a party owed and did not do in time. Who answers for it is decided by the parties."""

    NAMED: ClassVar[tuple[str, ...]] = ("party", "kind", "status")

    breach_id: UUID
    contract_id: UUID
    obligation_id: UUID | None
    clock_id: UUID | None = Field(description="The clock that told of it.")
    clock_count: int | None = Field(description="Which count of that clock: one that begins again has several.")
    work_item_id: UUID | None
    party: Owner = Field(description="By whom.")
    kind: BreachKind
    title: LongTexts
    status: BreachStatus = Field(
        description="`ended`: done, too late; `withdrawn`: it turned out to have been in time."
    )
    since: Instant = Field(description="When it was due.")
    ended_at: Instant | None
    worth: Worth | None = Field(
        description="Of what was delivered late: its lateness is in the settlement of the period of `ended_at`."
    )
    provider_percent: int = Field(ge=0, le=100, description="How much of it the provider answers for.")
    client_percent: int = Field(ge=0, le=100)
    third_party_percent: int = Field(ge=0, le=100, description="How much of it neither of them answers for.")
    third_party: str | None = Field(description="Who that is: a host, a registrar, a payment provider.")
    decision: str | None = Field(description="Why; null: nothing was decided, and whoever owed it answers for it.")
    decided_at: Instant | None
    decided_by: str | None


class LiabilityDecision(Request):
    """How much of a breach each party answers for, and what a third party does: together 100 percent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"provider_percent": 50, "client_percent": 50, "reason": "The access came two days late"}]
        },
    )

    provider_percent: StrictInt = Field(ge=0, le=100, json_schema_extra={"format": "int32"})
    client_percent: StrictInt = Field(ge=0, le=100, json_schema_extra={"format": "int32"})
    third_party_percent: StrictInt = Field(default=0, ge=0, le=100, json_schema_extra={"format": "int32"})
    third_party: Name | None = Field(default=None, description="Required exactly when it answers for something.")
    reason: Reason

    @model_validator(mode="after")
    def _whole(self) -> Self:
        rules.check_shares(self.provider_percent, self.client_percent, self.third_party_percent)
        if (self.third_party_percent > 0) != (self.third_party is not None):
            raise ValueError("name the third party exactly when it answers for a share")
        return self


# --- asked for, kept, overdue ----------------------------------------------------------------------------------------


async def ask(work: Workspace, new: NewObligation) -> Obligation:
    """A new obligation under a contract in force; says `obligation.opened`. Raises Unknown, NotNow, Refused."""
    with named_at("contract_id"):
        contract = await work.contracts.locked(new.contract_id)
    if contract.status is not ContractStatus.ACTIVE:
        raise NotNow(f"The contract is {contract.status}: nothing can be asked for under it now.")
    if new.due_at <= work.now:
        raise Refused("must be in the future", "due_at")
    if new.site_id is not None and new.site_id not in contract.terms.site_ids:
        raise Refused("is not under this contract", "site_id")
    if new.worth is not None:
        await _check_currency(work, contract, new.worth.currency)
    if new.configuration_item_id is not None:
        with named_at("configuration_item_id"):
            item = await work.registers.items.get(new.configuration_item_id)
        if item.client_id != contract.client_id:
            raise Refused("is an item of another client", "configuration_item_id")
    return await _open(work, contract.client_id, new.model_dump())


async def _check_currency(work: Workspace, contract: "Contract", currency: str) -> None:
    """Whether a worth is in the currency of the price, now and as far as is agreed or proposed. Raises Refused."""
    scheduled = await work.life.amendments.scheduled(contract.contract_id)
    amendments = [
        *(each.amendment for each in scheduled),
        *([] if contract.amendment is None else [contract.amendment]),
    ]
    for terms in (contract.terms, *(each.terms for each in amendments)):
        if terms.price.currency != currency:
            raise Refused(
                f"is not {terms.price.currency}, the currency of the price or of the one to come: lateness is counted"
                " in the currency of its period. Leave the worth out, or ask for it when the price has that currency.",
                "worth",
                "currency",
            )


async def check_worth_in(work: Workspace, contract_id: UUID, currency: str) -> None:
    """Whether all that was asked for on its own and is still owed is worth something in this currency.

    What the terms agree on gets another worth with them. Raises NotNow, which names what is not.
    """
    others = [
        each
        for each in await work.registers.obligations.of_contract(contract_id)
        if each.code is None
        and each.status not in rules.OVER
        and each.worth is not None
        and each.worth.currency != currency
    ]
    if others:
        ids = ", ".join(str(each.obligation_id) for each in others)
        raise NotNow(
            f"The price cannot change to {currency} while obligations are open whose worth is in another currency:"
            f" {ids}. Fulfil or release them first."
        )


async def _open(work: Workspace, client_id: UUID, values: dict[str, Any]) -> Obligation:
    obligation = Obligation.model_validate(
        {
            **dict.fromkeys(Obligation.model_fields),
            **values,
            "obligation_id": work.new_id(),
            "client_id": client_id,
            "version": 1,
            "status": Status.OPEN,
            "evidence": [],
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.obligations.add(obligation)
    work.registers.announcer.obligation_changed(obligation, "opened")
    return obligation


async def keep(
    work: Workspace, obligation: Obligation, at: datetime | None, evidence: Sequence[Evidence]
) -> Obligation:
    """The locked obligation was kept; its breach ends, or never was. Says `obligation.fulfilled`.

    Raises NotPossible and BadInstant.
    """
    told_at = at or work.now
    kept = rules.keep(obligation.standing, told_at, work.now)
    breach = await work.registers.breaches.of_obligation(obligation.obligation_id, kept.was_due_at)
    if breach is None and kept.late:
        breach = await _record_breach(work, obligation)
    if breach is not None:
        # Only what was delivered has a worth: what nobody asks for any more, or what lapsed, is not late.
        if kept.late:
            await change_breach(work, breach, status="ended", ended_at=told_at, worth=obligation.worth)
        else:
            await change_breach(work, breach, status="withdrawn", ended_at=told_at)
    return await _save(work, obligation, kept.standing, "fulfilled", evidence=list(evidence), status_reason=None)


async def postpone(work: Workspace, obligation: Obligation, wanted: PostponeRequest) -> Obligation:
    """The locked obligation is due at another time. Raises NotPossible and BadInstant."""
    standing = rules.postpone(obligation.standing, wanted.due_at, work.now)
    return await _save(work, obligation, standing, "changed", status_reason=wanted.reason)


async def release(work: Workspace, obligation: Obligation, reason: str) -> Obligation:
    """The locked obligation is not asked for any more; a breach of it ends now. Raises NotPossible."""
    return await _end(work, obligation, Status.RELEASED, work.now, reason)


async def look(work: Workspace, obligation: Obligation, at: datetime | None = None) -> Obligation:
    """The locked obligation becomes a breach when its time was over at an instant, now unless it is given; says
    `obligation.breached`.
    """
    if not rules.overdue(obligation.standing, at or work.now):
        return obligation
    await _record_breach(work, obligation)
    breached = Standing(
        Status.BREACHED, obligation.due_at, obligation.standing.every, obligation.kept_at, obligation.paused_at
    )
    return await _save(work, obligation, breached, "breached")


async def _end(work: Workspace, obligation: Obligation, status: Status, at: datetime, reason: str | None) -> Obligation:
    # What was overdue by then is a breach, whether or not the job had looked already.
    obligation = await look(work, obligation, at)
    standing = rules.end(obligation.standing, status)
    breach = await work.registers.breaches.of_obligation(obligation.obligation_id, obligation.due_at)
    if breach is not None and breach.status == "open":
        await change_breach(work, breach, status="ended", ended_at=at)
    return await _save(work, obligation, standing, "changed", status_reason=reason)


async def _save(work: Workspace, obligation: Obligation, standing: Standing, change: str, **changes: Any) -> Obligation:
    where = {
        "status": standing.status,
        "due_at": standing.due_at,
        "kept_at": standing.kept_at,
        "paused_at": standing.paused_at,
    }
    saved = changed(obligation, work.now, **where, **changes)
    await work.registers.obligations.save(saved)
    work.registers.announcer.obligation_changed(saved, change)
    return saved


# --- breaches --------------------------------------------------------------------------------------------------------


async def _record_breach(work: Workspace, obligation: Obligation) -> Breach:
    copied = obligation.model_dump(include={"contract_id", "obligation_id", "work_item_id", "kind", "title"})
    return await add_breach(
        work, obligation.client_id, {**copied, "party": obligation.owner, "since": obligation.due_at}
    )


async def add_breach(work: Workspace, client_id: UUID, values: dict[str, Any]) -> Breach:
    """A new breach in the register, open unless the values say otherwise; until somebody decides, whoever owed it
    answers for all of it.
    """
    by_provider = values["party"] == "provider"
    breach = Breach.model_validate(
        {
            **dict.fromkeys(Breach.model_fields),
            "status": "open",
            **values,
            "breach_id": work.new_id(),
            "client_id": client_id,
            "version": 1,
            "provider_percent": 100 if by_provider else 0,
            "client_percent": 0 if by_provider else 100,
            "third_party_percent": 0,
            "created_at": work.now,
            "updated_at": work.now,
        }
    )
    await work.registers.breaches.add(breach)
    work.registers.announcer.breach_changed(breach)
    return breach


async def change_breach(work: Workspace, breach: Breach, **changes: Any) -> Breach:
    """The locked breach with other values; says `breach.recorded`."""
    saved = changed(breach, work.now, **changes)
    await work.registers.breaches.save(saved)
    work.registers.announcer.breach_changed(saved)
    return saved


async def decide(work: Workspace, breach: Breach, decision: LiabilityDecision) -> Breach:
    """Who answers for how much of the locked breach; an earlier decision stays in its history."""
    return await change_breach(
        work,
        breach,
        provider_percent=decision.provider_percent,
        client_percent=decision.client_percent,
        third_party_percent=decision.third_party_percent,
        third_party=decision.third_party,
        decision=decision.reason,
        decided_at=work.now,
        decided_by=work.actor,
    )


# --- with the contract -----------------------------------------------------------------------------------------------


async def follow(work: Workspace, contract: "Contract", change: "Change", at: datetime) -> None:
    """Obligations after a change of their locked contract.

    In force: what its terms say is owed, and what they say no longer is not. Suspended: time stands still. Ended: what
    is open lapses.
    """
    stored = await work.registers.obligations.of_contract(contract.contract_id)
    open_ones = [each for each in stored if each.status not in rules.OVER]
    if change in ("activated", "amended"):
        await _agree(work, contract, stored, at)
        return
    for obligation in open_ones:
        if change in ("terminated", "expired"):
            await _end(work, obligation, Status.LAPSED, at, None)
            continue
        looked_at = await look(work, obligation, at)
        moved = (rules.pause if change == "suspended" else rules.resume)(looked_at.standing, at)
        if moved != looked_at.standing:
            await _save(work, looked_at, moved, "changed")


async def _agree(work: Workspace, contract: "Contract", stored: Sequence[Obligation], at: datetime) -> None:
    zone = (await work.clients.get(contract.client_id)).time_zone
    wanted = _agreed(contract.terms.obligations, zone, at)
    known = {each.code: each for each in stored if each.code is not None}
    for code, values in wanted.items():
        present = known.get(code)
        if present is None:
            await _open(work, contract.client_id, {**values, "contract_id": contract.contract_id, "code": code})
        elif present.status in (Status.RELEASED, Status.LAPSED):
            again = {**values, "status": Status.OPEN, "kept_at": None, "evidence": [], "status_reason": None}
            await _write(work, present, again)
        elif any(getattr(present, name) != value for name, value in values.items() if name != "due_at"):
            # A turn that runs keeps its beginning, and the first one its end.
            turn, kept_at = values["every_days"], present.kept_at
            moves = turn is not None and kept_at is not None and present.status is Status.OPEN
            due_at = kept_at + timedelta(days=turn) if moves and kept_at is not None else present.due_at
            await _write(work, present, {**values, "due_at": due_at})
    for code, present in known.items():
        if code not in wanted and present.status not in rules.OVER:
            await _end(work, present, Status.RELEASED, at, None)


async def _write(work: Workspace, obligation: Obligation, values: dict[str, Any]) -> None:
    saved = changed(obligation, work.now, **values)
    await work.registers.obligations.save(saved)
    work.registers.announcer.obligation_changed(saved, "changed")


def _agreed(terms: ObligationTerms | None, zone: str, at: datetime) -> dict[str, dict[str, Any]]:
    """Code to the values of the obligation that the terms make of it."""
    if terms is None:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for item in terms.agreed:
        first = agreement.end_of(item.first_due_on, zone)
        found[item.code] = {
            "owner": item.owner,
            "kind": item.kind,
            "title": LongTexts(**item.title.model_dump()),
            "every_days": item.every_days,
            "worth": item.worth,
            "due_at": first or at + timedelta(days=item.every_days or 0),
        }
    for register in REGISTERS:
        days = terms.client_registers.days_of(register)
        if days is not None:
            code = register_code(register)
            found[code] = {
                "owner": "client",
                "kind": code,
                "title": LongTexts(**named(code).model_dump()),
                "every_days": days,
                "worth": None,
                "due_at": at + timedelta(days=days),
            }
    return found


async def refresh(work: Workspace, contract_id: UUID, register: Register, evidence: Evidence) -> Obligation | None:
    """A list of the client's was updated now, which keeps it fresh; None where its freshness is not agreed."""
    obligation = await work.registers.obligations.by_code(contract_id, register_code(register))
    if obligation is None or obligation.status in rules.OVER:
        return None
    return await keep(work, obligation, None, [evidence])
