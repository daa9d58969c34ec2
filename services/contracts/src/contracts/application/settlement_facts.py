"""What happened in a period, as settling reads it: from the facts of the other services and from our registers."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from contracts.application.contracts import Contract
from contracts.application.facts import ItemFact, Known, PeriodFacts, UptimeMeasured, facts_of_period
from contracts.application.hours import HoursMonth, hours_of_period
from contracts.application.obligations import Breach
from contracts.application.ports import Workspace
from contracts.domain import settlement as rules
from contracts.domain.contract_term import Days
from contracts.domain.liability import Decision
from contracts.domain.verdicts import Verdict
from shared.kernel.intervals import Interval
from shared.kernel.money import Money, round_half_away

CLOSED = ("closed", "resolved", "completed", "accepted")
"""Milestones of an item, the last one first: a request is charged when it is done."""


async def facts_of(work: Workspace, contract: Contract, days: Days, whole: Interval) -> rules.Facts:
    """Everything of a period that matters for a settlement, by what is known now."""
    start, end = whole
    found = await facts_of_period(work, contract.contract_id, start, end)
    hours = await hours_of_period(work, contract.contract_id, days)
    return rules.Facts(
        uptime=list(_uptime(found.uptime, start, end)),
        clocks=[_clock(found, verdict) for verdict in found.verdicts if verdict.metric != "acceptance"],
        tickets=list(_tickets(found.items, start, end)),
        proofs=list(_proofs(found, start, end)),
        overage=[] if hours is None else [_overage(month) for month in hours.months],
    )


def with_adjustments(facts: rules.Facts, adjustments: Sequence[rules.AdjustmentFact]) -> rules.Facts:
    """The facts with what somebody added by hand."""
    return replace(facts, adjustments=adjustments)


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
        events=(*(str(event) for event in verdict.event_ids), *(() if breach is None else (str(breach.breach_id),))),
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
        done = next((at for at in map(item.at, CLOSED) if at is not None), None)
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


def _proofs(found: PeriodFacts, start: datetime, end: datetime) -> Iterable[rules.ProofFact]:
    """What shows that something was delivered, by the kinds of proof that deliverables name."""
    yield from _proofs_of_watching(found, start, end)
    yield from _proofs_of_work(found.items, start, end)
    for verdict in found.verdicts:
        yield _proof("clock_record", f"{verdict.clock_id}:{verdict.count}", verdict.at, *verdict.event_ids)
    for restore in found.restores:
        told = restore.told
        if told.result == "succeeded" and start <= told.performed_at < end:
            yield _proof("restore_test", told.restore_verification_id, told.performed_at, restore.event_id)


def _proofs_of_watching(found: PeriodFacts, start: datetime, end: datetime) -> Iterable[rules.ProofFact]:
    for month in found.uptime:
        for figure in month.told.figures:
            if figure.measured_units and start < figure.ends_at <= end:
                shown = f"{month.told.measurement_id}:{figure.environment_id}"
                yield _proof("check_results", shown, figure.ends_at, month.event_id)
                yield _proof("uptime_measurement", shown, figure.ends_at, month.event_id)
        if month.told.status_page_slug is not None:
            yield _proof("status_page", month.told.status_page_slug, month.told.ends_at, month.event_id)
    for certificate in found.certificates:
        seen = certificate.told
        yield _proof("certificate_results", seen.notice_id, seen.observed_at, certificate.event_id)
    for judged in found.performance:
        since = datetime.combine(judged.told.since, datetime.min.time(), tzinfo=start.tzinfo)
        yield _proof("performance_results", judged.told.monitor_id, since, judged.event_id)


_RECORDS = {"incident": "incident_record", "request": "request_record", "change": "change_record"}


def _proofs_of_work(items: Iterable[ItemFact], start: datetime, end: datetime) -> Iterable[rules.ProofFact]:
    for item in items:
        if item.kind == "work_order":
            done = item.at("completed")
            if done is not None and start <= done < end:
                yield _proof("work_order", item.number, done, item.event_id)
            continue
        opened = item.at("opened")
        if opened is not None:
            yield _proof(_RECORDS[item.kind], item.number, opened, item.event_id)


def _proof(kind: str, what: UUID | str, at: datetime, *events: UUID) -> rules.ProofFact:
    return rules.ProofFact(f"{kind}:{what}", kind, None, at, tuple(str(event) for event in events))
