"""What others told of a month, as it stood when the month ended."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from reporting.application import told
from reporting.application.report_parts import (
    AdvisoryLine,
    DeliverableLine,
    DeliverableProof,
    HoursLinePart,
    HoursPart,
    ReportParts,
    SentLine,
    SettledAmount,
    SettlementPart,
    TicketHours,
    WorkLine,
)
from reporting.application.told import Item, SentReport, Settlement, ToldFact

_INSTANT = timedelta(microseconds=1)
BACKUP_PROOF: Final = "backup_proof"
"""The source of a proof that somebody noted of a backup."""


@dataclass(frozen=True)
class Span:
    """The days and instants that a report is about: `[start, end)`, in the client's zone."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def holds(self, at: datetime | None) -> bool:
        """Whether an instant is one of them."""
        return at is not None and self.start <= at < self.end

    def holds_day(self, day: date) -> bool:
        """Whether a local day touches it."""
        return self.start.astimezone(self.zone).date() <= day <= self.last_day

    @property
    def last_day(self) -> date:
        """The last local day that it touches."""
        return (self.end - _INSTANT).astimezone(self.zone).date()

    def before_end(self, at: datetime | None) -> datetime | None:
        """An instant, unless it lies after the end: nobody knew of it then."""
        return at if at is not None and at < self.end else None


def items_named(facts: Sequence[ToldFact]) -> list[UUID]:
    """The items whose names a report needs."""
    entries = told.read(facts, "time_entry", told.TimeEntry)
    return [entry.item_id for _, entry in entries if entry.item_id is not None]


def settlement_of(
    facts: Sequence[ToldFact], month: date, bounds: tuple[datetime, datetime]
) -> tuple[ToldFact, Settlement] | None:
    """The settlement of the period that ends in a month, with its bounds, also where the contract ends before it does.

    A contract has one.
    """
    for fact, settlement in told.read(facts, "settlement", Settlement):
        if settlement.settlement.period.ends_in(month, bounds):
            return fact, settlement
    return None


def report_parts(
    facts: Sequence[ToldFact],
    items: Mapping[UUID, Item],
    sent: Sequence[SentReport],
    span: Span,
    agreed_lines: Mapping[str, tuple[Mapping[str, str], int]],
    settled: tuple[ToldFact, Settlement] | None,
) -> ReportParts:
    """Everything beyond uptime and incidents.

    :param agreed_lines: code of each agreed hours line to its names and included minutes.
    :param settled: what the month came to, once that is closed.
    """
    return ReportParts(
        work=_work(facts, span),
        hours=_hours(facts, items, span, agreed_lines),
        deliverables=[] if settled is None else _deliverables(settled[1]),
        advisories=_advisories(facts, span),
        settlement=None if settled is None else _owed(*settled),
        sent=[
            SentLine(
                month=each.month,
                edition=each.edition,
                delivered_at=each.sent_at,
                seen_at=span.before_end(each.seen_at),
            )
            for each in sent
        ],
    )


def _work(facts: Sequence[ToldFact], span: Span) -> list[WorkLine]:
    lines: list[WorkLine] = []
    latest: dict[UUID, WorkLine] = {}
    for fact, done in told.read(facts, "done", told.Done):
        if span.holds(fact.starts_at):
            line = WorkLine(
                kind=done.kind,
                id=done.item_id,
                number=done.number,
                title=done.title,
                category=done.category,
                at=fact.starts_at,
                event_id=fact.event_id,
            )
            present = latest.get(done.item_id)
            if present is None or (present.at, present.event_id) < (line.at, line.event_id):
                latest[done.item_id] = line
    lines += latest.values()
    for fact, deployment in told.read(facts, "deployment", told.Deployment):
        there = deployment.result == "succeeded" or (
            deployment.result == "rolled_back" and span.before_end(deployment.rolled_back_at) is None
        )
        if there and deployment.deployed_at is not None and span.holds(deployment.deployed_at):
            title = f"{deployment.configuration_item} {deployment.released_version}"
            lines.append(_record("deployment", fact, title, deployment.deployed_at))
    for fact, visit in told.read(facts, "intervention", told.Intervention):
        if span.holds(visit.ended_at):
            lines.append(_record("intervention", fact, visit.what, visit.ended_at, visit.mode))
    for fact, restore in told.read(facts, "restore_test", told.RestoreTest):
        if restore.result == "succeeded" and span.holds(restore.performed_at):
            lines.append(_record("restore_test", fact, restore.scope, restore.performed_at))
    for fact, warning in told.read(facts, "warning", told.Warning):
        if span.holds(warning.observed_at):
            lines.append(_record("warning", fact, warning.name, warning.observed_at, warning.subject))
    return sorted(lines, key=lambda line: (line.at, line.id))


def _record(kind: told.FactKind, fact: ToldFact, title: str, at: datetime, category: str | None = None) -> WorkLine:
    return WorkLine.model_validate(
        {
            "kind": kind,
            "id": fact.subject_id,
            "number": None,
            "title": title,
            "category": category,
            "at": at,
            "event_id": fact.event_id,
        }
    )


def _hours(
    facts: Sequence[ToldFact],
    items: Mapping[UUID, Item],
    span: Span,
    agreed_lines: Mapping[str, tuple[Mapping[str, str], int]],
) -> HoursPart | None:
    entries = [
        (fact, entry)
        for fact, entry in told.read(facts, "time_entry", told.TimeEntry)
        if span.holds_day(entry.worked_on)
    ]
    month = span.start.astimezone(span.zone).date().replace(day=1)
    closed = next(
        ((fact, each) for fact, each in told.read(facts, "hours_month", told.HoursMonth) if each.month == month), None
    )
    if closed is None and not entries and not agreed_lines:
        return None
    worked: dict[str, int] = defaultdict(int)
    by_ticket: dict[tuple[str, UUID | None], int] = defaultdict(int)
    for _, entry in entries:
        worked[entry.line] += entry.real_minutes
        by_ticket[entry.line, entry.item_id] += entry.real_minutes
    tickets = []
    for (line, item_id), minutes in by_ticket.items():
        item = items.get(item_id) if item_id is not None else None
        tickets.append(
            TicketHours(
                item_id=item_id,
                number=None if item is None else item.number,
                title=None if item is None else item.title,
                line=line,
                real_minutes=minutes,
            )
        )
    tickets.sort(key=lambda each: (each.line, each.number or "", str(each.item_id)))
    events = [fact.event_id for fact, _ in entries]
    if closed is None:
        codes = [*agreed_lines, *sorted(set(worked) - set(agreed_lines))]
        return HoursPart(
            status="worked",
            real_minutes=sum(worked.values()),
            available_minutes=None,
            accounted_minutes=None,
            remaining_minutes=None,
            overage_minutes=None,
            lines=[
                HoursLinePart(
                    code=code,
                    name=agreed_lines[code][0] if code in agreed_lines else {},
                    real_minutes=worked.get(code, 0),
                    included_minutes=agreed_lines[code][1] if code in agreed_lines else None,
                    accounted_minutes=None,
                    remaining_minutes=None,
                    overage_minutes=None,
                )
                for code in codes
            ],
            tickets=tickets,
            event_ids=events,
        )
    fact, ledger = closed
    return HoursPart(
        status="closed",
        pooled=ledger.pooled,
        real_minutes=ledger.real_minutes,
        available_minutes=ledger.available_minutes,
        accounted_minutes=ledger.accounted_minutes,
        remaining_minutes=ledger.remaining_minutes,
        overage_minutes=ledger.overage_minutes,
        lines=[
            HoursLinePart(
                code=line.code,
                name=line.name,
                real_minutes=line.real_minutes,
                included_minutes=line.included_minutes,
                accounted_minutes=line.accounted_minutes,
                remaining_minutes=line.remaining_minutes,
                overage_minutes=line.overage_minutes,
            )
            for line in ledger.lines
        ],
        tickets=tickets,
        event_ids=[fact.event_id, *events],
    )


def _deliverables(settlement: Settlement) -> list[DeliverableLine]:
    return [
        DeliverableLine(
            code=each.code,
            type=each.type,
            name=each.name,
            state=each.state,
            in_words=each.in_words,
            proof_count=each.proof_count,
            proofs=[
                # What was noted of a backup is for those who look after it: addresses, sums.
                DeliverableProof(
                    id=proof.proof_id,
                    on=proof.on,
                    what=proof.what if proof.source != BACKUP_PROOF else BACKUP_PROOF,
                )
                for proof in each.proofs
            ],
        )
        for each in settlement.settlement.deliverables
    ]


def _owed(fact: ToldFact, settlement: Settlement) -> SettlementPart:
    content = settlement.settlement
    return SettlementPart(
        settlement_id=settlement.settlement_id,
        number=settlement.number,
        hash=settlement.hash,
        closed_at=settlement.closed_at,
        currency=content.currency,
        net=content.totals.net,
        tax=content.totals.tax,
        gross=content.totals.gross,
        lines=[
            SettledAmount(code=line.code, kind=line.kind, amount=line.amount, text=line.text.in_words)
            for line in content.lines
        ],
        event_id=fact.event_id,
    )


def _advisories(facts: Sequence[ToldFact], span: Span) -> list[AdvisoryLine]:
    lines = []
    for fact, advisory in told.read(facts, "advisory", told.Advisory):
        if advisory.issued_at >= span.end or span.before_end(advisory.withdrawn_at) is not None:
            continue
        delivered = span.before_end(advisory.delivered_at)
        acknowledged, answered = span.before_end(advisory.acknowledged_at), span.before_end(advisory.answered_at)
        ends = [at for at in (acknowledged, answered) if at is not None]
        if ends and max(ends) < span.start:
            continue
        status = "issued" if delivered is None else "delivered"
        if answered is not None and advisory.status in {"accepted", "refused"}:
            status = advisory.status
        elif ends:
            status = "acknowledged"
        lines.append(
            AdvisoryLine.model_validate(
                {
                    "advisory_id": advisory.advisory_id,
                    "kind": advisory.kind,
                    "title": advisory.title,
                    "status": status,
                    "issued_at": advisory.issued_at,
                    "delivered_at": delivered,
                    "acknowledged_at": acknowledged,
                    "answered_at": answered,
                    "event_id": fact.event_id,
                }
            )
        )
    return lines
