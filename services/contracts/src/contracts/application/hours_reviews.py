"""The annual review of hours: a year of real use by line, and the volume that would have fitted it.

It is made when a contract's year is over. Accepted, its volume is proposed as an amendment for both parties to sign;
nothing changes before that is applied.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.contracts import Contract, Proposal, Terms, propose_amendment
from contracts.application.errors import NotNow
from contracts.application.hours import HoursMonth, HoursMonthLine, months_of_contract
from contracts.application.hours_terms import ContractHours, ContractHoursLine, HoursPackage
from contracts.application.hours_words import review_words
from contracts.application.ports import Workspace
from contracts.application.values import Price, Reason, Request
from contracts.domain import contract_hours as rules
from contracts.domain.agreement import local_date
from contracts.domain.entitlements import HOURS
from contracts.domain.lifecycle import Step
from shared.kernel.money import round_half_away
from shared.values import Instant, LocalDate, Month

ReviewStatus = Literal["proposed", "accepted", "declined"]
VolumeChange = Literal["raise", "lower", "keep", "shift"]


class MonthOfUse(BaseModel):
    """What a line was used in a month."""

    month: Month
    included_minutes: int
    accounted_minutes: int
    covered_minutes: int


class LineReview(BaseModel):
    """A line over the year, and the volume that is proposed for it."""

    code: str
    name: dict[str, str]
    months: list[MonthOfUse] = Field(max_length=13)
    included_minutes: int = Field(description="Of a whole month, as agreed at the end of the year.")
    average_minutes: str = Field(description="Accounted minutes of an average month, with two decimals.")
    proposed_minutes: int = Field(description="Of a whole month.")


class HoursReview(BaseModel):
    """The review of a contract's year."""

    review_id: UUID
    contract_id: UUID
    client_id: UUID
    version: int = Field(ge=1, description="Grows with every change; the ETag.")
    year_number: int = Field(ge=1, description="1 is the contract's first year.")
    year_from: LocalDate
    year_until: LocalDate = Field(description="The first day that is not in the year.")
    status: ReviewStatus
    lines: list[LineReview] = Field(max_length=1000)
    included_minutes: int
    proposed_minutes: int
    overage_minutes: int = Field(description="Of the whole year.")
    months_over: int = Field(description="Months in which something was over.")
    change: VolumeChange
    reason: dict[str, str] = Field(description="Why this volume is proposed, in French and English.")
    decision: str | None
    decided_at: Instant | None
    decided_by: str | None
    created_at: Instant
    updated_at: Instant


class AcceptReview(Request):
    """The proposed volume is wanted: it becomes an amendment to sign."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"price": {"amount": "650.00", "currency": "EUR"}}]}
    )

    price: Price | None = Field(default=None, description="The price with the new volume; null: it stays.")
    reason: Reason | None = None


class DeclineReview(Request):
    """The volume stays as it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "The season was unusual"}]})

    reason: Reason


async def review_year(work: Workspace, contract: Contract, year_number: int) -> HoursReview | None:
    """The review of a year of the locked contract that is over; says `hours_review.proposed`.

    None when it is not over, was reviewed, or had no hours.
    """
    agreed = await work.hours.book.agreed(contract.contract_id)
    year = rules.contract_year(contract.terms.starts_on, year_number)
    if local_date(work.now, agreed.zone.key) < year.end:
        return None
    if await work.hours.reviews.is_reviewed(contract.contract_id, year_number):
        return None
    months = await months_of_contract(work, contract, rules.months_of_year(year))
    if not months:
        return None
    lines = _reviewed(months, _agreed_minutes(contract))
    included = sum(line.included_minutes for line in lines)
    proposed = sum(line.proposed_minutes for line in lines)
    average = sum((Fraction(line.average_minutes) for line in lines), Fraction(0))
    change = _change(lines, included, proposed)
    over = sum(1 for month in months if month.overage_minutes)
    review = HoursReview(
        review_id=work.new_id(),
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        version=1,
        year_number=year_number,
        year_from=year.first,
        year_until=year.end,
        status="proposed",
        lines=lines,
        included_minutes=included,
        proposed_minutes=proposed,
        overage_minutes=sum(month.overage_minutes for month in months),
        months_over=over,
        change=change,
        reason=review_words(change, len(months), int(round_half_away(average, 0)), included, proposed, over),
        decision=None,
        decided_at=None,
        decided_by=None,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.hours.reviews.add(review)
    work.hours.announcer.review_proposed(review)
    return review


def _agreed_minutes(contract: Contract) -> Mapping[str, int]:
    """What the contract agrees on now: line to the minutes of a whole month."""
    package = next((item.parameters for item in contract.deliverables if item.type == HOURS), None)
    lines = [] if package is None else HoursPackage.model_validate(package).lines
    return {line.code: line.included_minutes for line in lines}


def _reviewed(months: Sequence[HoursMonth], agreed: Mapping[str, int]) -> list[LineReview]:
    by_month = {month.month: {line.code: line for line in month.lines} for month in months}
    # Only what the contract has: a conditional line that was never there is not proposed.
    present = [code for code in agreed if any(code in lines for lines in by_month.values())]
    names = {line.code: line.name for month in months for line in month.lines}
    found = []
    for code in present:
        used = {month: lines.get(code) for month, lines in by_month.items()}
        reviewed = rules.review_line(
            code, agreed[code], [0 if line is None else line.accounted_minutes for line in used.values()]
        )
        found.append(
            LineReview(
                code=code,
                name=names[code],
                months=[_used(month, line) for month, line in used.items()],
                included_minutes=reviewed.included_minutes,
                average_minutes=format(round_half_away(reviewed.average_minutes, 2), "f"),
                proposed_minutes=reviewed.proposed_minutes,
            )
        )
    return found


def _used(month: date, line: HoursMonthLine | None) -> MonthOfUse:
    if line is None:
        return MonthOfUse(month=month, included_minutes=0, accounted_minutes=0, covered_minutes=0)
    return MonthOfUse(
        month=month,
        included_minutes=line.included_minutes,
        accounted_minutes=line.accounted_minutes,
        covered_minutes=line.covered_minutes,
    )


def _change(lines: Sequence[LineReview], included: int, proposed: int) -> VolumeChange:
    if proposed != included:
        return "raise" if proposed > included else "lower"
    return "keep" if all(line.proposed_minutes == line.included_minutes for line in lines) else "shift"


async def accept_review(work: Workspace, contract: Contract, review: HoursReview, wanted: AcceptReview) -> HoursReview:
    """The review of the locked contract is accepted; what it changes is proposed as an amendment.

    Raises NotNow when it is decided or the contract allows no amendment now, and as `propose_amendment`.
    """
    _undecided(review)
    if Step.AMEND not in contract.allowed_steps:
        raise NotNow(f"The contract is {contract.status} and takes no amendment. Decline the review.")
    changed = {
        line.code: line.proposed_minutes for line in review.lines if line.proposed_minutes != line.included_minutes
    }
    if changed or wanted.price is not None:
        terms = contract.terms.model_dump(mode="json", by_alias=True)
        terms["hours"] = _with_volumes(contract.terms.hours, changed).model_dump(mode="json")
        if wanted.price is not None:
            terms["price"] = wanted.price.model_dump()
        await propose_amendment(work, contract, Terms.model_validate(terms), Proposal({"hours", "price"}, None, None))
    return await _decide(work, review, "accepted", wanted.reason)


def _with_volumes(own: ContractHours | None, volumes: Mapping[str, int]) -> ContractHours:
    """What this contract has otherwise, with these volumes too."""
    block = own or ContractHours()
    lines = [
        line.model_copy(update={"included_minutes": volumes[line.code]}) if line.code in volumes else line
        for line in block.lines
    ]
    named = {line.code for line in lines}
    added = [
        ContractHoursLine(code=code, included_minutes=minutes) for code, minutes in volumes.items() if code not in named
    ]
    return block.model_copy(update={"lines": [*lines, *added]})


async def decline_review(work: Workspace, review: HoursReview, reason: str) -> HoursReview:
    """The volume stays. Raises NotNow when the review, whose contract is locked, is decided."""
    _undecided(review)
    return await _decide(work, review, "declined", reason)


def _undecided(review: HoursReview) -> None:
    if review.status != "proposed":
        raise NotNow(f"This review is {review.status} already.")


async def _decide(work: Workspace, review: HoursReview, status: ReviewStatus, reason: str | None) -> HoursReview:
    decided = review.model_copy(
        update={
            "status": status,
            "decision": reason,
            "decided_at": work.now,
            "decided_by": work.actor,
            "version": review.version + 1,
            "updated_at": work.now,
        }
    )
    await work.hours.reviews.save(decided)
    return decided
