"""What happened in a period, as settling reads it: from the facts of the other services and from our registers."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from contracts.application.contracts import Contract
from contracts.application.delivery_proofs import ProvedDeliverable, delivered_in
from contracts.application.facts import ItemFact, Known, MeasuredFigure, PeriodFacts, UptimeMeasured
from contracts.application.hours import HoursMonth, hours_of_period
from contracts.application.obligations import Breach
from contracts.application.ports import Workspace
from contracts.domain import settlement as rules
from contracts.domain.contract_term import Days, add_months
from contracts.domain.liability import Decision
from contracts.domain.verdicts import Verdict
from shared.kernel.money import Money, round_half_away
from shared.values import instant_text

DONE = ("resolved", "closed")
"""Milestones with which a request is done, the first one first: it is charged in the period of the first that it
passed, so that its later closing does not move it into the next one."""


async def facts_of(work: Workspace, contract: Contract, days: Days, found: PeriodFacts) -> rules.Facts:
    """Everything of a period that matters for a settlement, by what is known now; `found` is what was told of it."""
    start, end = found.start, found.end
    hours = await hours_of_period(work, contract, days)
    tickets = list(_tickets(found.items, start, end))
    if tickets:
        # A request that was reopened is done a second time: it is one request, and has one price.
        charged = await work.settlements.facts.tickets_charged_before(contract.contract_id, days.first)
        tickets = [ticket for ticket in tickets if ticket.id not in charged]
    return rules.Facts(
        uptime=list(_uptime(found.uptime, start, end)),
        clocks=[_clock(found, verdict) for verdict in found.verdicts if verdict.metric != "acceptance"],
        tickets=tickets,
        late=list(_late(await work.settlements.facts.late_deliveries(contract.contract_id, end))),
        overage=[] if hours is None else [_overage(month) for month in hours.months],
    )


async def deliverables_of(
    work: Workspace, contract: Contract, days: Days, zone: ZoneInfo, found: PeriodFacts
) -> list[ProvedDeliverable]:
    """What was promised, with its proofs: of every calendar month that is over within the period."""
    proved: list[ProvedDeliverable] = []
    month = days.first.replace(day=1)
    while month < days.end:
        end = add_months(month, 1)
        if days.first < end <= days.end:
            proved += await delivered_in(work, contract, month, zone, found)
        month = end
    return proved


def with_hours(facts: rules.Facts, days: Days, months: Iterable[HoursMonth]) -> rules.Facts:
    """The facts with the overage of these months of the ledger, as far as they are over in a period's days."""
    return replace(facts, overage=[_overage(month) for month in months if days.first <= month.last_day < days.end])


def _uptime(months: Iterable[Known[UptimeMeasured]], start: datetime, end: datetime) -> Iterable[rules.UptimeFact]:
    """The figures that end in the period, of the environments that count."""
    for month in months:
        for figure in month.told.figures:
            if not figure.counts_for_sla or not start < figure.ends_at <= end:
                continue
            yield rules.UptimeFact(
                id=f"{month.told.measurement_id}:{figure.environment_id}:{figure.starts_at:%Y-%m-%dT%H:%M:%SZ}",
                subject=figure.environment_name,
                start=figure.starts_at,
                end=figure.ends_at,
                up_seconds=Fraction(figure.numerator, figure.units_per_second),
                counted_seconds=Fraction(figure.denominator, figure.units_per_second),
                coverage_percent=_coverage(figure.measured_units, figure.denominator),
                events=(str(month.event_id), *(str(event) for event in figure.event_ids)),
                decided=_decided(month.told, figure),
            )


def _decided(month: UptimeMeasured, figure: MeasuredFigure) -> rules.BeforeDecisions | None:
    before = figure.as_measured
    if before is None:
        return None
    return rules.BeforeDecisions(
        up_seconds=Fraction(before.numerator, before.units_per_second),
        counted_seconds=Fraction(before.denominator, before.units_per_second),
        decisions=tuple(
            {
                "outage_decision_id": str(each.outage_decision_id),
                "outage_id": str(each.outage_id),
                "category": each.category,
                "starts_at": instant_text(each.starts_at),
                "ends_at": instant_text(each.ends_at),
                "reason": each.reason,
                "approved_by": each.approved_by,
                "approved_at": instant_text(each.approved_at),
            }
            for each in month.decisions
            if each.outage_decision_id in figure.outage_decision_ids
        ),
    )


def _coverage(measured: int, counted: int) -> str | None:
    """Cut to two decimals, as the calculators show a coverage."""
    if not counted:
        return None
    return format(round_half_away(Fraction(10_000 * min(measured, counted) // counted, 100), 2), "f")


def _clock(found: PeriodFacts, verdict: Verdict) -> rules.ClockFact:
    item, breach = found.item(verdict.item_id), found.breach_of(verdict)
    return rules.ClockFact(
        id=str(verdict.clock_id) if verdict.count == 1 else f"{verdict.clock_id}:{verdict.count}",
        item=str(verdict.item_id) if item is None else item.number,
        metric=verdict.metric,
        severity=verdict.policy.partition("-")[0] if item is None else item.severity,
        at=verdict.at,
        missed=verdict.missed,
        overrun=verdict.overrun,
        target=verdict.target,
        decision=None if breach is None else _decision(breach),
        final=verdict.final,
        events=(*(str(event) for event in verdict.event_ids), *(() if breach is None else (str(breach.breach_id),))),
    )


def _late(breaches: Iterable[Breach]) -> Iterable[rules.LateFact]:
    for breach in breaches:
        assert breach.worth is not None
        assert breach.ended_at is not None
        yield rules.LateFact(
            id=str(breach.breach_id),
            title=breach.title.model_dump(),
            value=Money(breach.worth.value, breach.worth.currency),
            since=breach.since,
            at=breach.ended_at,
            decision=_decision(breach),
            events=(str(breach.breach_id), *(() if breach.obligation_id is None else (str(breach.obligation_id),))),
        )


def _decision(breach: Breach) -> Decision | None:
    if breach.decision is None or breach.decided_at is None:
        return None
    return Decision(
        provider_percent=Decimal(breach.provider_percent),
        client_percent=Decimal(breach.client_percent),
        third_party_percent=Decimal(breach.third_party_percent),
        decided_at=breach.decided_at,
        decided_by=breach.decided_by or "",
        reason=breach.decision,
    )


def _tickets(items: Iterable[ItemFact], start: datetime, end: datetime) -> Iterable[rules.TicketFact]:
    for item in items:
        if item.kind not in ("request", "incident") or item.merged_into_id or item.duplicate_of_id:
            continue
        if item.at("declined") is not None:
            continue  # it was closed without being done
        done = next((at for at in map(item.at, DONE) if at is not None), None)
        if done is None or not start <= done < end:
            continue
        yield rules.TicketFact(
            id=item.number, kind=_kind(item), title=item.title, at=done, events=(str(item.event_id),)
        )


def _overage(month: HoursMonth) -> rules.OverageFact:
    """What a month of the ledger bills beyond the included hours, with the work behind it."""
    rate, amount = month.overage_rate_per_hour, month.overage_amount
    return rules.OverageFact(
        id=f"{month.contract_id}:{month.month:%Y-%m}",
        minutes=month.billed_minutes,
        rate_per_hour=Decimal(rate.amount),
        amount=Money(Decimal(amount.amount), amount.currency),
        month=month.month,
        events=tuple(str(entry) for entry in month.entry_ids),
    )


def _kind(item: ItemFact) -> str:
    """What kinds of requests are priced by: the category of the desk, else what the item is."""
    return item.category or item.kind
