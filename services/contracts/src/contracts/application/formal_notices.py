"""Termination for cause: a party is formally put on notice, mends what it was, or the other one terminates."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application import contracts
from contracts.application.coming import life_of
from contracts.application.contracts import Contract
from contracts.application.errors import NotNow, Refused
from contracts.application.ports import Workspace
from contracts.application.values import Reason, Request
from contracts.domain.agreement import Party
from contracts.domain.lifecycle import Step, after
from shared.values import Instant, LocalDate

USUAL_CURE_DAYS = 30


class NewFormalNotice(Request):
    """One party puts the other one on notice."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "given_by": "client",
                    "reason": "Response times were missed in three months",
                    "facts": ["March: 4 of 6 answers late", "April: 3 of 5", "May: 5 of 7"],
                    "cure_days": 30,
                }
            ]
        },
    )

    given_by: Party
    reason: Reason = Field(description="What is not kept, and what is asked for.")
    facts: list[Reason] = Field(min_length=1, max_length=50, description="What shows it.")
    delivered_on: LocalDate | None = Field(
        default=None, description="When the other party got it, in the contract's time zone; left out: today."
    )
    cure_days: Annotated[int, Field(strict=True, ge=0, le=365, json_schema_extra={"format": "int32"})] | None = Field(
        default=None,
        description="How long it has to mend it; at least, and if left out, what the contract says. 0: no time.",
    )


class CureRequest(Request):
    """What the party was put on notice of is mended."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"evidence": "All answers of two weeks in time"}]},
    )

    cured_on: LocalDate | None = Field(default=None, description="Left out: today.")
    evidence: Reason


class FormalNotice(BaseModel):
    """A formal notice, as it stands."""

    formal_notice_id: UUID
    contract_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    status: Literal["open", "cured", "terminated"]
    given_by: Party
    reason: str
    facts: list[str] = Field(max_length=50)
    delivered_on: LocalDate
    cure_days: int
    cure_until: LocalDate = Field(description="The last day on which it can be mended.")
    may_terminate_from: Instant = Field(description="From then on, while it is open, the contract can be terminated.")
    cured_on: LocalDate | None
    evidence: str | None = Field(description="What shows that it is mended.")
    terminated_at: Instant | None
    recorded_by: str
    created_at: Instant
    updated_at: Instant


async def put_on_notice(work: Workspace, contract: Contract, new: NewFormalNotice) -> FormalNotice:
    """Records a formal notice under the locked contract. Raises IllegalStep, NotNow or Refused."""
    after(contract.status, Step.TERMINATE)
    if contract.activated_at is None:
        raise NotNow("The contract is not in force yet: nothing of it can have been broken.")
    life = await life_of(work, contract)
    today = life.day(work.now)
    delivered_on = new.delivered_on or today
    if not life.day(contract.activated_at) <= delivered_on <= today:
        raise Refused(f"is not between the beginning of the contract and today, {today}", "delivered_on")
    agreed = USUAL_CURE_DAYS if contract.terms.term is None else contract.terms.term.cure_days
    cure_days = agreed if new.cure_days is None else new.cure_days
    if cure_days < agreed:
        raise Refused(f"is less than the {agreed} days that the contract gives", "cure_days")
    cure_until = delivered_on + timedelta(days=cure_days)
    notice = FormalNotice(
        formal_notice_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        version=1,
        status="open",
        given_by=new.given_by,
        reason=new.reason,
        facts=new.facts,
        delivered_on=delivered_on,
        cure_days=cure_days,
        cure_until=cure_until,
        may_terminate_from=life.begins(cure_until + timedelta(days=1)) if cure_days else work.now,
        cured_on=None,
        evidence=None,
        terminated_at=None,
        recorded_by=work.actor,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.life.notices.add(notice)
    return notice


async def cure(work: Workspace, contract: Contract, notice: FormalNotice, request: CureRequest) -> FormalNotice:
    """What the notice was of is mended, and it is closed. Raises NotNow or Refused."""
    _check_open(notice)
    today = (await life_of(work, contract)).day(work.now)
    cured_on = request.cured_on or today
    if not notice.delivered_on <= cured_on <= today:
        raise Refused(f"is not between {notice.delivered_on}, when the notice was given, and {today}", "cured_on")
    return await _save(work, notice, status="cured", cured_on=cured_on, evidence=request.evidence)


async def terminate_for_cause(work: Workspace, contract: Contract, notice: FormalNotice) -> FormalNotice:
    """The locked contract has ended from this instant, because nothing was mended in time.

    Raises IllegalStep, or NotNow while the notice can still be answered, or is closed.
    """
    status = after(contract.status, Step.TERMINATE)
    _check_open(notice)
    if work.now < notice.may_terminate_from:
        raise NotNow(f"The other party has until the end of {notice.cure_until} to mend it. Wait for that.")
    await contracts.end(work, contract, status, "terminated", work.now, notice.reason)
    return await _save(work, notice, status="terminated", terminated_at=work.now)


def _check_open(notice: FormalNotice) -> None:
    if notice.status != "open":
        raise NotNow(f"The notice is {notice.status}. Give another one.")


async def _save(work: Workspace, notice: FormalNotice, **changes: object) -> FormalNotice:
    saved = notice.model_copy(update={**changes, "version": notice.version + 1, "updated_at": work.now})
    await work.life.notices.save(saved)
    return saved
