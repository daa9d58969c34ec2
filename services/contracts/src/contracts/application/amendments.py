"""Amendments that begin at an instant to come: signed by both parties, in force at that instant and never before.

Each builds on those that come before it, so they begin one after the other, and only the last one can be withdrawn.
"""

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application import coming, contracts, obligations
from contracts.application.contracts import Amendment, AmendmentRequest, Contract, Proposal, Terms
from contracts.application.errors import NotNow, Refused, Unknown
from contracts.application.ports import Workspace
from contracts.application.settlement_calendar import calendar_of_contract
from contracts.application.values import Reason, Request
from contracts.domain.lifecycle import Step, after
from shared.values import Instant

Standing = Literal["scheduled", "in_force", "withdrawn", "lapsed"]


class ScheduledAmendment(BaseModel):
    """An amendment that both parties signed for an instant to come."""

    model_config = ConfigDict(frozen=True)

    amendment_id: UUID
    contract_id: UUID
    client_id: UUID
    effective_at: Instant
    status: Standing = Field(description="lapsed: the contract ended before.")
    amendment: Amendment
    scheduled_by: str
    scheduled_at: Instant
    decided_at: Instant | None = Field(description="When it came in force, was withdrawn, or lapsed.")
    decided_reason: str | None

    def decided(self, status: Standing, at: datetime, reason: str | None) -> Self:
        """The amendment as it stands from an instant on."""
        return self.model_copy(update={"status": status, "decided_at": at, "decided_reason": reason})


class WithdrawRequest(Request):
    """Why both parties give up what they signed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The client stays as he is"}]})

    reason: Reason


async def base_of(work: Workspace, contract: Contract) -> Contract:
    """The contract as it will be when everything that is scheduled is in force: what the next amendment builds on."""
    scheduled = await work.life.amendments.scheduled(contract.contract_id)
    return contracts.with_amendment(contract, scheduled[-1].amendment) if scheduled else contract


async def propose(
    work: Workspace, contract: Contract, base: Contract, terms: Terms, request: AmendmentRequest
) -> Contract:
    """Proposes other terms for the locked contract from an instant on.

    `base` is what `base_of` says. Raises Refused for an instant that is over, or not after what is scheduled already,
    or within a period where the currency changes, NotNow for another currency than that of what is still owed,
    and else as `contracts.propose_amendment`.
    """
    after(contract.status, Step.AMEND)
    field = "effective_on" if request.effective_on is not None else "effective_at"
    effective_at = request.effective_at
    if request.effective_on is not None:
        try:
            effective_at = (await coming.life_of(work, contract)).begins(request.effective_on)
        except OverflowError:
            raise Refused("is out of the years 1 to 9999", field) from None
    scheduled = await work.life.amendments.scheduled(contract.contract_id)
    if effective_at is not None and effective_at <= work.now:
        raise Refused(
            "is over: what was in force stays as it was. Give an instant to come, or none: from when it is applied.",
            field,
        )
    if scheduled and (effective_at is None or effective_at <= scheduled[-1].effective_at):
        raise Refused(
            "must be after the amendment that is scheduled already, which this one builds on:"
            f" {scheduled[-1].effective_at.isoformat()}. Give a later instant, or withdraw that one.",
            field,
        )
    await _check_still_runs(work, base, terms, effective_at, field)
    if terms.price.currency != base.terms.price.currency:
        await _check_begins_a_period(work, base, terms.price.currency, effective_at, field)
        await obligations.check_worth_in(work, contract.contract_id, terms.price.currency)
    chosen = request.model_fields_set - {"plan_code", "effective_at", "effective_on"}
    plan_code = request.plan_code if "plan_code" in request.model_fields_set else None
    return await contracts.propose_amendment(work, contract, terms, Proposal(chosen, plan_code, effective_at), base)


async def _check_still_runs(
    work: Workspace, base: Contract, terms: Terms, effective_at: datetime | None, field: str
) -> None:
    """Whether the contract runs when other terms begin, by what it is until then and by them. Raises Refused."""
    if effective_at is None:
        return
    life = await coming.life_of(work, base)
    ends_at = life.ends_at(base.terms)
    if ends_at is not None and effective_at >= ends_at:
        raise Refused(f"is not before the end of the contract, {ends_at.isoformat()}", field)
    zone = (await work.clients.get(base.client_id)).time_zone
    ends_at = life.model_copy(update={"time_zone": zone}).ends_at(terms)
    if ends_at is not None and effective_at >= ends_at:
        raise Refused(f"is not before the end of the contract by these terms, {ends_at.isoformat()}", field)


async def _check_begins_a_period(
    work: Workspace, base: Contract, currency: str, effective_at: datetime | None, field: str
) -> None:
    """Whether a price in another currency begins with a period, which is settled in one. Raises Refused."""
    calendar = await calendar_of_contract(work, base.contract_id)
    if effective_at is None:
        raise Refused(
            f"is another currency than {base.terms.price.currency}, and a period is settled in one: give with"
            " effective_on the first day of a period to come",
            "price",
            "currency",
        )
    if not calendar.begins_at(effective_at):
        raise Refused(
            f"is within a period, which is settled in {base.terms.price.currency}: {currency} can begin only with a"
            " period. Give the first day of one as effective_on.",
            field,
        )


async def apply(work: Workspace, contract: Contract) -> Contract:
    """The signed amendment is in force now, or scheduled for the instant that it names.

    Raises IllegalStep, NotNow when none waits or its instant is over, or NotBinding.
    """
    waiting = contracts.waiting_amendment(contract)
    at = waiting.effective_at
    if at is None:
        return await contracts.apply_amendment(work, contract)
    await contracts.binding(work, contracts.with_amendment(contract, waiting))
    if at <= work.now:
        raise NotNow(
            f"The amendment was to begin at {at.isoformat()}, which is over, and what was in force stays as it was."
            " Withdraw it, and propose it for an instant to come."
        )
    await work.life.amendments.add(
        ScheduledAmendment(
            amendment_id=work.new_id(),
            contract_id=contract.contract_id,
            client_id=contract.client_id,
            effective_at=at,
            status="scheduled",
            amendment=waiting,
            scheduled_by=work.actor,
            scheduled_at=work.now,
            decided_at=None,
            decided_reason=None,
        )
    )
    saved = await contracts.save(work, contract, amendment=None)
    await coming.plan(work, saved, await coming.life_of(work, saved))
    return saved


async def withdraw(work: Workspace, contract: Contract, amendment_id: UUID, reason: str) -> ScheduledAmendment:
    """The scheduled amendment of the locked contract will not come. Raises Unknown, or NotNow unless it is the last."""
    amendment = await work.life.amendments.get(amendment_id)
    if amendment.contract_id != contract.contract_id:
        raise Unknown("amendment", amendment_id)
    scheduled = await work.life.amendments.scheduled(contract.contract_id)
    if amendment.status != "scheduled":
        raise NotNow(f"The amendment is not to come any more: it is {amendment.status}.")
    if contract.amendment is not None:
        raise NotNow("Another amendment that builds on it waits for its signatures. Withdraw that one first.")
    if scheduled[-1].amendment_id != amendment_id:
        raise NotNow(f"A later amendment builds on it. Withdraw {scheduled[-1].amendment_id} first.")
    withdrawn = amendment.decided("withdrawn", work.now, reason)
    await work.life.amendments.save(withdrawn)
    await contracts.release_unused_addresses(work, contract)
    saved = await contracts.save(work, contract)
    await coming.plan(work, saved, await coming.life_of(work, saved))
    return withdrawn
