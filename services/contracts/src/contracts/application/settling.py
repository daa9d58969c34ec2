"""Settling: each period of a contract is drafted, reviewed and closed; a correction is a new version with the delta."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from contracts.application import settlement_facts, termination_rights
from contracts.application.contracts import Contract, Terms
from contracts.application.errors import NotNow, Refused, named_at
from contracts.application.facts import facts_of_period
from contracts.application.hours import close_hours_month, hours_of_period
from contracts.application.ports import Workspace
from contracts.application.settlement_calendar import Calendar, calendar_of_contract
from contracts.application.settlement_schedule import SettlementSchedule
from contracts.application.settlement_terms import USUAL_CLAIM_DAYS, SettlementTerms, remedies_of
from contracts.application.settlement_words import late_hours_words
from contracts.application.settlements import (
    Correction,
    Difference,
    LineDifference,
    RefusedAdvice,
    SettledLine,
    SettledPeriod,
    SettledTax,
    SettledTerms,
    SettledTotals,
    SettlementContent,
    SharedResponsibility,
    TaxTotal,
    shown_commitments,
    shown_deliverables,
    shown_lines,
    shown_totals,
)
from contracts.application.terms_in_force import EARLIEST, InForce, terms_in_force, terms_of_contract
from contracts.application.values import Reason, Request
from contracts.domain import agreement
from contracts.domain import settlement as rules
from contracts.domain.billing_periods import BillingPeriod, begin_of_day, instants_of
from contracts.domain.contract_term import Days
from contracts.domain.pricing import FlatFee, TimePrice
from shared.kernel.money import Money, minor_units, round_half_away
from shared.values import Instant, LocalDate

SettlementStatus: TypeAlias = Literal["draft", "reviewed", "closed"]

MOST_ADJUSTMENTS = 100


class SettlementRequest(Request):
    """Which period to draft the settlement of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"contract_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a31", "on": "2026-06-30"}]},
    )

    contract_id: UUID
    on: LocalDate = Field(description="Any day of the period, in the zone of the contract.")


class NewAdjustment(Request):
    """An amount without VAT that is added to a draft, or taken off it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Geste commercial", "amount": "-50.00"}]}
    )

    text: Reason
    amount: str = Field(
        min_length=1,
        max_length=17,
        pattern=r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,3})?$",
        description="Negative: in the client's favour.",
        examples=["-50.00"],
    )


class CorrectionRequest(Request):
    """Why a closed settlement is put right."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "The outage of 12 June was measured again"}]}
    )

    reason: Reason


class Adjustment(BaseModel):
    """What somebody added by hand."""

    adjustment_id: UUID
    text: str
    amount: str
    by: str
    at: Instant


class SettlementSummary(BaseModel):
    """A settlement without its lines."""

    settlement_id: UUID
    version: int = Field(ge=1, description="Grows with every change; the ETag.")
    contract_id: UUID
    client_id: UUID
    status: SettlementStatus
    number: int = Field(ge=1, description="1, and one more for each correction.")
    first_day: LocalDate
    end_day: LocalDate = Field(description="The first day that is not of the period any more.")
    ends_at: Instant
    currency: str
    net: str
    gross: str | None
    computed_at: Instant
    reviewed_at: Instant | None
    reviewed_by: str | None
    closed_at: Instant | None = Field(description="When the newest closed version was closed.")
    closed_number: int | None = Field(description="Number of the newest closed version; null: none yet.")
    closed_hash: str | None = Field(description="SHA-256 of its canonical JSON.")
    claims_until: LocalDate | None = Field(description="Last day on which it can be claimed against.")


class SettlementRecord(SettlementSummary):
    """A settlement as it stands: a draft as it was last computed, or what was closed."""

    adjustments: list[Adjustment] = Field(max_length=MOST_ADJUSTMENTS)
    correction_reason: str | None = Field(description="Why a closed version is corrected, while that is under way.")
    content: SettlementContent
    created_at: Instant
    updated_at: Instant


class ClosedSummary(BaseModel):
    """A closed version of a settlement: its hash is that of the text that GET …/versions/{number} answers."""

    settlement_id: UUID
    number: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    hash: str = Field(description="64 hexadecimal digits.")
    reason: str | None = Field(description="Of a correction.")
    closed_at: Instant
    closed_by: str


class ClosedSettlement(ClosedSummary):
    """A closed version with its canonical text."""

    text: str

    @property
    def content(self) -> SettlementContent:
        """What it says."""
        return SettlementContent.model_validate_json(self.text)


# --- periods ----------------------------------------------------------------------------------------------------------


def _usual(terms: Terms) -> SettlementTerms:
    return terms.settlement or SettlementTerms()


def calendar_of(first: InForce) -> Calendar:
    """The calendar of a contract by what was in force first."""
    return Calendar(starts_on=first.terms.starts_on, zone=ZoneInfo(first.time_zone), anchor=_usual(first.terms).periods)


async def _until_after(work: Workspace, contract: Contract, end: datetime) -> list[InForce]:
    """What was or will be in force until an instant, and just after it: so that it shows whether it goes on.

    Raises NotNow for a contract that never was in force.
    """
    held = await terms_of_contract(work, contract, EARLIEST, end + timedelta(microseconds=1))
    if not held:
        raise NotNow("The contract was never in force: there is nothing to settle.")
    return held


# --- computing --------------------------------------------------------------------------------------------------------


def agreed(held: InForce) -> rules.Terms:
    """What the terms that were in force say of money and promises."""
    terms = held.terms
    signed = terms.price
    price = _time_price(terms)
    revised = held.price.value != signed.value and isinstance(price, FlatFee)
    commercial = terms.commercial
    charges = terms.charges
    tax = None if commercial is None or commercial.tax is None else commercial.tax.as_value()
    return rules.Terms(
        plan=held.plan.code,
        plan_name=held.plan.title.model_dump(),
        currency=signed.currency,
        price=price,
        revised=held.price.value if revised else None,
        discounts=tuple(rules.NamedDiscount(each.as_value(), each.name.model_dump()) for each in terms.discounts or ()),
        one_offs=tuple(
            rules.OneOff(item.charge_code, item.name.model_dump(), Decimal(item.amount), item.due_on)
            for item in (() if charges is None else charges.once)
        ),
        per_ticket=None if charges is None else charges.ticket_price(),
        remedies=remedies_of(
            None if terms.uptime is None else terms.uptime.target_percent, terms.credits, terms.penalties, _usual(terms)
        ),
        default_tax=tax,
        taxes={other.kind: other.as_value() for other in (() if commercial is None else commercial.other_taxes)},
    )


def _time_price(terms: Terms) -> TimePrice | None:
    other = None if terms.charges is None else terms.charges.time_price()
    if other is not None:
        return other
    billing = set() if terms.commercial is None else set(terms.commercial.billing)
    if billing and not billing & {"flat", "share_of_sale"}:
        return None
    return FlatFee(terms.price.value)


def stretches(calendar: Calendar, held: Sequence[InForce]) -> list[rules.InForce]:
    """What was in force, as the domain knows it; the day on which a contract begins counts whole."""
    found = []
    for index, each in enumerate(held):
        start = each.start
        if index == 0:
            start = begin_of_day(start, calendar.zone)
        suspended = each.status == "suspended"
        found.append(
            rules.InForce(
                start=start,
                end=each.end,
                terms=agreed(each),
                source=each.document_hash,
                fee_part=_suspended_fee(each.terms) if suspended else Fraction(1),
                suspended=suspended,
            )
        )
    return found


def _suspended_fee(terms: Terms) -> Fraction:
    """Which part of the fee a suspension still owes: none where nothing was agreed on."""
    return Fraction(0) if terms.term is None else Fraction(terms.term.suspension.fee_percent) / 100


def settled_under(
    calendar: Calendar, period: BillingPeriod, held: Sequence[InForce], facts: rules.Facts
) -> rules.Settled:
    """What a period comes to by these facts, under what is given as in force, in the currency of that time.

    `held` reaches beyond the end of the period unless the contract ended by then. Raises NotNow for a period with two
    currencies.
    """
    currency = currency_in(calendar, period, held)
    return rules.settle(period, calendar.zone, currency, stretches(calendar, held), facts)


def currency_in(calendar: Calendar, period: BillingPeriod, held: Sequence[InForce]) -> str:
    """The currency of the price in a period; after the end of the contract, its last one. Raises NotNow for two."""
    whole = instants_of(period.whole, calendar.zone)
    begun = [each for each in held if each.start < whole.end] or held[:1]
    found = {each.terms.price.currency for each in begun if each.end > whole.start}
    if len(found) > 1:
        raise NotNow(
            f"The price changed its currency within the period from {period.whole.first} ({', '.join(sorted(found))}):"
            " it cannot be settled as one."
        )
    return begun[-1].terms.price.currency


async def _content(
    work: Workspace,
    contract: Contract,
    settlement_id: UUID,
    number: int,
    calendar: Calendar,
    period: BillingPeriod,
    held: Sequence[InForce],
    adjustments: Sequence[Adjustment],
    before: ClosedSettlement | None,
    reason: str | None,
) -> SettlementContent:
    whole = instants_of(period.whole, calendar.zone)
    known = await facts_of_period(work, contract.contract_id, *whole)
    by_hand = [
        rules.AdjustmentFact(str(item.adjustment_id), item.text, Decimal(item.amount), item.by, item.at)
        for item in adjustments
    ]
    found = await settlement_facts.facts_of(work, contract, period.whole, known)
    facts = replace(found, adjustments=by_hand)
    settled = settled_under(calendar, period, held, facts)
    lines, totals = shown_lines(settled), shown_totals(settled)
    old = None if before is None else before.content
    return SettlementContent(
        settlement_id=settlement_id,
        number=number,
        contract_id=contract.contract_id,
        contract_number=contract.number,
        client_id=contract.client_id,
        currency=settled.currency,
        period=SettledPeriod(
            number=period.number,
            first=period.whole.first,
            end=period.whole.end,
            starts_at=whole.start,
            ends_at=whole.end,
            time_zone=str(calendar.zone),
        ),
        terms=[
            SettledTerms(
                starts_at=max(each.start, whole.start),
                ends_at=min(each.end, whole.end),
                document_hash=each.document_hash,
                plan_code=each.plan.code,
                suspended=each.status == "suspended",
            )
            for each in held
            if each.start < whole.end and each.end > whole.start
        ],
        lines=lines,
        totals=totals,
        deliverables=shown_deliverables(
            await settlement_facts.deliverables_of(work, contract, period.whole, calendar.zone, known)
        ),
        commitments=shown_commitments(settled),
        shared_responsibility=[
            SharedResponsibility(
                breach_id=breach.breach_id,
                party=breach.party,
                kind=breach.kind,
                since=breach.since,
                provider_percent=breach.provider_percent,
                client_percent=breach.client_percent,
                third_party_percent=breach.third_party_percent,
                reason=breach.decision or "",
                decided_at=breach.decided_at or breach.updated_at,
                decided_by=breach.decided_by or "",
            )
            for breach in await work.settlements.facts.decided_breaches(contract.contract_id, whole.start, whole.end)
        ],
        refused_advice=[
            RefusedAdvice(
                advisory_id=advisory.advisory_id,
                title=advisory.title.model_dump(),
                refused_at=advisory.answered_at or advisory.updated_at,
                refused_by=advisory.answered_by,
                reason=advisory.answer_reason,
            )
            for advisory in await work.settlements.facts.refused_advice(contract.contract_id, whole.start, whole.end)
        ],
        unpriced_tickets=list(settled.unpriced),
        corrects=None
        if before is None
        else Correction(number=before.number, hash=before.hash, reason=reason or before.reason or ""),
        delta=None if old is None else difference(old.lines, lines, settled.currency),
    )


def difference(before: Sequence[SettledLine], after: Sequence[SettledLine], currency: str) -> Difference:
    """What the second settlement comes to more, line by line; one that only changed its VAT is gone and new."""
    old = {(line.code, _key(line.tax)): line for line in before}
    new = {(line.code, _key(line.tax)): line for line in after}
    lines: list[LineDifference] = []
    for key in dict.fromkeys((*old, *new)):
        was, now = old.get(key), new.get(key)
        shown = now or was
        assert shown is not None
        more = _exact(now) - _exact(was)
        if was is not None and now is not None and not more:
            continue
        lines.append(
            LineDifference(
                code=shown.code,
                kind=shown.kind,
                before=None if was is None else was.amount,
                after=None if now is None else now.amount,
                difference=Money.rounded(more, currency).text,
                tax=shown.tax,
                text=shown.text,
            )
        )
    return Difference(lines=lines, totals=_totals_of(lines, currency))


def _key(tax: SettledTax | None) -> tuple[str, str] | None:
    return None if tax is None else (tax.category, tax.rate)


def _exact(line: SettledLine | None) -> Fraction:
    return Fraction(0) if line is None else Fraction(line.amount)


def _totals_of(lines: Sequence[LineDifference], currency: str) -> SettledTotals:
    nets: dict[tuple[str, str] | None, Fraction] = {}
    taxes: dict[tuple[str, str] | None, SettledTax | None] = {}
    for line in lines:
        key = _key(line.tax)
        nets[key] = nets.get(key, Fraction(0)) + Fraction(line.difference)
        taxes[key] = line.tax
    by_tax = []
    for key, net in nets.items():
        tax = taxes[key]
        owed = None if tax is None else Money.rounded(net * Fraction(tax.rate) / 100, currency).text
        by_tax.append(TaxTotal(tax=tax, net=Money.rounded(net, currency).text, tax_amount=owed))
    net = sum(nets.values(), Fraction(0))
    known = [Fraction(total.tax_amount) for total in by_tax if total.tax_amount is not None]
    whole = len(known) == len(by_tax)
    return SettledTotals(
        by_tax=by_tax,
        net=Money.rounded(net, currency).text,
        tax=Money.rounded(sum(known, Fraction(0)), currency).text if whole else None,
        gross=Money.rounded(net + sum(known, Fraction(0)), currency).text if whole else None,
    )


# --- drafting ---------------------------------------------------------------------------------------------------------


async def draft_settlement(work: Workspace, wanted: SettlementRequest) -> SettlementRecord:
    """The settlement of a period, drafted now; one that is there already is answered as it stands.

    Raises Unknown, or NotNow for a day before or after the contract was in force or in a period that has not begun.
    """
    with named_at("contract_id"):
        contract = await work.contracts.get(wanted.contract_id)
    await work.settlements.settlements.hold(contract.contract_id)
    calendar = await calendar_of_contract(work, contract.contract_id)
    number = calendar.number_on(wanted.on)
    if number is None:
        raise NotNow(f"{wanted.on} is before the contract's first period.")
    whole = instants_of(calendar.period(number).whole, calendar.zone)
    if whole.start > work.now:
        raise NotNow(f"{wanted.on} is in a period that has not begun.")
    held = await _until_after(work, contract, max(whole.end, work.now))
    if whole.end <= held[0].start:
        raise NotNow(f"On {wanted.on} the contract was not in force yet: there is nothing to settle.")
    if held[-1].end <= whole.start:
        raise NotNow(
            f"The contract ended before the period of {wanted.on}: what comes later is in a correction of its last one."
        )
    return await _draft(work, contract, number, held)


async def _draft(work: Workspace, contract: Contract, number: int, held: Sequence[InForce]) -> SettlementRecord:
    """The settlement of a period of a locked contract, by what was in force until after its end."""
    calendar = calendar_of(held[0])
    period = calendar.period(number)
    known = await work.settlements.settlements.of_period(contract.contract_id, period.whole.first)
    if known is not None:
        return known
    settlement_id = work.new_id()
    whole = instants_of(period.whole, calendar.zone)
    content = await _content(work, contract, settlement_id, 1, calendar, period, held, (), None, None)
    record = SettlementRecord(
        settlement_id=settlement_id,
        version=1,
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        status="draft",
        number=1,
        first_day=period.whole.first,
        end_day=period.whole.end,
        ends_at=whole.end,
        **_sums(content),
        computed_at=work.now,
        reviewed_at=None,
        reviewed_by=None,
        closed_at=None,
        closed_number=None,
        closed_hash=None,
        claims_until=None,
        adjustments=[],
        correction_reason=None,
        content=content,
        created_at=work.now,
        updated_at=work.now,
    )
    await work.settlements.settlements.add(record)
    return record


def _sums(content: SettlementContent) -> dict[str, Any]:
    return {"currency": content.currency, "net": content.totals.net, "gross": content.totals.gross}


async def recompute(work: Workspace, record: SettlementRecord, **changes: Any) -> SettlementRecord:
    """The locked draft, computed again from what is known now.

    Raises NotNow when it is no draft, or of a contract that ended when it began.
    """
    _must_be(record, "draft")
    record = record.model_copy(update=changes)
    content = await _computed(work, record)
    return await _save(work, record, content=content, computed_at=work.now, **_sums(content))


async def _computed(work: Workspace, record: SettlementRecord) -> SettlementContent:
    """What a draft comes to now. Raises NotNow for a contract that ended when it began."""
    contract = await work.contracts.get(record.contract_id)
    held = await _until_after(work, contract, record.ends_at)
    calendar = calendar_of(held[0])
    before = None
    if record.closed_number is not None:
        before = await work.settlements.settlements.closed(record.settlement_id, record.closed_number)
    return await _content(
        work,
        contract,
        record.settlement_id,
        record.number,
        calendar,
        calendar.period(record.content.period.number),
        held,
        record.adjustments,
        before,
        record.correction_reason,
    )


async def adjust(work: Workspace, record: SettlementRecord, new: NewAdjustment) -> SettlementRecord:
    """The locked draft with an amount by hand. Raises NotNow, or Refused for more decimals than the currency has."""
    _must_be(record, "draft")
    if len(record.adjustments) >= MOST_ADJUSTMENTS:
        raise NotNow(f"A settlement has at most {MOST_ADJUSTMENTS} adjustments.")
    exact = Decimal(new.amount)
    if exact != round_half_away(exact, minor_units(record.currency)):
        raise Refused(f"has more decimals than {record.currency} has", "amount")
    item = Adjustment(adjustment_id=work.new_id(), text=new.text, amount=new.amount, by=work.actor, at=work.now)
    return await recompute(work, record, adjustments=[*record.adjustments, item])


# --- reviewing and closing --------------------------------------------------------------------------------------------


async def review(work: Workspace, record: SettlementRecord) -> SettlementRecord:
    """The locked draft is looked through and does not change any more. Raises NotNow before the period is over.

    Its months of hours are closed: work that is told of them later is booked in the first open one.
    """
    _must_be(record, "draft")
    if record.ends_at > work.now:
        raise NotNow(f"The period runs until {record.end_day}. Review it when it is over.")
    contract = await work.contracts.get(record.contract_id)
    hours = await hours_of_period(work, contract, Days(record.first_day, record.end_day))
    for month in () if hours is None else hours.months:
        if month.closed_at is None:
            await close_hours_month(work, record.contract_id, month.month)
    fresh = await recompute(work, record)
    return await _save(work, fresh, status="reviewed", reviewed_at=work.now, reviewed_by=work.actor)


async def reopen(work: Workspace, record: SettlementRecord) -> SettlementRecord:
    """The locked settlement is a draft again. Raises NotNow unless it is reviewed."""
    _must_be(record, "reviewed")
    return await _save(work, record, status="draft", reviewed_at=None, reviewed_by=None)


async def close(work: Workspace, record: SettlementRecord) -> SettlementRecord:
    """Fixes the locked settlement for good, says `settlement.closed`, and opens the rights that its misses open.

    Raises NotNow unless it is reviewed.
    """
    _must_be(record, "reviewed")
    text = agreement.canonical(record.content.model_dump(mode="json"))
    closed = ClosedSettlement(
        settlement_id=record.settlement_id,
        number=record.number,
        contract_id=record.contract_id,
        client_id=record.client_id,
        hash=agreement.fingerprint(text),
        reason=record.correction_reason,
        closed_at=work.now,
        closed_by=work.actor,
        text=text,
    )
    await work.settlements.settlements.close(closed)
    held = await terms_in_force(work, record.contract_id, EARLIEST, record.ends_at)
    zone = record.content.period.time_zone
    days = _usual(held[-1].terms).claim_days if held else USUAL_CLAIM_DAYS
    saved = await _save(
        work,
        record,
        status="closed",
        closed_at=work.now,
        closed_number=closed.number,
        closed_hash=closed.hash,
        claims_until=agreement.local_date(work.now, zone) + timedelta(days=days),
    )
    work.announcer.settlement_closed(saved, closed)
    if held:
        await termination_rights.open_rights(work, saved, held[-1].terms.termination_rights or ())
    return saved


async def correct(work: Workspace, record: SettlementRecord, reason: str) -> SettlementRecord:
    """The locked closed settlement gets a further version: a draft with the delta. The closed one stays as it is.

    Raises NotNow unless it is closed.
    """
    _must_be(record, "closed")
    return await recompute(work, _corrected(record, reason))


def _corrected(record: SettlementRecord, reason: str) -> SettlementRecord:
    return record.model_copy(
        update={
            "status": "draft",
            "number": record.number + 1,
            "correction_reason": reason,
            "reviewed_at": None,
            "reviewed_by": None,
        }
    )


def _must_be(record: SettlementRecord, status: SettlementStatus) -> None:
    if record.status == status:
        return
    raise NotNow(
        {
            "draft": f"The settlement is {record.status}. A reviewed one is reopened, a closed one is corrected.",
            "reviewed": f"The settlement is {record.status}. Review it first.",
            "closed": f"The settlement is {record.status}: it can still be changed. Review and close it first.",
        }[status]
    )


async def _save(work: Workspace, record: SettlementRecord, **changes: Any) -> SettlementRecord:
    saved = record.model_copy(update={**changes, "version": record.version + 1, "updated_at": work.now})
    await work.settlements.settlements.save(saved)
    return saved


# --- when a period is over --------------------------------------------------------------------------------------------


async def settle_due(work: Workspace, schedule: SettlementSchedule) -> SettlementRecord | None:
    """Drafts the next period of a locked schedule if it is over, and says when the one after it is.

    After the last period of a contract its settlement takes the hours that were told since.
    """
    await work.settlements.settlements.hold(schedule.contract_id)
    contract = await work.contracts.get(schedule.contract_id)
    held = await terms_of_contract(work, contract, EARLIEST, work.now + timedelta(microseconds=1))
    if not held:
        await work.settlements.schedules.put(schedule.model_copy(update={"due_at": None}))
        return None
    calendar = calendar_of(held[0])
    number, drafted = schedule.next_period, None
    # A contract that begins long after its first day has no settlements of the time before.
    first = calendar.number_on(agreement.local_date(held[0].start, str(calendar.zone)))
    number = max(number, first or 0)
    if _is_over(contract, calendar, number):
        if number:
            await _take_late_hours(work, contract, calendar.period(number - 1).whole.first)
        await work.settlements.schedules.put(schedule.model_copy(update={"next_period": number, "due_at": None}))
        return None
    ends_at = calendar.ends_at(number)
    if ends_at <= work.now:
        drafted = await _draft(work, contract, number, held)
        number, ends_at = number + 1, calendar.ends_at(number + 1)
    over = _is_over(contract, calendar, number)
    await work.settlements.schedules.put(
        schedule.model_copy(update={"next_period": number, "due_at": None if over else ends_at})
    )
    return drafted


def _is_over(contract: Contract, calendar: Calendar, number: int) -> bool:
    """Whether the contract ended before a period begins."""
    begins = instants_of(calendar.period(number).whole, calendar.zone).start
    return contract.closed_at is not None and contract.closed_at <= begins


async def _take_late_hours(work: Workspace, contract: Contract, first_day: date) -> None:
    """The settlement of the contract's last period with the hours that were told since: no later one will have them.

    A draft has them when it is reviewed; a reviewed one is a draft again; of a closed one a correction begins, unless
    they change nothing of what is owed.
    """
    record = await work.settlements.settlements.of_period(contract.contract_id, first_day)
    if record is None or record.status == "draft":
        return
    # Whoever tells hours holds the contract: what is told meanwhile is either read here, or finds nothing scheduled.
    contract = await work.contracts.locked(contract.contract_id)
    if record.status == "reviewed":
        await recompute(work, await reopen(work, record))
        return
    reason = late_hours_words((await work.clients.get(contract.client_id)).language)
    content = await _computed(work, _corrected(record, reason))
    if content.delta is not None and content.delta.lines:
        await correct(work, record, reason)
