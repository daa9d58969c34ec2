"""The life of a contract in force: what is due comes in its order, terms end and renew, and parties leave."""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from contracts.application import coming, contracts
from contracts.application.amendments import ScheduledAmendment
from contracts.application.coming import Ending, ExpressRenewal, Life, life_of
from contracts.application.contracts import (
    Change,
    Contract,
    ContractState,
    NewPrice,
    Terms,
    effective_state,
    moving_parts,
)
from contracts.application.errors import NotNow, Refused
from contracts.application.indexation import Indexation, IndexValue, Revision
from contracts.application.life_words import ending_words, revision_words
from contracts.application.ports import Workspace
from contracts.application.sectors import last_edge
from contracts.application.term import Term, TermMonths
from contracts.application.values import AmountOfMoney, Reason, Request
from contracts.domain.agreement import Party
from contracts.domain.billing_periods import instants_of
from contracts.domain.contract_term import (
    Days,
    TermReading,
    TermRefusedError,
    TermStatus,
    add_months,
    end_by_notice,
    whole_months,
)
from contracts.domain.early_termination import compensation, first_regular_end
from contracts.domain.indexation import coefficient_text, indexed_price
from contracts.domain.lifecycle import Status, Step, after
from contracts.domain.timeline import Entry, in_force_at
from shared.kernel.money import Money
from shared.values import Instant, LocalDate

MONTHS_OF_A_YEAR = 12


# --- what is due -----------------------------------------------------------------------------------------------------


async def current(work: Workspace, contract_id: UUID) -> Contract:
    """The locked contract with everything in force that is due by now: read it so before anything is done to it.

    Whatever the worker has not come to yet happens first, at its own instant, so that states begin in their order.
    """
    return await catch_up(work, await work.contracts.locked(contract_id))


async def catch_up(work: Workspace, contract: Contract) -> Contract:
    """The locked contract after all that is due by now, each from its own instant on."""
    if contract.status not in (Status.ACTIVE, Status.SUSPENDED):
        return contract
    while True:
        life = await life_of(work, contract)
        scheduled = await work.life.amendments.scheduled(contract.contract_id)
        due = coming.next_due(contract, life, scheduled)
        belated = await _belated_revision(work, contract, life)
        if belated is not None and (due is None or belated.at < due.at):
            contract = await _revise(work, contract, life, belated.day, belated.value, belated.at)
            continue
        if due is None or due.at > work.now:
            return contract
        match due.what:
            case "end":
                contract = await _end(work, contract, life)
            case "renewal":
                contract = await _renew(work, contract, life, due.at)
            case "amendment":
                contract = await _amend(work, contract, scheduled[0])
            case "revision":
                contract = await _revise_on_its_day(work, contract, life, due.at)
            case "critical_period":
                contract = await contracts.enter(work, contract, "critical_period", due.at)
            case "alert":
                contract = await _announce(work, contract, life)


async def _end(work: Workspace, contract: Contract, life: Life) -> Contract:
    assert contract.ends_at is not None
    ending = life.ending
    if ending is None or ending.ends_at > contract.ends_at:
        return await contracts.expire_contract(work, contract)
    status = after(contract.status, Step.TERMINATE)
    return await contracts.end(work, contract, status, "terminated", ending.ends_at, ending.reason)


async def _renew(work: Workspace, contract: Contract, life: Life, at: datetime) -> Contract:
    assert life.term_ends_before is not None
    reading = life.reading(contract.terms, life.term_ends_before)
    assert reading is not None
    await work.life.lives.put(life.model_copy(update={"term_ends_before": reading.current_term.end}))
    return await contracts.enter(work, contract, "renewed", at)


async def _amend(work: Workspace, contract: Contract, scheduled: ScheduledAmendment) -> Contract:
    await work.life.amendments.save(scheduled.decided("in_force", scheduled.effective_at, None))
    return await contracts.put_in_force(work, contract, scheduled.amendment, scheduled.effective_at)


async def _announce(work: Workspace, contract: Contract, life: Life) -> Contract:
    assert life.term_ends_before is not None
    reading = life.reading(contract.terms, life.term_ends_before - timedelta(days=1))
    assert reading is not None
    saved = await contracts.save(work, contract)
    work.announcer.notice_due(saved, reading)
    await coming.plan(work, saved, life.model_copy(update={"announced_end": life.term_ends_before}))
    return saved


# --- the price follows its index -------------------------------------------------------------------------------------


async def _revise_on_its_day(work: Workspace, contract: Contract, life: Life, at: datetime) -> Contract:
    """Revises with the newest value that was published and entered by then; without one the contract waits for it."""
    indexation = contract.terms.indexation
    assert indexation is not None
    day = life.day(at)
    value = await _value_for(work, indexation, day, known_at=at)
    if value is None:
        waits = life.model_copy(update={"awaited_on": day, "waits_for_index": indexation.index_name})
        await coming.plan(work, contract, waits)
        return contract
    return await _revise(work, contract, life, day, value, at)


@dataclass(frozen=True)
class _Belated:
    """A revision whose value was entered after its day."""

    at: datetime
    day: date
    value: IndexValue


async def _belated_revision(work: Workspace, contract: Contract, life: Life) -> _Belated | None:
    """The revision that a contract waits for, from when the value was entered: what was paid until then stays."""
    indexation = contract.terms.indexation
    if life.awaited_on is None or indexation is None:
        return None
    value = await _value_for(work, indexation, life.awaited_on, known_at=None)
    if value is None:
        return None
    states = await work.contracts.states(contract.contract_id, work.now + timedelta(microseconds=1))
    at = max(value.recorded_at, *(state.effective_from for state in states))
    return _Belated(at, life.awaited_on, value)


async def _value_for(
    work: Workspace, indexation: Indexation, day: date, known_at: datetime | None
) -> IndexValue | None:
    # What was published before the revision of last year says nothing about this one.
    a_year_before = add_months(day, -MONTHS_OF_A_YEAR)
    return await work.life.index_values.newest(indexation.index_name, a_year_before, day, known_at)


async def _revise(
    work: Workspace, contract: Contract, life: Life, day: date, value: IndexValue, at: datetime
) -> Contract:
    indexation, signed = contract.terms.indexation, contract.terms.price
    assert indexation is not None
    coefficient = indexation.rule().coefficient(Decimal(indexation.base_value), Decimal(value.value))
    revised = indexed_price(Money(signed.value, signed.currency), coefficient)
    shown = coefficient_text(coefficient)
    revision = Revision(
        revised_on=day,
        index_name=indexation.index_name,
        index_value_id=value.index_value_id,
        period=value.period,
        published_on=value.published_on,
        base_value=indexation.base_value,
        new_value=value.value,
        base_price=signed.amount,
        fixed_share=indexation.fixed_share,
        floor_coefficient=indexation.floor_coefficient,
        cap_coefficient=indexation.cap_coefficient,
        coefficient_decimals=indexation.coefficient_decimals,
        coefficient_rounding=indexation.coefficient_rounding,
        coefficient=shown,
        why=revision_words(indexation, value, signed, revised, shown),
    )
    await work.life.lives.put(life.model_copy(update={"priced_on": day, "awaited_on": None, "waits_for_index": None}))
    price = NewPrice(amount=revised.text, currency=revised.currency, came_by="revised", revision=revision)
    return await contracts.enter(work, contract, "price_revised", at, price=price)


# --- leaving ---------------------------------------------------------------------------------------------------------


class NoticeRequest(Request):
    """A party does not want another term."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"given_by": "client", "reason": "The site is closed"}]}
    )

    given_by: Party
    given_on: LocalDate | None = Field(
        default=None, description="When the other party got it, in the contract's time zone; left out: today."
    )
    reason: Reason


class EarlyTerminationRequest(Request):
    """A party leaves before the end of the term."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"given_by": "client", "leaves_on": "2026-09-08", "reason": "Out after three months"}]
        },
    )

    given_by: Party
    leaves_on: LocalDate = Field(description="The first day on which the contract does not run any more.")
    reason: Reason


class LeavingQuestion(Request):
    """When somebody would like to leave."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"leaves_on": "2026-09-08"}]})

    leaves_on: LocalDate = Field(description="The first day on which the contract would not run any more.")


class LeavingCost(BaseModel):
    """What leaving on a day costs; nothing is kept."""

    notice_on: LocalDate
    leaves_on: LocalDate
    regular_end: LocalDate = Field(description="When it would end with nothing to pay for it.")
    cost: AmountOfMoney
    why: dict[str, str] = Field(description="How day and cost come about, in French and English.")


async def give_notice(work: Workspace, contract: Contract, request: NoticeRequest) -> Contract:
    """The locked contract ends with the term that the notice is in time for. Raises IllegalStep, NotNow or Refused."""
    life, term = await _running(work, contract)
    today = life.day(work.now)
    given_on = request.given_on or today
    if not contract.terms.starts_on <= given_on <= today:
        raise Refused(f"is not between {contract.terms.starts_on} and {today}", "given_on")
    months = [renewal.months for renewal in life.renewals]
    leaves_on = end_by_notice(term.from_day(contract.terms.starts_on), given_on, months)
    if life.begins(leaves_on) <= work.now:
        raise Refused(f"was before the end of a term that is over since {leaves_on}", "given_on")
    return await _leave(
        work,
        contract,
        life,
        Ending(
            kind="notice",
            given_by=request.given_by,
            given_on=given_on,
            ends_before=leaves_on,
            ends_at=life.begins(leaves_on),
            reason=request.reason,
            regular_end=leaves_on,
            cost=None,
            why=ending_words(given_on, leaves_on, leaves_on, None, None),
            recorded_by=work.actor,
            recorded_at=work.now,
        ),
    )


async def leaving_cost(work: Workspace, contract: Contract, leaves_on: date) -> LeavingCost:
    """What it costs to leave on a day when notice is given today. Raises IllegalStep, NotNow or Refused."""
    life, term = await _running(work, contract)
    return await _leaving_cost(work, contract, life, term, leaves_on)


async def leave_early(work: Workspace, contract: Contract, request: EarlyTerminationRequest) -> Contract:
    """The locked contract ends on the chosen day, for what that costs. Raises IllegalStep, NotNow or Refused."""
    life, term = await _running(work, contract)
    told = await _leaving_cost(work, contract, life, term, request.leaves_on)
    return await _leave(
        work,
        contract,
        life,
        Ending(
            kind="early",
            given_by=request.given_by,
            given_on=told.notice_on,
            ends_before=told.leaves_on,
            ends_at=life.begins(told.leaves_on),
            reason=request.reason,
            regular_end=told.regular_end,
            cost=told.cost if told.cost.value else None,
            why=told.why,
            recorded_by=work.actor,
            recorded_at=work.now,
        ),
    )


async def withdraw_ending(work: Workspace, contract: Contract) -> Contract:
    """The locked contract goes on. Raises IllegalStep, or NotNow when nobody has given notice."""
    after(contract.status, Step.TERMINATE)
    life = await life_of(work, contract)
    if life.ending is None:
        raise NotNow("Nobody has given notice.")
    return await _live_on(work, contract, life.model_copy(update={"ending": None}))


async def _running(work: Workspace, contract: Contract) -> tuple[Life, Term]:
    """Life and term of a contract that can be left by notice. Raises IllegalStep or NotNow."""
    after(contract.status, Step.TERMINATE)
    if contract.activated_at is None:
        raise NotNow("The contract is not in force yet. Terminate it.")
    if contract.terms.term is None:
        raise NotNow("The contract has no term. Terminate it, or agree on a term by an amendment.")
    return await life_of(work, contract), contract.terms.term


async def _leaving_cost(work: Workspace, contract: Contract, life: Life, term: Term, leaves_on: date) -> LeavingCost:
    rule = term.early_termination
    if rule is None:
        raise NotNow("The contract cannot be left before the end of its term. Give notice, or agree on an amendment.")
    today, starts_on = life.day(work.now), contract.terms.starts_on
    months = [renewal.months for renewal in life.renewals]
    by_notice = end_by_notice(term.from_day(starts_on), today, months)
    regular_end = min(first_regular_end(rule.as_value(), starts_on, today), by_notice)
    if not today < leaves_on <= by_notice:
        raise Refused(f"is not after today and at the latest {by_notice}, when notice ends it", "leaves_on")
    monthly = await contracts.price_of(work, contract)
    cost = compensation(rule.as_value(), starts_on, leaves_on, regular_end, Fraction(monthly.value), monthly.currency)
    owed = AmountOfMoney(amount=cost.text, currency=cost.currency)
    return LeavingCost(
        notice_on=today,
        leaves_on=leaves_on,
        regular_end=regular_end,
        cost=owed,
        why=ending_words(today, leaves_on, regular_end, owed, rule.compensation_percent),
    )


async def _leave(work: Workspace, contract: Contract, life: Life, ending: Ending) -> Contract:
    if life.ending is not None:
        raise NotNow(
            f"Notice was given already: the contract ends before {life.ending.ends_before}. Withdraw that one first."
        )
    return await _live_on(work, contract, life.model_copy(update={"ending": ending}))


async def _live_on(work: Workspace, contract: Contract, life: Life) -> Contract:
    saved = await contracts.save(work, contract, ends_at=life.ends_at(contract.terms))
    await coming.plan(work, saved, life)
    return saved


# --- another term ----------------------------------------------------------------------------------------------------


class RenewalRequest(Request):
    """Both parties want another term."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"months": 12, "evidence": "Mail of both of 3 May"}]}
    )

    months: TermMonths | None = Field(default=None, description="How long; left out: as agreed in the term.")
    evidence: Reason = Field(description="How it was agreed on.")


async def renew_expressly(work: Workspace, contract: Contract, request: RenewalRequest) -> Contract:
    """The locked contract runs for another term after the last one. Raises IllegalStep, NotNow or Refused."""
    after(contract.status, Step.RENEW)
    life, term = await _running(work, contract)
    if term.renewal.kind != "express":
        raise NotNow(f"The renewal of the contract is {term.renewal.kind}: nothing can be agreed on but an amendment.")
    if life.ending is not None:
        raise NotNow("A party has given notice. Withdraw the notice first.")
    months = request.months or term.renewal.months
    if months is None:
        raise Refused("is needed: the contract does not say how long a further term is", "months")
    renewal = ExpressRenewal(months=months, evidence=request.evidence, recorded_by=work.actor, recorded_at=work.now)
    return await _live_on(work, contract, life.model_copy(update={"renewals": [*life.renewals, renewal]}))


# --- reading ---------------------------------------------------------------------------------------------------------


class TermPeriod(BaseModel):
    """A monthly period of the term, as local days and as instants; the ends are not included."""

    from_day: LocalDate
    to_day: LocalDate
    starts_at: Instant
    ends_at: Instant


class TermStanding(BaseModel):
    """Where a contract stands in its term."""

    as_of: LocalDate = Field(description="Today, in the contract's time zone.")
    time_zone: str
    status: Literal["upcoming", "active", "ended"]
    current_from: LocalDate = Field(description="First day of the current term; without terms, of the contract.")
    current_to: LocalDate | None = Field(
        description="The first day of what comes after it; null: until further notice."
    )
    notice_deadline: LocalDate | None = Field(
        description="The day before which notice must be given. Null, here and below: the contract has no term."
    )
    alert_on: LocalDate | None
    announced: bool = Field(description="Whether the alert of this term was said.")
    ends_at: Instant | None = Field(description="When a contract in force ends, as far as is known; null: never.")
    ending: Ending | None
    renewals: list[ExpressRenewal] = Field(max_length=1000)
    periods: list[TermPeriod] = Field(max_length=1200, description="The monthly periods of the current term.")
    price_revision_on: LocalDate | None = Field(description="The next day of revision; null: no index.")
    waits_for_index: str | None = Field(description="The index of which a value is awaited since the last such day.")


async def term_standing(work: Workspace, contract: Contract) -> TermStanding:
    """Term, dates and monthly periods of a contract; of a draft as they would be."""
    terms = contract.terms
    life = await life_of(work, contract)
    today = life.day(work.now)
    reading = life.reading(terms, today)
    indexation = terms.indexation
    current = _days_of(terms, None if reading is None else reading.current_term)
    status: TermStatus = "upcoming" if today < current[0] else "active"
    if contract.closed_at is not None or (current[1] is not None and current[1] <= today):
        status = "ended"
    return TermStanding(
        as_of=today,
        time_zone=life.time_zone,
        status=status,
        current_from=current[0],
        current_to=current[1],
        notice_deadline=None if reading is None else reading.notice_deadline,
        alert_on=None if reading is None else reading.alert_on,
        announced=reading is not None and life.announced_end == reading.current_term.end,
        ends_at=contract.ends_at,
        ending=life.ending,
        renewals=life.renewals,
        periods=[] if reading is None else _periods(terms.starts_on, reading, ZoneInfo(life.time_zone)),
        price_revision_on=None if indexation is None else indexation.next_date(max(today, terms.starts_on)),
        waits_for_index=life.waits_for_index,
    )


def _days_of(terms: Terms, current: Days | None) -> tuple[date, date | None]:
    """First day, and the one after the last, of the term or else of the contract."""
    if current is not None:
        return current
    return terms.starts_on, None if terms.ends_on is None else _after(terms.ends_on)


def _after(day: date) -> date:
    return min(day, date.max - timedelta(days=1)) + timedelta(days=1)


def _periods(starts_on: date, reading: TermReading, zone: ZoneInfo) -> list[TermPeriod]:
    first, last = (whole_months(starts_on, day) for day in reading.current_term)
    return [
        TermPeriod(from_day=days.first, to_day=days.end, starts_at=instants.start, ends_at=instants.end)
        for days in (Days(add_months(starts_on, n), add_months(starts_on, n + 1)) for n in range(first, last))
        for instants in (instants_of(days, zone),)
    ]


class EffectiveState(ContractState):
    """What a contract is at an instant: as it was recorded, or as it is known to become."""

    expected: bool = Field(
        description="The instant is to come, or what is due has not been recorded yet: `version` is that of the newest"
        " state, and everything else is as the state will say, if nothing is signed or given notice of until then."
    )


async def effective(work: Workspace, contract: Contract, at: datetime, recorded: ContractState) -> EffectiveState:
    """What the contract is at an instant, from what was recorded last before it and what is to come until then.

    Raises OverflowError for an instant beyond all terms.
    """
    first = EffectiveState(**recorded.model_dump(), expected=False)
    entries = [Entry(recorded.effective_from, recorded.version, first), *await expected(work, contract, at, recorded)]
    found = in_force_at(entries, at)
    assert found is not None
    return found.value


async def expected(
    work: Workspace, contract: Contract, until: datetime, recorded: ContractState
) -> list[Entry[EffectiveState]]:
    """The states that are known to come up to and with an instant; none unless `recorded` is the newest one.

    Raises OverflowError for an instant beyond all terms.
    """
    running = contract.status in (Status.ACTIVE, Status.SUSPENDED)
    if not running or recorded.version != await work.contracts.newest_state(contract.contract_id):
        return []
    try:
        return await _expected(work, contract, until, recorded)
    except TermRefusedError as refused:
        raise OverflowError(str(refused)) from None


async def _expected(
    work: Workspace, contract: Contract, at: datetime, recorded: ContractState
) -> list[Entry[EffectiveState]]:
    entries: list[Entry[EffectiveState]] = []
    life, price = await life_of(work, contract), await contracts.price_of(work, contract)

    async def enter(change: Change, begins: datetime, reason: str | None = None) -> None:
        status = becoming.status.value
        told = effective_state(becoming, await _signed(work, becoming), begins, None, change)
        told |= moving_parts(becoming, life, price, life.day(begins))
        told |= {"version": recorded.version, "previous_version": recorded.state["previous_version"]}
        state = recorded.model_dump() | {"change": change, "status": status, "effective_from": begins, "reason": reason}
        entries.append(
            Entry(begins, recorded.version + len(entries) + 1, EffectiveState(**state | {"state": told}, expected=True))
        )

    becoming = contract
    for scheduled in await work.life.amendments.scheduled(contract.contract_id):
        begins, ends_at = scheduled.effective_at, becoming.ends_at
        if begins > at or (ends_at is not None and ends_at <= begins):
            break  # what is to come after the end lapses
        priced = contracts.reprices(becoming, scheduled.amendment)
        becoming = contracts.with_amendment(becoming, scheduled.amendment)
        zone = (await _signed(work, becoming))["client"]["time_zone"]
        life = coming.under(life, becoming.terms, begins, zone, priced=priced)
        becoming = becoming.model_copy(update={"ends_at": life.ends_at(becoming.terms)})
        signed = becoming.terms.price
        if scheduled.amendment.restates_price:
            price = AmountOfMoney(amount=signed.amount, currency=signed.currency)
        await enter("amended", begins)
    last = at if becoming.ends_at is None else min(at, becoming.ends_at - timedelta(microseconds=1))
    reading = life.reading(becoming.terms, life.day(last))
    if (
        reading is not None
        and life.term_ends_before is not None
        and reading.current_term.first >= life.term_ends_before
    ):
        await enter("renewed", life.begins(reading.current_term.first))
    if becoming.status is Status.ACTIVE and becoming.terms.sector is not None:
        since = entries[-1].begins if entries else recorded.effective_from
        edge = last_edge(await _signed(work, becoming), since, last)
        if edge is not None:
            await enter("critical_period", edge)
    ends_at = becoming.ends_at
    if ends_at is not None and ends_at <= at:
        ending = life.ending if life.ending is not None and life.ending.ends_at == ends_at else None
        becoming = becoming.model_copy(update={"status": Status.EXPIRED if ending is None else Status.TERMINATED})
        await enter("expired" if ending is None else "terminated", ends_at, None if ending is None else ending.reason)
    return entries


async def _signed(work: Workspace, contract: Contract) -> dict[str, Any]:
    """What both parties signed of a contract that is in force, or will be."""
    assert contract.document is not None
    document = await work.contracts.document(contract.contract_id, contract.document.number)
    signed: dict[str, Any] = json.loads(document.text)
    return signed
