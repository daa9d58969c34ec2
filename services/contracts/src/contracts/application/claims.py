"""Claims: what a client objects to in a closed settlement, within its window, and what the agency answers."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from contracts.application.errors import NotNow, Refused
from contracts.application.ports import Workspace
from contracts.application.settling import NewAdjustment, SettlementRecord, adjust, correct
from contracts.application.values import AMOUNT, Reason, Request, decimals_fit
from contracts.domain import agreement
from shared.values import Instant

ClaimStatus: TypeAlias = Literal["open", "accepted", "refused"]
ClaimedAmount = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=AMOUNT)]


class NewClaim(Request):
    """What the client objects to."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"reason": "The outage of 12 June is missing", "amount": "60.00", "evidence": "Letter of 3 July"}
            ]
        },
    )

    reason: Reason
    amount: ClaimedAmount | None = Field(default=None, description="What he asks for, without VAT; null: says nothing.")
    evidence: Reason | None = Field(default=None, description="How the client said so, when the agency enters it.")


class ClaimAnswer(Request):
    """What the agency answers. An accepted claim begins a correction of the settlement."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"accepted": True, "reason": "It was measured from one place only", "amount": "60.00"}]
        },
    )

    accepted: StrictBool
    reason: Reason
    amount: ClaimedAmount | None = Field(
        default=None, description="Taken off the corrected settlement as an adjustment; null: it is computed again."
    )


class SettlementClaim(BaseModel):
    """A claim, as stored."""

    claim_id: UUID
    version: int = Field(ge=1)
    settlement_id: UUID
    contract_id: UUID
    client_id: UUID
    number: int = Field(description="Number of the closed version that it objects to.")
    reason: str
    amount: str | None
    evidence: str | None
    status: ClaimStatus
    claimed_by: str
    answer: str | None
    granted: str | None = Field(description="What was taken off.")
    answered_by: str | None
    answered_at: Instant | None
    created_at: Instant
    updated_at: Instant


async def claim(work: Workspace, record: SettlementRecord, new: NewClaim) -> SettlementClaim:
    """A claim against the locked settlement's newest closed version. Raises NotNow outside of its window."""
    if record.closed_number is None or record.claims_until is None:
        raise NotNow("The settlement is not closed yet: there is nothing to object to.")
    today = agreement.local_date(work.now, record.content.period.time_zone)
    if today > record.claims_until:
        raise NotNow(f"Claims against this settlement were possible until {record.claims_until}.")
    _check_amount(new.amount, record.currency)
    made = SettlementClaim(
        claim_id=work.new_id(),
        version=1,
        settlement_id=record.settlement_id,
        contract_id=record.contract_id,
        client_id=record.client_id,
        number=record.closed_number,
        reason=new.reason,
        amount=new.amount,
        evidence=new.evidence,
        status="open",
        claimed_by=work.actor,
        answer=None,
        granted=None,
        answered_by=None,
        answered_at=None,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.settlements.claims.add(made)
    return made


async def answer(
    work: Workspace, made: SettlementClaim, record: SettlementRecord, said: ClaimAnswer
) -> SettlementClaim:
    """The locked claim is answered; accepted, the locked settlement is corrected, with what is granted taken off.

    Raises NotNow when it is answered already, or while a correction is reviewed.
    """
    if made.status != "open":
        raise NotNow(f"This claim is {made.status} already.")
    if said.amount is not None and not said.accepted:
        raise Refused("belongs to an accepted claim: leave it out", "amount")
    _check_amount(said.amount, record.currency)
    if said.accepted:
        draft = record
        if record.status == "reviewed":
            raise NotNow("A correction of this settlement is reviewed. Reopen it, or close it, and answer then.")
        if record.status == "closed":
            draft = await correct(work, record, f"Claim {made.claim_id}: {said.reason}"[:2000])
        if said.amount is not None:
            taken = "0" if not said.amount.strip("0.") else f"-{said.amount}"
            await adjust(work, draft, NewAdjustment(text=made.reason, amount=taken))
    saved = made.model_copy(
        update={
            "status": "accepted" if said.accepted else "refused",
            "answer": said.reason,
            "granted": said.amount,
            "answered_by": work.actor,
            "answered_at": work.now,
            "version": made.version + 1,
            "updated_at": work.now,
        }
    )
    await work.settlements.claims.save(saved)
    return saved


def _check_amount(amount: str | None, currency: str) -> None:
    if amount is None:
        return
    try:
        decimals_fit(amount, currency)
    except ValueError as error:
        raise Refused(str(error), "amount") from None
